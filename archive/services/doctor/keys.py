# SPDX-License-Identifier: Apache-2.0
"""Whether the private keys are there, kept from others, open, and are those that sign now."""

import stat
from collections.abc import Iterator
from pathlib import Path

from archive.errors import KeyLocked, MunimentError
from archive.proofs.keyset import Keyset
from archive.proofs.keyset_chain import newest_trusted
from archive.services.doctor.diagnosis import Diagnosis, fail, ok, unknown, warn
from archive.services.initialise import KeyFiles
from archive.services.installation import Installation
from archive.services.trust import stored_keysets
from archive.signing.base import Signer
from archive.signing.file import open_key, read_passphrase

WARN_DAYS = 30
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_BRING_BACK = "bring it back with `muniment restore` and the latest backup"


def examine(installation: Installation) -> Iterator[Diagnosis]:
    """Opens the signing key, and looks it up in the trusted keyset."""
    files = installation.files
    missing = [path for path in (files.manifest, files.passphrase_file) if not path.is_file()]
    if missing:
        names = " and ".join(str(path) for path in missing)
        yield fail("keys.there", f"{names}: missing, so nothing can be signed", _BRING_BACK)
    else:
        yield ok("keys.there", f"the signing key and its passphrase lie in {files.folder}")
    yield _modes(files)
    if missing:
        return
    try:
        signer = open_key(files.manifest, read_passphrase(files.passphrase_file))
    except KeyLocked as error:
        mend = f"put the right passphrase into {files.passphrase_file}, or {_BRING_BACK}"
        yield fail("keys.open", str(error), mend)
        return
    yield ok("keys.open", f"the passphrase opens key {signer.public_key.keyid8}")
    yield _listed(installation, signer)


def _modes(files: KeyFiles) -> Diagnosis:
    """Whether anybody but the owner may read them; the folder is named first."""
    paths = [files.folder, files.passphrase_file]
    if files.folder.is_dir():
        paths += sorted(files.folder.iterdir())
    open_to_others = [path for path in dict.fromkeys(paths) if _is_open(path)]
    if open_to_others:
        return fail(
            "keys.modes",
            ", ".join(map(str, open_to_others)) + ": others may read or change this",
            "run `chmod go= " + " ".join(map(str, open_to_others)) + "`",
        )
    return ok("keys.modes", "nobody but the owner may read the keys")


def _is_open(path: Path) -> bool:
    return path.exists() and bool(path.stat().st_mode & _OTHERS)


def _listed(installation: Installation, signer: Signer) -> Diagnosis:
    check = "keys.listed"
    try:
        roots = installation.find_roots()
        keyset = newest_trusted(stored_keysets(installation.find_store(), roots), roots)
    except MunimentError as error:
        return unknown(check, f"no trusted keyset can be read: {error}", "mend the keyset first")
    return _in_keyset(installation, keyset, signer.public_key.keyid)


def _in_keyset(installation: Installation, keyset: Keyset, keyid: str) -> Diagnosis:
    check, listed = "keys.listed", keyset.keys.get(keyid)
    if listed is None:
        return fail(
            check,
            f"key {keyid[:8]} does not stand in keyset {keyset.version}, so it signs nothing",
            "put back the key files that the keyset lists ("
            + ", ".join(key[:8] for key in keyset.keys)
            + "), from a backup",
        )
    if listed.state != "active":
        mend = "put back the key files of a key that is active in the keyset"
        return fail(check, f"key {keyid[:8]} is {listed.state}", mend)
    now = installation.clock.now()
    days = (listed.valid_until - now).days
    renew = "have the root keys sign a keyset with a new signing key"
    if now < listed.valid_from:
        begin = f"{listed.valid_from:%Y-%m-%d %H:%M} UTC"
        return fail(check, f"key {keyid[:8]} is valid from {begin} on", "set the clock right")
    if now >= listed.valid_until:
        return fail(check, f"key {keyid[:8]} ended on {listed.valid_until:%Y-%m-%d}", renew)
    if days < WARN_DAYS:
        return warn(check, f"key {keyid[:8]} ends in {days} days", renew)
    return ok(check, f"key {keyid[:8]} is active in keyset {keyset.version}, {days} days left")
