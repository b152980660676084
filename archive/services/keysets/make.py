# SPDX-License-Identifier: Apache-2.0
"""Makes a keyset version out of keys, and stores what root keys signed of it."""

import datetime as dt

from archive.digests import sha256_hex
from archive.errors import SettingsError
from archive.proofs.keys import PublicKey
from archive.proofs.keyset import Keyset, KeysetKey
from archive.proofs.keyset_bundle import keyset_statement
from archive.proofs.keyset_trust import NAME_LIMIT, TrustedLog, is_plain_name
from archive.signing.base import Signer, seal
from archive.storage.base import Store
from archive.storage.layout import blob_key, keyset_key

TRIAL_DAYS = 3650
"""How long a new key may sign captures in a development archive, which nobody looks after."""
MANIFEST_DAYS = 90
"""How long in any other: a key that is online is replaced often."""
LOG_DAYS = 36500
"""How long the key of a log may sign: it lives as long as its log."""

UNDER_WAY = dt.timedelta(hours=1)
"""What was begun with one key may end with another."""

_UNNAMED = "muniment.invalid"
_NAMING_DIGITS = 16


def new_keyset_key(key: PublicKey, role: str, now: dt.datetime, days: int) -> KeysetKey:
    """The keyset's entry of a key that is valid from now on, and for what is under way now."""
    return KeysetKey(key, role, now - UNDER_WAY, now + dt.timedelta(days=days))


def new_log(origin: str, base_url: str, key: PublicKey, root_keyid: str) -> TrustedLog:
    """The keyset's entry of a new log.

    Its origin is the one given, else the public URL without its scheme, else a name out of the
    root key's ID. It never changes afterwards. Raises SettingsError when it is no name.
    """
    place = base_url.partition("://")[2] or f"{_UNNAMED}/{root_keyid[:_NAMING_DIGITS]}"
    chosen = origin or f"{place}/log"
    if not is_plain_name(chosen):
        raise SettingsError(
            f"log.origin must be 1 to {NAME_LIMIT} printable ASCII characters without blank and "
            f"plus, such as archive.example/log; {chosen} is none"
        )
    return TrustedLog(chosen, key.keyid)


def store_keyset(store: Store, root: Signer, keyset: Keyset) -> None:
    """Store a keyset's content, and its statement signed by one root key.

    Raises MalformedKeyset, SigningError, StorageError.
    """
    content = keyset.to_bytes()
    envelope = seal(root, keyset_statement(content), root.public_key).to_bytes()
    store.put(blob_key(sha256_hex(content)), content)
    store.put(keyset_key(keyset.version, root.public_key.keyid8), envelope)
