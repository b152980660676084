# SPDX-License-Identifier: Apache-2.0
"""DSSE envelopes: one payload, one signature, one spelling."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import canonical
from archive.errors import MalformedEnvelope
from archive.model.statement import PAYLOAD_TYPE
from archive.proofs.dsse import Envelope, pae, read_envelope

KEYID = "ab" * 32
SOUND = Envelope(b'{"a":1}', KEYID, b"\x01" * 64)


def test_the_encoding_is_that_of_the_protocols_own_example() -> None:
    # secure-systems-lab/dsse, protocol.md, test vectors.
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(st.text(max_size=20), st.binary(max_size=40), st.text(max_size=20), st.binary(max_size=40))
def test_two_payloads_or_types_never_share_signed_bytes(
    kind: str, payload: bytes, other_kind: str, other: bytes
) -> None:
    same = (kind, payload) == (other_kind, other)
    assert (pae(kind, payload) == pae(other_kind, other)) == same


def test_the_encoding_is_that_of_securesystemslib() -> None:
    from securesystemslib.dsse import Envelope as Foreign

    foreign = Foreign.from_dict(json.loads(SOUND.to_bytes()))
    assert foreign.pae() == SOUND.signed_bytes()


@given(st.binary(max_size=200), st.binary(max_size=80))
def test_an_envelope_reads_back_as_itself(payload: bytes, signature: bytes) -> None:
    envelope = Envelope(payload, KEYID, signature)
    assert read_envelope(envelope.to_bytes()) == envelope


def changed(change: Callable[[Any], None]) -> bytes:
    value = json.loads(SOUND.to_bytes())
    change(value)
    return canonical.dumps(value)


def spelled(text: str) -> bytes:
    return changed(lambda value: value.update(payload=text))


FLAWS: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"hello",
    "a list": b"[]",
    "a null": b"null",
    "not canonical": json.dumps(json.loads(SOUND.to_bytes())).encode(),
    "a line break at the end": SOUND.to_bytes() + b"\n",
    "a byte order mark": b"\xef\xbb\xbf" + SOUND.to_bytes(),
    "payload twice": SOUND.to_bytes().replace(b'"payload":', b'"payload":"","payload":', 1),
    "another payload type": changed(lambda v: v.update(payloadType="application/json")),
    "payload type in capitals": changed(lambda v: v.update(payloadType=PAYLOAD_TYPE.upper())),
    "no payload type": changed(lambda v: v.pop("payloadType")),
    "no payload": changed(lambda v: v.pop("payload")),
    "no signatures": changed(lambda v: v.update(signatures=[])),
    "signatures no list": changed(lambda v: v.update(signatures={})),
    "two signatures": changed(lambda v: v["signatures"].append(v["signatures"][0])),
    "a signature that is text": changed(lambda v: v.update(signatures=["x"])),
    "an unknown member": changed(lambda v: v.update(extra=1)),
    "an unknown member of the signature": changed(lambda v: v["signatures"][0].update(alg="none")),
    "a key ID in capitals": changed(lambda v: v["signatures"][0].update(keyid=KEYID.upper())),
    "a short key ID": changed(lambda v: v["signatures"][0].update(keyid="ab")),
    "no key ID": changed(lambda v: v["signatures"][0].pop("keyid")),
    "payload a number": changed(lambda v: v.update(payload=1)),
    "base64 without padding": spelled("eyJhIjoxfQ"),
    "base64url": spelled(base64.urlsafe_b64encode(b"\xfb\xff\xfe").decode()),
    "base64 with a line break": spelled("eyJh\nIjoxfQ=="),
    "base64 with a space": spelled("eyJh IjoxfQ=="),
    "base64 with loose bits": spelled("eyJhIjoxfR=="),
    "base64 with too much padding": spelled("eyJhIjoxfQ==="),
    "base64 with data after padding": spelled("eyJhIjoxfQ==AAAA"),
    "base64 with homoglyphs": spelled("eyJhIj\u043exfQ=="),
    "too large": Envelope(b"x" * canonical.ENVELOPE_LIMIT, KEYID, b"").to_bytes(),
}


@pytest.mark.parametrize("data", list(FLAWS.values()), ids=list(FLAWS))
def test_any_other_shape_or_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedEnvelope):
        read_envelope(data)


def test_every_flipped_bit_gives_another_envelope_or_none() -> None:
    data = SOUND.to_bytes()
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            found = read_envelope(bytes(flipped))
        except MalformedEnvelope:
            continue
        assert found != SOUND
