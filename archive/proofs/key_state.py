# SPDX-License-Identifier: Apache-2.0
"""Whether a listed key was allowed to sign: the one judgement that all who ask share.

Two times count. The time that the statement claims is its signer's word; it is held against the
span of validity. A trusted time is one by which the signature was there for certain, and others
say so (a timestamp authority, a witness). Once a key is revoked, only that one counts.
"""

import datetime as dt
from dataclasses import dataclass

from archive.proofs.keyset import REVOKED, KeysetKey
from archive.proofs.timestamp import SKEW

KEY_ROLE_MISMATCH = "KEY_ROLE_MISMATCH"
KEY_NOT_YET_VALID = "KEY_NOT_YET_VALID"
KEY_EXPIRED = "KEY_EXPIRED"
KEY_REVOKED = "KEY_REVOKED"
KEY_REVOKED_TIME_UNPROVEN = "KEY_REVOKED_TIME_UNPROVEN"


@dataclass(frozen=True, slots=True)
class Signing:
    """What was signed for, when by its own word, and by when for certain, as others say."""

    role: str
    claimed: dt.datetime
    trusted: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyFault:
    """Why a key was not allowed to sign.

    `is_final` tells what no further proof can mend from what a trusted time could.
    """

    code: str
    detail: str
    is_final: bool = True


def key_fault(key: KeysetKey, signing: Signing) -> KeyFault | None:
    """What speaks against a signature by this key, or None."""
    if key.role != signing.role:
        return KeyFault(KEY_ROLE_MISMATCH, f"the key's role is {key.role}")
    if key.state == REVOKED:
        # Without a time it was never good.
        found = _revocation_fault(key.invalid_since or key.valid_from, signing)
        if found is not None:
            return found
    return _span_fault(key, signing)


def _revocation_fault(invalid_since: dt.datetime, signing: Signing) -> KeyFault | None:
    since = f"{invalid_since:%Y-%m-%d %H:%M:%S} UTC"
    if signing.trusted is None:
        return KeyFault(
            KEY_REVOKED_TIME_UNPROVEN,
            f"the key is revoked as of {since} and no trusted time shows that it signed before",
            is_final=signing.claimed >= invalid_since,
        )
    if signing.trusted >= invalid_since:
        return KeyFault(
            KEY_REVOKED,
            f"the key is revoked as of {since}, and the earliest trusted time of the signature "
            f"is {signing.trusted:%Y-%m-%d %H:%M:%S} UTC",
            is_final=False,
        )
    return None


def _span_fault(key: KeysetKey, signing: Signing) -> KeyFault | None:
    # An authority's clock may lag behind, and its token states whole seconds.
    trusted = signing.trusted or signing.claimed
    if signing.claimed < key.valid_from or key.valid_from - trusted > SKEW:
        return KeyFault(KEY_NOT_YET_VALID, f"the key is valid from {key.valid_from}")
    if signing.claimed >= key.valid_until:
        return KeyFault(KEY_EXPIRED, f"the key was valid until {key.valid_until}")
    return None
