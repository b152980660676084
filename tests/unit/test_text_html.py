# SPDX-License-Identifier: Apache-2.0
"""Recipe text/1 on HTML: what is shown, in which lines, with which labels and paths."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from archive.text import recipe_1_html


def lines(source: str) -> list[str]:
    return recipe_1_html.read(source.encode()).text.split("\n")


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("inline-joins", "We <b>sh</b>are<i> all</i> data", ["We share all data"]),
        ("space-only-node", "<p><a>a</a> <a>b</a>\n<b>c</b></p>", ["a b c"]),
        ("blocks", "<h1>T</h1><p>a\n  b</p>c<div>d</div>", ["T", "a b", "c", "d"]),
        ("br", "a<br>b<br/><br>c", ["a", "b", "c"]),
        ("pre", "<pre>a  b\n\tc\n\n d</pre>", ["a  b", "\tc", " d"]),
        ("textarea", "x<textarea>1. a\n2. b</textarea>", ["x", "1. a", "2. b"]),
        ("table", "<table><tr><th>A<th> B <tr><td>c<td><td>d</table>", ["A\tB", "c\t\td"]),
        ("blocks-in-cells", "<table><tr><td><p>a</p><td><p>b</p></table>", ["a", "b"]),
        ("nbsp-stays", "a\u00a0\u00a0b&shy;c\u200bd", ["a\u00a0\u00a0b\u00adc\u200bd"]),
        ("blank-lines-go", "<p>&nbsp;</p><p>a</p><p> </p>", ["a"]),
        ("nfc", "e\u0301", ["é"]),
        ("scripts", "<script>x</script><style>y</style><noscript>z</noscript>a", ["a"]),
        ("noscript-iframe", "<head><noscript><iframe src=x /></noscript></head>hi", ["hi"]),
        ("svg-title", "<svg><title>t</title><text>x</text></svg>", ["x"]),
        (
            "hidden",
            "<p hidden>a</p>long enough<p style='color:red; DISPLAY : none'>b</p>",
            ["long enough"],
        ),
        ("closed-dialog", "<dialog><p>a</dialog>long enough", ["long enough"]),
        ("open-dialog-shows", "<dialog open>a</dialog>b", ["a", "b"]),
        ("only-dialog-shows", "<dialog>long enough</dialog>b", ["long enough", "b"]),
        ("aria-hidden-shows", "<p aria-hidden=true>a</p>", ["a"]),
        ("until-found-shows", "<p hidden=until-found>a</p>", ["a"]),
        ("streamed-part-shows", "<p>b</p><div hidden id='S:0'>a</div>", ["b", "a"]),
        ("body-never-hidden", "<body style='display:none'>a", ["a"]),
        ("details", "<details><summary>s</summary>d</details>", ["s", "d"]),
        ("shadow-root", "<template shadowrootmode=open>a</template><template>b</template>", ["a"]),
        ("after-html", "<p>a</p></body></html>b<p>c", ["a", "b", "c"]),
        ("nul", "a\x00b", ["a\ufffdb"]),
        ("comment", "a<!-- x -->b<![CDATA[y]]>", ["ab"]),
    ],
)
def test_lines(name: str, source: str, expected: list[str]) -> None:
    assert lines(source) == expected, name


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("bullets", "<ul><li>a<li><p>b</p><p>c</p></ul>", ["- a", "- b", "c"]),
        ("numbers", "<ol><li>a<li>b</ol>", ["1. a", "2. b"]),
        ("start-value", "<ol start=5><li>a<li value=9>b<li>c</ol>", ["5. a", "9. b", "10. c"]),
        (
            "type",
            "<ol type=a start=27><li>x</ol><ol type=I><li>y<li>z</ol>",
            ["aa. x", "I. y", "II. z"],
        ),
        ("css", "<ol style='list-style-type: lower-roman' start=4><li>x</ol>", ["iv. x"]),
        ("none", "<ol style='list-style:none'><li>1.1 x</ol>", ["- 1.1 x"]),
        ("reversed", "<ol reversed><li>a<li>b<li>c</ol>", ["3. a", "2. b", "1. c"]),
        ("reversed-start", "<ol reversed start=1><li>a<li>b</ol>", ["1. a", "0. b"]),
        ("nested", "<ol><li>a<ol type=a><li>b</ol><li>c</ol>", ["1. a", "a. b", "2. c"]),
        ("nested-first", "<ol><li><ol type=a><li>b</ol></ol>", ["1. a. b"]),
        ("empty-item", "<ol><li><li>b</ol>", ["2. b"]),
        ("hidden-item", "<ol><li hidden>a<li>bbbb</ol>", ["1. bbbb"]),
        ("wild-start", "<ol start=99999999999999999999><li>a</ol>", ["1. a"]),
        ("no-list", "<li>a", ["- a"]),
    ],
)
def test_list_labels(name: str, source: str, expected: list[str]) -> None:
    assert lines(source) == expected, name


def test_facts_of_the_page() -> None:
    page = recipe_1_html.read(
        b"<html lang='de-AT'><title> A\n B </title><body>shown text<p hidden>not shown</p>"
    )
    assert (page.title, page.language, page.hidden_chars) == ("A B", "de-AT", len("not shown"))
    assert recipe_1_html.read(b"<html lang='no tag at all'>x").language is None


def test_text_that_waits_for_a_script_counts_as_shown() -> None:
    page = recipe_1_html.read(f"Loading<div style='display:none'>{'clause ' * 50}</div>".encode())
    assert page.text.count("clause") == 50
    assert page.hidden_chars == 0


def test_offsets_lead_to_the_element_where_a_line_begins() -> None:
    source = "<h1>T</h1><div><p>one</p><p>x <b>two</b></p><ol><li>a<li><i>b</i></ol></div>"
    page = recipe_1_html.read(source.encode())
    tree = etree.HTML(source)
    starts = [start for start, _ in page.offsets]
    assert starts == sorted(starts)
    for start, path in page.offsets:
        (element,) = tree.xpath(path)
        line = page.text[start:].split("\n")[0]
        assert line.split(". ")[-1].startswith(element.text.strip())


MENU = "<nav><a href=/>Home</a></nav>"
POLICY = "<h1>Policy</h1>" + "<p>We may share some of your data with our partners.</p>" * 9
CLAUSE = "This paragraph is a clause of the policy that someone left outside of main by mistake, "


@pytest.mark.parametrize(
    ("name", "source", "menus"),
    [
        ("main", f"{MENU}<main>{POLICY}</main><footer>© A. Example</footer>", 0),
        ("role", f"{MENU}<div role=main>{POLICY}</div>", 0),
        ("article", f"{MENU}<article>{POLICY}</article>", 0),
        ("two-articles", f"{MENU}<article>{POLICY}</article><article>b</article>", 1),
        ("two-mains", f"{MENU}<main>{POLICY}</main><main>b</main>", 1),
        ("clause-outside", f"{MENU}<main>{POLICY}</main><div>{CLAUSE * 3}</div>", 1),
        ("h1-outside", f"{MENU}<h1>Terms</h1><main>{POLICY[15:]}</main>", 1),
        ("small-main", f"{MENU}<main><h1>a</h1></main>{POLICY[15:]}", 1),
        ("no-main", f"{MENU}{POLICY}", 1),
    ],
)
def test_main_content_only_when_nothing_is_lost(name: str, source: str, menus: int) -> None:
    text = recipe_1_html.read(source.encode()).text
    assert text.count("Home") == menus, name
    assert text.count("We may share") == 9


def test_depth_does_not_matter() -> None:
    depth = 50_000
    source = "<div>" * depth + "deep" + "</div>" * depth + "<p>after</p>"
    page = recipe_1_html.read(source.encode())
    assert page.text == "deep\nafter"
    assert all(path.count("/") <= 64 for _, path in page.offsets)


Node = tuple[str, list[Any]]

WORD = st.text("abcxyzäé\u0645\u5b57", min_size=1, max_size=6)
TAGS = st.sampled_from(
    ["p", "div", "b", "span", "ul", "li", "td", "section", "em", "h2", "pre", "x-y"]
)
UNSHOWN = st.sampled_from(["script", "style", "template"])
NODES = st.recursive(
    WORD.map(lambda word: ("", [word])),
    lambda inner: st.tuples(TAGS, st.lists(inner, max_size=4)),
    max_leaves=25,
)


def as_markup(node: Node, found: list[str]) -> str:
    tag, children = node
    if not tag:
        found.append(f"w{len(found)}{children[0]}")
        return f" {found[-1]} "
    return f"<{tag}>{''.join(as_markup(child, found) for child in children)}</{tag}>"


@given(st.lists(NODES, max_size=6), UNSHOWN, WORD)
def test_every_visible_text_node_appears_once_and_in_order(
    nodes: list[Node], unshown: str, secret: str
) -> None:
    words = []
    markup = f"<{unshown}>secret {secret}</{unshown}>".join(
        as_markup(node, words) for node in nodes
    )
    text = recipe_1_html.read(f"<!doctype html><body>{markup}".encode()).text
    read = [word for word in text.split() if word != "-"]
    assert read == [unicodedata.normalize("NFC", word) for word in words]


@given(
    st.text(st.characters(codec="utf-8"), max_size=200)
    | st.text("<>/!-\"'= apdivlo&#;\n", max_size=200)
)
def test_any_text_is_read(source: str) -> None:
    page = recipe_1_html.read(source.encode())
    assert unicodedata.is_normalized("NFC", page.text)
    assert not page.text.endswith("\n")
    assert all(page.text[start - 1 : start] in {"", "\n"} for start, _ in page.offsets)
