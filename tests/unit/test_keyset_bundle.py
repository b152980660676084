# SPDX-License-Identifier: Apache-2.0
"""Keyset files: written as read, and no byte of one can change without losing its signatures."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.keysets import Draft, key_row, sealed, signer

from archive import canonical
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence
from archive.proofs.keyset_bundle import KeysetBundle, keyset_statement
from archive.proofs.keyset_chain import keyset_signers

ANNA, BEN, ONLINE, NEXT = (signer(seed) for seed in range(1, 5))
CERTIFICATE = b"a certificate"
AUTHORITY = {
    "name": "stamps.example",
    "roots": [sha256_hex(CERTIFICATE)],
    "policies": [],
    "qualified": False,
}
BEFORE = canonical.dumps(Draft(1, None, [ANNA, BEN], [key_row(ONLINE)], 2).content())
DRAFT = Draft(
    2,
    sha256_hex(keyset_statement(BEFORE)),
    [ANNA, BEN],
    [key_row(ONLINE), key_row(NEXT)],
    2,
)
CONTENT = canonical.dumps(DRAFT.content(authorities=[AUTHORITY]))
UNSIGNED = KeysetBundle(CONTENT, before=BEFORE, certificates=(CERTIFICATE,))
BUNDLE = UNSIGNED.with_signatures([sealed(by, UNSIGNED.payload) for by in (ANNA, BEN)])
DATA = BUNDLE.to_bytes()
ROOTS = BUNDLE.keyset.roots


def signers(bundle: KeysetBundle) -> set[str]:
    return keyset_signers(ROOTS, bundle.envelopes)


def test_a_bundle_is_written_as_it_was_read() -> None:
    assert KeysetBundle.from_bytes(DATA) == BUNDLE
    assert signers(BUNDLE) == set(ROOTS)
    assert BUNDLE.signed.open().version == 2


def survives(data: bytes) -> bool:
    """Whether it is read, with both signatures, as a bundle at all."""
    try:
        return signers(KeysetBundle.from_bytes(data)) == set(ROOTS)
    except MalformedEvidence:
        return False


def test_no_bit_of_a_bundle_can_be_turned_over_unnoticed() -> None:
    unnoticed = []
    for place in range(len(DATA)):
        changed = bytearray(DATA)
        changed[place] ^= 1 << (place % 8)
        if survives(bytes(changed)):
            unnoticed.append(place)
    assert unnoticed == []


@given(st.data())
def test_pieces_that_are_cut_doubled_or_put_in_are_noticed(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(DATA)))
    end = data.draw(st.integers(start, len(DATA)))
    piece = data.draw(st.binary(max_size=20) | st.just(DATA[start:end] * 2))
    made = DATA[:start] + piece + DATA[end:]
    assert made == DATA or not survives(made)


@given(st.binary(max_size=300))
def test_what_is_no_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        KeysetBundle.from_bytes(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"before": []},
        {"before": 1},
        {"before": {}},
        {"content": []},
        {"signatures": {}},
        {"signatures": [[]]},
        {"signatures": [{"keyid": "a" * 64, "sig": "AAAA", "alg": "none"}]},
        {"certificates": ["AAAA"]},
        {"certificates": [1]},
        {"payload": "e30="},
        {"payload": "e30"},
        {"payloadType": "application/json"},
    ],
)
def test_members_of_another_kind_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvidence):
        KeysetBundle.from_bytes(canonical.dumps({**BUNDLE.to_json(), **changes}))


def test_a_key_that_signed_keeps_its_first_signature() -> None:
    again = BUNDLE.with_signatures([sealed(ANNA, b"something else")])
    assert again == BUNDLE
