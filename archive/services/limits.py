# SPDX-License-Identifier: Apache-2.0
"""The text that every statement points to: what a record does not prove (`limits/v1`)."""

from pathlib import Path

_TEXT = Path(__file__).parent.parent / "specs" / "limits.md"


def limits_text() -> str:
    """The limits text in Markdown, as `archive/specs/limits.md` has it."""
    return _TEXT.read_text(encoding="utf-8")
