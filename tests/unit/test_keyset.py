# SPDX-License-Identifier: Apache-2.0
"""Keyset chains: what follows from a pinned root, and every way in which a chain is broken."""

from dataclasses import replace
from typing import Any

import pytest
from support.keysets import START, Draft, key_row, root_row, sealed, signer

from archive import canonical
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, MalformedKeyset
from archive.model.statement import CAPTURE_V1, CONTENT, KEYSET_V1, Statement
from archive.proofs.keyset import (
    BrokenChain,
    Keyset,
    KeysetChain,
    SignedKeyset,
    UnpinnedRoot,
    newest_trusted,
)

ROOT, NEW_ROOT, THIRD_ROOT, ONLINE, NEXT, STRANGER = (signer(seed) for seed in range(1, 7))
PINNED = (ROOT.public_key.keyid,)
ONE = Draft(1, None, [ROOT], [key_row(ONLINE)])
FIRST = ONE.signed()


def second(**changes: Any) -> Draft:
    return replace(
        Draft(2, FIRST.statement_sha256, [ROOT], [key_row(ONLINE), key_row(NEXT)]), **changes
    )


def test_a_first_keyset_of_the_pinned_root_is_trusted() -> None:
    keyset = newest_trusted([FIRST], PINNED)
    assert (keyset.version, set(keyset.keys)) == (1, {ONLINE.public_key.keyid})
    assert not keyset.is_development


def test_a_second_version_brings_its_keys() -> None:
    keyset = newest_trusted([FIRST, second().signed()], PINNED)
    assert set(keyset.keys) == {ONLINE.public_key.keyid, NEXT.public_key.keyid}


def test_a_new_root_needs_the_old_root_and_the_new_one() -> None:
    rotated = second(roots=[NEW_ROOT])
    keyset = newest_trusted([FIRST, rotated.signed(ROOT, NEW_ROOT)], PINNED)
    assert set(keyset.roots) == {NEW_ROOT.public_key.keyid}
    with pytest.raises(BrokenChain, match="root keys before it"):
        newest_trusted([FIRST, rotated.signed(NEW_ROOT)], PINNED)
    with pytest.raises(BrokenChain, match="its own root keys"):
        newest_trusted([FIRST, rotated.signed(ROOT)], PINNED)


def test_after_a_rotation_the_old_root_signs_no_more() -> None:
    rotated = second(roots=[NEW_ROOT]).signed(ROOT, NEW_ROOT)
    third = Draft(3, rotated.statement_sha256, [NEW_ROOT], [key_row(NEXT)])
    assert newest_trusted([FIRST, rotated, third.signed(NEW_ROOT)], PINNED).version == 3
    with pytest.raises(BrokenChain):
        newest_trusted([FIRST, rotated, third.signed(ROOT)], PINNED)


def test_a_threshold_counts_distinct_root_keys() -> None:
    both = Draft(1, None, [ROOT, NEW_ROOT, THIRD_ROOT], [key_row(ONLINE)], threshold=2)
    pinned = tuple(root.public_key.keyid for root in both.roots)
    assert newest_trusted([both.signed(ROOT, THIRD_ROOT)], pinned).version == 1
    for signers in ((ROOT,), (ROOT, ROOT), (ROOT, STRANGER), (ROOT, ONLINE)):
        with pytest.raises(BrokenChain, match="lacks signatures"):
            newest_trusted([both.signed(*signers)], pinned)
    with pytest.raises(UnpinnedRoot):
        newest_trusted([both.signed(ROOT, NEW_ROOT)], PINNED)


def test_an_unpinned_root_says_nothing_and_is_told_from_a_broken_chain() -> None:
    for pinned in ((), (STRANGER.public_key.keyid,), (ONLINE.public_key.keyid,)):
        with pytest.raises(UnpinnedRoot) as caught:
            newest_trusted([FIRST], pinned)
        assert caught.value.code == "ROOT_NOT_PINNED"


def test_a_chain_that_a_stranger_began_is_not_pinned() -> None:
    forged = Draft(1, None, [STRANGER], [key_row(STRANGER)])
    with pytest.raises(MalformedKeyset):
        Keyset.from_bytes(canonical.dumps(forged.content()))
    with pytest.raises(UnpinnedRoot):
        newest_trusted([Draft(1, None, [STRANGER], [key_row(NEXT)]).signed()], PINNED)


BROKEN: dict[str, list[SignedKeyset]] = {
    "no version at all": [],
    "the first is missing": [second().signed()],
    "one is missing between": [
        FIRST,
        Draft(3, second().signed().statement_sha256, [ROOT], []).signed(),
    ],
    "two versions with one number": [FIRST, replace(ONE, previous=FIRST.statement_sha256).signed()],
    "in the wrong order": [second().signed(), FIRST],
    "the first given twice": [FIRST, FIRST],
    "a fork: another second after another first": [
        FIRST,
        replace(
            second(), previous=Draft(1, None, [ROOT], [key_row(NEXT)]).signed().statement_sha256
        ).signed(),
    ],
    "a second that names none before it": [FIRST, replace(second(), previous=None).signed()],
    "a first that names one before it": [replace(ONE, previous="0" * 64).signed()],
    "version zero": [Draft(0, None, [ROOT], [key_row(ONLINE)]).signed()],
    "a second signed by a stranger": [FIRST, second().signed(STRANGER)],
    "a second signed by the online key": [FIRST, second().signed(ONLINE)],
}


@pytest.mark.parametrize("chain", list(BROKEN.values()), ids=list(BROKEN))
def test_a_chain_with_a_broken_link_is_refused(chain: list[SignedKeyset]) -> None:
    with pytest.raises(BrokenChain) as caught:
        newest_trusted(chain, PINNED)
    assert caught.value.code == "KEYSET_CHAIN_BROKEN"


def test_a_flipped_signature_is_no_signature() -> None:
    [envelope] = FIRST.envelopes
    wrong = bytes([envelope.signature[0] ^ 1]) + envelope.signature[1:]
    forged = SignedKeyset((replace(envelope, signature=wrong),), FIRST.content)
    with pytest.raises(BrokenChain, match="lacks signatures"):
        newest_trusted([forged], PINNED)


def test_a_signature_counts_only_under_its_own_key() -> None:
    # The stranger's good signature, put under the root's name, and the other way round.
    payload = FIRST.envelopes[0].payload
    theirs = replace(sealed(STRANGER, payload), keyid=ROOT.public_key.keyid)
    with pytest.raises(BrokenChain):
        newest_trusted([SignedKeyset((theirs,), FIRST.content)], PINNED)


def test_further_signatures_of_strangers_do_no_harm() -> None:
    assert newest_trusted([ONE.signed(STRANGER, ROOT)], PINNED).version == 1


def changed(**changes: Any) -> bytes:
    return canonical.dumps(ONE.content(**changes))


def with_key(**changes: Any) -> bytes:
    return changed(keys=[key_row(ONLINE, **changes)])


MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "no object": b"[]",
    "not canonical": b" " + changed(),
    "another format version": changed(v=2),
    "a format version that is true": changed(v=True),
    "an unknown member": changed(extra=1),
    "a version that is text": changed(version="1"),
    "a negative version": changed(version=-1),
    "a time without microseconds": changed(issued_at="2026-01-01T00:00:00Z"),
    "threshold 0": changed(root={"threshold": 0, "keys": [root_row(ROOT)]}),
    "a threshold that cannot be reached": changed(root={"threshold": 2, "keys": [root_row(ROOT)]}),
    "no root keys": changed(root={"threshold": 1, "keys": []}),
    "one root key twice": changed(root={"threshold": 2, "keys": [root_row(ROOT)] * 2}),
    "an unknown member of the root": changed(
        root={"threshold": 1, "keys": [root_row(ROOT)], "expires": None}
    ),
    "one key twice": changed(keys=[key_row(ONLINE), key_row(ONLINE)]),
    "a root key that signs captures": changed(keys=[key_row(ROOT)]),
    "a key under another's ID": with_key(keyid=NEXT.public_key.keyid),
    "a key with another's bytes": with_key(spki=NEXT.public_key.spki_base64),
    "an ID in capitals": with_key(keyid=ONLINE.public_key.keyid.upper()),
    "another algorithm": with_key(alg="rsa"),
    "no algorithm": changed(keys=[{k: v for k, v in key_row(ONLINE).items() if k != "alg"}]),
    "an unknown role": with_key(role="root"),
    "an unknown state": with_key(state="trusted"),
    "revoked without a time": with_key(state="revoked"),
    "a time without being revoked": with_key(invalid_since=rfc3339(START)),
    "no end of validity": with_key(valid_until=None),
    "an unknown member of a key": with_key(comment="hello"),
}


@pytest.mark.parametrize("data", list(MALFORMED.values()), ids=list(MALFORMED))
def test_a_malformed_keyset_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        Keyset.from_bytes(data)


def test_content_and_statement_must_agree() -> None:
    other = canonical.dumps(second().content())
    with pytest.raises(MalformedKeyset, match="names"):
        SignedKeyset(FIRST.envelopes, other).open()
    disagreeing = ONE.signed(content=ONE.content(version=2))
    with pytest.raises(MalformedKeyset, match="disagree"):
        disagreeing.open()


def test_envelopes_of_one_version_must_sign_the_same_bytes() -> None:
    mixed = SignedKeyset((*FIRST.envelopes, *second().signed().envelopes), FIRST.content)
    with pytest.raises(MalformedKeyset, match="same bytes"):
        mixed.open()


def test_a_root_signature_over_another_kind_of_statement_is_no_keyset() -> None:
    payload = Statement({CONTENT: sha256_hex(FIRST.content)}, CAPTURE_V1, {}).to_bytes()
    with pytest.raises(MalformedKeyset, match="another kind"):
        SignedKeyset((sealed(ROOT, payload),), FIRST.content).open()


def test_the_keyset_statement_has_its_content_as_only_subject() -> None:
    payload = Statement(
        {CONTENT: sha256_hex(FIRST.content), "extra": "0" * 64},
        KEYSET_V1,
        {"version": 1, "previous": None},
    ).to_bytes()
    with pytest.raises(MalformedKeyset):
        SignedKeyset((sealed(ROOT, payload),), FIRST.content).open()


def test_a_chain_is_judged_once() -> None:
    chain = KeysetChain((FIRST,), PINNED)
    assert chain.newest is chain.newest
