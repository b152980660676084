# SPDX-License-Identifier: Apache-2.0
"""Real policy pages: judged rightly, and not a letter of their text is lost."""

import html.parser
import re

import pytest
from bench import accuracy

from archive.text import recipe_1_html, recipe_1_lines

pytestmark = pytest.mark.realdata

NO_DATA = "NO REAL DATA: set MUNIMENT_TEST_DATA to the data folder, or put it at ../shared/data"
Attributes = list[tuple[str, str | None]]
UNSHOWN = {"script", "style", "noscript", "template", "title", "iframe"}


class NaiveReader(html.parser.HTMLParser):
    """Another parser's view: every character outside of elements that show no text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:  # noqa: ARG002 - inherited
        self.depth += tag in UNSHOWN

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag in UNSHOWN and self.depth > 0

    def handle_startendtag(self, tag: str, attrs: Attributes) -> None:
        """Skips `<iframe/>`, which holds nothing."""

    def handle_data(self, data: str) -> None:
        if not self.depth:
            self.found.append(data)


@pytest.fixture(scope="module")
def pages() -> list[accuracy.Page]:
    folder = accuracy.policies_folder()
    if not folder.is_dir():
        pytest.skip(NO_DATA)
    return list(accuracy.pages(folder))


def letters(text: str) -> str:
    return re.sub(r"[\W\d_]", "", text)


def test_only_the_pages_labelled_ok_are_minted(pages: list[accuracy.Page]) -> None:
    judgements = accuracy.judge_all(pages)
    wrong = [(each.page.file, each.outcome) for each in judgements if not each.has_right_kind]
    assert len(judgements) > 100
    assert wrong == []


def test_no_letter_of_any_page_is_lost_by_the_parser(pages: list[accuracy.Page]) -> None:
    for page in pages:
        source = page.body.decode("utf-8")
        naive = NaiveReader()
        naive.feed(source)
        naive.close()
        reader = recipe_1_html._parse(source.encode(), recipe_1_html._Reader(believes_hidden=False))
        shown = re.sub(
            r"(?m)^(?:- |(?:[0-9]+|[a-zA-Z]+)\. )+",
            "",
            "\n".join(recipe_1_lines.finished(reader._encoded)),
        )
        numbers = re.sub(
            r"(?m)^(?:- |[0-9]+\. )+", "", "\n".join(recipe_1_lines.finished(reader._encoded))
        )
        expected = letters("".join(naive.found))
        assert expected in {letters(shown), letters(numbers)}, page.file


def test_main_content_keeps_the_policy(pages: list[accuracy.Page]) -> None:
    for each in accuracy.judge_all([page for page in pages if page.state == "ok"]):
        assert len(each.extraction.text) > 0.95 * each.page.visible_chars, each.page.file
