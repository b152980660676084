# SPDX-License-Identifier: Apache-2.0
"""Whether the private keys are there, kept from others, open and sign, and may sign now."""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from archive.errors import KeyLocked, MunimentError, SettingsError, SigningError
from archive.proofs.keyset import ACTIVE, LOG, MANIFEST, Keyset
from archive.proofs.keyset_chain import newest_trusted
from archive.services.doctor.diagnosis import Diagnosis, fail, ok, unknown, warn
from archive.services.keysets.initialise import KeyFiles
from archive.services.trust import stored_keysets
from archive.services.upkeep.installation import Installation
from archive.signing.base import Signer, checked

WARN_DAYS = 30
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_BRING_BACK = "bring it back with `muniment restore` and the latest backup"
# Neither an envelope's bytes nor a checkpoint's: this says nothing that anyone could use.
_NOTHING = b"muniment doctor signs this to see whether the key signs, and asserts nothing.\n"


def examine(installation: Installation) -> Iterator[Diagnosis]:
    """Opens the keys that sign captures and the log, and looks them up in the trusted keyset."""
    files = installation.files
    yield from _there(files)
    yield _modes(files)
    keyset = _keyset(installation)
    if isinstance(keyset, Keyset) and not keyset.is_development and files.root.exists():
        mend = "move it to a machine without a network; nothing here needs it"
        yield warn("keys.root", f"{files.root} lies here, and root keys sign elsewhere", mend)
    yield from _signer(installation, MANIFEST, installation.open_signer, keyset)
    if isinstance(keyset, Keyset) and keyset.log is not None:
        yield from _signer(installation, LOG, installation.open_log_signer, keyset)


def _there(files: KeyFiles) -> Iterator[Diagnosis]:
    paths = [files.passphrase_file] if files.elsewhere < {MANIFEST, LOG} else []
    if MANIFEST not in files.elsewhere:
        paths.insert(0, files.manifest)
    missing = [path for path in paths if not path.is_file()]
    if missing:
        names = " and ".join(map(str, missing))
        yield fail("keys.there", f"{names}: missing, so nothing can be signed", _BRING_BACK)
    elif MANIFEST in files.elsewhere:
        yield ok("keys.there", "keys.manifest names the signing key")
    else:
        yield ok("keys.there", f"the signing key and its passphrase lie in {files.folder}")


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


def _keyset(installation: Installation) -> Keyset | MunimentError:
    try:
        roots = installation.find_roots()
        return newest_trusted(stored_keysets(installation.find_store(), roots), roots)
    except MunimentError as error:
        return error


def _signer(
    installation: Installation,
    role: str,
    open_signer: Callable[[], Signer],
    keyset: Keyset | MunimentError,
) -> Iterator[Diagnosis]:
    prefix, files = "keys" if role == MANIFEST else "keys.log", installation.files
    path = files.manifest if role == MANIFEST else files.log
    is_here = role not in files.elsewhere
    if is_here and not (path.is_file() and files.passphrase_file.is_file()):
        if role == LOG and files.has_manifest and files.passphrase_file.is_file():
            detail = f"{path}: missing, so no checkpoint can be signed"
            yield fail(f"{prefix}.there", detail, _BRING_BACK)
        return  # of the other one it is said already
    try:
        signer = open_signer()
    except KeyLocked as error:
        mend = f"put the right passphrase into {files.passphrase_file}, or {_BRING_BACK}"
        yield fail(f"{prefix}.open", str(error), mend if is_here else f"mend keys.{role}")
        return
    except SettingsError as error:
        yield fail(f"{prefix}.open", str(error), f"correct keys.{role}")
        return
    except SigningError as error:
        yield unknown(f"{prefix}.open", str(error), "look at what holds the key, and ask again")
        return
    name = signer.public_key.keyid8
    opened = f"the passphrase opens key {name}" if is_here else f"key {name} is at hand"
    yield ok(f"{prefix}.open", opened)
    if not is_here:
        yield _signs(f"{prefix}.signs", signer)
    yield _listed(installation, f"{prefix}.listed", (signer, role), keyset)


def _signs(check: str, signer: Signer) -> Diagnosis:
    try:
        checked(signer, _NOTHING, signer.public_key)
    except SigningError as error:
        mend = "look at what holds the key: nothing is signed until then"
        return fail(check, f"key {signer.public_key.keyid8} does not sign: {error}", mend)
    return ok(check, f"key {signer.public_key.keyid8} signs, and its signature holds")


def _listed(
    installation: Installation,
    check: str,
    of: tuple[Signer, str],
    keyset: Keyset | MunimentError,
) -> Diagnosis:
    signer, role = of
    if not isinstance(keyset, Keyset):
        detail = f"no trusted keyset can be read: {keyset}"
        return unknown(check, detail, "mend the keyset first")
    keyid = signer.public_key.keyid
    listed = keyset.keys.get(keyid)
    if listed is None or listed.role != role:
        what = "does not stand" if listed is None else f"stands as {listed.role} key"
        known = [key[:8] for key, item in keyset.keys.items() if item.role == role]
        return fail(
            check,
            f"key {keyid[:8]} {what} in keyset {keyset.version}, so it signs nothing",
            f"put back the key files that the keyset lists ({', '.join(known)}), from a backup; "
            "or, if `muniment keys rotate` was broken off, run it again",
        )
    if listed.state != ACTIVE:
        mend = "put back the key files of a key that is active in the keyset, or rotate"
        return fail(check, f"key {keyid[:8]} is {listed.state}", mend)
    now = installation.clock.now()
    days = (listed.valid_until - now).days
    renew = "run `muniment keys rotate`, or propose it to the holders of the root keys"
    if now < listed.valid_from:
        begin = f"{listed.valid_from:%Y-%m-%d %H:%M} UTC"
        return fail(check, f"key {keyid[:8]} is valid from {begin} on", "set the clock right")
    if now >= listed.valid_until:
        return fail(check, f"key {keyid[:8]} ended on {listed.valid_until:%Y-%m-%d}", renew)
    if days < WARN_DAYS:
        return warn(check, f"key {keyid[:8]} ends in {days} days", renew)
    return ok(check, f"key {keyid[:8]} is active in keyset {keyset.version}, {days} days left")
