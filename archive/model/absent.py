# SPDX-License-Identifier: Apache-2.0
"""Bytes that are not at hand, and why."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Absent:
    """Why bytes are not at hand. `is_certain` tells missing from could-not-be-read."""

    code: str
    detail: str
    is_certain: bool
