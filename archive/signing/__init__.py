# SPDX-License-Identifier: Apache-2.0
"""Private keys, and nothing else that is secret."""
