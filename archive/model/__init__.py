# SPDX-License-Identifier: Apache-2.0
"""Frozen dataclasses for what the archive speaks of. No module here can open a file."""
