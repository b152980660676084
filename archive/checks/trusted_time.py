# SPDX-License-Identifier: Apache-2.0
"""Between which times a statement's envelope was made, as others than its signer say.

Not after: every source that is neither the archive nor its signing key counts. A valid RFC 3161
token of an authority of the keyset over the envelope, or over a checkpoint whose log contains it;
witnesses' cosignatures over such a checkpoint. The leaf of the log names the envelope's digest, so
that what contains the leaf contains the signature.

Not before: the statement names a checkpoint by its digest, cosignatures included, and nobody can
name what is not there yet.
"""

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archive.checks.evidence import Absent, CoveringCheckpoint, Evidence
from archive.checks.log_entry import due_entry
from archive.checks.log_evidence import witness_times
from archive.checks.stamped import CHECKPOINT_FILE, Stampable, Trust, judged_tokens, tokens_of
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.errors import LibraryMissing, MalformedEvidence
from archive.model.log_entry import LogEntry
from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.keyset import Keyset
from archive.proofs.merkle import leaf_hash
from archive.proofs.tlog_proof import LogProof


@dataclass(frozen=True, slots=True)
class TrustedTime:
    """The envelope was there at this time, by the word of `source` (for people)."""

    at: dt.datetime
    source: str


@dataclass(frozen=True, slots=True)
class Interval:
    """Between which times the envelope was made; None for a bound that nobody vouches for."""

    not_before: TrustedTime | None
    not_after: TrustedTime | None
    others: tuple[TrustedTime, ...] = ()

    def sources(self) -> list[dict[str, str]]:
        """Each bound and each further time, as a report has them."""
        named = [("not_before", self.not_before), ("not_after", self.not_after)]
        named += [("there", one) for one in self.others]
        return [
            {"bound": bound, "at": rfc3339(one.at), "source": one.source}
            for bound, one in named
            if one is not None
        ]


def interval_of(evidence: Evidence) -> Interval:
    """The interval of an envelope that can be read. What does not hold is left out here."""
    times = sorted(trusted_times(evidence), key=lambda one: one.at)
    not_after = times[0] if times else None
    return Interval(trusted_not_before(evidence), not_after, tuple(times[1:]))


def trusted_times(evidence: Evidence) -> Sequence[TrustedTime]:
    """Each proof of time that holds, for this envelope. What does not hold is left out here.

    What is wrong with a token or a cosignature is told by the claims ts.rfc3161 and log.witness.
    """
    if "times" not in evidence.memo:
        found = [*_by_tokens(evidence), *_by_checkpoints(evidence)]
        evidence.memo["times"] = tuple(dict.fromkeys(found))
    times: tuple[TrustedTime, ...] = evidence.memo["times"]
    return times


def trusted_not_after(evidence: Evidence) -> dt.datetime | None:
    """The earliest trusted time of the envelope, or None without any."""
    return min((found.at for found in trusted_times(evidence)), default=None)


def trusted_not_before(evidence: Evidence) -> TrustedTime | None:
    """The time before which the envelope cannot have been made, or None when nothing shows one."""
    try:
        anchor = evidence.look.anchor
        keyset = evidence.keyset
    except MalformedEvidence:
        return None
    if anchor is None or evidence.log is None:
        return None
    note = evidence.log.anchor(anchor)
    if isinstance(note, Absent) or sha256_hex(note) != anchor.note_sha256:
        return None
    try:
        checkpoint = SignedCheckpoint.from_bytes(note)
    except MalformedEvidence:
        return None
    times = sorted(witness_times(checkpoint, keyset).values(), reverse=True)
    at = _vouched(times, keyset.witnesses.quorum)
    if at is None:
        return None
    return TrustedTime(at, f"checkpoint of {anchor.size} entries that it names, as cosigned")


def _by_tokens(evidence: Evidence) -> Iterator[TrustedTime]:
    try:
        tokens = tokens_of(evidence)
    except (MalformedEvidence, LibraryMissing):
        return
    for one in tokens:
        if one.verdict.is_good and one.verdict.at is not None:
            yield TrustedTime(one.verdict.latest, f"token of {one.authority}")


def _covering(evidence: Evidence) -> Iterator[CoveringCheckpoint]:
    yield from evidence.stamps.covering if evidence.stamps else ()
    if evidence.log is not None and isinstance(evidence.log.proof, bytes):
        yield CoveringCheckpoint(evidence.log.proof, ())


def _by_checkpoints(evidence: Evidence) -> Iterator[TrustedTime]:
    stamps = evidence.stamps
    trust = Trust(stamps.authorities, stamps.now) if stamps else None
    try:
        entry, keyset = due_entry(evidence), evidence.keyset
    except MalformedEvidence:
        return
    for covering in _covering(evidence):
        yield from times_of_entry(entry, covering, keyset, trust)


def times_of_entry(
    entry: LogEntry, covering: CoveringCheckpoint, keyset: Keyset, trust: Trust | None
) -> list[TrustedTime]:
    """By when an entry of the log was there, as a checkpoint shows whose tree has it.

    None when the tree has it not. Without trust nobody's token counts, and witnesses' words do.
    """
    try:
        proof = LogProof.from_bytes(covering.proof)
    except MalformedEvidence:
        return []
    if not proof.includes(leaf_hash(entry.to_bytes())):
        return []
    checkpoint, found = proof.checkpoint, []
    size = checkpoint.head.size
    cosigned = _vouched(sorted(witness_times(checkpoint, keyset).values()), keyset.witnesses.quorum)
    if cosigned is not None:
        found.append(TrustedTime(cosigned, f"cosigned checkpoint of {size} entries"))
    if trust is None:
        return found
    subject = Stampable(checkpoint.to_bytes(), None, CHECKPOINT_FILE)
    with contextlib.suppress(LibraryMissing):
        for one in judged_tokens(covering.batches, subject, trust):
            if one.verdict.is_good and one.verdict.at is not None:
                source = f"token of {one.authority} over the checkpoint of {size} entries"
                found.append(TrustedTime(one.verdict.latest, source))
    return found


def _vouched(times: Sequence[int], quorum: int) -> dt.datetime | None:
    """Of the times of witnesses, the closest bound first, the one that a quorum stands behind.

    Of so many witnesses one at least is honest, and that one's bound is no tighter.
    """
    needed = max(1, quorum)
    if len(times) < needed:
        return None
    try:
        return dt.datetime.fromtimestamp(times[needed - 1], dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None
