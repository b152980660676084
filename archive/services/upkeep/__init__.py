# SPDX-License-Identifier: Apache-2.0
"""What an operator runs: audit, mirror, backup, restore, probes, readiness."""
