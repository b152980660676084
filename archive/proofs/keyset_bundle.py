# SPDX-License-Identifier: Apache-2.0
"""A keyset version in one file: what root keys sign, all their signatures, and what it names.

It is a DSSE envelope with any number of signatures, and further members beside them. It travels
to the holders of root keys before it is published, and to verifiers afterwards.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from archive import canonical
from archive.canonical import JsonValue
from archive.digests import sha256_hex
from archive.errors import MalformedKeyset
from archive.model.fields import Fields
from archive.model.statement import CONTENT, KEYSET_V1, PAYLOAD_TYPE, Statement
from archive.proofs.dsse import Envelope
from archive.proofs.keyset import Keyset
from archive.proofs.keyset_chain import SignedKeyset


def keyset_statement(content: bytes) -> bytes:
    """The statement that root keys sign over a content. Raises MalformedKeyset, MalformedJson."""
    keyset = Keyset.from_bytes(content)
    predicate = {"version": keyset.version, "previous": keyset.previous}
    return Statement({CONTENT: sha256_hex(content)}, KEYSET_V1, predicate).to_bytes()


@dataclass(frozen=True, slots=True)
class KeysetBundle:
    """One version with its signatures, by key ID, which are not yet judged.

    `before` is the content of the version before, for whoever signs to see what is changed.
    `certificates` are the DER root certificates of the authorities.
    """

    content: bytes
    signatures: tuple[tuple[str, bytes], ...] = ()
    before: bytes | None = None
    certificates: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, signed: SignedKeyset, certificates: Sequence[bytes] = ()) -> Self:
        """The bundle of a stored version."""
        pairs = {envelope.keyid: envelope.signature for envelope in signed.envelopes}
        return cls(signed.content, tuple(sorted(pairs.items())), None, tuple(certificates))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The bundle in a file. Raises MalformedEvidence unless its members go together."""
        value = canonical.loads_canonical(data, 2 * canonical.CONTENT_LIMIT)
        fields = Fields(value, MalformedKeyset, "keyset bundle")
        fields.constant("payloadType", PAYLOAD_TYPE)
        payload = _base64(fields.text("payload"))
        before = fields.value("before")
        bundle = cls(
            content=canonical.dumps(fields.members("content")),
            signatures=tuple(_signature(item) for item in fields.items("signatures")),
            before=None if before is None else canonical.dumps(before),
            certificates=tuple(_base64(text) for text in fields.texts("certificates")),
        )
        fields.end()
        if bundle.payload != payload:
            raise MalformedKeyset("the bundle signs another keyset than it shows")
        keyids = [keyid for keyid, _ in bundle.signatures]
        if keyids != sorted(set(keyids)):
            raise MalformedKeyset("the signatures of the bundle are out of order, or one is twice")
        bundle._check_surroundings()
        return bundle

    def to_bytes(self) -> bytes:
        """The file, canonical."""
        return canonical.dumps(self.to_json())

    def to_json(self) -> JsonValue:
        """The members of the file."""
        return {
            "payload": base64.b64encode(self.payload).decode("ascii"),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {"keyid": keyid, "sig": base64.b64encode(signature).decode("ascii")}
                for keyid, signature in self.signatures
            ],
            "content": canonical.loads(self.content, canonical.CONTENT_LIMIT),
            "before": None
            if self.before is None
            else canonical.loads(self.before, canonical.CONTENT_LIMIT),
            "certificates": [base64.b64encode(each).decode("ascii") for each in self.certificates],
        }

    @property
    def payload(self) -> bytes:
        """The statement that is signed."""
        return keyset_statement(self.content)

    @property
    def keyset(self) -> Keyset:
        """What the content says. Raises MalformedKeyset, MalformedJson."""
        return Keyset.from_bytes(self.content)

    @property
    def envelopes(self) -> tuple[Envelope, ...]:
        """One envelope for each signature, as the store keeps them."""
        payload = self.payload
        return tuple(Envelope(payload, keyid, signature) for keyid, signature in self.signatures)

    @property
    def signed(self) -> SignedKeyset:
        """The version as a chain has it."""
        return SignedKeyset(self.envelopes, self.content)

    def with_signatures(self, more: Sequence[Envelope]) -> "KeysetBundle":
        """The bundle with these signatures too; one of a key that signed already stays."""
        pairs = {envelope.keyid: envelope.signature for envelope in more} | dict(self.signatures)
        return replace(self, signatures=tuple(sorted(pairs.items())))

    def _check_surroundings(self) -> None:
        keyset = self.keyset
        if self.before is not None and (
            sha256_hex(keyset_statement(self.before)) != keyset.previous
        ):
            raise MalformedKeyset("the bundle shows another keyset as the one before")
        wanted = {root for authority in keyset.authorities for root in authority.roots}
        given = [sha256_hex(certificate) for certificate in self.certificates]
        if given != sorted(set(given)) or not set(given) <= wanted:
            raise MalformedKeyset(
                "the bundle has certificates that its keyset does not name, or out of order"
            )


def _signature(value: JsonValue) -> tuple[str, bytes]:
    fields = Fields(value, MalformedKeyset, "signature")
    found = fields.sha256("keyid"), _base64(fields.text("sig"))
    fields.end()
    return found


def _base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise MalformedKeyset("the bundle holds bad base64") from error
    if base64.b64encode(data) != text.encode("ascii"):
        raise MalformedKeyset("the bundle holds base64 that is not in its one standard form")
    return data
