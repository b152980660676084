# SPDX-License-Identifier: Apache-2.0
"""Cases from real bug reports that concern text and outcomes; each is named after its case."""

import dataclasses
import hashlib

import pytest
from support.fetches import fetched

from archive.fetching.outcome import classify
from archive.model.outcome import Outcome, OutcomeKind
from archive.model.text import Extraction
from archive.text import recipes

F2 = b"<html><body><p>We may share data.</p></body></html>"


def read(body: bytes, content_type: str | None = "text/html") -> Extraction:
    return recipes.run("text/1", body, content_type)


def judged(body: bytes, status: int = 200, **headers: str) -> Outcome:
    fetch = fetched(body)
    last = dataclasses.replace(fetch.last, status=status, headers=tuple(headers.items()))
    return classify(dataclasses.replace(fetch, exchanges=(last,)), read(body))


def test_d05_plain_body_labelled_gzip_is_kept_and_read() -> None:
    fetch = dataclasses.replace(fetched(F2), coding_flaw="content-encoding-mismatch")
    found = classify(fetch, read(F2))
    assert found.is_ok
    assert "content-encoding-mismatch" in found.signals
    assert hashlib.sha256(fetch.body).hexdigest().startswith("91b51d51")
    assert read(F2).text == "We may share data."


@pytest.mark.parametrize("value", ["-5", "Fri, 31 Dec 99999 23:59:59 GMT", "2.5", ""])
def test_d08_an_invalid_wish_is_no_wish(value: str) -> None:
    found = judged(b"slow down", 429, **{"Retry-After": value})
    assert (found.kind, found.retry_after_seconds) == (OutcomeKind.RATE_LIMITED, None)
    assert found.signals == ("status:429",)


@pytest.mark.parametrize("value", ["Wed, 21 Oct 2026 07:28:00 GMT", "9" * 400])
def test_d08_a_valid_wish_is_capped(value: str) -> None:
    found = judged(b"slow down", 503, **{"Retry-After": value})
    assert found.retry_after_seconds == 86_400
    assert found.signals == ("status:503", "retry-after:86400")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"", OutcomeKind.EMPTY),
        (204, b"", OutcomeKind.NO_CONTENT),
        (200, b"<body><script>render()</script></body>", OutcomeKind.SCRIPT_SHELL),
    ],
)
def test_d09_silently_empty_captures_are_named(status: int, body: bytes, kind: OutcomeKind) -> None:
    found = judged(body, status)
    assert found.kind is kind
    assert found.reason


def test_d10_an_error_text_is_no_version_of_the_policy() -> None:
    found = judged(b"<h1>This page isn't available</h1><p>Come back later.</p>")
    assert found.kind is OutcomeKind.ERROR_PAGE


def test_d11_geo_and_legal_blocks() -> None:
    geo = judged(b"<p>The site is configured to block access from your country.</p>", 403)
    assert (geo.kind, geo.signals[-1]) == (OutcomeKind.BLOCKED, "phrase:geo")
    legal = judged(b"<p>Sorry", 451, Link='<https://law.example/o>; rel="blocked-by"')
    assert legal.kind is OutcomeKind.BLOCKED
    assert "legal" in legal.reason
    assert "https://law.example/o" in legal.reason


def test_d13_charset_in_the_header_or_not_gives_the_same_text() -> None:
    body = "<p>個人情報の取扱いについて</p>".encode()
    with_charset, without = read(body, "text/html; charset=UTF-8"), read(body)
    assert with_charset.text == without.text == "個人情報の取扱いについて"
    assert (with_charset.charset.source, without.charset.source) == ("header", "guess")


def test_d14_meta_charset_counts_when_the_header_has_none() -> None:
    meta = b'<meta http-equiv=Content-Type content="text/html; charset=windows-1252">'
    found = read(meta + b"<p>f\xfcr</p>")
    assert found.text == "für"
    assert found.charset.replacements == 0
    assert read(b"<p>f\xfcr</p>", "text/html; charset=utf-8").charset.replacements == 1


@pytest.mark.parametrize("mark", ["\u2060", "\u200b", "\u00ad", "\ufeff"])
def test_d35_invisible_marks_stay_in_the_text_and_split_nothing(mark: str) -> None:
    assert read(f"<p>ver{mark}sions</p>".encode()).text == f"ver{mark}sions"


def test_d40_inline_tags_and_breaks_do_not_split_words() -> None:
    body = "<p>We&nbsp;may <b>sh&shy;are</b>\n your&#8239;\u201cdata\u201d</p>".encode()
    assert read(body).text == "We\u00a0may sh\u00adare your\u202f\u201cdata\u201d"


def test_d41_right_to_left_text_keeps_its_marks_and_digits() -> None:
    body = "<p dir=rtl>\u200fسياسة\u200f الخصوصية ٣٠</p>".encode()
    found = read(body)
    assert found.text == "\u200fسياسة\u200f الخصوصية ٣٠"
    assert found.text.index("الخصوصية") == 8
