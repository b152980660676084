# SPDX-License-Identifier: Apache-2.0
"""Signed statements: made, taken back in from the store, and the rows that they give."""
