# SPDX-License-Identifier: Apache-2.0
"""Verification: the evidence of a record, every claim about it, and the report."""
