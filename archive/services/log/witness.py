# SPDX-License-Identifier: Apache-2.0
"""A witness of others' logs: its folder with key and memory, and the rule by which it cosigns.

It needs no archive. The key is made once; its verifier key is what keysets list.
"""

import base64
import secrets
from collections.abc import Sequence
from pathlib import Path

from archive.errors import InputError, KeyLocked, MalformedNote
from archive.proofs.add_checkpoint import REQUEST_LIMIT
from archive.proofs.checkpoint import is_origin
from archive.proofs.note import COSIGNATURE, ED25519, VerifierKey
from archive.signing.file import create_key, open_key, read_passphrase, write_private
from archive.translog.witness import Answer, Memory, Witness

BODY_LIMIT = REQUEST_LIMIT

__all__ = ["BODY_LIMIT", "Answer", "Witness", "make_witness", "open_witness", "witness_key"]


def make_witness(folder: Path, name: str) -> VerifierKey:
    """The verifier key of the witness in a folder, made there under this name if there is none.

    Raises InputError when there is one of another name, or the name is none; KeyLocked.
    """
    if not is_origin(name):
        raise InputError(
            "a witness's name is printable ASCII without blank and plus, such as witness.example"
        )
    named = folder / "name"
    if not named.exists():
        # The name last: with it the witness is whole.
        passphrase = folder / "passphrase"
        if not passphrase.exists():
            write_private(passphrase, base64.b64encode(secrets.token_bytes(32)) + b"\n")
        if not _key_file(folder).exists():
            create_key(_key_file(folder), read_passphrase(passphrase))
        write_private(named, f"{name}\n".encode("ascii"))
    found = witness_key(folder)
    if found.name != name:
        raise InputError(f"the witness in {folder} is called {found.name}")
    return found


def witness_key(folder: Path) -> VerifierKey:
    """The verifier key of the witness in a folder. Raises KeyLocked when there is none."""
    key = open_key(_key_file(folder), read_passphrase(folder / "passphrase"))
    return VerifierKey(_name(folder), COSIGNATURE, key.public_key)


def open_witness(folder: Path, logs: Sequence[str]) -> Witness:
    """The witness in a folder, for these logs, each by its verifier key.

    Raises KeyLocked, and InputError when a key cannot be read, or is none of a log.
    """
    known: dict[str, list[VerifierKey]] = {}
    for text in logs:
        try:
            key = VerifierKey.from_text(text)
        except MalformedNote as error:
            raise InputError(f"{text[:80]!r}: {error}") from error
        if key.kind != ED25519:
            raise InputError(f"{text[:80]!r} is the key of a witness, and not of a log")
        known.setdefault(key.name, []).append(key)
    if not known:
        raise InputError("name a log to witness by its verifier key, as /log shows it")
    signer = open_key(_key_file(folder), read_passphrase(folder / "passphrase"))
    key = VerifierKey(_name(folder), COSIGNATURE, signer.public_key)
    return Witness(key, signer.sign, known, Memory(folder / "logs"))


def _key_file(folder: Path) -> Path:
    return folder / "witness.pem"


def _name(folder: Path) -> str:
    try:
        return (folder / "name").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyLocked(
            f"there is no witness in {folder}: make one with `muniment witness key --name NAME`"
        ) from error
