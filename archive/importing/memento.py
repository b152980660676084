# SPDX-License-Identifier: Apache-2.0
"""Judges what another archive answered for a memento, and writes it down as WARC records.

The answer is taken for the memento only when it says so itself: of the time that was listed, and
of the URL that was asked about (RFC 7089 section 2). Two records come of it: the response as the
other archive says that it was, and a note of the exchange by which it was got.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from archive import canonical
from archive.clock import rfc3339
from archive.errors import MalformedTime, MalformedTimeMap, MalformedUrl
from archive.importing.link_format import read_links
from archive.importing.timemap import Memento
from archive.model.claim import Finding, Status
from archive.model.fetch import Exchange
from archive.net.head import header_values
from archive.net.http_date import parse_http_date
from archive.net.surt import url_key
from archive.net.url import parse_capture_url
from archive.warc.members import compress_member
from archive.warc.write import serialised_record

CLAIM = "memento.answer"
MISSING = "MEMENTO_MISSING"
OTHER_TIME = "MEMENTO_OTHER_TIME"
OTHER_URL = "MEMENTO_OTHER_URL"
NOT_RAW = "MEMENTO_NOT_RAW"

_STAMPED = re.compile(r"(.*?/[0-9]{14})(?:[a-z]{2}_)?(/https?:/.*)", re.DOTALL)
_RAW = "id_"
_OF_ORIGINAL = "x-archive-orig-"
# Those of the answer itself stand, for they say how its body is to be read.
_NOT_KEPT = frozenset({"transfer-encoding", "content-encoding"})
_OF_ANSWER = ("content-encoding", "content-type", "location")


@dataclass(frozen=True, slots=True)
class GivenMemento:
    """A memento as another archive gave it: its records, one gzip member each, and the finding."""

    records: bytes
    finding: Finding


def raw_url(url: str) -> str | None:
    """Where the bytes of a memento are served as they were received (`…/20200304050607id_/http…`).

    None when the other archive does not name its mementos by this pattern.
    """
    match = _STAMPED.fullmatch(url)
    return None if match is None else f"{match[1]}{_RAW}{match[2]}"


def is_memento(exchange: Exchange) -> bool:
    """Whether the answer says that it is a memento, whatever its status."""
    return exchange.header("memento-datetime") is not None


def judge_memento(
    wanted: Memento, original: str, exchange: Exchange, new_id: Callable[[], str]
) -> GivenMemento | Finding:
    """The memento, when the answer is the one that was listed; else what it is instead.

    `original` is the URL that the TimeMap is about.
    """
    stated = exchange.header("memento-datetime")
    if stated is None:
        return _failed(wanted, MISSING, f"status {exchange.status}, and no memento")
    try:
        at = parse_http_date(stated)
    except MalformedTime as error:
        return _failed(wanted, MISSING, f"it does not say of when it is: {error}")
    if at != wanted.at:
        return _failed(wanted, OTHER_TIME, f"it is of {rfc3339(at)}, not of {rfc3339(wanted.at)}")
    named = _named_original(exchange) or original
    try:
        target = parse_capture_url(named).href
    except MalformedUrl as error:
        return _failed(wanted, OTHER_URL, f"it is of what is no URL: {error}")
    if url_key(target) != url_key(original):
        return _failed(wanted, OTHER_URL, f"it is of {target[:200]}")
    return GivenMemento(_records(wanted, target, exchange, new_id), _finding(wanted, exchange))


def _failed(wanted: Memento, code: str, detail: str) -> Finding:
    return Finding(CLAIM, wanted.url, Status.FAIL, code, detail)


def _finding(wanted: Memento, exchange: Exchange) -> Finding:
    # A redirect may have led from the raw bytes to what is made of them for replay.
    if raw_url(exchange.url) != exchange.url:
        detail = "nobody can tell whether the other archive changed the bytes to replay them"
        return Finding(CLAIM, wanted.url, Status.UNKNOWN, NOT_RAW, detail)
    detail = f"received {rfc3339(exchange.received_at)} from {exchange.remote_address}"
    return Finding(CLAIM, wanted.url, Status.PASS, "", detail)


def _named_original(exchange: Exchange) -> str | None:
    """The URL that the answer calls the original; None where it names none that can be read."""
    try:
        links = list(read_links(", ".join(header_values(exchange.headers, "link"))))
    except MalformedTimeMap:
        return None  # a header that cannot be read names nothing
    return next((link.target for link in links if "original" in link.relations), None)


def _records(wanted: Memento, target: str, exchange: Exchange, new_id: Callable[[], str]) -> bytes:
    response_id, received_at = new_id(), rfc3339(exchange.received_at)
    common = [("WARC-Date", _seconds(wanted)), ("WARC-Target-URI", target)]
    response = serialised_record(
        "response",
        [
            ("WARC-Record-ID", response_id),
            *common,
            ("WARC-Source-URI", exchange.url),
            ("WARC-Creation-Date", received_at),
            ("Content-Type", "application/http;msgtype=response"),
        ],
        original_head(exchange) + exchange.payload,
    )
    notes = {
        "listed": wanted.url,
        "asked": exchange.url,
        "received_at": received_at,
        "remote_address": exchange.remote_address,
        "tls_leaf_sha256": exchange.tls_leaf_sha256,
        "request": exchange.request.decode("latin-1"),
        "answer_head": exchange.response_head.decode("latin-1"),
    }
    metadata = serialised_record(
        "metadata",
        [
            ("WARC-Record-ID", new_id()),
            *common,
            ("WARC-Concurrent-To", response_id),
            ("Content-Type", "application/json"),
        ],
        canonical.dumps(notes),
    )
    # The note first: however long the response is, the last record begins near the first.
    return compress_member(metadata) + compress_member(response)


def _seconds(memento: Memento) -> str:
    return memento.at.strftime("%Y-%m-%dT%H:%M:%SZ")


def original_head(exchange: Exchange) -> bytes:
    """The head of the response as the other archive says that it was (`X-Archive-Orig-…`).

    Its coding, and what the other archive leaves out, are taken from the answer itself.
    """
    kept: list[tuple[str, str]] = []
    for name, value in exchange.headers:
        if name.lower().startswith(_OF_ORIGINAL):
            plain = name[len(_OF_ORIGINAL) :]
            if plain and plain.lower() not in _NOT_KEPT:
                kept.append((plain, value))
    if header_values(exchange.headers, "content-encoding") != header_values(
        exchange.headers, f"{_OF_ORIGINAL}content-encoding"
    ):
        # The other archive undid the coding, so that the length was another.
        kept = [item for item in kept if item[0].lower() != "content-length"]
    named = {name.lower() for name, _ in kept}
    for name, value in exchange.headers:
        if name.lower() in _OF_ANSWER and name.lower() not in named:
            kept.append((name, value))
    status_line = exchange.response_head.split(b"\n", 1)[0].rstrip(b"\r")
    lines = [status_line, *(f"{name}: {value}".encode("latin-1") for name, value in kept)]
    return b"\r\n".join([*lines, b"", b""])
