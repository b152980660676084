# SPDX-License-Identifier: Apache-2.0
"""Chains of keysets: what follows from a pinned root fingerprint, version after version.

A verifier starts from a pinned root fingerprint (the root key's ID) and walks the versions. A
new root set must be signed by the old threshold and by the new one (TUF's rule).
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, MalformedKeyset
from archive.model.statement import CONTENT, KEYSET_V1, Statement
from archive.proofs.dsse import Envelope
from archive.proofs.keys import PublicKey
from archive.proofs.keyset import Keyset


@dataclass(frozen=True, slots=True)
class SignedKeyset:
    """A keyset version as stored: its envelopes (one for each root signature) and its content."""

    envelopes: tuple[Envelope, ...]
    content: bytes

    def open(self) -> Keyset:
        """The keyset, once payload and content agree. Signatures are not yet checked.

        Raises MalformedKeyset, MalformedStatement, MalformedJson.
        """
        payloads = {envelope.payload for envelope in self.envelopes}
        if len(payloads) != 1:
            raise MalformedKeyset("the keyset's envelopes do not sign the same bytes")
        statement = Statement.from_bytes(self.envelopes[0].payload)
        if statement.predicate_type != KEYSET_V1:
            raise MalformedKeyset("the keyset's envelope signs another kind of statement")
        if statement.subjects != {CONTENT: sha256_hex(self.content)}:
            raise MalformedKeyset("the keyset's content is not what its statement names")
        keyset = Keyset.from_bytes(self.content)
        if statement.predicate != {"version": keyset.version, "previous": keyset.previous}:
            raise MalformedKeyset("the keyset's statement and content disagree")
        return keyset

    @property
    def statement_sha256(self) -> str:
        """The digest of the statement that all its envelopes carry."""
        return sha256_hex(self.envelopes[0].payload)


class UnpinnedRoot(MalformedKeyset):
    """The first keyset's roots are not those that the verifier trusts: nothing is known."""

    code = "ROOT_NOT_PINNED"


class BrokenChain(MalformedKeyset):
    """A keyset version does not follow from the one before it."""

    code = "KEYSET_CHAIN_BROKEN"


class RolledBack(BrokenChain):
    """The newest keyset at hand is older than one that is known to have been there."""

    code = "KEYSET_ROLLBACK"


class KeysetNotAtHand(MalformedKeyset):
    """A keyset is there and cannot be used here: nothing is known of what it vouches for."""

    code = "KEYSET_NOT_AT_HAND"


def newest_trusted(chain: Sequence[SignedKeyset], pinned_roots: Sequence[str]) -> Keyset:
    """The last keyset of a chain in which every link holds, begun at a pinned root.

    The chain is in order of version. Raises UnpinnedRoot, BrokenChain, and the errors of reading.
    """
    trusted: Keyset | None = None
    before: str | None = None
    for signed in chain:
        trusted = next_trusted(trusted, before, signed, pinned_roots)
        before = signed.statement_sha256
    if trusted is None:
        raise BrokenChain("there is no keyset")
    return trusted


def chosen_chain(
    rivals: Sequence[Sequence[SignedKeyset]], pinned_roots: Sequence[str]
) -> tuple[SignedKeyset, ...]:
    """For each version, of all that claim to be it, the one that follows from those before.

    Where none follows, the first stands, for `newest_trusted` to say what is wrong with it; but a
    last version that too few of the root keys before it have signed yet is left out.
    Raises BrokenChain when the root keys themselves signed two keysets as one version.
    """
    chain: list[SignedKeyset] = []
    trusted: Keyset | None = None
    before: str | None = None
    for number, claimants in enumerate(rivals, 1):
        following = []
        for signed in claimants:
            with contextlib.suppress(MalformedEvidence):
                following.append((signed, next_trusted(trusted, before, signed, pinned_roots)))
        if len(following) > 1:
            version = following[0][1].version
            raise BrokenChain(f"the root keys signed {len(following)} different keysets {version}")
        if following:
            [(chosen, trusted)] = following
            before = chosen.statement_sha256
            chain.append(chosen)
        elif number < len(rivals) or not any(_is_begun(trusted, before, s) for s in claimants):
            chain.append(claimants[0])
    return tuple(chain)


@dataclass(frozen=True)
class KeysetChain:
    """The keysets at hand and the roots to judge them by; the judgement is made once.

    `fault` says why not all of them are at hand, and then none is trusted.
    """

    versions: tuple[SignedKeyset, ...]
    pinned_roots: tuple[str, ...]
    fault: MalformedKeyset | None = None

    @cached_property
    def newest(self) -> Keyset:
        """The newest trusted keyset. Raises as `newest_trusted`, and the fault."""
        if self.fault is not None:
            raise self.fault
        return newest_trusted(self.versions, self.pinned_roots)


def next_trusted(
    trusted: Keyset | None, before: str | None, signed: SignedKeyset, pinned_roots: Sequence[str]
) -> Keyset:
    """The keyset that follows from the trusted one, whose statement has the digest `before`.

    Raises UnpinnedRoot, BrokenChain, and the errors of reading.
    """
    keyset = signed.open()
    _check_link(trusted, before, keyset, pinned_roots)
    lacking = signatures_lacking(trusted, signed, pinned_roots)
    if lacking:
        raise BrokenChain(f"keyset {keyset.version} lacks signatures of {lacking[0].whose}")
    return keyset


@dataclass(frozen=True, slots=True)
class Lacking:
    """So many more signatures are needed, of whom; `candidates` have not signed yet."""

    count: int
    whose: str
    candidates: tuple[str, ...]


def signatures_lacking(
    trusted: Keyset | None, signed: SignedKeyset, pinned_roots: Sequence[str]
) -> list[Lacking]:
    """What a version still lacks: of its own root keys, and of those that it has to convince.

    For the first version those are the pinned ones. More than half of them must sign, for a pin
    does not say how many: else one of three could found an archive of its own in their name.
    """
    keyset = signed.open()
    own = (set(keyset.roots), keyset.threshold, "its own root keys")
    if trusted is None:
        needed = max(keyset.threshold, len(set(pinned_roots)) // 2 + 1)
        others = (set(keyset.roots) & set(pinned_roots), needed, "the trusted root keys")
    else:
        others = (set(trusted.roots), trusted.threshold, "the root keys before it")
    known = {**keyset.roots, **(trusted.roots if trusted else {})}
    by = keyset_signers(known, signed.envelopes)
    return [
        Lacking(count - len(by & ids), whose, tuple(sorted(ids - by)))
        for ids, count, whose in (own, others)
        if len(by & ids) < count
    ]


def keyset_signers(roots: Mapping[str, PublicKey], envelopes: Sequence[Envelope]) -> set[str]:
    """Which of these root keys signed: each counts once, however many envelopes it has."""
    return {
        envelope.keyid
        for envelope in envelopes
        if envelope.keyid in roots
        and roots[envelope.keyid].verifies(envelope.signature, envelope.signed_bytes())
    }


def _is_begun(trusted: Keyset | None, before: str | None, signed: SignedKeyset) -> bool:
    """Whether a root key from before signed this, as the next version, and others are to follow."""
    try:
        keyset = signed.open()
    except MalformedEvidence:
        return False
    is_next = trusted is not None and keyset.version == trusted.version + 1
    return (
        trusted is not None
        and is_next
        and keyset.previous == before
        and bool(keyset_signers(trusted.roots, signed.envelopes))
    )


def _check_link(
    trusted: Keyset | None, before: str | None, keyset: Keyset, pinned_roots: Sequence[str]
) -> None:
    version = trusted.version + 1 if trusted else 1
    if keyset.version != version or keyset.previous != before:
        raise BrokenChain(f"keyset {keyset.version} does not follow version {version - 1}")
    if trusted is None and len(set(pinned_roots) & set(keyset.roots)) < keyset.threshold:
        raise UnpinnedRoot("the root keys of keyset 1 are not among the trusted fingerprints")
