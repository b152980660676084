# SPDX-License-Identifier: Apache-2.0
"""Files that someone put among the keysets: passed over and named, and never in the way."""

import pytest
from support.keysets import Draft, key_row, sealed, signer

from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, ObjectMissing
from archive.model.statement import KEYSET_V1, Statement
from archive.proofs.keyset_chain import BrokenChain, SignedKeyset, newest_trusted
from archive.services.trust import has_keyset, stored_keysets, stray_keyset_files
from archive.storage.layout import blob_key, keyset_key
from archive.storage.memory import MemoryStore

ROOT, SECOND, ONLINE, STRANGER = (signer(seed) for seed in range(1, 5))
PINNED = (ROOT.public_key.keyid,)
FIRST = Draft(1, None, [ROOT], [key_row(ONLINE)]).signed()
FORGED = Draft(1, None, [STRANGER], [key_row(SECOND)]).signed()


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    put(made, 1, FIRST)
    return made


def put(store: MemoryStore, version: int, signed: SignedKeyset) -> list[str]:
    store.put(blob_key(sha256_hex(signed.content)), signed.content)
    keys = [keyset_key(version, envelope.keyid[:8]) for envelope in signed.envelopes]
    for key, envelope in zip(keys, signed.envelopes, strict=True):
        store.put(key, envelope.to_bytes())
    return keys


def named(store: MemoryStore) -> list[str]:
    return [key for key, _ in stray_keyset_files(store, PINNED)]


def chain(store: MemoryStore) -> tuple[SignedKeyset, ...]:
    return stored_keysets(store, PINNED)


@pytest.mark.parametrize("keyid8", ["00000000", "bbbbbbbb", "ffffffff"])
def test_junk_beside_a_sound_keyset_is_passed_over_and_named(
    store: MemoryStore, keyid8: str
) -> None:
    sound = FIRST.envelopes[0].to_bytes()
    for junk in (b"", b"{}", b"\xff\x00", sound):
        beside = MemoryStore()
        put(beside, 1, FIRST)
        key = keyset_key(1, keyid8)
        beside.put(key, junk)
        assert stored_keysets(beside) == chain(beside) == (FIRST,)
        [(stray, detail)] = stray_keyset_files(beside)
        assert stray == key
        assert detail


def test_a_sound_store_has_no_strays(store: MemoryStore) -> None:
    assert (chain(store), named(store), has_keyset(store)) == ((FIRST,), [], True)
    assert (stored_keysets(MemoryStore()), has_keyset(MemoryStore())) == ((), False)


@pytest.mark.parametrize("seed", range(4, 12))
def test_a_strangers_keyset_never_takes_the_place_of_the_pinned_one(
    store: MemoryStore, seed: int
) -> None:
    stranger = signer(seed)
    keys = put(store, 1, Draft(1, None, [stranger], [key_row(SECOND)]).signed())
    assert chain(store) == (FIRST,)
    assert newest_trusted(chain(store), PINNED).version == 1
    assert named(store) == keys


@pytest.mark.parametrize("seed", range(4, 12))
def test_a_strangers_second_version_does_not_displace_the_roots(
    store: MemoryStore, seed: int
) -> None:
    previous = FIRST.statement_sha256
    second = Draft(2, previous, [ROOT], [key_row(SECOND)]).signed()
    put(store, 2, second)
    keys = put(store, 2, Draft(2, previous, [ROOT], [key_row(ONLINE)]).signed(signer(seed)))
    assert chain(store) == (FIRST, second)
    assert named(store) == keys


def test_a_payload_whose_content_is_not_there_is_passed_over(store: MemoryStore) -> None:
    [envelope] = FORGED.envelopes
    key = keyset_key(1, envelope.keyid[:8])
    store.put(key, envelope.to_bytes())
    assert (chain(store), named(store)) == ((FIRST,), [key])


def test_a_payload_that_is_no_keyset_is_passed_over(store: MemoryStore) -> None:
    payload = Statement(
        {"other": sha256_hex(FIRST.content)}, KEYSET_V1, {"version": 1, "previous": None}
    ).to_bytes()
    key = keyset_key(1, STRANGER.public_key.keyid8)
    store.put(key, sealed(STRANGER, payload).to_bytes())
    assert (chain(store), named(store)) == ((FIRST,), [key])


def test_one_unreadable_file_does_not_hurt_a_threshold_that_the_others_meet() -> None:
    roots = [signer(seed) for seed in (1, 2, 7)]
    pinned = tuple(root.public_key.keyid for root in roots)
    signed = Draft(1, None, roots, [key_row(ONLINE)], threshold=2).signed()
    store = MemoryStore()
    store.put(blob_key(sha256_hex(signed.content)), signed.content)
    for envelope in signed.envelopes[:2]:
        store.put(keyset_key(1, envelope.keyid[:8]), envelope.to_bytes())
    broken = keyset_key(1, signed.envelopes[2].keyid[:8])
    store.put(broken, b"{")
    assert newest_trusted(stored_keysets(store, pinned), pinned).threshold == 2
    assert [key for key, _ in stray_keyset_files(store, pinned)] == [broken]


def test_where_no_file_of_a_version_is_left_its_key_is_named() -> None:
    store = MemoryStore()
    key = keyset_key(1, "bbbbbbbb")
    store.put(key, b"{}")
    for read in (stored_keysets, stray_keyset_files):
        with pytest.raises(MalformedEvidence, match=key):
            read(store)
    bare = MemoryStore()
    bare.put(keyset_key(1, ROOT.public_key.keyid8), FIRST.envelopes[0].to_bytes())
    with pytest.raises(ObjectMissing, match=ROOT.public_key.keyid8):
        stored_keysets(bare)


def test_two_keysets_of_one_version_by_the_roots_themselves_are_an_alarm() -> None:
    store = MemoryStore()
    first = Draft(1, None, [ROOT, SECOND], [key_row(ONLINE)]).signed()
    put(store, 1, first)
    for root, keys in ((ROOT, [key_row(ONLINE)]), (SECOND, [key_row(STRANGER)])):
        put(store, 2, Draft(2, first.statement_sha256, [ROOT, SECOND], keys).signed(root))
    with pytest.raises(BrokenChain, match="2 different keysets 2"):
        chain(store)
