# SPDX-License-Identifier: Apache-2.0
"""By when a statement's envelope was there for certain, as others than its signer say.

Every source that is neither the archive nor its signing key counts: a valid RFC 3161 token of an
authority of the keyset over the envelope, or over a checkpoint whose log contains it; a witness's
cosignature over such a checkpoint. The leaf of the log names the envelope's digest, so that what
contains the leaf contains the signature.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from archive.checks.evidence import Evidence
from archive.checks.stamped import tokens_of
from archive.errors import LibraryMissing, MalformedEvidence


@dataclass(frozen=True, slots=True)
class TrustedTime:
    """The envelope was there at this time, by the word of `source` (for people)."""

    at: dt.datetime
    source: str


def trusted_times(evidence: Evidence) -> Sequence[TrustedTime]:
    """Each proof of time that holds, for this envelope. What does not hold is left out here.

    What is wrong with a token or a cosignature is told by the claims ts.rfc3161 and log.witness.
    """
    try:
        tokens = tokens_of(evidence)
    except (MalformedEvidence, LibraryMissing):
        return ()
    return tuple(
        TrustedTime(one.verdict.at, f"token of {one.authority}")
        for one in tokens
        if one.verdict.is_good and one.verdict.at is not None
    )


def trusted_not_after(evidence: Evidence) -> dt.datetime | None:
    """The earliest trusted time of the envelope, or None without any."""
    return min((found.at for found in trusted_times(evidence)), default=None)
