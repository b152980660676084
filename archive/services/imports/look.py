# SPDX-License-Identifier: Apache-2.0
"""Makes a capture out of an imported record: judged as any response, signed as a thing given.

The record stays where it is; the capture's own container holds the text and a note of where it
comes from. Only what lies in the record is said: no address, no certificate, no vantage.
"""

import re
from dataclasses import dataclass

from archive import canonical
from archive.clock import rfc3339
from archive.digests import sha1_base32, sha256_hex
from archive.errors import InputTooLarge, MalformedEvidence, UndecodableBody
from archive.fetching.outcome import classify
from archive.ids import RecordId
from archive.model.anchor import Anchor
from archive.model.fetch import Exchange, Fetch, FetchEnd
from archive.model.inventory import (
    Container,
    Derived,
    Inventory,
    Part,
    RecordSpan,
    expected_subjects,
)
from archive.model.look import (
    IMPORT_VANTAGE,
    UNKNOWN_LANGUAGE,
    ImportedFrom,
    Look,
    Previous,
    Signer,
    signed_http_date,
)
from archive.model.outcome import Outcome
from archive.model.statement import CAPTURE_V1, Statement
from archive.model.text import Extraction
from archive.net.codings import DecodingLimits, content_codings, undo_content_coding
from archive.net.head import list_members
from archive.net.url import parse_capture_url
from archive.proofs.dsse import check_size
from archive.services.capturing.assemble import Assembled, bounded_reason, bounded_signals
from archive.services.capturing.container import TEXT_TYPE
from archive.services.context import Identity
from archive.text import recipes
from archive.warc.dates import read_warc_date
from archive.warc.flaws import check_record
from archive.warc.http import http_parts
from archive.warc.parts import declared_media_type
from archive.warc.read import WarcRecord
from archive.warc.write import ContainerWriter

_LENGTH = re.compile(r"[0-9]{1,18}")
_DECODING = DecodingLimits(decoded_bytes=128 * 1024 * 1024, ratio=200)


@dataclass(frozen=True, slots=True)
class GivenRecord:
    """An imported record: read, with the span of its stored bytes and where it comes from."""

    record: WarcRecord
    span: RecordSpan
    container: Container
    origin: ImportedFrom


@dataclass(frozen=True, slots=True)
class Judged:
    """An imported response, judged. Only one whose outcome is *ok* becomes a capture."""

    given: GivenRecord
    fetch: Fetch
    outcome: Outcome
    extraction: Extraction | None


@dataclass(frozen=True, slots=True)
class Around:
    """What an imported capture is recorded with beside its own content."""

    identity: Identity
    signer: Signer
    capture_id: RecordId
    previous: Previous | None
    anchor: Anchor | None = None


def judge_record(given: GivenRecord) -> Judged:
    """The record as a look, judged.

    Raises MalformedEvidence when it is no flawless HTTP response, MalformedUrl when its target
    is nothing that could be captured.
    """
    record = given.record
    for flaw in check_record(record):
        raise MalformedEvidence(f"the record has a flaw: {flaw.detail}")
    if record.type != "response":
        raise MalformedEvidence(f"a {record.type} record holds no response of its own")
    parts = http_parts(record)
    at = read_warc_date(record.date).start
    href = parse_capture_url(record.target_uri or "").href
    exchange = Exchange(
        url=href,
        requested_at=at,
        received_at=at,
        remote_address=None,
        tls_leaf_sha256=None,
        request=b"",
        response_head=parts.head,
        response_body=parts.body,
        payload=parts.payload,
        status=parts.status,
        headers=parts.headers,
    )
    fetch = _fetch(exchange, _why_not_whole(record, exchange))
    extraction = None
    if fetch.body and fetch.end is FetchEnd.COMPLETE:
        extraction = recipes.run(recipes.latest(), fetch.body, exchange.header("content-type"))
    return Judged(given, fetch, classify(fetch, extraction), extraction)


def assemble_imported(judged: Judged, around: Around, writer: ContainerWriter) -> Assembled:
    """Container, inventory and statement of an imported capture; nothing is stored.

    Raises MalformedWarc and StatementTooLarge, which only a record beyond all bounds can cause.
    """
    extraction = judged.extraction
    text = extraction.text.encode("utf-8") if extraction and extraction.flaw is None else None
    look = _look(judged, around, text)
    predicate, overflow = look.to_predicate()
    container, text_part = _own_container(judged, around, writer, text)
    own = Container(sha256_hex(container), len(container))
    parts = _parts(judged)
    if text_part is not None:
        parts.append(text_part)
    inventory = Inventory(
        capture_id=around.capture_id,
        own_container=own.sha256,
        containers=tuple(sorted((own, judged.given.container), key=lambda item: item.sha256)),
        parts=tuple(sorted(parts, key=lambda part: part.role)),
        derived=Derived.of(extraction) if extraction and text is not None else None,
        overflow=overflow,
    )
    inventory_bytes = inventory.to_bytes()
    subjects = expected_subjects(inventory, sha256_hex(inventory_bytes))
    statement = Statement(subjects, CAPTURE_V1, predicate).to_bytes()
    check_size(statement)
    return Assembled(look, inventory, inventory_bytes, container, statement)


def _why_not_whole(record: WarcRecord, exchange: Exchange) -> str | None:
    if (reason := record.header("WARC-Truncated")) is not None:
        return f"the record says that it was truncated ({reason[:40]!r})"
    if (number := record.header("WARC-Segment-Number")) is not None:
        return f"the record goes on in others (WARC-Segment-Number {number[:40]!r})"
    # Longer is common: crawlers undo codings. Shorter means that something is missing; so it may
    # where lengths contradict each other.
    lengths = list_members(exchange.headers, "content-length")
    length = max((int(item) for item in lengths if _LENGTH.fullmatch(item)), default=0)
    if length > len(exchange.payload):
        return f"{length} bytes were declared, {len(exchange.payload)} are there"
    return None


def _fetch(exchange: Exchange, why_not_whole: str | None) -> Fetch:
    codings = content_codings(exchange.headers)
    body, flaw = exchange.payload, None
    end, detail = FetchEnd.COMPLETE, ""
    if why_not_whole is not None:
        end, detail = FetchEnd.TRUNCATED, why_not_whole
    try:
        body = undo_content_coding(exchange.payload, codings, _DECODING)
    except UndecodableBody:
        flaw = "content-encoding-mismatch"
    except InputTooLarge as error:
        end, detail = FetchEnd.TOO_LARGE, str(error)
    return Fetch(
        url=exchange.url,
        started_at=exchange.requested_at,
        exchanges=(exchange,),
        end=end,
        detail=detail,
        body=body,
        codings=codings,
        coding_flaw=flaw,
    )


def _look(judged: Judged, around: Around, text: bytes | None) -> Look:
    exchange = judged.fetch.exchanges[0]
    at = rfc3339(exchange.requested_at)
    extraction, outcome = judged.extraction, judged.outcome
    return Look(
        capture_id=around.capture_id,
        previous=around.previous,
        url=exchange.url,
        final_url=exchange.url,
        redirects=(),
        requested_at=at,
        received_at=at,
        http_date=signed_http_date(exchange.header("date")),
        status=exchange.status,
        remote_address=None,
        tls_leaf_sha256=None,
        agent=around.identity.agent,
        agent_version=around.identity.agent_version,
        mode="import",
        vantage=IMPORT_VANTAGE,
        language=UNKNOWN_LANGUAGE,
        outcome=outcome.kind,
        reason=bounded_reason(outcome.reason),
        signals=bounded_signals(outcome.signals),
        recipe=extraction.recipe if extraction and text is not None else None,
        text_sha256=sha256_hex(text) if text is not None else None,
        signer=around.signer,
        imported=judged.given.origin,
        anchor=around.anchor,
    )


def _parts(judged: Judged) -> list[Part]:
    fetch, span = judged.fetch, judged.given.span
    exchange = fetch.exchanges[0]
    media_type = declared_media_type(exchange.header("content-type"))
    held = [
        ("headers", "message/http", exchange.response_head),
        ("body", media_type, fetch.body),
    ]
    if fetch.codings and fetch.coding_flaw is None:
        held.append(("body-raw", media_type, exchange.payload))
    return [_part(role, kind, data, span) for role, kind, data in held]


def _part(role: str, media_type: str, data: bytes, span: RecordSpan) -> Part:
    return Part(
        role=role,
        media_type=media_type,
        size=len(data),
        span=span,
        sha256=sha256_hex(data),
        sha1=sha1_base32(data),
    )


def _own_container(
    judged: Judged, around: Around, writer: ContainerWriter, text: bytes | None
) -> tuple[bytes, Part | None]:
    exchange, origin = judged.fetch.exchanges[0], judged.given.origin
    given, written = judged.given, None
    if text is not None:
        written = writer.conversion(
            exchange.url, given.span.record_id, text, exchange.requested_at, TEXT_TYPE
        )
    notes = {
        "agent": around.identity.agent,
        "agent_version": around.identity.agent_version,
        "capture_id": str(around.capture_id),
        "mode": "import",
        "import_statement_sha256": origin.statement_sha256,
        "source_sha256": origin.source_sha256,
        "supplied_by": origin.supplied_by,
        "warc_date": origin.warc_date,
        "record_id": given.span.record_id,
        "container_sha256": given.span.container_sha256,
        "offset": given.span.offset,
        "recipe": judged.extraction.recipe if judged.extraction else None,
    }
    writer.metadata(exchange.url, None, canonical.dumps(notes), exchange.requested_at)
    data = writer.finish()
    if text is None or written is None:
        return data, None
    span = RecordSpan(
        sha256_hex(data), written.offset, written.length, written.record_id, written.sha256
    )
    return data, _part("text", TEXT_TYPE, text, span)
