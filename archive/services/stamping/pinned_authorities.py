# SPDX-License-Identifier: Apache-2.0
"""The timestamp authorities that the trusted keyset names, with their root certificates."""

from collections.abc import Mapping

from archive.checks.evidence import Absent
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, ObjectMissing, StorageError
from archive.proofs.certificates import read_der
from archive.proofs.keyset import Keyset
from archive.proofs.keyset_chain import KeysetChain
from archive.proofs.keyset_trust import Authority
from archive.proofs.timestamp import PinnedAuthority
from archive.storage.base import Store
from archive.storage.layout import blob_key

Authorities = Mapping[str, PinnedAuthority | Absent]


def pinned_authorities(store: Store, chain: KeysetChain) -> Authorities:
    """The authorities of the newest trusted keyset by name; none when there is no such keyset.

    One whose roots are not at hand is named with the reason.
    """
    try:
        keyset = chain.newest
    except MalformedEvidence:
        return {}
    return authorities_of(store, keyset)


def authorities_of(store: Store, keyset: Keyset) -> Authorities:
    """The authorities of a keyset by name, each pinned or with the reason why not."""
    return {one.name: _pinned(store, one) for one in keyset.authorities}


def _pinned(store: Store, authority: Authority) -> PinnedAuthority | Absent:
    roots = []
    for sha256 in authority.roots:
        key = blob_key(sha256)
        try:
            der = store.get(key)
            if sha256_hex(der) != sha256:
                detail = f"{key}, a root of {authority.name}, has another digest"
                return Absent("OBJECT_DIGEST_MISMATCH", detail, is_certain=True)
            roots.append(read_der(der))
        except (ObjectMissing, MalformedEvidence) as error:
            detail = f"{key}, a root of {authority.name}: {error}"
            return Absent(error.code, detail, is_certain=True)
        except StorageError as error:
            detail = f"{key}, a root of {authority.name}: {error}"
            return Absent(error.code, detail, is_certain=False)
    return PinnedAuthority(authority.name, tuple(roots), authority.policies, authority.is_qualified)
