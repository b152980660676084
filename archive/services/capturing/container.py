# SPDX-License-Identifier: Apache-2.0
"""Writes the WARC container of one look, and lists the parts that lie in it.

When an earlier capture has the same payload, the container holds a revisit that names it, and
the parts that did not change are listed where they lie.
"""

import hashlib
from dataclasses import dataclass, replace

from archive import canonical
from archive.digests import sha1_base32, sha256_hex
from archive.ids import RecordId
from archive.model.anchor import Anchor
from archive.model.fetch import Exchange, Fetch, FetchEnd
from archive.model.inventory import Container, Part, RecordSpan
from archive.model.look import Previous, Signer
from archive.model.outcome import Outcome
from archive.model.text import Extraction
from archive.services.context import Identity
from archive.warc.parts import declared_media_type
from archive.warc.write import ContainerWriter, RevisitTarget, Truncation, WrittenRecord

SALT_BYTES = 32
TEXT_TYPE = "text/plain; charset=utf-8"
_TRUNCATIONS = {
    FetchEnd.TRUNCATED: Truncation.DISCONNECT,
    FetchEnd.TIMEOUT: Truncation.TIME,
    FetchEnd.TOO_LARGE: Truncation.LENGTH,
}


@dataclass(frozen=True, slots=True)
class Looked:
    """One look, judged; the extraction is None when there was nothing to take a text from.

    `request` names what the look is for: whoever asks for it again gets the same record.
    """

    fetch: Fetch
    outcome: Outcome
    extraction: Extraction | None
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The first capture of the same payload: its response record and the parts that it has."""

    target: RevisitTarget
    container: Container
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a look is recorded with beside its own content."""

    identity: Identity
    signer: Signer
    capture_id: RecordId | None
    previous: Previous | None
    unchanged: Unchanged | None
    salt: bytes
    anchor: Anchor | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A finished container with the parts of the look, and every container they lie in."""

    data: bytes
    parts: tuple[Part, ...]
    containers: tuple[Container, ...]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A part whose container is not finished yet, so that its digest is not known."""

    role: str
    media_type: str
    data: bytes
    record: WrittenRecord
    sha256: str
    salt: bytes | None = None

    def place(self, container_sha256: str) -> Part:
        record = self.record
        is_private = self.salt is not None
        return Part(
            role=self.role,
            media_type=self.media_type,
            size=len(self.data),
            span=RecordSpan(
                container_sha256, record.offset, record.length, record.record_id, record.sha256
            ),
            sha256=None if is_private else self.sha256,
            sha1=None if is_private else sha1_base32(self.data),
            commitment=self.sha256 if is_private else None,
        )


def record_look(
    looked: Looked, around: Circumstances, writer: ContainerWriter, text: bytes | None
) -> Recorded | None:
    """The container of a look; None when no connection was made, so that there are no bytes."""
    fetch, last = looked.fetch, looked.fetch.last
    if last is None:
        return None
    for hop in fetch.exchanges[:-1]:
        received = _write_received(hop, writer)
        writer.request(hop, concurrent_to=received.record_id if received else None, salt=None)
    unchanged = around.unchanged
    if unchanged is not None:
        received = writer.revisit(last, unchanged.target)
    else:
        received = _write_received(last, writer, _TRUNCATIONS.get(fetch.end))
    drafts = _response_drafts(fetch, last, received)
    drafts.append(_write_request(last, received, writer, around.salt))
    _write_notes(looked, around, writer, received or drafts[-1].record)
    media_type = declared_media_type(last.header("content-type"))
    reused = _typed(unchanged.parts, media_type) if unchanged is not None else ()
    kept = next((part.sha256 for part in reused if part.role == "text"), None)
    if text is None or kept != sha256_hex(text):
        reused = tuple(part for part in reused if part.role != "text")
        if text is not None and received is not None:
            drafts.append(_write_text(last, received, writer, text))
    return _finished(writer.finish(), drafts, reused, unchanged)


def _typed(parts: tuple[Part, ...], media_type: str) -> tuple[Part, ...]:
    # The bytes are the earlier capture's; what the server calls them is said anew each time.
    return tuple(
        part if part.role == "text" else replace(part, media_type=media_type) for part in parts
    )


def _finished(
    data: bytes,
    drafts: list[_Draft],
    reused: tuple[Part, ...],
    unchanged: Unchanged | None,
) -> Recorded:
    own = Container(sha256_hex(data), len(data))
    parts = [*(draft.place(own.sha256) for draft in drafts), *reused]
    containers = {own.sha256: own}
    if reused and unchanged is not None:
        containers[unchanged.container.sha256] = unchanged.container
    return Recorded(
        data,
        tuple(sorted(parts, key=lambda part: part.role)),
        tuple(containers[sha256] for sha256 in sorted(containers)),
    )


def _response_drafts(fetch: Fetch, last: Exchange, received: WrittenRecord | None) -> list[_Draft]:
    if received is None:
        return []
    head = last.response_head
    drafts = [_Draft("headers", "message/http", head, received, sha256_hex(head))]
    # What was cut short has no body that anyone could derive again; its bytes are in the WARC.
    if received.type != "response" or fetch.end is not FetchEnd.COMPLETE:
        return drafts
    media_type = declared_media_type(last.header("content-type"))
    sha256 = last.payload_sha256 if fetch.body is last.payload else sha256_hex(fetch.body)
    drafts.append(_Draft("body", media_type, fetch.body, received, sha256))
    if fetch.codings and fetch.coding_flaw is None:
        drafts.append(_Draft("body-raw", media_type, last.payload, received, last.payload_sha256))
    return drafts


def _write_received(
    exchange: Exchange, writer: ContainerWriter, truncated: Truncation | None = None
) -> WrittenRecord | None:
    if exchange.status is not None:
        return writer.response(exchange, truncated)
    raw = exchange.response_head + exchange.response_body
    if raw:
        # What has no HTTP status line is no response record; the bytes are kept all the same.
        writer.metadata(
            target_uri=exchange.url,
            concurrent_to=None,
            block=raw,
            at=exchange.requested_at,
            media_type="application/octet-stream",
        )
    return None


def _write_request(
    last: Exchange, received: WrittenRecord | None, writer: ContainerWriter, salt: bytes
) -> _Draft:
    concurrent_to = received.record_id if received else None
    record = writer.request(last, concurrent_to=concurrent_to, salt=salt)
    commitment = hashlib.sha256(salt + last.request).hexdigest()
    return _Draft("request", "message/http", last.request, record, commitment, salt)


def _write_text(
    last: Exchange, received: WrittenRecord, writer: ContainerWriter, text: bytes
) -> _Draft:
    record = writer.conversion(
        target_uri=last.url, refers_to=received.record_id, block=text, at=last.requested_at
    )
    return _Draft("text", TEXT_TYPE, text, record, sha256_hex(text))


def _write_notes(
    looked: Looked, around: Circumstances, writer: ContainerWriter, beside: WrittenRecord
) -> None:
    last, identity, extraction = looked.fetch.last, around.identity, looked.extraction
    charset = extraction.charset if extraction else None
    if last is None:
        return
    notes = {
        "agent": identity.agent,
        "agent_version": identity.agent_version,
        "capture_id": str(around.capture_id) if around.capture_id else None,
        "mode": "http",
        "vantage": identity.vantage,
        "language": identity.language,
        "fetch_end": looked.fetch.end.value,
        "fetch_detail": looked.fetch.detail,
        "codings": list(looked.fetch.codings),
        "coding_flaw": looked.fetch.coding_flaw,
        "outcome": looked.outcome.kind.value,
        "reason": looked.outcome.reason,
        "charset": charset.encoding if charset else None,
        "charset_source": charset.source if charset else None,
        "recipe": extraction.recipe if extraction else None,
    }
    writer.metadata(
        target_uri=looked.fetch.url,
        concurrent_to=beside.record_id,
        block=canonical.dumps(notes),
        at=last.requested_at,
    )
