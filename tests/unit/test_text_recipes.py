# SPDX-License-Identifier: Apache-2.0
"""Recipes are found by name, are frozen, and never fail on hostile bodies."""

import hashlib
import io
import itertools
import os
import pathlib
import subprocess
import sys
import time
import zlib
from collections.abc import Callable

import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

import archive
from archive.errors import NotFound
from archive.text import recipe_1, recipe_1_pdf, recipes
from archive.text.media import media_type

SAMPLE = """<!doctype html><html lang=en><head><title>Terms \u2014 Example</title></head><body>
<nav><a href=/>Home</a></nav><main><h1>Terms</h1><p>We&nbsp;may sh&shy;are <b>da</b>ta:</p>
<ol type=a><li>with partners<ol><li>in the EU</ol><li value=5>with\u2060 banks</ol>
<table><tr><th>Right<th>Where<tr><td>Access<td>Art. 15 GDPR</table><pre>  kept
    as is</pre><p hidden>draft</p><ul><li>e\u0301tat</ul></main></body></html>"""
SAMPLE_TEXT = (
    "Terms\nWe\u00a0may sh\u00adare data:\na. with partners\n1. in the EU\ne. with\u2060 banks\n"
    "Right\tWhere\nAccess\tArt. 15 GDPR\n  kept\n    as is\n- \u00e9tat"
)


def pdf_of(words: str) -> bytes:
    content = b"BT /F1 12 Tf 72 720 Td (" + words.encode("latin-1") + b") Tj ET"
    return pdf_from(
        [
            b"<</Type/Catalog/Pages 2 0 R/Lang(en-GB)>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources 6 0 R>>",
            b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            b"<</Font<</F1 5 0 R>>>>",
        ]
    )


def pdf_of_pages(
    count: int,
    content: bytes,
    *,
    font: bytes = b"",
    fonts: bytes = b"/F1 4 0 R",
    resources: bytes = b"",
    shared: bytes = b"",
) -> bytes:
    """Pages that share one content stream, one font and one more stream, object 5."""
    pages = b" ".join(b"%d 0 R" % (6 + number) for number in range(count))
    return pdf_from(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[%s]/Count %d/MediaBox[0 0 612 792]"
            b"/Resources<</Font<<%s>>%s>>>>" % (pages, count, fonts, resources),
            packed(content),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica%s>>" % font,
            shared or b"null",
            *[b"<</Type/Page/Parent 2 0 R/Contents 3 0 R>>"] * count,
        ]
    )


def packed(content: bytes, entries: bytes = b"") -> bytes:
    small = zlib.compress(content, 9)
    head = b"<<%s/Length %d/Filter/FlateDecode>>" % (entries, len(small))
    return head + b"stream\n" + small + b"\nendstream"


def pdf_from(objects: list[bytes]) -> bytes:
    parts = [b"%PDF-1.4\n"]
    parts += [b"%d 0 obj\n%s\nendobj\n" % each for each in enumerate(objects, start=1)]
    places = list(itertools.accumulate(map(len, parts)))
    rows = b"".join(b"%010d 00000 n \n" % place for place in places[:-1])
    size = len(objects) + 1
    table = b"xref\n0 %d\n0000000000 65535 f \n" % size + rows
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, places[-1])
    return b"".join(parts) + table + trailer


def test_names_and_unknown_names() -> None:
    assert recipes.names() == ("text/1",)
    assert recipes.latest() == recipe_1.NAME == "text/1"
    for name in ("text/2", "text/01", "text/1\n", "html", "../errors"):
        with pytest.raises(NotFound):
            recipes.run(name, b"x", None)


def test_recipe_1_is_frozen() -> None:
    found = recipes.run("text/1", SAMPLE.encode(), "text/html; charset=utf-8")
    assert found.text == SAMPLE_TEXT
    assert hashlib.sha256(found.text.encode()).hexdigest() == (
        "1ae7520555bdbf89f900128e50004c46809b467195233e4b6607f32a1bff4c80"
    )
    assert (found.title, found.language, found.hidden_chars) == ("Terms \u2014 Example", "en", 5)


def test_same_text_in_every_process() -> None:
    program = (
        "import sys; from archive.text import recipes;"
        "e = recipes.run('text/1', sys.stdin.buffer.read(), 'text/html');"
        "sys.stdout.write(ascii((e.text, e.offsets, e.title, e.charset)))"
    )
    source = str(pathlib.Path(archive.__file__).parents[1])
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            input=SAMPLE.encode(),
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": source},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1
    assert b"with partners" in outputs.pop()


def test_plain_text_keeps_its_lines() -> None:
    found = recipes.run("text/1", b"1. a\r\n\r\n  2. b\rc\n\n", "text/plain")
    assert (found.text, found.flaw) == ("1. a\n\n  2. b\nc", None)


def test_xhtml_with_cdata() -> None:
    body = b'<?xml version="1.0"?><html><body><p>a<br/><![CDATA[b < c]]></p></body></html>'
    assert recipes.run("text/1", body, "application/xhtml+xml").text == "a\nb < c"


def test_pdf_text_layer() -> None:
    found = recipes.run("text/1", pdf_of("We may share data."), "application/pdf")
    assert (found.text, found.language) == ("We may share data.", "en-GB")
    assert found.offsets == ((0, "/page[1]"),)
    assert (found.charset, found.flaw) == (None, None)


def test_pdf_flaws(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    blank = io.BytesIO()
    writer.write(blank)
    writer.encrypt("secret")
    locked = io.BytesIO()
    writer.write(locked)
    assert recipe_1_pdf.read(blank.getvalue()).flaw == "no-text-layer"
    assert recipe_1_pdf.read(locked.getvalue()).flaw == "unreadable"
    assert recipe_1_pdf.read(b"%PDF-1.7 not one").flaw == "unreadable"
    monkeypatch.setattr(recipe_1_pdf, "_MOST_BYTES", 10)
    assert recipe_1_pdf.read(blank.getvalue()).flaw == "over-limit"


WORDS = b"BT /F1 12 Tf 72 720 Td (word) Tj ET\n"
CODES = b"1 beginbfrange <0000> <FFFF> <0000>\nendbfrange"
FORM = b"/Type/XObject/Subtype/Form/Resources<</Font<</F1 4 0 R>>>>"
BOMBS: dict[str, Callable[[], bytes]] = {
    "content shared by pages": lambda: pdf_of_pages(100, WORDS * 8000),
    "operators of one byte": lambda: pdf_of_pages(100, b"/F1 1 Tf " + b"()'" * 100_000),
    "pages without words": lambda: pdf_of_pages(2000, b"BT ET 0 0 m 1 1 l S\n" * 500),
    "font shared by pages": lambda: pdf_of_pages(
        2000, WORDS, font=b"/ToUnicode 5 0 R", shared=packed(CODES)
    ),
    "many fonts": lambda: pdf_of_pages(
        2000, WORDS, fonts=b"".join(b"/F%d 4 0 R" % n for n in range(500))
    ),
    "form drawn again and again": lambda: pdf_of_pages(
        1, b"/X Do " * 5000, resources=b"/XObject<</X 5 0 R>>", shared=packed(WORDS * 500, FORM)
    ),
    "objects without a table": lambda: b"%PDF-1.4\n" + b"1 0 obj 0 endobj\n" * 2_000_000,
    "a table of nothing": lambda: pdf_from([b"null"] * 500_000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_pdf_that_asks_for_too_much_work_is_over_the_limit(name: str) -> None:
    bomb = BOMBS[name]()
    before = time.process_time()
    paper = recipe_1_pdf.read(bomb)
    seconds = time.process_time() - before
    print(f"{name}: {len(bomb)} bytes, {seconds:.1f} s")
    assert (paper.flaw, paper.text) == ("over-limit", "")
    # Without the limit each takes 20 seconds and more; a busy machine may need some more than 3.
    assert seconds < 10


def test_a_long_policy_is_under_the_limit() -> None:
    words = b"(We)-250(may)-250(sha)20(re)-250(data)-250(as)-250(the)-250(law)-250(allo)15(ws.)"
    lines = b"".join(b"BT /F1 11 Tf 72 %d Td [%s]TJ ET\n" % (720 - n, words) for n in range(46))
    paper = recipe_1_pdf.read(pdf_of_pages(150, lines))
    assert (paper.flaw, len(paper.offsets)) == (None, 150)


def test_what_pypdf_says_of_a_broken_file_reaches_no_log() -> None:
    program = (
        "from archive.text import recipes;"
        "print(recipes.run('text/1', b'%PDF-1.4 broken', 'application/pdf').flaw)"
    )
    source = str(pathlib.Path(archive.__file__).parents[1])
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        check=True,
    )
    assert (ended.stdout, ended.stderr) == (b"unreadable\n", b"")


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("Text/HTML; charset=x", b"%PDF-", "text/html"),
        (None, b"%PDF-1.4", "application/pdf"),
        (None, b" <!DOCTYPE HTML><p>", "text/html"),
        ("", b"<p>terms</p>\n", "text/html"),
        ("nonsense", b"plain words", "text/plain"),
        ("*/*", b"\x89PNG\r\n\x1a\n\x00", "application/octet-stream"),
        ("image/png", b"<html>", "image/png"),
    ],
)
def test_media_type(content_type: str | None, body: bytes, expected: str) -> None:
    assert media_type(body, content_type) == expected


TYPES = ["text/html", "text/plain", "application/pdf", "application/xhtml+xml", "image/png", None]


@given(st.binary(max_size=400), st.sampled_from(TYPES))
def test_any_body_gives_a_text_or_a_flaw(body: bytes, content_type: str | None) -> None:
    found = recipes.run("text/1", body, content_type)
    found.text.encode("utf-8")
    assert found.flaw in {None, "unreadable", "unsupported-type", "no-text-layer"}


@given(st.integers(0, 600), st.binary(min_size=1, max_size=8))
def test_a_damaged_pdf_never_raises(place: int, damage: bytes) -> None:
    good = pdf_of("We may share data.")
    recipes.run("text/1", good[:place] + damage + good[place + len(damage) :], "application/pdf")
