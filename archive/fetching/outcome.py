# SPDX-License-Identifier: Apache-2.0
"""Judges what a fetch brought.

Only `ok` may become a capture: a wrong `ok` pollutes citations, a wrong refusal loses evidence.
In order: how the transfer ended, what the status says, whether the bytes are text, then the page
itself (outcome_page.py): whether it says that it is something else, whether it has words at all.
"""

import dataclasses
import re
from http import HTTPStatus

from archive.fetching import retry_after
from archive.fetching.outcome_page import Look, by_emptiness, by_words, look_at, named_sign
from archive.model.fetch import Fetch, FetchEnd
from archive.model.outcome import Outcome, OutcomeKind
from archive.model.text import Extraction

_ENDS = {
    FetchEnd.UNRESOLVED: (OutcomeKind.UNREACHABLE, "The host name could not be resolved"),
    FetchEnd.UNREACHABLE: (OutcomeKind.UNREACHABLE, "No connection could be made"),
    FetchEnd.TLS_FAILED: (OutcomeKind.UNREACHABLE, "The TLS handshake failed"),
    FetchEnd.TIMEOUT: (OutcomeKind.TIMEOUT, "The time limit ran out"),
    FetchEnd.TRUNCATED: (OutcomeKind.TRUNCATED, "The transfer ended before the declared length"),
    FetchEnd.TOO_LARGE: (OutcomeKind.TOO_LARGE, "The response exceeds a size limit"),
    FetchEnd.TOO_MANY_REDIRECTS: (OutcomeKind.TOO_MANY_REDIRECTS, "Too many redirects"),
    FetchEnd.REDIRECT_REFUSED: (
        OutcomeKind.REDIRECT_REFUSED,
        "A redirect leads to a refused place",
    ),
    FetchEnd.MALFORMED_RESPONSE: (OutcomeKind.MALFORMED_RESPONSE, "The response is not valid HTTP"),
}
_FLAWS = {
    "no-text": (OutcomeKind.UNSUPPORTED_TYPE, "No text was read from this type: {}."),
    "unreadable": (OutcomeKind.MALFORMED_RESPONSE, "The body is damaged or locked as {}."),
}
_SUCCESS, _REDIRECT = 2, 3
_OVERLOADED = HTTPStatus.SERVICE_UNAVAILABLE
_BODILESS = frozenset({204, 205, 304})
_BLOCK_STATUSES = frozenset({403, 429, 503})
_CHALLENGE_HEADERS = (("cf-mitigated", "challenge"), ("x-amzn-waf-action", ""))

_GARBLED_PER_CENT = 1
_SAMPLE_CHARS = 100_000
_GARBLED = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ufffd]")

_LINK = re.compile(r"<([^<>]*)>((?:[^,<\"]|\"[^\"]*\")*)")
_BLOCKED_BY = re.compile(
    r";\s*rel\s*=\s*(?:\"(?:[^\"]*\s)?blocked-by(?:\s[^\"]*)?\"|blocked-by\b)", re.IGNORECASE
)
_LONGEST_URL = 300


def classify(fetch: Fetch, extraction: Extraction | None) -> Outcome:
    """The outcome of a fetch, with the reason in one sentence and the signals that decided.

    `extraction` is what the text recipe made of the body; None when there was nothing to read.
    """
    if fetch.end is not FetchEnd.COMPLETE:
        kind, reason = _ENDS[fetch.end]
        detail = f": {fetch.detail}." if fetch.detail else "."
        return Outcome(kind, reason + detail, (f"end:{fetch.end}",))
    if fetch.last is None or fetch.last.status is None:
        reason = "The server sent no status line."
        return Outcome(OutcomeKind.MALFORMED_RESPONSE, reason, ("status:none",))
    look = look_at(fetch, fetch.last, fetch.last.status, extraction)
    found = _by_status(look) or _by_bytes(look) or by_words(look) or by_emptiness(look)
    return _with_wish(found or _ok(look), look)


def _with_wish(outcome: Outcome, look: Look) -> Outcome:
    """The outcome, with the server's valid wish to wait when it is a refusal."""
    wish = _wish(look)
    if wish is None or outcome.is_ok:
        return outcome
    # Behind the first signal, since the statement cuts long lists at their end.
    signals = (*outcome.signals[:1], f"retry-after:{wish}", *outcome.signals[1:])
    return dataclasses.replace(outcome, signals=signals, retry_after_seconds=wish)


def _by_status(look: Look) -> Outcome | None:
    signals = (f"status:{look.status}",)
    if look.status in _BODILESS:
        reason = f"The server answered {look.status}: there is no content."
        return Outcome(OutcomeKind.NO_CONTENT, reason, signals)
    if look.status == HTTPStatus.PARTIAL_CONTENT:
        reason = "The server sent a part of the document (206), though all of it was asked for."
        return Outcome(OutcomeKind.TRUNCATED, reason, signals)
    if look.status // 100 == _SUCCESS:
        return _challenged(look)
    if look.status == HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS:
        return _legal(look)
    return _challenged(look) or _refused(look)


def _challenged(look: Look) -> Outcome | None:
    for name, value in _CHALLENGE_HEADERS:
        sent = look.exchange.header(name)
        if sent is not None and value in sent.lower():
            reason = "The site answered with a bot check instead of the document."
            signals = (f"status:{look.status}", f"header:{name}")
            return Outcome(OutcomeKind.BLOCKED, reason, signals)
    return None


def _legal(look: Look) -> Outcome:
    reason = "The document is withheld for legal reasons (451)"
    signals = ["status:451", "blocked:legal"]
    for name, value in look.exchange.headers:
        if name.lower() != "link":
            continue
        for target, parameters in _LINK.findall(value):
            if _BLOCKED_BY.search(parameters):
                reason += f", blocked by {_printable(target)}"
                signals.append("link:blocked-by")
    return Outcome(OutcomeKind.BLOCKED, f"{reason}.", tuple(signals))


def _printable(url: str) -> str:
    return "".join(char for char in url if char.isprintable())[:_LONGEST_URL]


def _refused(look: Look) -> Outcome:
    status = look.status
    signals = (f"status:{status}",)
    if status in _BLOCK_STATUSES:
        found = named_sign(look)
        if found and found[0].kind is OutcomeKind.BLOCKED:
            sign, evidence = found
            return Outcome(OutcomeKind.BLOCKED, sign.reason, (*signals, evidence))
    asks_to_wait = look.exchange.header("retry-after") is not None
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == _OVERLOADED and asks_to_wait):
        wish = _wish(look)
        asked = "" if wish is None else f" and asks to wait {wish} seconds"
        reason = f"The server limits the rate of requests ({status}){asked}."
        return Outcome(OutcomeKind.RATE_LIMITED, reason, signals)
    if status == HTTPStatus.FORBIDDEN:
        reason = "The server refuses to show the document to this client (403)."
        return Outcome(OutcomeKind.BLOCKED, reason, signals)
    if status // 100 == _REDIRECT:
        reason = f"The server answered with a redirect that leads nowhere ({status})."
        return Outcome(OutcomeKind.ERROR_PAGE, reason, signals)
    reason = f"The server answered with an error ({status}) instead of the document."
    return Outcome(OutcomeKind.ERROR_PAGE, reason, signals)


def _wish(look: Look) -> int | None:
    return retry_after.seconds(look.exchange.header("retry-after"), look.exchange.received_at)


def _by_bytes(look: Look) -> Outcome | None:
    if not look.fetch.body:
        return Outcome(OutcomeKind.EMPTY, "The server sent 0 bytes.", ("bytes:0",))
    if look.flaw in _FLAWS:
        kind, reason = _FLAWS[look.flaw]
        return Outcome(kind, reason.format(look.media or "unknown"), (f"text:{look.flaw}",))
    sample = look.text[:_SAMPLE_CHARS]
    bad = len(_GARBLED.findall(sample))
    if bad * 100 > _GARBLED_PER_CENT * len(sample):
        reason = f"The text is not what people saw: {bad} of {len(sample)} characters are garbled."
        return Outcome(OutcomeKind.ENCODING_MISMATCH, reason, (f"unreadable:{bad}",))
    return None


def _ok(look: Look) -> Outcome:
    signals = [f"status:{look.status}"]
    if look.fetch.coding_flaw:
        signals.append(look.fetch.coding_flaw)
    if look.flaw:
        signals.append(f"text:{look.flaw}")
    # An image or a data file is a document as well: its bytes can be cited, though not its words.
    reason = "The document was received."
    if look.flaw:
        reason = f"The document was received; no text was taken from it ({look.flaw})."
    return Outcome(OutcomeKind.OK, reason, tuple(signals))
