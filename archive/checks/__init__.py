# SPDX-License-Identifier: Apache-2.0
"""One file for each claim that verification answers."""
