# SPDX-License-Identifier: Apache-2.0
"""A second store: complete or said not to be, never ahead of its content, never overwritten."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from support.archives import (
    audited,
    captured,
    flipped,
    minted,
    overwrite,
    page,
    published,
    rebuilt,
    settings_at,
    stored_file,
    stored_keys,
    tables,
)
from support.origin import Origin
from support.s3_keys import keys_in_environment
from support.warcs import shared, site, write
from support.working import working

from archive.bootstrap import init_archive, mirror_of, open_archive
from archive.catalog.evidence import every_keyset_content
from archive.digests import sha256_hex
from archive.errors import (
    InputError,
    NotFound,
    ObjectConflict,
    SettingsError,
    StorageUnavailable,
)
from archive.ids import parse_id
from archive.jobs.base import JobState
from archive.proofs.log_layout import LATEST
from archive.services.context import Archive
from archive.services.imports.file import ImportOptions, import_file
from archive.services.jobs.requests import ask_for, wait_for
from archive.services.upkeep.mirror import Mirrored, mirror, mirror_verified
from archive.services.upkeep.mirror_needs import needed_by
from archive.services.upkeep.probe import probe
from archive.services.verifying.verify import verify_record
from archive.settings import MirrorSettings, Settings
from archive.storage.base import Store
from archive.storage.file import FileStore
from archive.storage.layout import blob_key, read_key
from archive.storage.memory import MemoryStore
from archive.storage.open import open_store

pytest_plugins = ("support.seaweed",)


@pytest.fixture
def filled(archive: Archive, origin: Origin) -> Archive:
    """Two captures of one body, an observation and a probe."""
    origin.page("/terms", page())
    for _ in range(2):
        minted(archive, origin.url("/terms"))
    assert captured(archive, origin.url("/missing")).signed.look.capture_id is None
    probe(archive)
    published(archive)
    return archive


def silent(_done: int, _total: int) -> None:
    """No progress."""


def run(source: Store, target: Store) -> Mirrored:
    return mirror(source, target, silent)


def contents(store: Store) -> dict[str, bytes]:
    """All that is written once."""
    return {item.key: store.get(item.key) for item in store.list() if item.key != LATEST}


def names_only_what_it_has(store: Store) -> bool:
    """Whether every envelope's content lies in the store, read by the audit's own rules."""
    keys = {item.key for item in store.list()}
    return all(needed_by(store, key) <= keys for key in keys)


def test_a_mirror_holds_all_and_a_second_run_copies_nothing(filled: Archive) -> None:
    target = MemoryStore()
    first = run(filled.store, target)
    assert contents(target) == contents(filled.store)
    assert (first.copied, first.is_complete) == (first.objects, True)
    assert first.copied_bytes == first.bytes == sum(map(len, contents(target).values()))
    again = run(filled.store, target)
    assert (again.copied, again.already_there) == (0, first.objects)
    verified = mirror_verified(filled.store, target, silent)
    assert (verified.already_there, verified.is_complete) == (first.objects, True)


def test_the_newest_checkpoint_of_a_mirror_is_never_ahead_of_its_tiles(
    filled: Archive, origin: Origin
) -> None:
    target = MemoryStore()
    run(filled.store, target)
    first = target.newest(LATEST)
    assert first == filled.log_store.newest(LATEST)
    minted(filled, origin.url("/terms"))
    run(filled.store, target)
    assert target.newest(LATEST) == filled.log_store.newest(LATEST) != first
    target.put("log/tile/entries/009", b"of another log")
    minted(filled, origin.url("/terms"))
    filled.store.put("log/tile/entries/009", b"what the target has otherwise")
    assert not run(filled.store, target).is_complete
    assert target.newest(LATEST) != filled.log_store.newest(LATEST)


def test_an_import_is_mirrored_with_the_file_that_was_given(
    filled: Archive, tmp_path: Path
) -> None:
    path = write(tmp_path / "given.warc.gz", shared(*site(3)))
    done = import_file(filled, path, ImportOptions("A"), silent)
    target = MemoryStore()
    assert run(filled.store, target).is_complete
    assert names_only_what_it_has(target)
    (key,) = (item.key for item in target.list() if read_key(item.key).kind == "import")
    named = {blob_key(done.source.sha256), blob_key(done.container_sha256)}
    assert named < needed_by(target, key)


def test_the_first_store_is_lost_and_the_mirror_is_the_archive(
    filled: Archive, settings: Settings, tmp_path: Path
) -> None:
    target = tmp_path / "second"
    assert run(filled.store, open_store(f"file:{target}")).is_complete
    before = tables(filled)
    shutil.rmtree(settings.data / "store")
    for path in settings.data.glob("catalog.sqlite*"):
        path.unlink()
    moved = settings_at(settings.data, MUNIMENT_STORE_URL=f"file:{target}")
    archive, made = init_archive(moved)
    try:
        assert not made.is_new
        assert rebuilt(archive).is_complete
        assert tables(archive) == before
        report = audited(archive)
        assert (report.damages, report.unreferenced) == ([], [])
        for row in before["capture"]:
            capture_id = next(value for value in row if str(value).startswith("CA-C-"))
            verified = verify_record(archive, parse_id(str(capture_id)))
            assert verified.result.exit_code == 0
    finally:
        archive.close()
    assert not list((settings.data / "store").rglob("*.json"))


class Failing(MemoryStore):
    """A target that takes so many objects, and then is gone."""

    def __init__(self, takes: int) -> None:
        super().__init__()
        self.takes = takes

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        for key, data in objects:
            if not self.takes:
                raise StorageUnavailable("the network is gone")
            self.takes -= 1
            self.put(key, data)


def test_wherever_it_breaks_off_no_envelope_lacks_its_content(filled: Archive) -> None:
    whole = contents(filled.store)
    for takes in range(len(whole)):
        target = Failing(takes)
        with pytest.raises(StorageUnavailable):
            run(filled.store, target)
        assert len(list(target.list())) == takes
        assert names_only_what_it_has(target)
        target.takes = len(whole)
        assert run(filled.store, target).copied == len(whole) - takes
        assert contents(target) == whole


def test_what_is_captured_meanwhile_is_never_half_there(filled: Archive, origin: Origin) -> None:
    origin.page("/later", page("It came while the mirror was made."))

    class Growing:
        """The source, in which a capture is made after each listing has begun."""

        name = filled.store.name

        def list(self, prefix: str = "") -> Iterator[object]:
            for item in filled.store.list(prefix):
                yield item
                if item.key.startswith("captures/") and not self.grown:
                    self.grown = True
                    minted(filled, origin.url("/later"))

        grown = False

        def get(self, key: str) -> bytes:
            return filled.store.get(key)

    target = MemoryStore()
    report = run(Growing(), target)  # type: ignore[arg-type]
    assert report.is_complete
    assert names_only_what_it_has(target)
    assert run(filled.store, target).copied > 0
    assert contents(target) == contents(filled.store)


def test_other_bytes_in_the_target_are_named_and_left(filled: Archive) -> None:
    target = MemoryStore()
    statement = next(key for key in contents(filled.store) if "statement." in key)
    inventory = next(key for key in contents(filled.store) if key.endswith("inventory.json"))
    same_size = flipped(filled.store.get(statement), 99)
    target.put(statement, same_size)
    target.put(inventory, b"shorter")
    target.put("captures/CA-C-0000999-00/inventory.json", b"mine")
    report = run(filled.store, target)
    assert [(f.key, f.code) for f in report.not_mirrored if f.is_conflict] == [
        (inventory, "OBJECT_CONFLICT")
    ]
    assert report.only_in_target == ["captures/CA-C-0000999-00/inventory.json"]
    assert not report.is_complete
    verified = mirror_verified(filled.store, target, silent)
    assert {f.key for f in verified.not_mirrored if f.is_conflict} == {inventory, statement}
    assert target.get(statement) == same_size
    assert target.get(inventory) == b"shorter"


def test_a_blob_damaged_in_the_target_is_found_by_verify(filled: Archive) -> None:
    target = MemoryStore()
    run(filled.store, target)
    blob = next(key for key in contents(target) if key.startswith("blobs/"))
    target._objects[blob] = flipped(target.get(blob), 7)
    assert run(filled.store, target).is_complete
    verified = mirror_verified(filled.store, target, silent)
    assert [(f.key, f.is_conflict) for f in verified.not_mirrored] == [(blob, True)]


@pytest.mark.parametrize("is_lost", [True, False])
def test_what_names_lost_or_damaged_content_is_held_back(
    filled: Archive, settings: Settings, origin: Origin, *, is_lost: bool
) -> None:
    origin.page("/own", page("This page has a container of its own."))
    signed = captured(filled, origin.url("/own")).signed
    blob = blob_key(signed.inventory.own_container or "")
    others = {key for key in contents(filled.store) if "/statement." in key}
    others.remove(signed.envelope_key)
    if is_lost:
        stored_file(settings, blob).unlink()
    else:
        overwrite(stored_file(settings, blob), flipped(filled.store.get(blob), 5))
    target = MemoryStore()
    report = run(filled.store, target)
    named = {fault.key: fault.code for fault in report.not_mirrored}
    damage = {} if is_lost else {blob: "OBJECT_DIGEST_MISMATCH"}
    assert named == {signed.envelope_key: "OBJECT_MISSING", **damage}
    kept = contents(target)
    assert others <= set(kept)
    assert signed.envelope_key not in kept
    assert names_only_what_it_has(target)


def test_a_keyset_without_content_is_held_back(filled: Archive, settings: Settings) -> None:
    with filled.database.reading() as connection:
        (content,) = every_keyset_content(connection)
    stored_file(settings, blob_key(content)).unlink()
    target = MemoryStore()
    report = run(filled.store, target)
    assert [read_key(fault.key).role for fault in report.not_mirrored] == ["keyset"]


def test_large_objects_are_copied_with_their_digest(tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000
    source, target = FileStore(tmp_path / "a"), FileStore(tmp_path / "b")
    key = blob_key(sha256_hex(data))
    source.put(key, data)
    source.put("captures/x", data)
    assert run(source, target).copied == 2
    assert contents(target) == {key: data, "captures/x": data}
    overwrite(tmp_path / "a" / key, flipped(data, 12345))
    third = FileStore(tmp_path / "c")
    report = run(source, third)
    assert [fault.code for fault in report.not_mirrored] == ["OBJECT_DIGEST_MISMATCH"]
    assert [item.key for item in third.list()] == ["captures/x"]


def test_a_conflict_that_appears_meanwhile_is_named(filled: Archive) -> None:
    statement = next(key for key in contents(filled.store) if "statement." in key)

    class Raced(MemoryStore):
        """A target into which somebody else writes after it was listed."""

        def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
            if any(key == statement for key, _ in objects) and statement not in self._objects:
                self.put(statement, b"another's")
            super().put_many(objects)

    target = Raced()
    report = run(filled.store, target)
    assert [(f.key, f.code) for f in report.not_mirrored] == [(statement, ObjectConflict.code)]
    assert len(list(target.list())) == report.objects


def test_an_unreadable_object_is_named_and_the_rest_is_copied(filled: Archive) -> None:
    statement = next(key for key in contents(filled.store) if "statement." in key)

    class Deaf:
        """The source, with one object that cannot be read."""

        name = "file:"

        def list(self, prefix: str = "") -> object:
            return filled.store.list(prefix)

        def get(self, key: str) -> bytes:
            if key == statement:
                raise StorageUnavailable("the disk does not answer")
            return filled.store.get(key)

    report = run(Deaf(), MemoryStore())  # type: ignore[arg-type]
    assert [(f.key, f.code) for f in report.not_mirrored] == [(statement, "STORAGE_UNAVAILABLE")]
    assert report.copied == report.objects - 1


def test_an_empty_store_is_no_source() -> None:
    with pytest.raises(NotFound):
        run(MemoryStore(), MemoryStore())


@pytest.mark.parametrize("form", ["file:{}", "file://{}", "file:{}/../store", "file:{}/"])
def test_the_archives_own_store_is_no_target(settings: Settings, form: str) -> None:
    url = form.format(settings.data / "store")
    with pytest.raises(SettingsError, match="own store"):
        mirror_of(settings, MirrorSettings(url))


@pytest.mark.parametrize(
    ("own", "target"),
    [
        ("file:{}/store", "file:{}/store/mirror"),
        ("file:{}/store/deep", "file:{}/store"),
        ("file:{}/store", "file://{}/store/../store/x/y"),
        ("s3://bucket", "s3://bucket/mirror"),
        ("s3://bucket/archive/", "s3://bucket/archive/mirror/"),
        ("s3://bucket/archive", "s3://bucket"),
    ],
)
def test_a_target_in_the_archives_own_store_is_none(tmp_path: Path, own: str, target: str) -> None:
    settings = settings_at(tmp_path, MUNIMENT_STORE_URL=own.format(tmp_path))
    with pytest.raises(SettingsError, match="lies in the other"):
        mirror_of(settings, MirrorSettings(target.format(tmp_path)))


def test_a_target_beside_the_archives_own_store_is_one(tmp_path: Path) -> None:
    settings = settings_at(tmp_path, MUNIMENT_STORE_URL=f"file:{tmp_path}/store")
    assert mirror_of(settings, MirrorSettings(f"file:{tmp_path}/store2")).name == "file:"
    elsewhere = settings_at(tmp_path, MUNIMENT_STORE_URL="s3://bucket/archive")
    with keys_in_environment():
        beside = mirror_of(elsewhere, MirrorSettings("s3://bucket/archive2"))
    assert beside.name == "s3://bucket/archive2"


def test_without_a_second_store_nothing_is_mirrored(settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"mirror\.url"):
        mirror_of(settings)


def test_a_job_fills_the_second_store_of_the_settings(
    filled: Archive, settings: Settings, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    named = settings_at(settings.data, MUNIMENT_MIRROR_URL=f"file:{second}")
    archive = open_archive(named)
    try:
        with working(named, archive):
            first = wait_for(archive, ask_for(archive, "mirror", {}), 20)
            again = wait_for(archive, ask_for(archive, "mirror", {"verify": True}), 20)
    finally:
        archive.close()
    assert first.result["is_complete"] is True
    assert first.result["copied"] == first.result["objects"] == first.done == first.total
    assert (again.result["copied"], again.result["already_there"]) == (0, first.result["objects"])
    assert contents(FileStore(second)) == contents(filled.store)


def test_a_mirror_job_without_a_second_store_fails_and_says_so(
    filled: Archive, settings: Settings
) -> None:
    with working(settings, filled):
        job = wait_for(filled, ask_for(filled, "mirror", {}), 20)
    assert job.state is JobState.FAILED
    assert job.problem is not None
    assert job.problem.code == SettingsError.code
    with pytest.raises(InputError):
        ask_for(filled, "mirror", {"verify": "yes"})


def test_a_mirror_in_s3_is_locked_and_becomes_the_archive(
    filled: Archive,
    settings: Settings,
    new_bucket: object,
    s3_endpoint: str,
    tmp_path: Path,
) -> None:
    url = f"s3://{new_bucket(locked=True)}/second"  # type: ignore[operator]
    target = mirror_of(settings, MirrorSettings(url, s3_endpoint, "governance", 1))
    assert run(filled.store, target).is_complete
    assert run(filled.store, target).copied == 0
    for key in set(stored_keys(settings)) - {LATEST}:
        assert target.lock_of(key).mode == "GOVERNANCE"
    assert mirror_verified(filled.store, target, silent).is_complete
    back = FileStore(tmp_path / "back")
    assert run(target, back).is_complete
    assert contents(back) == contents(filled.store)
    moved = settings_at(settings.data, MUNIMENT_STORE_URL=url, MUNIMENT_STORE_ENDPOINT=s3_endpoint)
    archive = open_archive(moved)
    try:
        assert audited(archive).damages == []
        assert rebuilt(archive).is_complete
    finally:
        archive.close()
