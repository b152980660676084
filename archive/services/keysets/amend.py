# SPDX-License-Identifier: Apache-2.0
"""Changes the keyset of a development archive, whose root key lies beside its data.

Where root keys lie elsewhere, or several must sign, a change is proposed instead
(`archive.services.keysets.propose`). Everything that is not changed is carried over.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from archive.catalog import evidence, log
from archive.digests import sha256_hex
from archive.errors import KeyLocked
from archive.proofs.keyset import Keyset
from archive.proofs.keyset_chain import SignedKeyset, newest_trusted
from archive.services.context import Archive
from archive.services.keysets.changes import Change, changed
from archive.services.keysets.initialise import KeyFiles
from archive.services.keysets.make import store_keyset
from archive.services.log.publishing import publish_soon
from archive.services.log.start import start_log
from archive.services.statements.record import keyset_entry, keyset_row
from archive.services.trust import keysets_to_follow, stored_keysets
from archive.signing.base import Signer
from archive.signing.file import open_key, read_passphrase
from archive.storage.layout import blob_key


@dataclass(frozen=True, slots=True)
class Amendment:
    """What is wanted of the next keyset, and certificates (DER) that it names by digest."""

    changes: Sequence[Change]
    certificates: Sequence[bytes] = ()


def amend(archive: Archive, files: KeyFiles, amendment: Amendment) -> Keyset:
    """The next keyset, signed by the root key beside the data, stored and listed.

    Raises KeyLocked when that key alone cannot sign; InputError, MalformedEvidence, StorageError,
    CatalogError.
    """
    chain, newest = keysets_to_follow(archive)
    root = root_beside(newest, files)
    following = following_keyset(archive, newest, chain[-1].statement_sha256, amendment)
    store_certificates(archive, amendment.certificates)
    store_keyset(archive.store, root, following)
    chain = stored_keysets(archive.store, archive.pinned_roots)
    newest = newest_trusted(chain, archive.pinned_roots)
    take_in(archive, chain[-1])
    return newest


def following_keyset(
    archive: Archive, newest: Keyset, statement_sha256: str, amendment: Amendment
) -> Keyset:
    """The keyset after the newest one, with everything that is wanted. Raises InputError."""
    now = archive.clock.now()
    wanted = changed(newest, now, amendment.changes)
    return replace(wanted, version=newest.version + 1, previous=statement_sha256, issued_at=now)


def root_beside(keyset: Keyset, files: KeyFiles) -> Signer:
    """The root key beside the data, when it alone can sign. Raises KeyLocked."""
    elsewhere = (
        f"the next keyset takes the signatures of {keyset.threshold} of {len(keyset.roots)} root "
        "keys: write it to a file with `muniment keys propose FILE …` for their holders to sign"
    )
    if keyset.threshold > 1 or not files.root.exists():
        raise KeyLocked(elsewhere)
    root = open_key(files.root, read_passphrase(files.passphrase_file))
    if root.public_key.keyid not in keyset.roots:
        raise KeyLocked(f"{files.root} is no root key of the keyset any more; {elsewhere}")
    return root


def store_certificates(archive: Archive, certificates: Sequence[bytes]) -> None:
    """Store certificates by their digests. Raises StorageError."""
    if certificates:
        archive.store.put_many([(blob_key(sha256_hex(each)), each) for each in certificates])


def take_in(archive: Archive, signed: SignedKeyset) -> None:
    """Give a stored keyset its row and its leaf, unless it has them; start the log that it names.

    Raises StorageError, CatalogError.
    """
    row: dict[str, Any] = keyset_row(signed)
    with archive.database.writing() as connection:
        if row["content_sha256"] not in evidence.every_keyset_content(connection):
            evidence.add_keyset(connection, row)
        log.append(connection, [keyset_entry(signed)])
    start_log(archive)
    publish_soon(archive)
