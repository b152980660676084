# SPDX-License-Identifier: Apache-2.0
"""Makes container, inventory and statement out of one look at a URL. Nothing is stored here.

When an earlier capture has the same payload, the container holds a revisit that names it, and
the parts that did not change are listed where they lie.
"""

import hashlib
from dataclasses import dataclass

from archive import canonical
from archive.clock import rfc3339
from archive.digests import sha1_base32, sha256_hex
from archive.ids import RecordId
from archive.model.fetch import Exchange, Fetch, FetchEnd
from archive.model.inventory import Container, Derived, Inventory, Part, RecordSpan
from archive.model.look import Look, Previous, Redirect, Signer
from archive.model.outcome import Outcome
from archive.model.statement import (
    CAPTURE_V1,
    CONTAINER,
    INVENTORY,
    OBSERVATION_V1,
    Statement,
)
from archive.model.text import Extraction
from archive.services.context import Identity
from archive.warc.write import ContainerWriter, RevisitTarget, Truncation, WrittenRecord

_MEDIA_TYPE_LIMIT = 100
_HTTP_DATE_LIMIT = 64
_REASON_LIMIT = 240
_SIGNALS_LIMIT = 8
_SIGNAL_LIMIT = 48
_TITLE_LIMIT = 300
SALT_BYTES = 32
TRUNCATIONS = {
    FetchEnd.TRUNCATED: Truncation.DISCONNECT,
    FetchEnd.TIMEOUT: Truncation.TIME,
    FetchEnd.TOO_LARGE: Truncation.LENGTH,
}


@dataclass(frozen=True, slots=True)
class Looked:
    """One look, judged; the extraction is None when there was nothing to take a text from."""

    fetch: Fetch
    outcome: Outcome
    extraction: Extraction | None


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


@dataclass(frozen=True, slots=True)
class Assembled:
    """Everything that one look will store, its digests already bound together."""

    look: Look
    inventory: Inventory
    inventory_bytes: bytes
    container: bytes | None
    statement: bytes

    @property
    def inventory_sha256(self) -> str:
        """The digest of the inventory file."""
        return sha256_hex(self.inventory_bytes)

    @property
    def statement_sha256(self) -> str:
        """The digest of the statement: the payload that is signed."""
        return sha256_hex(self.statement)


def assemble(looked: Looked, around: Circumstances, writer: ContainerWriter) -> Assembled:
    """Container, inventory and statement of a look."""
    extraction = looked.extraction
    text = extraction.text.encode("utf-8") if extraction and extraction.flaw is None else None
    look = _look(looked, around, text)
    predicate, overflow = look.to_predicate()
    container, parts, containers = _container(looked, around, writer, text)
    own = sha256_hex(container) if container is not None else None
    inventory = Inventory(
        capture_id=around.capture_id,
        own_container=own,
        containers=containers,
        parts=parts,
        derived=_derived(extraction),
        overflow=overflow,
    )
    inventory_bytes = inventory.to_bytes()
    subjects = {INVENTORY: sha256_hex(inventory_bytes)}
    if around.capture_id is not None:
        if own is not None:
            subjects[CONTAINER] = own
        for part in parts:
            if part.role in {"body", "text"} and part.sha256 is not None:
                subjects[part.role] = part.sha256
    kind = CAPTURE_V1 if around.capture_id is not None else OBSERVATION_V1
    statement = Statement(subjects, kind, predicate).to_bytes()
    return Assembled(look, inventory, inventory_bytes, container, statement)


def _look(looked: Looked, around: Circumstances, text: bytes | None) -> Look:
    fetch, outcome, last = looked.fetch, looked.outcome, looked.fetch.last
    http_date = last.header("date") if last else None
    answered = last if last and last.status is not None else None
    requested_at = fetch.exchanges[0].requested_at if fetch.exchanges else fetch.started_at
    return Look(
        capture_id=around.capture_id,
        previous=around.previous,
        url=fetch.url,
        final_url=fetch.final_url,
        redirects=tuple(Redirect(hop.url, hop.status or 0) for hop in fetch.exchanges[:-1]),
        requested_at=rfc3339(requested_at),
        received_at=rfc3339(answered.received_at) if answered else None,
        http_date=http_date if http_date and len(http_date) <= _HTTP_DATE_LIMIT else None,
        status=answered.status if answered else None,
        remote_address=last.remote_address if last else None,
        tls_leaf_sha256=last.tls_leaf_sha256 if last else None,
        agent=around.identity.agent,
        agent_version=around.identity.agent_version,
        mode="http",
        vantage=around.identity.vantage,
        language=around.identity.language,
        outcome=outcome.kind,
        reason=outcome.reason[:_REASON_LIMIT],
        signals=tuple(signal[:_SIGNAL_LIMIT] for signal in outcome.signals[:_SIGNALS_LIMIT]),
        recipe=looked.extraction.recipe if looked.extraction and text is not None else None,
        text_sha256=sha256_hex(text) if text is not None else None,
        signer=around.signer,
    )


def _container(
    looked: Looked, around: Circumstances, writer: ContainerWriter, text: bytes | None
) -> tuple[bytes | None, tuple[Part, ...], tuple[Container, ...]]:
    fetch = looked.fetch
    if fetch.last is None:
        return None, (), ()
    for hop in fetch.exchanges[:-1]:
        received = _received(hop, writer)
        writer.request(hop, concurrent_to=received.record_id if received else None, salt=None)
    drafts, reused = _record_final(looked, around, writer, text)
    container = writer.finish()
    own = Container(sha256_hex(container), len(container))
    parts = [draft.place(own.sha256) for draft in drafts] + list(reused)
    containers = {own.sha256: own}
    if reused and around.unchanged:
        containers[around.unchanged.container.sha256] = around.unchanged.container
    return (
        container,
        tuple(sorted(parts, key=lambda part: part.role)),
        tuple(containers[sha256] for sha256 in sorted(containers)),
    )


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
        salted = self.salt is not None and hashlib.sha256(self.salt + self.data).hexdigest()
        return Part(
            role=self.role,
            media_type=self.media_type,
            size=len(self.data),
            span=RecordSpan(
                container_sha256, record.offset, record.length, record.record_id, record.sha256
            ),
            sha256=None if salted else self.sha256,
            sha1=None if salted else sha1_base32(self.data),
            commitment=salted or None,
        )


def _draft(role: str, media_type: str, data: bytes, record: WrittenRecord) -> _Draft:
    return _Draft(role, media_type, data, record, sha256_hex(data))


def _record_final(
    looked: Looked, around: Circumstances, writer: ContainerWriter, text: bytes | None
) -> tuple[list[_Draft], tuple[Part, ...]]:
    fetch, last, unchanged = looked.fetch, looked.fetch.last, around.unchanged
    if last is None:
        return [], ()
    drafts: list[_Draft] = []
    reused: tuple[Part, ...] = ()
    received: WrittenRecord | None = None
    if unchanged is not None:
        received = writer.revisit(last, unchanged.target)
        reused = unchanged.parts
        drafts.append(_draft("headers", "message/http", last.response_head, received))
    else:
        received = _received(last, writer, TRUNCATIONS.get(fetch.end))
    if received is not None and received.type == "response":
        drafts.append(_draft("headers", "message/http", last.response_head, received))
        media_type = media_type_of(last)
        # What was cut short has no body that anyone could derive again; its bytes are in the WARC.
        is_whole = fetch.end is FetchEnd.COMPLETE
        is_payload = fetch.body is last.payload
        if is_whole:
            body_sha256 = last.payload_sha256 if is_payload else sha256_hex(fetch.body)
            drafts.append(_Draft("body", media_type, fetch.body, received, body_sha256))
        if is_whole and fetch.codings and fetch.coding_flaw is None:
            drafts.append(
                _Draft("body-raw", media_type, last.payload, received, last.payload_sha256)
            )
    concurrent_to = received.record_id if received else None
    request = writer.request(last, concurrent_to=concurrent_to, salt=around.salt)
    drafts.append(_Draft("request", "message/http", last.request, request, "", around.salt))
    writer.metadata(
        target_uri=fetch.url,
        concurrent_to=concurrent_to or request.record_id,
        block=canonical.dumps(_circumstances(looked, around)),
        at=last.requested_at,
    )
    kept = next((part for part in reused if part.role == "text"), None)
    if text is not None and received is not None:
        if kept is not None and kept.sha256 == sha256_hex(text):
            return drafts, reused
        reused = tuple(part for part in reused if part.role != "text")
        record = writer.conversion(
            target_uri=last.url, refers_to=received.record_id, block=text, at=last.requested_at
        )
        drafts.append(_draft("text", "text/plain; charset=utf-8", text, record))
    else:
        reused = tuple(part for part in reused if part.role != "text")
    return drafts, reused


def _received(
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


def media_type_of(exchange: Exchange) -> str:
    """The media type that the server declared, lower-case, without parameters."""
    declared = (exchange.header("content-type") or "").partition(";")[0].strip().lower()
    is_usable = declared.isascii() and declared.isprintable() and "/" in declared
    if not is_usable or len(declared) > _MEDIA_TYPE_LIMIT:
        return "application/octet-stream"
    return declared


def _circumstances(looked: Looked, around: Circumstances) -> dict[str, canonical.JsonValue]:
    identity, extraction = around.identity, looked.extraction
    charset = extraction.charset if extraction else None
    return {
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


def _derived(extraction: Extraction | None) -> Derived | None:
    if extraction is None or extraction.flaw is not None:
        return None
    charset = extraction.charset
    return Derived(
        title=extraction.title[:_TITLE_LIMIT] if extraction.title else None,
        language=extraction.language,
        charset=charset.encoding if charset else None,
        charset_source=charset.source if charset else None,
        replacements=charset.replacements if charset else 0,
        hidden_chars=extraction.hidden_chars,
    )
