# SPDX-License-Identifier: Apache-2.0
"""Gives record IDs to imported records that somebody wants to cite; the rest can have one later.

A record that has one keeps it. One whose outcome is not *ok* gets none, and the reason is told.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy.engine import Connection

from archive.catalog import evidence
from archive.catalog.evidence import container_size
from archive.catalog.imports import (
    CdxRow,
    capture_at,
    group_by_digest,
    pages_of,
    records_of_url,
)
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.errors import CatalogError, MalformedEvidence, MalformedUrl, PartRedacted, SigningError
from archive.ids import Kind, RecordId, parse_id
from archive.importing.base import IMPORT_LIMITS
from archive.model.inventory import Container, RecordSpan
from archive.model.look import IMPORT_VANTAGE, ImportedFrom, Previous, Signer
from archive.net.surt import url_key
from archive.net.url import parse_capture_url
from archive.services.capturing.assemble import Assembled
from archive.services.capturing.recording import (
    Intent,
    intending,
    record,
    record_ids,
    reserve_numbers,
)
from archive.services.context import Archive, SigningKey
from archive.services.effects.redacted import place_now
from archive.services.imports.look import (
    Around,
    GivenRecord,
    Judged,
    assemble_imported,
    judge_record,
)
from archive.services.imports.request_method import method_across
from archive.services.log.anchor import newest_anchor
from archive.services.statements.record import SignedLook
from archive.storage.layout import blob_key
from archive.warc.read import read_record
from archive.warc.write import ContainerWriter

_GROUP_SIZE = 16
_GROUP_BYTES = 32 * 1024 * 1024
PAGE_TYPES = ("text/html", "application/xhtml+xml", "application/pdf")
_NO_RESPONSE = "no-response"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which records are wanted: those of these URLs, or every page; none by default.

    A page is a response with status 200 and a type in PAGE_TYPES.
    """

    urls: tuple[str, ...] = ()
    all_pages: bool = False


@dataclass(frozen=True, slots=True)
class NotMinted:
    """A record that was wanted and got no ID, and why (an outcome's word, and a sentence)."""

    url: str
    date: str
    offset: int
    outcome: str
    reason: str


@dataclass
class Minting:
    """What came of a choice: captures made now, IDs there before, refusals.

    `urls_without` are the URLs of the choice of which no record has an ID.
    """

    minted: list[SignedLook] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    refused: list[NotMinted] = field(default_factory=list)
    urls_without: list[str] = field(default_factory=list)


def mint_imported(
    archive: Archive,
    key: SigningKey,
    container_sha256: str,
    choice: Choice,
    keep: Callable[[], None],
) -> Minting:
    """IDs for the chosen records of a container, durable group by group.

    The caller holds the lock on the container, so that no record gets two; `keep` is called before
    each record, and keeps it or raises. Raises MalformedUrl for a URL that nobody could capture,
    SigningError, StorageError, CatalogError.
    """
    minting = Minting()
    with archive.database.reading() as connection:
        rows = _chosen(connection, container_sha256, choice)
        wanted = []
        for row in rows:
            capture_id = capture_at(connection, container_sha256, row.offset)
            if capture_id is None:
                wanted.append(row)
            else:
                minting.kept.append(capture_id)
        size = container_size(connection, container_sha256) or 0
    container = Container(container_sha256, size)
    group: list[Judged] = []
    for judged in _judged(archive, container, wanted, minting, keep):
        group.append(judged)
        held = sum(len(item.given.record.block) for item in group)
        if len(group) == _GROUP_SIZE or held > _GROUP_BYTES:
            minting.minted += _record_group(archive, key, group, minting)
            group = []
    minting.minted += _record_group(archive, key, group, minting)
    with archive.database.reading() as connection:
        minting.urls_without = [
            url
            for url in choice.urls
            if not _has_id(
                connection, container_sha256, _records_of(connection, container_sha256, url)
            )
        ]
    return minting


def _chosen(connection: Connection, container_sha256: str, choice: Choice) -> list[CdxRow]:
    found: dict[int, CdxRow] = {}
    if choice.all_pages:
        rows = pages_of(connection, container_sha256, PAGE_TYPES)
        found.update({row.offset: row for row in rows})
    for url in choice.urls:
        found.update({row.offset: row for row in _records_of(connection, container_sha256, url)})
    return [found[offset] for offset in sorted(found)]


def _records_of(connection: Connection, container_sha256: str, url: str) -> list[CdxRow]:
    href = parse_capture_url(url).href
    rows = records_of_url(connection, container_sha256, url_key(href))
    # The key folds what an identity must not.
    return [row for row in rows if _href(row.url) == href]


def _has_id(connection: Connection, container_sha256: str, rows: Sequence[CdxRow]) -> bool:
    return any(capture_at(connection, container_sha256, row.offset) for row in rows)


def _href(url: str) -> str | None:
    try:
        return parse_capture_url(url).href
    except MalformedUrl:
        return None


def _judged(
    archive: Archive,
    container: Container,
    rows: Sequence[CdxRow],
    minting: Minting,
    keep: Callable[[], None],
) -> Iterator[Judged]:
    for row in rows:
        keep()
        try:
            given = _given(archive, container, row)
            method = row.method or method_across(archive, container, row, given.record)
            if method not in {None, "GET"}:
                _refuse(minting, row, _NO_RESPONSE, f"It answered a {method}, not a GET.")
                continue
            judged = judge_record(given)
        except PartRedacted as error:
            _refuse(minting, row, "redacted", f"It was removed: {error}.")
            continue
        except (MalformedEvidence, MalformedUrl) as error:
            _refuse(minting, row, _NO_RESPONSE, f"It cannot become a capture: {error}.")
            continue
        if judged.outcome.is_ok:
            yield judged
        else:
            _refuse(minting, row, judged.outcome.kind.value, judged.outcome.reason)


def _refuse(minting: Minting, row: CdxRow, outcome: str, reason: str) -> None:
    minting.refused.append(NotMinted(row.url, row.date, row.offset, outcome, reason))


def _given(archive: Archive, container: Container, row: CdxRow) -> GivenRecord:
    span = RecordSpan(container.sha256, row.offset, row.length, row.record_id, "")
    with archive.database.reading() as connection:
        placed = place_now(connection, span)
    place = blob_key(placed.container_sha256)
    member = archive.store.get_range(place, placed.offset, placed.length)
    with archive.database.reading() as connection:
        group = group_by_digest(connection, row.statement_sha256)
    if group is None:
        raise CatalogError("an index row has no import: run `muniment rebuild`")
    return GivenRecord(
        record=read_record(member, IMPORT_LIMITS),
        span=RecordSpan(
            container.sha256, row.offset, row.length, row.record_id, sha256_hex(member)
        ),
        container=container,
        origin=ImportedFrom(
            statement_sha256=row.statement_sha256,
            source_sha256=group.source_sha256,
            supplied_by=group.supplied_by,
            imported_at=rfc3339(archive.clock.now()),
            warc_date=row.date,
        ),
    )


def _record_group(
    archive: Archive, key: SigningKey, judged: Sequence[Judged], minting: Minting
) -> list[SignedLook]:
    if not judged:
        return []
    with intending(archive) as intent:
        reserve_numbers(archive, intent, len(judged))
        assembled = _assemble(archive, key, judged, intent, minting)
        return record(archive, key, assembled, intent)


def _assemble(
    archive: Archive,
    key: SigningKey,
    judged: Sequence[Judged],
    intent: Intent,
    minting: Minting,
) -> list[Assembled]:
    assembled: list[Assembled] = []
    with archive.database.reading() as connection:
        for item, number in zip(judged, intent.numbers[Kind.CAPTURE], strict=True):
            around = _around(archive, key, connection, (item, number))
            writer = ContainerWriter(record_ids(archive))
            try:
                assembled.append(assemble_imported(item, around, writer))
            except (MalformedEvidence, SigningError) as error:
                # One record that cannot be written down must not cost the others of its group.
                minting.refused.append(_not_written(item, error))
    return assembled


def _not_written(item: Judged, error: Exception) -> NotMinted:
    given = item.given
    url, date = item.fetch.url, given.record.date
    return NotMinted(url, date, given.span.offset, _NO_RESPONSE, f"It cannot be signed: {error}.")


def _around(
    archive: Archive, key: SigningKey, connection: Connection, item: tuple[Judged, int]
) -> Around:
    judged, number = item
    row = evidence.latest_capture(connection, judged.fetch.url, IMPORT_VANTAGE)
    return Around(
        identity=archive.identity,
        signer=Signer(key.listed.key.keyid, key.keyset_version),
        capture_id=RecordId(archive.identity.prefix, Kind.CAPTURE, number),
        previous=row and Previous(parse_id(row.id), row.statement_sha256),
        anchor=newest_anchor(connection),
    )
