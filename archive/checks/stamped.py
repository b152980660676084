# SPDX-License-Identifier: Apache-2.0
"""Judges the tokens in batches of proofs, for every claim that rests on a trusted time.

Each byte of a batch is pinned by its listing, so that not even what a signature leaves open can
change unnoticed. Revocation lists that came later with another batch of the record count too.
"""

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from archive.checks.evidence import Absent, Evidence, StoredBatch
from archive.clock import parse_rfc3339, rfc3339
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence
from archive.model.proof_batch import (
    CERTIFICATE,
    CRL,
    RENEW,
    RENEWAL,
    ProofBatch,
    ProofFile,
    Renewal,
)
from archive.proofs.timestamp import (
    TS_IMPRINT_MISMATCH,
    Expected,
    PinnedAuthority,
    TokenFiles,
    TokenVerdict,
    judge_token,
)

TS_AUTHORITY_UNKNOWN = "TS_AUTHORITY_UNKNOWN"
DIGEST_MISMATCH = "OBJECT_DIGEST_MISMATCH"
MALFORMED = "PROOFS_MALFORMED"
CHECKPOINT_FILE = "checkpoint"
"""The name of the file that a checkpoint's tokens are over."""


@dataclass(frozen=True, slots=True)
class Stampable:
    """What tokens are over, when it was made by the archive's own clock, and its file's name.

    A checkpoint says nothing of its time.
    """

    message: bytes
    made_at: dt.datetime | None
    file: str


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose tokens count, and the time of judging."""

    authorities: Mapping[str, PinnedAuthority | Absent]
    now: dt.datetime


@dataclass(frozen=True, slots=True)
class JudgedToken:
    """A token of a batch, or a whole batch that cannot be read (no authority), and the verdict."""

    batch: int
    role: str
    authority: str
    verdict: TokenVerdict
    data: bytes = b""

    @property
    def target(self) -> str:
        """What a finding about it names."""
        return f"token:{self.batch}/{self.authority}" if self.authority else f"proofs:{self.batch}"


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch whose listing could be read."""

    number: int
    listing: ProofBatch
    files: Mapping[str, bytes | Absent]


def open_batches(
    batches: Sequence[StoredBatch],
) -> tuple[tuple[OpenBatch, ...], tuple[JudgedToken, ...]]:
    """The batches whose listing can be read, by number, and a verdict on each other one."""
    opened, unread = [], []
    for batch in sorted(batches, key=lambda one: one.number):
        if isinstance(batch.listing, Absent):
            unread.append(_unread(batch.number, _of_absent(batch.listing)))
            continue
        try:
            listing = ProofBatch.from_bytes(batch.listing)
        except MalformedEvidence as error:
            unread.append(_unread(batch.number, TokenVerdict(error.code, str(error))))
            continue
        opened.append(OpenBatch(batch.number, listing, batch.files))
    return tuple(opened), tuple(unread)


def tokens_of(evidence: Evidence) -> tuple[JudgedToken, ...]:
    """The tokens over the record's statement, none where there are none to look at.

    Raises MalformedEvidence when the statement itself cannot be read.
    """
    if "tokens" not in evidence.memo:
        evidence.memo["tokens"] = _tokens_of(evidence)
    found: tuple[JudgedToken, ...] = evidence.memo["tokens"]
    return found


def _tokens_of(evidence: Evidence) -> tuple[JudgedToken, ...]:
    stamps = evidence.stamps
    if stamps is None or isinstance(evidence.envelope_bytes, Absent):
        return ()
    made_at = parse_rfc3339(evidence.look.claimed_time)
    file = f"statement.{evidence.envelope.keyid[:8]}.dsse.json"
    return judged_tokens(
        stamps.batches,
        Stampable(evidence.envelope_bytes, made_at, file),
        Trust(stamps.authorities, stamps.now),
    )


def judged_tokens(
    batches: Sequence[StoredBatch], subject: Stampable, trust: Trust
) -> tuple[JudgedToken, ...]:
    """Every token of the batches, by batch and authority, judged.

    A later renewal that lists an earlier token shows that it was there already: a key that was lost
    after it cannot have made it.
    """
    opened, unread = open_batches(batches)
    found: list[JudgedToken] = list(unread)
    known_since: dict[str, dt.datetime] = {}
    for batch in reversed(opened):
        judged = [
            _judged(batch, file, subject, _Known(opened, trust, known_since.get(file.sha256)))
            for file in batch.listing.tokens
        ]
        found += judged
        times = [one.verdict.latest for one in judged if one.verdict.is_good]
        if batch.listing.role == RENEW and times:
            for sha256 in _renewed(batch):
                known_since[sha256] = min([*times, known_since.get(sha256, times[0])])
    return tuple(sorted(found, key=lambda one: (one.batch, one.authority)))


def _renewed(batch: OpenBatch) -> Iterator[str]:
    """The digests of what a renewal says that it covers."""
    with contextlib.suppress(MalformedEvidence):
        for file in Renewal.from_bytes(_bytes(batch, RENEWAL)).files:
            yield file.sha256


@dataclass(frozen=True, slots=True)
class _Known:
    """What the judgement of one token may look at beside it."""

    batches: Sequence[OpenBatch]
    trust: Trust
    since: dt.datetime | None


def _judged(batch: OpenBatch, file: ProofFile, subject: Stampable, known: _Known) -> JudgedToken:
    name = file.authority or ""
    data = batch.files.get(file.name)
    token = data if isinstance(data, bytes) else b""

    def judged(verdict: TokenVerdict) -> JudgedToken:
        return JudgedToken(batch.number, batch.listing.role, name, verdict, token)

    for needed in _company(batch, name):
        if (flaw := _flaw(batch, needed)) is not None:
            return judged(flaw)
    authority = known.trust.authorities.get(name)
    if authority is None:
        detail = f"nobody here vouches for an authority called {name}"
        return judged(TokenVerdict(TS_AUTHORITY_UNKNOWN, detail, is_certain=False))
    if isinstance(authority, Absent):
        return judged(_of_absent(authority))
    name_of_it, message = subject.file, subject.message
    if batch.listing.role == RENEW:
        name_of_it, message = RENEWAL, _bytes(batch, RENEWAL)
    is_named = (name_of_it, sha256_hex(message)) == (
        batch.listing.over_name,
        batch.listing.over_sha256,
    )
    if not is_named:
        return judged(TokenVerdict(TS_IMPRINT_MISMATCH, "its batch is about other bytes"))
    verdict = judge_token(
        _files(batch, token, name, known.batches),
        authority,
        Expected(message, known.trust.now, subject.made_at, known.since),
    )
    if verdict.at is not None and verdict.at != file.gen_time:
        detail = f"it states {rfc3339(verdict.at)}, and its listing another time"
        return judged(TokenVerdict(MALFORMED, detail))
    return judged(verdict)


def _company(batch: OpenBatch, authority: str) -> tuple[ProofFile, ...]:
    """The files that a token of the batch rests on, itself included."""
    return tuple(file for file in batch.listing.files if file.authority in {authority, None})


def _flaw(batch: OpenBatch, file: ProofFile) -> TokenVerdict | None:
    data = batch.files.get(file.name)
    if data is None:
        return TokenVerdict("OBJECT_MISSING", f"{file.name} is not there")
    if isinstance(data, Absent):
        return _of_absent(data)
    if sha256_hex(data) != file.sha256:
        return TokenVerdict(DIGEST_MISMATCH, f"{file.name} has other bytes than its batch lists")
    return None


def _files(
    batch: OpenBatch, token: bytes, authority: str, batches: Sequence[OpenBatch]
) -> TokenFiles:
    certificates = batch.listing.of_role(CERTIFICATE, authority)
    lists = [
        data
        for one in batches
        for file in one.listing.of_role(CRL, authority)
        if isinstance(data := one.files.get(file.name), bytes) and sha256_hex(data) == file.sha256
    ]
    return TokenFiles(
        token,
        tuple(_bytes(batch, file.name) for file in certificates),
        tuple(dict.fromkeys(lists)),
    )


def _bytes(batch: OpenBatch, name: str) -> bytes:
    data = batch.files.get(name)
    return data if isinstance(data, bytes) else b""


def _of_absent(absent: Absent) -> TokenVerdict:
    return TokenVerdict(absent.code, absent.detail, is_certain=absent.is_certain)


def _unread(number: int, verdict: TokenVerdict) -> JudgedToken:
    return JudgedToken(number, "", "", verdict)
