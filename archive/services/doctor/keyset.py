# SPDX-License-Identifier: Apache-2.0
"""Whether the chain of keysets in the store follows from the root keys that are trusted here."""

from collections.abc import Iterator

from archive.catalog import evidence
from archive.digests import sha256_hex
from archive.errors import CatalogError, MalformedEvidence, ObjectMissing, SettingsError
from archive.proofs.keyset_chain import SignedKeyset, UnpinnedRoot, newest_trusted
from archive.services.doctor.diagnosis import Diagnosis, fail, ok, unknown, warn
from archive.services.trust import stored_keysets, stray_keyset_files
from archive.services.upkeep.installation import Installation

_PUT_BACK = "put the file back as it was from a mirror of the store; nothing is signed until then"


def examine(installation: Installation) -> Iterator[Diagnosis]:
    """Walks every keyset from the pinned roots on."""
    file = installation.files.root_keyid
    try:
        roots = tuple(installation.find_roots())
    except SettingsError as error:
        yield fail("keyset.roots", str(error), f"write the root key's 64 hex digits into {file}")
        return
    if not roots:
        yield fail(
            "keyset.roots",
            f"no root key is trusted: {file} is missing and trust.roots is empty",
            f"bring {file} back from a backup, or set trust.roots to the published fingerprint",
        )
        return
    yield ok("keyset.roots", f"{len(roots)} trusted: " + ", ".join(root[:8] for root in roots))
    store = installation.find_store()
    try:
        chain = stored_keysets(store, roots)
        newest = newest_trusted(chain, roots)
    except UnpinnedRoot as error:
        mend = f"correct trust.roots or {file}, if the published fingerprint is another"
        yield fail("keyset.chain", str(error), mend)
        return
    except (MalformedEvidence, ObjectMissing) as error:
        yield fail("keyset.chain", str(error), _PUT_BACK)
        return
    kind = "development" if newest.is_development else "production"
    yield ok("keyset.chain", f"keyset {newest.version} ({kind}) follows from the trusted roots")
    for key, why in stray_keyset_files(store, roots):
        mend = (
            "the archive passes it over: finish the ceremony with `muniment keys publish`, or "
            "find out who put it there"
        )
        yield warn("keyset.strays", f"{key}: {why}", mend)
    yield _in_catalogue(installation, chain)


def _in_catalogue(installation: Installation, chain: tuple[SignedKeyset, ...]) -> Diagnosis:
    check = "keyset.catalogue"
    database = installation.open_database()
    try:
        database.check_schema()
        with database.reading() as connection:
            rows = sorted(evidence.every_keyset_content(connection))
    except CatalogError as error:
        return unknown(check, str(error), "mend the catalogue first")
    finally:
        database.close()
    if len(rows) > len(chain):
        return fail(check, f"the store lost keyset {len(rows)}, which was in force", _PUT_BACK)
    if rows != sorted(sha256_hex(signed.content) for signed in chain):
        return fail(check, "the catalogue lists other keysets", "run `muniment rebuild`")
    return ok(check, "the catalogue lists the same keysets")
