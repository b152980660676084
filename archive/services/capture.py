# SPDX-License-Identifier: Apache-2.0
"""Captures URLs: look, judge, and for each look that is *ok* mint a record.

The order (archive/specs/layout.md): outcome, ID reserved, container and inventory stored, read
back and compared, statement signed and stored, then the catalogue row. A group is durable as a
whole (one reservation, one sync, one commit); a single capture is a group of one.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from archive.catalog import evidence
from archive.errors import (
    InputError,
    MalformedEvidence,
    MunimentError,
    SigningError,
)
from archive.fetching.outcome import classify
from archive.ids import Kind, RecordId, parse_id
from archive.model.fetch import FetchEnd
from archive.model.look import Previous, Signer
from archive.services.assemble import Assembled, assemble
from archive.services.container import SALT_BYTES, Circumstances, Looked
from archive.services.context import Archive, SigningKey, signing_key
from archive.services.record import (
    SignedLook,
)
from archive.services.recording import record, record_ids, reserve_numbers
from archive.services.trust import trusted_keyset
from archive.services.unchanged import unchanged_payload
from archive.text import recipes
from archive.warc.write import ContainerWriter

GROUP_SIZE = 16
GROUP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Refused:
    """A URL of which no capture and no observation came, and why."""

    url: str
    error: MunimentError


@dataclass(frozen=True, slots=True)
class Recorded:
    """A look that is stored and signed: a capture when its outcome is *ok*."""

    signed: SignedLook


CaptureResult = Refused | Recorded


def capture(archive: Archive, url: str) -> Recorded:
    """The record of one look at a URL, stored and signed.

    Raises MalformedUrl and AddressRefused (nothing was done), SigningError, StorageError,
    CatalogError (the look is lost; no ID points at anything).
    """
    result = next(capture_many(archive, [url]))
    if isinstance(result, Refused):
        raise result.error
    return result


def capture_many(
    archive: Archive, urls: Sequence[str], group_size: int = GROUP_SIZE
) -> Iterator[CaptureResult]:
    """One result for each URL, in order. Each group is durable before its results appear."""
    key = signing_key(archive, trusted_keyset(archive))
    # One thread records while this one looks at the next group: a sync waits for the disk, a
    # text recipe for the processor. Groups are recorded one after the other.
    with ThreadPoolExecutor(1) as recorder:
        before: _Group | None = None
        try:
            for group in _groups(archive, urls, group_size):
                looked = [item for item in group if isinstance(item, Looked)]
                recording = recorder.submit(_record_group, archive, key, looked)
                if before is not None:
                    yield from before.results()
                before = _Group(group, recording)
        except KeyboardInterrupt:
            # What is recorded has its IDs; nobody may have to search for them.
            if before is not None:
                yield from before.results()
            raise
        if before is not None:
            yield from before.results()


def _groups(
    archive: Archive, urls: Sequence[str], group_size: int
) -> Iterator[list[Looked | Refused]]:
    group: list[Looked | Refused] = []
    begun = time.monotonic()
    try:
        for url in urls:
            group.append(_look_at(archive, url))
            # What was looked at must not wait long for slow neighbours.
            if len(group) == group_size or time.monotonic() - begun > GROUP_SECONDS:
                yield group
                group, begun = [], time.monotonic()
    except KeyboardInterrupt:
        # What was looked at is recorded all the same; the caller sees it, then the interrupt.
        if group:
            yield group
        raise
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class _Group:
    items: Sequence[Looked | Refused]
    recording: Future[list[CaptureResult]]

    def results(self) -> Iterator[CaptureResult]:
        recorded = iter(self.recording.result())
        for item in self.items:
            yield item if isinstance(item, Refused) else next(recorded)


def _look_at(archive: Archive, url: str) -> Looked | Refused:
    try:
        fetch = archive.fetcher.fetch(url)
    except InputError as error:
        return Refused(url, error)
    last = fetch.last
    extraction = None
    # Out of a partial body nobody could derive the text again.
    if last is not None and fetch.body and fetch.end is FetchEnd.COMPLETE:
        extraction = recipes.run(recipes.latest(), fetch.body, last.header("content-type"))
    return Looked(fetch, classify(fetch, extraction), extraction)


def _record_group(
    archive: Archive, key: SigningKey, group: Sequence[Looked]
) -> list[CaptureResult]:
    if not group:
        return []
    minted = sum(looked.outcome.is_ok for looked in group)
    intent = reserve_numbers(archive, minted, observed=len(group) - minted)
    drafts = _assemble_group(archive, key, group, intent.numbers[Kind.CAPTURE])
    assembled = [draft for draft in drafts if isinstance(draft, Assembled)]
    recorded = iter(record(archive, key, assembled, intent))
    return [Recorded(next(recorded)) if isinstance(draft, Assembled) else draft for draft in drafts]


def _assemble_group(
    archive: Archive, key: SigningKey, group: Sequence[Looked], numbers: Sequence[int]
) -> list[Assembled | Refused]:
    waiting = iter(numbers)
    drafts: list[Assembled | Refused] = []
    with archive.database.reading() as connection:
        for looked in group:
            number = next(waiting) if looked.outcome.is_ok else None
            around = _circumstances(archive, key, connection, looked, number)
            try:
                drafts.append(assemble(looked, around, ContainerWriter(record_ids(archive))))
            except (MalformedEvidence, SigningError) as error:
                # One look that cannot be written down must not cost the others of its group.
                drafts.append(Refused(looked.fetch.url, error))
    return drafts


def _circumstances(
    archive: Archive,
    key: SigningKey,
    connection: Connection,
    looked: Looked,
    number: int | None,
) -> Circumstances:
    identity = archive.identity
    previous = None
    unchanged = None
    if number is not None:
        row = evidence.latest_capture(connection, looked.fetch.url, identity.vantage)
        previous = row and Previous(parse_id(row.id), row.statement_sha256)
        unchanged = unchanged_payload(archive, connection, looked.fetch)
    return Circumstances(
        identity=identity,
        signer=Signer(key.listed.key.keyid, key.keyset_version),
        capture_id=None if number is None else RecordId(identity.prefix, Kind.CAPTURE, number),
        previous=previous,
        unchanged=unchanged,
        salt=archive.random_bytes(SALT_BYTES),
    )
