# SPDX-License-Identifier: Apache-2.0
"""A log of a million leaves: appended durably, integrated, proven, read anew from its files.

Beside each rate stands the plain hashing limit of the same run: one SHA-256 over 208 bytes with
the leaf's prefix, which is what a leaf costs at the very least. Nothing is asserted.
"""

import argparse
import hashlib
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.logwork import begun, file_store, log_at, sign

from archive.catalog import log as rows
from archive.catalog.database import Database
from archive.model.log_entry import LogEntry
from archive.proofs.merkle import is_included, leaf_hash, root_of
from archive.services.log.stored import stored_entries
from archive.storage.base import WholeStore
from archive.translog.edge import Edge
from archive.translog.integrate import integrate
from archive.translog.prove import Tiles
from archive.translog.publish import publish

_PROOFS = 1000
_SMALL = 16


class Counting:
    """A store that counts what is read of it."""

    def __init__(self, store: WholeStore) -> None:
        self._store = store
        self.reads = 0

    def get(self, key: str) -> bytes:
        self.reads += 1
        return self._store.get(key)

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        self._store.put_many(objects)


def main(argv: list[str]) -> int:
    """Print rates and times; always 0, since a bench measures and does not judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench log", description=__doc__)
    parser.add_argument("--leaves", type=int, default=1_000_000)
    parser.add_argument("--group", type=int, default=1000, help="leaves of one transaction")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as work:
        plain = Database(f"sqlite:///{work}/catalog.sqlite")
        plain.migrate()
        plain.close()
        database = begun(f"sqlite:///{work}/catalog.sqlite")
        try:
            _run(database, Path(work), options.leaves, options.group)
        finally:
            database.close()
    return 0


def _run(database: Database, work: Path, leaves: int, group: int) -> None:
    _, store = file_store(work)
    entries = [_entry(number) for number in range(leaves)]
    encoded = [entry.to_bytes() for entry in entries]
    print(f"{leaves} leaves of {len(encoded[0])} bytes")
    sha256, block = hashlib.sha256, b"\0" + bytes(208)
    limit = _rate(
        "plain hashing of 208 bytes",
        leaves,
        lambda: [sha256(block).digest() for _ in range(leaves)],
    )
    log = log_at(database, store)

    def append(size: int, some: Sequence[LogEntry]) -> None:
        for start in range(0, len(some), size):
            with database.appending() as connection:
                rows.append(connection, some[start : start + size])

    few = min(leaves // 10, 200 * _SMALL)
    _rate(
        f"append, durable, {_SMALL} a transaction",
        few,
        lambda: append(_SMALL, entries[:few]),
        limit,
    )
    _rate(
        f"append, durable, {group} a transaction",
        leaves - few,
        lambda: append(group, entries[few:]),
        limit,
    )
    _rate("integrate (bundles, tiles, synced)", leaves, lambda: integrate(log), limit)
    published = publish(log, sign, lambda _: ())
    assert published is not None
    hashed = _rate("leaf hashes", leaves, lambda: [leaf_hash(entry) for entry in encoded], limit)
    del hashed
    hashes = [leaf_hash(entry) for entry in encoded]
    _rate("tree out of leaf hashes", leaves, lambda: root_of(hashes), limit)
    _rate("rebuild: leaves to tiles, no store", leaves, lambda: Edge().grow(hashes), limit)
    _rate("entries read back out of bundles", leaves, lambda: stored_entries(store), limit)
    chooser, head = random.Random(2129), published.head
    indexes = [chooser.randrange(leaves) for _ in range(_PROOFS)]
    counting = Counting(store)
    began = time.perf_counter()
    proofs = [Tiles(counting, head.size).inclusion(index) for index in indexes]
    seconds = time.perf_counter() - began
    print(
        f"{'inclusion proof, cold tiles':<40}{seconds / _PROOFS * 1000:>12.3f} ms"
        f"   {counting.reads / _PROOFS:.1f} tile reads, {max(map(len, proofs))} hashes"
    )
    began = time.perf_counter()
    sound = sum(is_included(hashes[i], i, head, p) for i, p in zip(indexes, proofs, strict=True))
    seconds = time.perf_counter() - began
    print(f"{'verify it':<40}{seconds / _PROOFS * 1000:>12.3f} ms   {sound} of {_PROOFS} hold")
    counting.reads = 0
    began = time.perf_counter()
    for index in indexes:
        if index:
            Tiles(counting, head.size).consistency(index)
    seconds = time.perf_counter() - began
    print(
        f"{'consistency proof, cold tiles':<40}{seconds / _PROOFS * 1000:>12.3f} ms"
        f"   {counting.reads / _PROOFS:.1f} tile reads"
    )
    objects = list(store.list("log/"))
    print(
        f"{'objects in the store':<40}{len(objects):>12}      {sum(o.size for o in objects)} bytes"
    )


def _entry(number: int) -> LogEntry:
    digest = hashlib.sha256(b"%d" % number).hexdigest()
    return LogEntry("observation", None, digest, digest)


def _rate(name: str, count: int, deed: Callable[[], object], limit: float | None = None) -> float:
    began = time.perf_counter()
    deed()
    rate = count / (time.perf_counter() - began)
    share = "" if limit is None else f"   {rate / limit:.3f} of the limit"
    print(f"{name:<40}{rate:>12,.0f} /s{share}", flush=True)
    return rate


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
