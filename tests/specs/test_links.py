# SPDX-License-Identifier: Apache-2.0
"""The specs hang together: links lead to pages and sections that exist."""

import re
from pathlib import Path

import pytest
from specs.documents import SPECS

PAGES = sorted(SPECS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(SPECS)))
def test_every_link_of_a_spec_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target, rest in re.findall(r"\]\(([^)#:]+)\)(?: section ([0-9]+))?", text):
        other = page.parent / target
        assert other.exists(), target
        if rest:
            assert f"\n## {rest}. " in other.read_text(encoding="utf-8"), (target, rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(SPECS)))
def test_a_spec_has_one_title_and_no_placeholder(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert not re.search(r"@[A-Z_]{3,}@|TODO|FIXME|TBD", text)


@pytest.mark.parametrize("page", sorted((SPECS / "decisions").glob("*.md")), ids=lambda p: p.stem)
def test_a_decision_weighs_options_with_their_price(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for part in ("**Question.**", "| option | price |", "**Decision.**", "**Consequences.**"):
        assert part in text
    assert len(re.findall(r"^\| \*\*", text, re.MULTILINE)) == 1
