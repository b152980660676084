# SPDX-License-Identifier: Apache-2.0
"""Captures URLs: look, judge, and for each look that is *ok* mint a record.

The order (archive/specs/layout.md): outcome, ID reserved, container and inventory stored, read
back and compared, statement signed and stored, then the catalogue row. A group is durable as a
whole (one reservation, one sync, one commit); a single capture is a group of one.
"""

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from archive.catalog import evidence, requests, sequence
from archive.catalog.requests import Claim
from archive.catalog.sequence import Reservation
from archive.errors import (
    InputError,
    MalformedEvidence,
    MunimentError,
    RequestUnderWay,
    SigningError,
)
from archive.fetching.outcome import classify
from archive.ids import Kind, RecordId, parse_id
from archive.model.fetch import FetchEnd
from archive.model.look import Previous, Signer
from archive.services.capturing.assemble import Assembled, assemble
from archive.services.capturing.container import SALT_BYTES, Circumstances, Looked
from archive.services.capturing.recording import Intent, Numbers, intending, record, record_ids
from archive.services.capturing.unchanged import unchanged_payload
from archive.services.context import Archive, SigningKey, signing_key
from archive.services.custody import note_key_use
from archive.services.log.anchor import newest_anchor
from archive.services.ownership import OBSERVATION
from archive.services.statements.record import SignedLook
from archive.services.trust import trusted_keyset
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
Draft = Assembled | Refused


def capture(archive: Archive, url: str) -> Recorded:
    """The record of one look at a URL, stored and signed.

    Raises MalformedUrl and AddressRefused (nothing was done), SigningError, StorageError,
    CatalogError (the look is lost; no ID points at anything).
    """
    result = next(capture_many(archive, [url]))
    archive.publisher.settle()
    if isinstance(result, Refused):
        raise result.error
    return result


def capture_many(
    archive: Archive, urls: Iterable[str], group_size: int = GROUP_SIZE
) -> Iterator[CaptureResult]:
    """One result for each URL, in order. Each group is durable before its results appear."""
    key = signing_key(archive, trusted_keyset(archive))
    note_key_use(archive, key)
    # One thread records while this one looks at the next group: a sync waits for the disk, a
    # text recipe for the processor. Groups are recorded one after the other.
    with ThreadPoolExecutor(1) as recorder:
        before: _Group | None = None
        try:
            for group in _groups(archive, urls, group_size):
                looked = [item for item in group if isinstance(item, Looked)]
                recording = recorder.submit(record_group, archive, key, looked)
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
    archive.publisher.settle()


def _groups(
    archive: Archive, urls: Iterable[str], group_size: int
) -> Iterator[list[Looked | Refused]]:
    group: list[Looked | Refused] = []
    begun = time.monotonic()
    try:
        for url in urls:
            group.append(look_at(archive, url))
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


def look_at(archive: Archive, url: str, request: str | None = None) -> Looked | Refused:
    """One look at a URL, judged; nothing is recorded. `request` names what it is for."""
    try:
        fetch = archive.fetcher.fetch(url)
    except InputError as error:
        return Refused(url, error)
    last = fetch.last
    extraction = None
    # Out of a partial body nobody could derive the text again.
    if last is not None and fetch.body and fetch.end is FetchEnd.COMPLETE:
        extraction = recipes.run(recipes.latest(), fetch.body, last.header("content-type"))
    return Looked(fetch, classify(fetch, extraction), extraction, request)


def record_group(archive: Archive, key: SigningKey, group: Sequence[Looked]) -> list[CaptureResult]:
    """One result for each look, durable together when this returns.

    A look whose request has its record already, or is being worked on, is refused with
    RequestUnderWay and leaves nothing. Raises SigningError, StorageError, CatalogError.
    """
    if not group:
        return []
    # An observation needs no number, so that its claim can name the digest that it will have.
    drafts: dict[int, Draft] = {}
    _assemble(archive, key, group, drafts)
    with intending(archive) as intent:
        _reserve(archive, group, drafts, intent)
        _assemble(archive, key, group, drafts, iter(intent.numbers[Kind.CAPTURE]))
        ordered = [drafts[place] for place in range(len(group))]
        assembled = [draft for draft in ordered if isinstance(draft, Assembled)]
        signed = record(archive, key, assembled, intent)
    recorded = iter(signed)
    return [
        Recorded(next(recorded)) if isinstance(draft, Assembled) else draft for draft in ordered
    ]


def _reserve(
    archive: Archive, group: Sequence[Looked], drafts: dict[int, Draft], intent: Intent
) -> None:
    """Numbers for the looks that are *ok*, and the intents of the rest, each with its request.

    A look whose request is taken gets none, and is refused among the drafts.
    """
    for _ in group:
        # Others that append may take a request between the look and the claim: then look again.
        with contextlib.suppress(RequestUnderWay), archive.database.appending() as connection:
            intent.numbers.update(_reserved(archive, connection, group, drafts, intent))
            return
    with archive.database.appending() as connection:
        intent.numbers.update(_reserved(archive, connection, group, drafts, intent))


def _reserved(
    archive: Archive,
    connection: Connection,
    group: Sequence[Looked],
    drafts: dict[int, Draft],
    intent: Intent,
) -> Numbers:
    owner, reserved_at = intent.owner, intent.reserved_at
    names = [looked.request for looked in group if looked.request]
    taken = requests.taken(connection, names) if names else set()
    for place, looked in enumerate(group):
        if looked.request in taken:
            error = RequestUnderWay("another process works on the same request")
            drafts[place] = Refused(looked.fetch.url, error)
    observed = {
        place: int.from_bytes(archive.random_bytes(6), "big")
        for place, draft in drafts.items()
        if isinstance(draft, Assembled)
    }
    minted = [place for place in range(len(group)) if place not in drafts]
    numbers: Numbers = {Kind.CAPTURE.value: [], OBSERVATION: list(observed.values())}
    if minted:
        numbers[Kind.CAPTURE] = sequence.reserve(
            connection, Kind.CAPTURE.value, len(minted), owner, reserved_at
        )
    if observed:
        intents = [
            Reservation(OBSERVATION, number, owner, reserved_at) for number in observed.values()
        ]
        sequence.intend(connection, intents)
    captures = zip(minted, numbers[Kind.CAPTURE], strict=True)
    claims = [(place, Kind.CAPTURE.value, number) for place, number in captures]
    claims += [(place, OBSERVATION, number) for place, number in observed.items()]
    requests.claim(connection, _claims(group, drafts, claims))
    return numbers


def _claims(
    group: Sequence[Looked], drafts: dict[int, Draft], claims: Sequence[tuple[int, str, int]]
) -> list[Claim]:
    found = []
    for place, kind, number in claims:
        request, draft = group[place].request, drafts.get(place)
        expected = draft.statement_sha256 if isinstance(draft, Assembled) else None
        if request is not None:
            found.append(Claim(request, kind, number, expected))
    return found


def _assemble(
    archive: Archive,
    key: SigningKey,
    group: Sequence[Looked],
    drafts: dict[int, Draft],
    numbers: Iterator[int] | None = None,
) -> None:
    """Draft what has no draft yet: with numbers the captures, without them the observations."""
    with archive.database.reading() as connection:
        for place, looked in enumerate(group):
            if place in drafts or looked.outcome.is_ok != (numbers is not None):
                continue
            number = next(numbers) if numbers is not None else None
            around = _circumstances(archive, key, connection, looked, number)
            try:
                drafts[place] = assemble(looked, around, ContainerWriter(record_ids(archive)))
            except (MalformedEvidence, SigningError) as error:
                # One look that cannot be written down must not cost the others of its group.
                drafts[place] = Refused(looked.fetch.url, error)


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
        anchor=newest_anchor(connection),
    )
