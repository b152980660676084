# SPDX-License-Identifier: Apache-2.0
"""DSSE envelopes (secure-systems-lab/dsse, protocol v1): one payload, one signature, one file.

A second signature is a second file over the same payload. The envelope bytes are canonical JSON
with exactly the members below, so that a file has one reading only.
"""

import base64
import binascii
from dataclasses import dataclass

from archive import canonical
from archive.digests import sha256_hex
from archive.errors import MalformedEnvelope, MalformedJson, StatementTooLarge
from archive.model.fields import Fields
from archive.model.statement import PAYLOAD_TYPE

SIGNED_BYTES_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload and one signature over it. `keyid` is a hint until the signature is checked."""

    payload: bytes
    keyid: str
    signature: bytes

    def signed_bytes(self) -> bytes:
        """The bytes that the signature covers."""
        return pae(PAYLOAD_TYPE, self.payload)

    @property
    def statement_sha256(self) -> str:
        """The digest of the statement, by which others name it."""
        return sha256_hex(self.payload)

    def to_bytes(self) -> bytes:
        """The envelope file, canonical."""
        return canonical.dumps(
            {
                "payload": base64.b64encode(self.payload).decode("ascii"),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [
                    {"keyid": self.keyid, "sig": base64.b64encode(self.signature).decode("ascii")}
                ],
            }
        )


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is signed, the type included."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def check_size(payload: bytes) -> bytes:
    """The bytes to sign for a payload. Raises StatementTooLarge when a KMS could not sign them."""
    data = pae(PAYLOAD_TYPE, payload)
    if len(data) > SIGNED_BYTES_LIMIT:
        raise StatementTooLarge(
            f"the statement has {len(data)} bytes to sign, over {SIGNED_BYTES_LIMIT}"
        )
    return data


def read_envelope(data: bytes) -> Envelope:
    """The envelope in a file. Raises MalformedEnvelope for any other shape, type or spelling."""
    try:
        fields = Fields(canonical.loads_canonical(data), MalformedEnvelope, "envelope")
    except MalformedJson as error:
        raise MalformedEnvelope(f"the envelope is not strict JSON: {error}") from error
    fields.constant("payloadType", PAYLOAD_TYPE)
    signatures = fields.items("signatures")
    if len(signatures) != 1:
        raise MalformedEnvelope(f"the envelope has {len(signatures)} signatures, not one")
    signature = Fields(signatures[0], MalformedEnvelope, "signature")
    envelope = Envelope(
        payload=_base64(fields.text("payload")),
        keyid=signature.sha256("keyid"),
        signature=_base64(signature.text("sig")),
    )
    signature.end()
    fields.end()
    return envelope


def _base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise MalformedEnvelope("the envelope holds bad base64") from error
    if base64.b64encode(data) != text.encode("ascii"):
        raise MalformedEnvelope("the envelope holds base64 that is not in its one standard form")
    return data
