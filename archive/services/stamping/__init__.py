# SPDX-License-Identifier: Apache-2.0
"""Trusted time: tokens of timestamp authorities, got after ingest, and what they prove."""
