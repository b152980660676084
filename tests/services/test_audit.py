# SPDX-License-Identifier: Apache-2.0
"""The audit: reads everything, names each damaged object, and tells damage from no access."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.archives import (
    audited,
    captured,
    damaged,
    minted,
    page,
    stored_file,
    stored_keys,
)
from support.origin import Origin
from support.working import MAIN, ROOT

from archive.errors import StorageUnavailable
from archive.services.capturing.capture import Recorded
from archive.services.context import Archive
from archive.services.upkeep.audit import CLAIMS, AuditOptions, audit
from archive.settings import Settings
from archive.storage.base import ForeignVersion, Store, StoredObject
from archive.storage.layout import blob_key, keyset_key


@pytest.fixture
def records(archive: Archive, origin: Origin) -> list[Recorded]:
    for number in range(5):
        origin.page(f"/{number}", page(f"Page {number}."))
    kept = [captured(archive, origin.url(f"/{number}")) for number in range(5)]
    kept.append(captured(archive, origin.url("/0")))
    kept.append(captured(archive, origin.url("/missing")))
    return kept


def container(record: Recorded) -> str:
    assert record.signed.inventory.own_container is not None
    return blob_key(record.signed.inventory.own_container)


@pytest.mark.parametrize("level", list(CLAIMS))
def test_a_sound_archive_is_sound_at_every_level(
    archive: Archive, records: list[Recorded], level: str
) -> None:
    seen = []
    report = audit(archive, lambda done, total: seen.append((done, total)), AuditOptions(level))
    assert (report.exit_code, report.damages, report.unreferenced) == (0, [], [])
    assert report.records == len(records)
    assert seen[-1][0] == seen[-1][1]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_an_empty_archive_is_sound(archive: Archive) -> None:
    for level in CLAIMS:
        assert audited(archive, level).exit_code == 0


@pytest.mark.parametrize("level", list(CLAIMS))
def test_each_damaged_object_is_named_and_no_other(
    archive: Archive, settings: Settings, records: list[Recorded], level: str
) -> None:
    first = stored_file(settings, container(records[1]))
    second = stored_file(settings, records[2].signed.envelope_key)
    with damaged(first, b"other"), damaged(second, b"{}"):
        report = audited(archive, level)
    named = {damage.key for damage in report.damages}
    assert records[2].signed.envelope_key in named
    assert any((records[1].signed.inventory.own_container or "")[:12] in key for key in named)
    touched = {str(records[1].signed.look.capture_id), str(records[2].signed.look.capture_id)}
    for damage in report.damages:
        others = {str(item.signed.look.capture_id) for item in records} - touched
        assert not any(other in damage.key for other in others), damage
    assert report.exit_code == 1


def test_more_workers_give_the_same_answer(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    for number in range(40):
        origin.page(f"/{number}", page(f"Page {number}."))
        minted(archive, origin.url(f"/{number}"))
    key = next(key for key in stored_keys(settings, "captures/") if "inventory" in key)
    with damaged(stored_file(settings, key), b"{}"):
        for level in CLAIMS:
            alone = audit(archive, lambda *_: None, AuditOptions(level))
            together = audit(archive, lambda *_: None, AuditOptions(level, workers=2))
            assert together == alone
            assert [(d.key, d.claim) for d in alone.damages] == [(key, "inventory.bound")]


def test_a_sample_reads_so_many_records_and_their_bytes(
    archive: Archive, settings: Settings, records: list[Recorded]
) -> None:
    report = audit(archive, lambda *_: None, AuditOptions(sample=3))
    assert (report.records, report.exit_code) == (3, 0)
    whole = audit(archive, lambda *_: None, AuditOptions(sample=99))
    assert whole.records == len(records)
    with damaged(stored_file(settings, container(records[0])), b""):
        found = audit(archive, lambda *_: None, AuditOptions(sample=99))
    assert found.exit_code == 1


def test_stray_objects_are_listed_and_do_no_harm(
    archive: Archive, settings: Settings, records: list[Recorded]
) -> None:
    archive.store.put(blob_key("a" * 64), b"not the bytes of that digest")
    archive.store.put("notes/hello.txt", b"hello")
    report = audited(archive, "plain")
    assert set(report.unreferenced) == {blob_key("a" * 64), "notes/hello.txt"}
    assert [damage.key for damage in report.damages] == [blob_key("a" * 64)]


def test_a_file_that_is_no_keyset_is_named_beside_the_sound_one(
    archive: Archive, records: list[Recorded]
) -> None:
    key = keyset_key(1, "0" * 8)
    archive.store.put(key, b"{}")
    report = audited(archive, "plain")
    [damage] = report.damages
    assert (damage.key, damage.claim, damage.code) == (key, "key.chain", "KEYSET_STRAY")
    assert damage.is_certain


class Away:
    """A store in which what lies under some keys cannot be read just now."""

    def __init__(self, store: Store, keys: set[str]) -> None:
        self._store = store
        self._keys = keys

    def put(self, key: str, data: bytes) -> None:
        self._store.put(key, data)

    def put_many(self, objects: list[tuple[str, bytes]]) -> None:
        self._store.put_many(objects)

    def get(self, key: str) -> bytes:
        self._refuse(key)
        return self._store.get(key)

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        self._refuse(key)
        return self._store.get_range(key, offset, length)

    def stream(self, key: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        self._refuse(key)
        return self._store.stream(key, chunk_bytes)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        return self._store.list(prefix)

    def foreign_versions(self, prefix: str = "") -> Iterator[ForeignVersion]:
        return self._store.foreign_versions(prefix)

    def _refuse(self, key: str) -> None:
        if key in self._keys:
            raise StorageUnavailable("the disk does not answer")


@pytest.mark.parametrize("level", list(CLAIMS))
def test_what_cannot_be_read_is_not_called_damaged(
    archive: Archive, records: list[Recorded], level: str
) -> None:
    keys = {container(records[1]), records[2].signed.envelope_key}
    away = replace(archive, store=Away(archive.store, keys))  # type: ignore[arg-type]
    report = audited(away, level)
    assert report.exit_code == 2
    assert report.damages
    assert all(not damage.is_certain for damage in report.damages)


def test_versions_that_cannot_be_read_leave_the_rest_of_the_report(
    archive: Archive, records: list[Recorded], settings: Settings
) -> None:
    class Unversioned(Away):
        """The store, whose versions can be read up to one."""

        name = "file:"

        def foreign_versions(self, prefix: str = "") -> Iterator[ForeignVersion]:
            yield ForeignVersion(f"{prefix}blobs/x", "1", is_deletion=True)
            raise StorageUnavailable("the versions of the rest do not come")

    away = replace(archive, store=Unversioned(archive.store, set()))  # type: ignore[arg-type]
    with damaged(stored_file(settings, container(records[1])), None):
        found = {(d.claim, d.code, d.is_certain) for d in audited(away).damages}
    assert found == {
        ("object.digest", "OBJECT_MISSING", True),
        ("storage.versions", "DELETE_MARKER", True),
        ("storage.versions", StorageUnavailable.code, False),
    }


def test_rows_that_were_changed_are_not_believed(archive: Archive, records: list[Recorded]) -> None:
    import sqlalchemy as sa

    swapped = records[1].signed.envelope_key
    with archive.database.writing() as connection:
        connection.execute(
            sa.text("update capture set envelope_key = :key where number = 1"), {"key": swapped}
        )
    report = audited(archive, "plain")
    assert {(damage.claim, damage.code) for damage in report.damages} == {
        ("statement.id", "ID_MISMATCH")
    }


def children(pid: int) -> set[int]:
    """The processes that a process has begun and that still run."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = path.read_text(errors="replace").rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.add(int(path.parent.name))
    return found


def has_opened(pid: int, path: Path) -> bool:
    with contextlib.suppress(OSError):
        return any(link.readlink() == path for link in Path(f"/proc/{pid}/fd").iterdir())
    return False


def runs(pid: int) -> bool:
    with contextlib.suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return stat.rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.slow
def test_the_processes_of_an_audit_that_is_killed_end_too(
    archive: Archive, origin: Origin, settings: Settings
) -> None:
    origin.page("/terms", page())
    for _ in range(150):
        minted(archive, origin.url("/terms"))
    auditing = subprocess.Popen(
        [sys.executable, "-c", MAIN, "audit", "--level", "full"],
        cwd=ROOT,
        env={**os.environ, "MUNIMENT_DATA": str(settings.data)},
    )
    catalogue = (settings.data / "catalog.sqlite").resolve()
    helpers: set[int] = set()
    end = time.monotonic() + 60
    while not helpers and auditing.poll() is None:
        assert time.monotonic() < end
        helpers = {pid for pid in children(auditing.pid) if has_opened(pid, catalogue)}
    auditing.kill()
    auditing.wait()
    assert helpers
    end = time.monotonic() + 20
    while any(runs(pid) for pid in helpers):
        assert time.monotonic() < end
        time.sleep(0.1)
