# SPDX-License-Identifier: Apache-2.0
"""What a signer is: a secret behind two methods. Verifying lives in `archive.proofs`."""

from typing import Protocol

from archive.errors import SigningError
from archive.proofs.dsse import Envelope, check_size
from archive.proofs.keys import PublicKey


class Signer(Protocol):
    """Holds one private key."""

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The signature over the data (at most 4,096 bytes). Raises SigningError."""
        ...


def seal(signer: Signer, payload: bytes, listed_key: PublicKey) -> Envelope:
    """An envelope over the payload, checked with the public key that the keyset lists.

    Raises StatementTooLarge, and SigningError when the signature does not verify under that key.
    """
    return Envelope(payload, listed_key.keyid, checked(signer, check_size(payload), listed_key))


def checked(signer: Signer, data: bytes, listed_key: PublicKey) -> bytes:
    """The signature over the data, seen to verify under the listed key. Raises SigningError."""
    signature = signer.sign(data)
    if not listed_key.verifies(signature, data):
        raise SigningError(f"the signer's key is not {listed_key.keyid8} of the keyset")
    return signature
