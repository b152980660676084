# SPDX-License-Identifier: Apache-2.0
"""Recipes are found by name, are frozen, and never fail on hostile bodies."""

import hashlib
import io
import os
import pathlib
import subprocess
import sys

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
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/Lang(en-GB)>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources 6 0 R>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Font<</F1 5 0 R>>>>",
    ]
    body = b"%PDF-1.4\n"
    places = []
    for number, each in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    rows = b"".join(b"%010d 00000 n \n" % place for place in places)
    table = b"xref\n0 7\n0000000000 65535 f \n" + rows
    return body + table + b"trailer<</Size 7/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(body)


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
