# SPDX-License-Identifier: Apache-2.0
"""Reads the chain of keysets from the store, for signing and for verifying."""

from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, MalformedKeyset, ObjectMissing
from archive.model.statement import CONTENT, Statement
from archive.proofs.dsse import read_envelope
from archive.proofs.keyset import Keyset, KeysetChain, SignedKeyset, newest_trusted
from archive.services.context import Archive
from archive.storage.base import Store
from archive.storage.layout import KEYSETS, blob_key, read_key


def stored_keysets(store: Store) -> tuple[SignedKeyset, ...]:
    """Every keyset version in the store, in order, as stored and not yet trusted.

    Raises MalformedEvidence when a file cannot be read as what its key says, ObjectMissing when
    a content file is not there.
    """
    envelopes: dict[int, list[bytes]] = {}
    for item in store.list(KEYSETS):
        place = read_key(item.key)
        if place.role == "keyset":
            envelopes.setdefault(int(place.name), []).append(store.get(item.key))
    chain = []
    for version in sorted(envelopes):
        opened = tuple(read_envelope(data) for data in envelopes[version])
        content_sha256 = Statement.from_bytes(opened[0].payload).subjects.get(CONTENT)
        if content_sha256 is None:
            raise MalformedKeyset(f"keyset {version} names no content")
        content = store.get(blob_key(content_sha256))
        if sha256_hex(content) != content_sha256:
            raise MalformedKeyset(f"the content of keyset {version} has another digest")
        chain.append(SignedKeyset(opened, content))
    return tuple(chain)


def trusted_keyset(archive: Archive) -> Keyset:
    """The newest keyset that the pinned roots vouch for. Raises MalformedEvidence."""
    return newest_trusted(stored_keysets(archive.store), archive.pinned_roots)


def keyset_chain(archive: Archive) -> KeysetChain:
    """The stored keysets to verify with; none when they are damaged, as claim key.chain says."""
    try:
        versions = stored_keysets(archive.store)
    except (MalformedEvidence, ObjectMissing):
        versions = ()
    return KeysetChain(versions, tuple(archive.pinned_roots))
