# SPDX-License-Identifier: Apache-2.0
"""Judges the page itself: does it say that it is something else, does it have words at all?

Words only count against a page that is short: long documents speak of errors, cookies and denied
access in passing, and a real policy must never be refused for its own wording.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from archive.fetching.outcome_phrases import Sign, patterns
from archive.model.fetch import Exchange, Fetch
from archive.model.outcome import Outcome, OutcomeKind
from archive.model.text import Extraction
from archive.text.media import media_type

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_SHORT_CHARS = 3_000
_BRIEF_CHARS = 1_000
_LONGEST_WITH_FALSE_TITLE = 10_000
_MARKUP_SIGN_CHARS = 1_500
_TOP_LINES = 8
_HEADING_CHARS = 90
_BLANKS = " \n\t\u00a0"
_STUB_CHARS = 400
_STUB_REASON = "The page only sends its visitors on to another address."
_STUB_DELAY_SECONDS = 30
_SCRIPT_STUB_CHARS = 200
_SCRIPT_STUB_BYTES = 20_000
_SHELL_CHARS = 250
_SHELL_BYTES = 10_000

_PASSWORD = re.compile(rb"<input\b[^<>]{0,2000}?\btype\s*=\s*[\"']?password\b", re.IGNORECASE)
_SIGN_IN = (
    r"(?:please )?(?:(?:sign|log)[ -]?[io]n|login|anmelden|anmeldung|connexion|se connecter"
    r"|iniciar sesión|accedi|entrar)\b"
)
_SIGN_IN_TITLE = re.compile(_SIGN_IN + ".{0,40}")
_SIGN_IN_HEADING = re.compile(
    rb"<h[1-3]\b[^<>]{0,500}>\s*(?:<[^<>]{0,500}>\s*){0,4}" + _SIGN_IN.encode(), re.IGNORECASE
)
_PROSE_WORDS = 8
_TITLE_BREAK = re.compile(r" [|\\·•:\u2013\u2014-]+ |[|\\]")
_QUOTES = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u00a0": " "})
_META = re.compile(rb"<meta\b[^<>]{0,2000}>", re.IGNORECASE)
_REFRESH_HEADER = re.compile(
    r"\s*([0-9]{1,6})(?:\.[0-9]*)?\s*[;,]\s*(?:url\s*=)?\s*['\"]?[^\s\"'>]", re.IGNORECASE
)
_REFRESH = re.compile(
    rb"""content\s*=\s*["']?\s*([0-9]{1,6})(?:\.[0-9]*)?\s*[;,]\s*(?:url\s*=)?\s*['"]?[^\s"'>]""",
    re.IGNORECASE,
)
_SCRIPT_MOVE = re.compile(
    rb"\b(?:window|document|self|top|parent)?\.?location(?:\.href)?\s*=[^=]|location\.(?:replace|assign)\s*\("
)


@dataclass(frozen=True, slots=True)
class Look:
    """A complete response, as the rules see it."""

    fetch: Fetch
    exchange: Exchange
    status: int
    media: str
    text: str
    title: str
    flaw: str | None
    visible_chars: int

    @property
    def is_html(self) -> bool:
        """Whether the rules about markup apply."""
        return self.media in _HTML

    @property
    def is_short(self) -> bool:
        """Whether words can count against the page."""
        return self.visible_chars < _SHORT_CHARS


def look_at(fetch: Fetch, exchange: Exchange, status: int, extraction: Extraction | None) -> Look:
    """What the rules need to know of a complete response."""
    text = extraction.text if extraction else ""
    return Look(
        fetch=fetch,
        exchange=exchange,
        status=status,
        media=media_type(fetch.body, exchange.header("content-type")),
        text=text,
        title=(extraction.title or "") if extraction else "",
        flaw=extraction.flaw if extraction else "no-text",
        visible_chars=len(text) - sum(map(text.count, _BLANKS)),
    )


def by_words(look: Look) -> Outcome | None:
    """The outcome that the page itself declares, or None."""
    found = named_sign(look)
    if found is None:
        return _by_login(look)
    sign, evidence = found
    return Outcome(sign.kind, sign.reason, (f"chars:{look.visible_chars}", evidence))


def _by_login(look: Look) -> Outcome | None:
    """The outcome of a page that is nothing but a sign-in form, or None.

    Many sites carry such a form in their header: it counts only when the page is named for it, or
    holds nothing else.
    """
    is_brief = look.visible_chars < _BRIEF_CHARS
    if not (look.is_html and is_brief and _PASSWORD.search(look.fetch.body)):
        return None
    parts = _TITLE_BREAK.split(_folded(look.title))
    is_named = any(_SIGN_IN_TITLE.fullmatch(part.strip()) for part in parts)
    has_prose = any(len(line.split()) >= _PROSE_WORDS for line in look.text.split("\n"))
    is_bare = look.visible_chars < _STUB_CHARS and not has_prose
    if not (is_named or is_bare or _SIGN_IN_HEADING.search(look.fetch.body)):
        return None
    reason = "The site asks visitors to sign in instead of showing the document."
    return Outcome(OutcomeKind.BLOCKED, reason, (f"chars:{look.visible_chars}", "login"))


def named_sign(look: Look) -> tuple[Sign, str] | None:
    """The first sign that the page bears, and the code of what showed it."""
    words = _folded(look.text) if look.is_short else ""
    is_brief = look.visible_chars < _BRIEF_CHARS
    headings = tuple(_headings(look))
    markup = look.fetch.body if look.is_html and look.visible_chars < _MARKUP_SIGN_CHARS else b""
    for pattern in patterns():
        code = pattern.sign.code
        if (is_brief or pattern.sign.is_distinctive) and pattern.sentence.search(words):
            return pattern.sign, f"phrase:{code}"
        if any(pattern.heading.fullmatch(heading) for heading in headings):
            return pattern.sign, f"heading:{code}"
        if pattern.markup.search(markup):
            return pattern.sign, f"markup:{code}"
    return None


def _headings(look: Look) -> Iterator[str]:
    if look.visible_chars < _LONGEST_WITH_FALSE_TITLE:
        title = _folded(look.title)
        yield title
        yield from (part.strip() for part in _TITLE_BREAK.split(title))
    if look.is_short:
        for line in look.text.split("\n", _TOP_LINES)[:_TOP_LINES]:
            if len(line) <= _HEADING_CHARS:
                yield _folded(line)


def _folded(text: str) -> str:
    return " ".join(text.translate(_QUOTES).lower().split())


def by_emptiness(look: Look) -> Outcome | None:
    """The outcome of a page that has next to no words, or None."""
    if look.flaw is not None:
        return None
    if look.visible_chars >= _STUB_CHARS:
        return None
    has_words = any(char.isalnum() for char in look.text)
    has_scripts = look.is_html and b"<script" in look.fetch.body.lower()
    stub = _stub_by_header(look) or (_stub(look) if look.is_html else None)
    if stub:
        return stub
    signals = (f"chars:{look.visible_chars}", f"bytes:{len(look.fetch.body)}")
    if has_scripts and not has_words:
        reason = "The page has scripts but not one word of text without them."
        return Outcome(OutcomeKind.SCRIPT_SHELL, reason, signals)
    if not has_words:
        return Outcome(OutcomeKind.EMPTY, "The page has no words.", signals)
    is_large = len(look.fetch.body) >= _SHELL_BYTES
    if has_scripts and is_large and look.visible_chars < _SHELL_CHARS:
        reason = "A large page with almost no text: its words come from scripts that did not run."
        return Outcome(OutcomeKind.SCRIPT_SHELL, reason, signals)
    return None


def _stub_by_header(look: Look) -> Outcome | None:
    delay = _REFRESH_HEADER.match(look.exchange.header("refresh") or "")
    if delay and int(delay[1]) <= _STUB_DELAY_SECONDS:
        return Outcome(OutcomeKind.REDIRECT_STUB, _STUB_REASON, ("header:refresh",))
    return None


def _stub(look: Look) -> Outcome | None:
    body = look.fetch.body
    for meta in _META.findall(body):
        delay = _REFRESH.search(meta) if b"refresh" in meta.lower() else None
        if delay and int(delay[1]) <= _STUB_DELAY_SECONDS:
            return Outcome(OutcomeKind.REDIRECT_STUB, _STUB_REASON, ("meta:refresh",))
    is_small = look.visible_chars < _SCRIPT_STUB_CHARS and len(body) < _SCRIPT_STUB_BYTES
    if is_small and _SCRIPT_MOVE.search(body):
        return Outcome(OutcomeKind.REDIRECT_STUB, _STUB_REASON, ("script:location",))
    return None
