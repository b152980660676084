# SPDX-License-Identifier: Apache-2.0
"""text-recipe-1.md has the lists and limits of the code, and its rules hold on small pages."""

import re

import pytest
from specs.documents import spec, table

from archive.model.statement import LIMITS_V1
from archive.text import charset, recipe_1_html, recipe_1_main, recipe_1_pdf, recipe_1_shown
from archive.text.recipe_1_main import AreaKind
from archive.text.recipes import run

TEXT = " ".join(spec("text-recipe-1.md").split())
CODE_LISTS = [set(found.split()) for found in re.findall(r"`([a-z0-9 -]+)`", TEXT)]


def html(body: str) -> str:
    return run("text/1", body.encode(), "text/html; charset=utf-8").text


@pytest.mark.parametrize(
    "names",
    [
        recipe_1_shown.UNSHOWN,
        recipe_1_shown.BREAKS,
        recipe_1_shown.PRE,
        recipe_1_shown.LISTS - {"ol"},
        recipe_1_shown.LINKS,
        {name for name, kind in recipe_1_shown.AREAS.items() if kind is AreaKind.CHROME},
        {name for name, kind in recipe_1_shown.ROLES.items() if kind is AreaKind.CHROME},
    ],
    ids=["unshown", "breaks", "pre", "lists", "links", "chrome elements", "chrome roles"],
)
def test_each_list_of_names_is_the_codes(names: set[str]) -> None:
    assert set(names) in CODE_LISTS


@pytest.mark.parametrize(
    "sentence",
    [
        f"at most {recipe_1_main._MOST_LOST_WORDS} words together",
        f"at most {recipe_1_main._MOST_LINE_WORDS} each",
        f"at least {recipe_1_main._LEAST_PROSE_WORDS} words",
        f"at most {recipe_1_html._DEEPEST_PATH} levels deep and {recipe_1_html._MOST_ROWS:,} rows",
        f"first {charset._PRESCAN_BYTES:,} bytes",
        f"first {charset._LATE_PRESCAN_BYTES:,} bytes",
        f"over {recipe_1_pdf._MOST_BYTES >> 20} MiB, {recipe_1_pdf._MOST_PAGES:,} pages",
        f"pages or {recipe_1_pdf._MOST_CHARS:,} characters",
    ],
)
def test_each_number_is_the_codes(sentence: str) -> None:
    assert sentence in TEXT


def test_the_sources_of_a_charset_are_tried_in_the_order_of_the_table() -> None:
    order = [row[0].strip("`") for row in table(spec("text-recipe-1.md"), "source")]
    assert order == ["bom", "header", "meta", "guess", "meta", "default"]
    cases = (
        (b"\xef\xbb\xbf<p>x", "text/html; charset=latin1", "bom"),
        (b"<meta charset=utf-8><p>x", "text/html; charset=latin1", "header"),
        (b"<meta charset=latin1><p>x", "text/html", "meta"),
        (b"<p>x" + b" " * 2000 + b"<meta charset=latin1>", "text/html", "guess"),
        (b"<p>\xe9" + b" " * 2000 + b"<meta charset=latin1>", "text/html", "meta"),
        (b"<p>\xe9", "text/html", "default"),
    )
    assert [charset.decide(body, declared).source for body, declared, _ in cases] == [
        source for _, _, source in cases
    ]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>a <b>b</b>c<p>d<br>e<hr>f", "a bc\nd\ne\nf"),
        ("<p>a&nbsp;&nbsp;b \n c </p>after", "a\u00a0\u00a0b c\nafter"),
        ("<pre>a  b\n\tc \t</pre>", "a  b\n\tc "),
        ("<table><tr><td>a<td> b<tr><td>c</table>", "a\tb\nc"),
        ("<ol start=3><li>a<li value=7>b<ol type=a><li>c</ol></ol>", "3. a\n7. b\na. c"),
        ("<ol reversed><li>a<li>b</ol><ul><li>c</ul>", "2. a\n1. b\n- c"),
        ("<ol style='list-style: upper-roman'><li>a</ol>", "I. a"),
        ("<ol><li><ul><li>a</ul></ol>", "1. - a"),
        ("<p>a<p hidden>b<p style='display:none'>c<p hidden=until-found>d", "a\nd"),
        ("<p hidden>everything is hidden here<p>x", "everything is hidden here\nx"),
        ("<template>a</template><template shadowrootmode=open>b</template>", "b"),
        ("<html><body>a</body></html>b", "a\nb"),
        ("<nav>menu</nav><main><h1>t</h1>a b c d</main>", "t\na b c d"),
        ("<main>a</main><main>b</main>", "a\nb"),
        ("<p>e\u0301", "\u00e9"),
    ],
)
def test_the_rules_of_the_page_hold(page: str, text: str) -> None:
    assert html(page) == text


def test_plain_text_keeps_everything_but_its_line_ends() -> None:
    assert run("text/1", b"a \r\n\r\n b\rc\n\n", "text/plain").text == "a \n\n b\nc"


def test_the_limits_text_is_the_one_that_statements_name() -> None:
    assert f"`{LIMITS_V1}`" in spec("limits.md")
