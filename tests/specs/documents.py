# SPDX-License-Identifier: Apache-2.0
"""Reads the specs as data: their code blocks and their tables."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "archive" / "specs"

_BLOCK = re.compile(r"^```(\S+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the label behind it, and what it holds."""

    language: str
    label: str
    body: str


def spec(name: str) -> str:
    """The text of a spec."""
    return (SPECS / name).read_text(encoding="utf-8")


def blocks(text: str, language: str, label: str = "") -> list[str]:
    """The fenced blocks of a language, in order; those of a label where one is given."""
    found = [Block(match[1], match[2] or "", match[3]) for match in _BLOCK.finditer(text)]
    return [
        block.body for block in found if block.language == language and label in {"", block.label}
    ]


def table(text: str, first_head: str) -> list[list[str]]:
    """The rows of the table whose first column has this heading."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first_head} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def codes(cell: str) -> list[str]:
    """What stands in code marks in a cell, in order."""
    return _CODE.findall(cell)
