# SPDX-License-Identifier: Apache-2.0
"""The evidence that checks look at, read once, and the claim that each check answers.

Checks see bytes that were fetched for them and never fetch by themselves, so that the same
checks serve an archive, an exhibit, and a stranger's machine without a network.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from archive.checks.log_evidence import LogEvidence
from archive.digests import sha256_hex
from archive.errors import MunimentError
from archive.ids import RecordId
from archive.model import absent
from archive.model.claim import Finding, Status
from archive.model.custody import SignedCustody
from archive.model.inventory import Container, Inventory, Part, RecordSpan
from archive.model.lock import LockPromise, ObjectLock
from archive.model.look import Look
from archive.model.redaction import Replacement
from archive.model.statement import Statement
from archive.proofs.bag import BagFault
from archive.proofs.dsse import Envelope, read_envelope
from archive.proofs.keyset import Keyset
from archive.proofs.keyset_chain import KeysetChain
from archive.proofs.timestamp import PinnedAuthority
from archive.warc.parts import OpenedPart, open_part
from archive.warc.read import WarcRecord, read_record, read_records

REDACTED = "OBJECT_REDACTED"
Absent = absent.Absent


@dataclass(frozen=True, slots=True)
class ForeignReader:
    """Reads an imported container, which may be of any size, without holding it.

    `digest` gives its bytes and SHA-256, read as a stream; `member` the stored bytes of one
    record, to be compared with that record's own digest in the inventory.
    """

    digest: Callable[[Container], tuple[int, str] | Absent]
    member: Callable[[RecordSpan], bytes | Absent]


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What a verifier can ask of the store that a record lies in.

    `promise` gives what was promised for a record made at a time, None for nothing; `lock` what
    is in force on one of its files: `statement`, `inventory`, or a container's digest.
    """

    promise: Callable[[dt.datetime], LockPromise | Absent | None]
    lock: Callable[[str], ObjectLock | Absent]
    now: dt.datetime


@dataclass(frozen=True, slots=True)
class CustodyStatement:
    """A statement that is listed as telling of a record's custody, or why it is not at hand.

    `trusted_not_after` is a time by which its envelope was there for certain, as others say.
    """

    statement_sha256: str
    signed: SignedCustody | Absent
    trusted_not_after: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch of proofs as it lies in the store: its number, listing, and bytes by file name."""

    number: int
    listing: bytes | Absent
    files: Mapping[str, bytes | Absent]


@dataclass(frozen=True, slots=True)
class CoveringCheckpoint:
    """A checkpoint whose log has the statement's entry: proof file, and batches of its tokens."""

    proof: bytes
    batches: Sequence[StoredBatch]


@dataclass(frozen=True)
class StampEvidence:
    """The tokens over a statement, and what a verifier needs to judge them.

    `authorities` are those that the verifier trusts, by name; `wanted` is of how many of them the
    archive is to have tokens, 0 when it is to have none. `digests` gives size, SHA-256 and SHA-512
    of what lies under a key, for renewals; `load_covering` the checkpoints that were the first to
    have the statement's entry and a time. A token is due for renewal so long before its
    certificate ends.
    """

    load: Callable[[], Sequence[StoredBatch]]
    authorities: Mapping[str, PinnedAuthority | Absent]
    wanted: int
    digests: Callable[[str], tuple[int, str, str] | Absent]
    renew_before: dt.timedelta
    now: dt.datetime
    load_covering: Callable[[], Sequence[CoveringCheckpoint]] = tuple

    @cached_property
    def covering(self) -> tuple[CoveringCheckpoint, ...]:
        """The checkpoints, read once."""
        return tuple(self.load_covering())

    @cached_property
    def batches(self) -> tuple[StoredBatch, ...]:
        """The batches, by number, read once."""
        return tuple(self.load())


@dataclass(frozen=True, slots=True)
class Package:
    """The exhibit that evidence came in: how many files, what is wrong with them, and the parts.

    `part` gives the plain file of a part, by its role and media type.
    """

    files: int
    faults: Sequence[BagFault]
    part: Callable[[str, str], bytes | Absent]


@dataclass(frozen=True, slots=True)
class Replaced:
    """That a container was erased by a redaction, and the digest of the statement that says so."""

    replacement: Replacement
    statement_sha256: str


@dataclass(frozen=True)
class Evidence:
    """Everything about one capture or observation that verification may look at.

    `record_id` and `statement_sha256` are what the caller asked for. `container` gives the bytes
    of a WARC file by digest; `foreign`, where there is one, reads imported containers. `store` is
    None for a verifier who has no store to ask, `custody` for one who has no list of what was done
    with the record, `stamps` for what has no tokens of its own, `log` for one who has nothing of
    the log. `package` is the exhibit that all of it came in, if it did. `replaced` tells of a
    container, by its digest, whether a signed redaction erased it: what is asked of a container or
    a record is then answered of what remains of it.
    """

    record_id: RecordId | None
    statement_sha256: str | None
    envelope_bytes: bytes | Absent
    inventory_bytes: bytes | Absent
    chain: KeysetChain
    container: Callable[[Container], bytes | Absent]
    foreign: ForeignReader | None = None
    store: StoreFacts | None = None
    custody: Callable[[], Sequence[CustodyStatement]] | None = None
    stamps: StampEvidence | None = None
    log: LogEvidence | None = None
    package: Package | None = None
    replaced: Callable[[str], Replaced | None] | None = None
    memo: dict[str, Any] = field(default_factory=dict)
    """What several checks work out of the evidence, each under its name."""
    _containers: dict[str, bytes | Absent] = field(default_factory=dict)
    _records: dict[str, tuple[WarcRecord, ...]] = field(default_factory=dict)
    _opened: dict[str, OpenedPart] = field(default_factory=dict)
    _members: dict[tuple[str, int, int], str] = field(default_factory=dict)
    _given: dict[RecordSpan, WarcRecord] = field(default_factory=dict)

    @cached_property
    def envelope(self) -> Envelope:
        """The envelope. Raises MalformedEnvelope."""
        if isinstance(self.envelope_bytes, Absent):
            raise MunimentError(self.envelope_bytes.detail)
        return read_envelope(self.envelope_bytes)

    @cached_property
    def statement(self) -> Statement:
        """The signed statement. Raises MalformedJson, MalformedStatement."""
        return Statement.from_bytes(self.envelope.payload)

    @cached_property
    def look(self) -> Look:
        """The predicate as the statement has it. Raises MalformedStatement."""
        return Look.from_predicate(self.statement.predicate)

    @cached_property
    def whole_look(self) -> Look:
        """The look with its long texts. Raises MalformedStatement and what `inventory` raises."""
        return self.look.whole(self.statement.predicate, self.inventory.overflow)

    @cached_property
    def inventory(self) -> Inventory:
        """The inventory. Raises MalformedJson, MalformedInventory."""
        if isinstance(self.inventory_bytes, Absent):
            raise MunimentError(self.inventory_bytes.detail)
        return Inventory.from_bytes(self.inventory_bytes)

    @property
    def keyset(self) -> Keyset:
        """The newest keyset that a chain from the pinned roots leads to. Raises MalformedKeyset."""
        return self.chain.newest

    def remaining(self, container: Container) -> Container | None:
        """The container that holds what is left of this one; None when nothing is left."""
        found: Container | None = container
        while found is not None and (replaced := self._replaced(found.sha256)) is not None:
            found = replaced.replacement.new
        return found

    def place(self, span: RecordSpan) -> RecordSpan | None:
        """Where a record lies now; None when it was removed."""
        found: RecordSpan | None = span
        while found is not None and (replaced := self._replaced(found.container_sha256)):
            found = replaced.replacement.place(found)
        return found

    def removal(self, span: RecordSpan) -> str | None:
        """The statement of the redaction that removed a record; None when it is not removed."""
        found: RecordSpan | None = span
        statement = None
        while found is not None and (replaced := self._replaced(found.container_sha256)):
            statement = replaced.statement_sha256
            found = replaced.replacement.place(found)
        return None if found is not None else statement

    def removals(self, container: Container) -> int:
        """How many records were removed of a container, in all."""
        count = 0
        found: Container | None = container
        while found is not None and (replaced := self._replaced(found.sha256)) is not None:
            count += len(replaced.replacement.cuts)
            found = replaced.replacement.new
        return count

    def _replaced(self, sha256: str) -> Replaced | None:
        return None if self.replaced is None else self.replaced(sha256)

    def container_bytes(self, container: Container) -> bytes | Absent:
        """The bytes of a container, fetched once, so that what was hashed is what is used."""
        if container.sha256 not in self._containers:
            self._containers[container.sha256] = self.container(container)
        return self._containers[container.sha256]

    def is_foreign(self, sha256: str) -> bool:
        """Whether this container was given to the archive, and is read record by record."""
        is_import = self.look.imported is not None
        return is_import and self.foreign is not None and sha256 != self.inventory.own_container

    def container_digest(self, container: Container) -> tuple[int, str] | Absent:
        """The bytes and the SHA-256 of a container."""
        if self.foreign is not None and self.is_foreign(container.sha256):
            return self.foreign.digest(container)
        data = self.container_bytes(container)
        return data if isinstance(data, Absent) else (len(data), sha256_hex(data))

    def records(self, container: Container) -> tuple[WarcRecord, ...]:
        """All records of a container, or of a foreign one those that parts lie in.

        Raises MalformedWarc.
        """
        if self.is_foreign(container.sha256):
            spans = (part.span for part in self.inventory.parts)
            named = dict.fromkeys(s for s in spans if s.container_sha256 == container.sha256)
            placed = (self.place(span) for span in named)
            return tuple(self._given_record(span) for span in placed if span is not None)
        left = self.remaining(container)
        if left is None:
            return ()
        if left.sha256 not in self._records:
            data = self.container_bytes(left)
            if isinstance(data, Absent):
                raise MunimentError(data.detail)
            self._records[left.sha256] = tuple(read_records(data))
        return self._records[left.sha256]

    def member_sha256(self, span: RecordSpan) -> str:
        """The digest of the stored bytes of a record, taken once however many parts it has."""
        placed = self.place(span)
        if placed is None:
            raise MunimentError("the record was removed by a redaction")
        place = (placed.container_sha256, placed.offset, placed.length)
        if place not in self._members and self.is_foreign(span.container_sha256):
            self._given_record(placed)
        if place not in self._members:
            data = self.container_bytes(Container(placed.container_sha256, 0))
            if isinstance(data, Absent):
                raise MunimentError(data.detail)
            member = memoryview(data)[placed.offset : placed.offset + placed.length]
            self._members[place] = sha256_hex(member)
        return self._members[place]

    def record_of(self, part: Part) -> WarcRecord | None:
        """The WARC record that the inventory names for a part, or None when it is not there."""
        placed = self.place(part.span)
        if placed is None:
            return None
        if self.is_foreign(part.span.container_sha256):
            given = self._given_record(placed)
            return given if given.record_id == placed.record_id else None
        container = Container(part.span.container_sha256, 0)
        for record in self.records(container):
            if (record.offset, record.length) == (placed.offset, placed.length):
                return record if record.record_id == placed.record_id else None
        return None

    def _given_record(self, span: RecordSpan) -> WarcRecord:
        """The record that these stored bytes of a foreign container are, read once."""
        if span not in self._given and self.foreign is not None:
            data = self.foreign.member(span)
            if isinstance(data, Absent):
                raise MunimentError(data.detail)
            place = (span.container_sha256, span.offset, span.length)
            self._members[place] = sha256_hex(data)
            self._given[span] = read_record(data)
        return self._given[span]

    def opened(self, part: Part) -> OpenedPart | None:
        """The part's bytes out of its record, or None when the record is not there."""
        if part.role not in self._opened:
            record = self.record_of(part)
            if record is None:
                return None
            self._opened[part.role] = open_part(record, part.role, part.size)
        return self._opened[part.role]


@dataclass(frozen=True, slots=True)
class Claim:
    """A question of verification: its ID, its words, and the claims that it rests on."""

    id: str
    question: str
    depends_on: tuple[str, ...] = ()

    def passes(self, target: str, detail: str, *evidence: tuple[str, bytes]) -> Finding:
        """The claim is proven for this target, by these named bytes."""
        return self._finding(target, Status.PASS, "", detail, evidence)

    def warns(self, target: str, code: str, detail: str, *evidence: tuple[str, bytes]) -> Finding:
        """The claim is proven for this target, and something is to be done, by this code."""
        return self._finding(target, Status.PASS, code, detail, evidence)

    def fails(self, target: str, code: str, detail: str, *evidence: tuple[str, bytes]) -> Finding:
        """The claim is disproven for this target."""
        return self._finding(target, Status.FAIL, code, detail, evidence)

    def unknown(self, target: str, code: str, detail: str) -> Finding:
        """The claim can neither be proven nor disproven with what is at hand."""
        return self._finding(target, Status.UNKNOWN, code, detail, ())

    def not_applicable(self, target: str, detail: str) -> Finding:
        """The claim has no meaning for this target."""
        return self._finding(target, Status.NOT_APPLICABLE, "", detail, ())

    def redacted(self, target: str, statement_sha256: str, detail: str) -> Finding:
        """What the claim is about was removed by a signed redaction: never a pass."""
        told = f"{detail} (statement {statement_sha256})"
        return self._finding(target, Status.NOT_APPLICABLE, REDACTED, told, ())

    def skipped(self, target: str, code: str, detail: str) -> Finding:
        """The claim was not looked at, because one that it rests on does not hold."""
        return self._finding(target, Status.SKIPPED, code, detail, ())

    def absent(self, target: str, absent: Absent) -> Finding:
        """The bytes are not at hand: missing for certain fails, otherwise it is unknown."""
        if absent.is_certain:
            return self.fails(target, absent.code, absent.detail)
        return self.unknown(target, absent.code, absent.detail)

    def _finding(
        self,
        target: str,
        status: Status,
        code: str,
        detail: str,
        evidence: tuple[tuple[str, bytes], ...],
    ) -> Finding:
        named = tuple((name, sha256_hex(data)) for name, data in evidence)
        return Finding(self.id, target, status, code, detail, named, self.depends_on)
