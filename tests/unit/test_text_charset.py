# SPDX-License-Identifier: Apache-2.0
"""The charset decision follows the order of the HTML standard, and is recorded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.text import charset, encodings

UMLAUT = "Datenschutzerklärung".encode("windows-1252")
META = b'<meta charset="%s">'


@pytest.mark.parametrize(
    ("name", "body", "content_type", "encoding", "source"),
    [
        ("bom-beats-header", b"\xef\xbb\xbfx", "text/html; charset=koi8-r", "utf-8", "bom"),
        ("utf16-bom", b"\xff\xfea\x00", None, "utf-16le", "bom"),
        ("header-beats-meta", META % b"utf-8", "text/html;charset=koi8-r", "koi8-r", "header"),
        ("quoted-header", b"x", 'text/html; charset="UTF-8"', "utf-8", "header"),
        ("unknown-header", META % b"koi8-r", "text/html; charset=nonsense", "koi8-r", "meta"),
        ("latin1-label", b"x", "text/html; charset=iso-8859-1", "windows-1252", "header"),
        ("meta", META % b" Shift_JIS ", "text/html", "shift_jis", "meta"),
        ("meta-in-comment", b"<!--" + META % b"koi8-r" + b"-->x", None, "utf-8", "guess"),
        ("meta-utf16-is-utf8", META % b"utf-16le", None, "utf-8", "meta"),
        ("meta-late", b" " * 2000 + META % b"koi8-r" + b"\xc1", None, "koi8-r", "meta"),
        ("meta-late-but-utf8", b" " * 2000 + META % b"koi8-r", None, "utf-8", "guess"),
        ("xml", b"<?xml version='1.0' encoding='koi8-r'?>", None, "koi8-r", "meta"),
        ("plain-has-no-meta", META % b"koi8-r", "text/plain", "utf-8", "guess"),
        ("nothing-utf8", "ü".encode(), None, "utf-8", "guess"),
        ("nothing-else", UMLAUT, None, "windows-1252", "default"),
        ("content-without-http-equiv", b'<meta content="charset=koi8-r">', None, "utf-8", "guess"),
    ],
)
def test_order(
    name: str, body: bytes, content_type: str | None, encoding: str, source: str
) -> None:
    decision = charset.decide(body, content_type)
    assert (decision.encoding, decision.source) == (encoding, source), name


def test_bom_is_no_text_and_windows_1252_has_no_holes() -> None:
    assert charset.decode(b"\xef\xbb\xbfterms", None)[0] == "terms"
    text, decision = charset.decode(bytes(range(0x80, 0x100)), "text/html; charset=latin1")
    assert (text[0], text[1], decision.replacements) == ("€", "\x81", 0)


def test_replacements_are_counted_and_honest_ones_are_not() -> None:
    text, decision = charset.decode(b"a\xffb\xef\xbf\xbd", "text/html; charset=utf-8")
    assert (text, decision.replacements) == ("a\ufffdb\ufffd", 1)
    assert charset.decide("\ufffd".encode(), "text/html; charset=utf-8").replacements == 0
    assert charset.decode(b"<p>x", "text/html; charset=iso-2022-kr") == (
        "\ufffd",
        charset.CharsetDecision("replacement", "header", 1),
    )


def test_every_label_has_a_working_codec() -> None:
    for label, name in encodings._LABELS.items():
        assert encodings.named(label.upper()) == name
        encodings.read(bytes(range(256)), name)


@given(st.binary(max_size=300), st.sampled_from([None, "text/html", "text/plain; charset=big5"]))
def test_any_bytes_decode_to_storable_text(body: bytes, content_type: str | None) -> None:
    text, decision = charset.decode(body, content_type)
    text.encode("utf-8")
    assert decision.replacements >= 0
