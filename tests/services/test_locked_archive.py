# SPDX-License-Identifier: Apache-2.0
"""An archive in a bucket with object lock: what it promised is in force, and what an outsider
with every right on the bucket tries is refused or seen."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support import s3_keys
from support.archives import audited, captured, minted, page, rebuilt, settings_at, tables
from support.origin import Origin

from archive.bootstrap import init_archive, open_archive
from archive.catalog.evidence import capture_by_id
from archive.catalog.statements import statements_of_kind
from archive.clock import UTC
from archive.digests import sha256_hex
from archive.errors import StorageRefused
from archive.ids import RecordId
from archive.model.claim import Finding, Status
from archive.model.lock import COMPLIANCE, GOVERNANCE, LockPromise
from archive.services.acts.restrict import Wanted, restrict
from archive.services.context import Archive
from archive.services.reading.parts import part_bytes
from archive.services.statements.adopt import adopt_assertion
from archive.services.trust import trusted_keyset
from archive.services.upkeep.probe import probe, probe_when_new
from archive.services.verifying.verify import verify_record
from archive.settings import Settings
from archive.storage._s3_parts import UploadSizes
from archive.storage.layout import blob_key, inventory_key, read_key
from archive.storage.s3 import Means, S3Store

pytest_plugins = ("support.seaweed",)

DAYS = 2


@dataclass
class Locked:
    """A locked archive, and a client with every right on its bucket."""

    archive: Archive
    settings: Settings
    bucket: str
    outsider: Any

    def name(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": f"archive/{key}"}

    def version(self, key: str) -> dict[str, str]:
        """The one version that the archive wrote."""
        answer = self.outsider.list_object_versions(Bucket=self.bucket, Prefix=f"archive/{key}")
        return self.name(key) | {"VersionId": answer["Versions"][-1]["VersionId"]}

    def files(self, capture_id: RecordId) -> tuple[str, str, str]:
        """Envelope, inventory and container of a capture."""
        with self.archive.database.reading() as connection:
            row = capture_by_id(connection, str(capture_id))
        assert row is not None
        return row.envelope_key, inventory_key(capture_id), blob_key(row.container_sha256)


@pytest.fixture
def outsider(s3_endpoint: str) -> Iterator[Any]:
    with s3_keys.outsider(s3_endpoint) as client:
        yield client


def settings_in(folder: Path, bucket: str, endpoint: str, lock: str = "compliance") -> Settings:
    return settings_at(
        folder,
        MUNIMENT_STORE_URL=f"s3://{bucket}/archive",
        MUNIMENT_STORE_ENDPOINT=endpoint,
        MUNIMENT_STORE_LOCK=lock,
        MUNIMENT_STORE_LOCK_DAYS=str(DAYS),
    )


@pytest.fixture
def locked(
    tmp_path: Path,
    origin: Origin,
    s3_endpoint: str,
    new_bucket: Callable[..., str],
    outsider: Any,
) -> Iterator[Locked]:
    origin.page("/terms", page())
    bucket = new_bucket(locked=True)
    settings = settings_in(tmp_path / "data", bucket, s3_endpoint)
    archive, _ = init_archive(settings)
    yield Locked(archive, settings, bucket, outsider)
    archive.close()


def lock_findings(archive: Archive, capture_id: RecordId) -> list[Finding]:
    report = verify_record(archive, capture_id)
    return [finding for finding in report.findings if finding.claim == "storage.lock"]


def refused(deed: Callable[[], object]) -> bool:
    try:
        deed()
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    return False


def test_capture_verify_audit_and_rebuild_pass(locked: Locked, origin: Origin) -> None:
    archive = locked.archive
    captures = [minted(archive, origin.url("/terms")) for _ in range(2)]
    captured(archive, origin.url("/missing"))
    # The second capture leans on the first one's container, and has one of its own.
    for capture_id, containers in zip(captures, (1, 2), strict=True):
        report = verify_record(archive, capture_id)
        assert report.result.exit_code == 0
        found = lock_findings(archive, capture_id)
        assert {finding.status for finding in found} == {Status.PASS}
        assert [f.target.partition(":")[0] for f in found] == [
            "statement",
            "inventory",
            *["container"] * containers,
        ]
    report = audited(archive)
    assert (report.records, report.damages, report.unreferenced) == (3, [], [])
    assert report.statements == 1
    before = tables(archive)
    assert rebuilt(archive).is_complete
    assert tables(archive) == before
    assert len(before["statement"]) == 1


def test_everything_written_is_locked_by_its_class(locked: Locked, origin: Origin) -> None:
    archive = locked.archive
    start = dt.datetime.now(UTC)
    minted(archive, origin.url("/terms"))
    roles = set()
    for item in archive.store.list():
        role = read_key(item.key).role
        # The newest checkpoint is replaced, and says nothing that locked files do not say.
        if role in {"probe", "latest"}:
            continue
        roles.add(role)
        lock = archive.store.lock_of(item.key)
        is_content = role in {"blob", "inventory"}
        assert lock.mode == (GOVERNANCE if is_content else COMPLIANCE), item.key
        assert lock.is_held == is_content, item.key
        assert lock.until is not None
        assert lock.until >= start + dt.timedelta(days=DAYS, minutes=-1)
    signed = {"blob", "inventory", "statement", "keyset", "assertion"}
    assert roles == {*signed, "tile", "checkpoint"}


def test_deleting_and_shortening_are_refused(locked: Locked, origin: Origin) -> None:
    capture_id = minted(locked.archive, origin.url("/terms"))
    envelope, inventory, container = locked.files(capture_id)
    client = locked.outsider
    earlier = dt.datetime.now(UTC) + dt.timedelta(hours=1)
    for key in (envelope, inventory, container):
        version = locked.version(key)
        assert refused(
            lambda at=version: client.delete_object(**at, BypassGovernanceRetention=True)
        )
    assert refused(
        lambda: client.put_object_retention(
            **locked.version(envelope),
            Retention={"Mode": COMPLIANCE, "RetainUntilDate": earlier},
            BypassGovernanceRetention=True,
        )
    )
    assert verify_record(locked.archive, capture_id).result.exit_code == 0


def test_what_is_put_over_a_record_is_named_and_the_record_still_served(
    locked: Locked, origin: Origin
) -> None:
    archive, client = locked.archive, locked.outsider
    first = minted(archive, origin.url("/terms"))
    origin.page("/other", page("Another page."))
    second = minted(archive, origin.url("/other"))
    envelope, inventory, container = locked.files(first)
    body = part_bytes(archive, first, "body").data
    client.put_object(**locked.name(envelope), Body=archive.store.get(locked.files(second)[0]))
    client.put_object(**locked.name(inventory), Body=b"{}")
    client.delete_object(**locked.name(container))
    for opened in (archive, open_archive(locked.settings)):
        assert verify_record(opened, first).result.exit_code == 0
        assert part_bytes(opened, first, "body").data == body
        report = audited(opened)
        assert {(d.key, d.code) for d in report.damages} == {
            (envelope, "VERSION_FOREIGN"),
            (inventory, "VERSION_FOREIGN"),
            (container, "DELETE_MARKER"),
        }
        assert {d.claim for d in report.damages} == {"storage.versions"}
        assert report.exit_code == 1
    before = tables(archive)
    assert rebuilt(archive).is_complete
    assert tables(archive) == before
    opened.close()


def test_a_lifted_legal_hold_and_a_shortened_governance_are_said(
    locked: Locked, origin: Origin
) -> None:
    capture_id = minted(locked.archive, origin.url("/terms"))
    _, inventory, container = locked.files(capture_id)
    client = locked.outsider
    client.put_object_legal_hold(**locked.version(inventory), LegalHold={"Status": "OFF"})
    client.put_object_retention(
        **locked.version(container),
        Retention={
            "Mode": GOVERNANCE,
            "RetainUntilDate": dt.datetime.now(UTC) + dt.timedelta(hours=1),
        },
        BypassGovernanceRetention=True,
    )
    codes = {f.target.partition(":")[0]: f.code for f in lock_findings(locked.archive, capture_id)}
    assert codes == {"statement": "", "inventory": "LOCK_SHORT", "container": "LOCK_SHORT"}
    report = verify_record(locked.archive, capture_id)
    assert report.result.exit_code == 1
    assert "storage.lock" not in report.required_failed
    named = {(d.key, d.code) for d in audited(locked.archive).damages}
    assert (inventory, "LOCK_SHORT") in named
    assert len(named) == 2


def test_the_audit_asks_for_the_locks_of_other_statements_too(
    locked: Locked, origin: Origin
) -> None:
    archive, client = locked.archive, locked.outsider
    capture_id = minted(archive, origin.url("/terms"))
    restrict(archive, capture_id, Wanted(None, "hidden", "A court order."), "a test")
    assert audited(archive).damages == []
    with archive.database.reading() as connection:
        (row,) = statements_of_kind(connection, "restriction")
    content = blob_key(row.content_sha256)
    client.put_object_legal_hold(**locked.version(content), LegalHold={"Status": "OFF"})
    found = [(damage.key, damage.claim, damage.code) for damage in audited(archive).damages]
    assert found == [(content, "storage.lock", "LOCK_SHORT")]


def test_an_object_without_a_lock_is_said(locked: Locked, origin: Origin) -> None:
    unlocked = open_archive(
        settings_in(locked.settings.data, locked.bucket, locked.settings.store.endpoint, "none")
    )
    capture_id = minted(unlocked, origin.url("/terms"))
    assert {f.code for f in lock_findings(unlocked, capture_id)} == {"LOCK_ABSENT"}
    # Once it is signed that nothing is promised, what is recorded from then on needs no lock.
    probe(unlocked)
    later = minted(unlocked, origin.url("/terms"))
    assert [f.status for f in lock_findings(unlocked, later)] == [Status.NOT_APPLICABLE]
    assert {f.code for f in lock_findings(unlocked, capture_id)} == {"LOCK_ABSENT"}
    unlocked.close()


def test_what_a_later_capture_leans_on_is_locked_as_long_as_that_capture(
    locked: Locked, origin: Origin
) -> None:
    archive, client = locked.archive, locked.outsider
    first = minted(archive, origin.url("/terms"))
    container = locked.files(first)[2]
    # As if the first capture were old: its lock is about to end, and its hold was lifted.
    soon = dt.datetime.now(UTC) + dt.timedelta(minutes=5)
    client.put_object_legal_hold(**locked.version(container), LegalHold={"Status": "OFF"})
    client.put_object_retention(
        **locked.version(container),
        Retention={"Mode": GOVERNANCE, "RetainUntilDate": soon},
        BypassGovernanceRetention=True,
    )
    second = minted(archive, origin.url("/terms"))
    with archive.database.reading() as connection:
        row = capture_by_id(connection, str(second))
    assert row is not None
    assert row.container_sha256 not in container
    assert part_bytes(archive, second, "body").data == part_bytes(archive, first, "body").data
    lock = archive.store.lock_of(container)
    assert lock.is_held
    assert lock.until is not None
    assert lock.until >= dt.datetime.now(UTC) + dt.timedelta(days=DAYS, minutes=-1)
    found = lock_findings(archive, second)
    assert [f.target.partition(":")[0] for f in found].count("container") == 2
    assert {f.status for f in found} == {Status.PASS}
    client.put_object_legal_hold(**locked.version(container), LegalHold={"Status": "OFF"})
    for capture_id in (first, second):
        lacking = {f.target for f in lock_findings(archive, capture_id) if f.code}
        assert lacking == {f"container:{container.rpartition('/')[2][:12]}"}


def test_what_is_stored_again_is_locked_anew(locked: Locked) -> None:
    key = blob_key("0" * 64)
    store = locked.archive.store
    store.put(key, b"x")
    version = locked.version(key)
    soon = dt.datetime.now(UTC) + dt.timedelta(minutes=5)
    locked.outsider.put_object_legal_hold(**version, LegalHold={"Status": "OFF"})
    locked.outsider.put_object_retention(
        **version,
        Retention={"Mode": GOVERNANCE, "RetainUntilDate": soon},
        BypassGovernanceRetention=True,
    )
    store.put(key, b"x")
    lock = store.lock_of(key)
    assert lock.is_held
    assert lock.until is not None
    assert lock.until > soon + dt.timedelta(days=1)
    assert list(store.foreign_versions(key)) == []


def test_large_files_are_locked_too(locked: Locked, tmp_path: Path) -> None:
    data = bytes(11_000_000)
    path = tmp_path / "big"
    path.write_bytes(data)
    means = Means(
        promise=LockPromise("compliance", DAYS),
        sizes=UploadSizes(single_bytes=6_000_000, part_bytes=5 * 1024 * 1024),
    )
    store = S3Store(locked.bucket, "archive", locked.settings.store.endpoint, means=means)
    for key in (blob_key(sha256_hex(data)), "log/entries"):
        store.put_file(key, path, sha256_hex(data))
        lock = store.lock_of(key)
        assert (lock.mode, lock.is_held) == (
            (GOVERNANCE, True) if key.startswith("blobs/") else (COMPLIANCE, False)
        )
    store.close()


@pytest.mark.parametrize("versioned", [False, True])
def test_a_bucket_that_cannot_lock_is_not_written_to(
    tmp_path: Path, s3_endpoint: str, new_bucket: Callable[..., str], *, versioned: bool
) -> None:
    bucket = new_bucket(versioned=versioned)
    settings = settings_in(tmp_path / "data", bucket, s3_endpoint)
    with pytest.raises(StorageRefused, match="does not lock") as caught:
        init_archive(settings)
    assert "\n" not in str(caught.value)
    free = replace(settings, store=replace(settings.store, lock="none"))
    archive, _ = init_archive(free)
    assert probe(archive).result.seen.lock is None
    archive.close()


def test_init_signs_one_probe_and_one_more_when_the_promise_changes(
    locked: Locked, s3_endpoint: str
) -> None:
    archive = locked.archive
    assert probe_when_new(archive) is None
    keyset = trusted_keyset(archive)

    def probes(opened: Archive) -> list[Any]:
        with opened.database.reading() as connection:
            rows = statements_of_kind(connection, "probe")
        return [adopt_assertion(opened.store, keyset, row.envelope_key) for row in rows]

    (first,) = probes(archive)
    assert first.content.store == f"s3://{locked.bucket}/archive"
    assert first.content.is_kept
    assert first.content.seen.lock.shorten_refused
    assert (first.content.promise.level, first.content.promise.days) == ("compliance", DAYS)
    changed = settings_in(locked.settings.data, locked.bucket, s3_endpoint, "governance")
    for _ in range(2):
        opened, _made = init_archive(changed)
        second, again = probes(opened)
        assert again == first
        assert second.content.promise.level == "governance"
        assert second.predicate.previous == first.row.statement_sha256
        opened.close()


def test_a_promise_that_cannot_be_read_leaves_the_lock_unknown(
    locked: Locked, origin: Origin
) -> None:
    capture_id = minted(locked.archive, origin.url("/terms"))
    archive = locked.archive
    with archive.database.reading() as connection:
        (row,) = statements_of_kind(connection, "probe")
    lost = blob_key(row.content_sha256)

    class Away:
        """The store, in which one content cannot be read just now."""

        def __getattr__(self, name: str) -> Any:
            return getattr(archive.store, name)

        def get(self, key: str) -> bytes:
            if key == lost:
                raise StorageRefused("no right to read")
            return archive.store.get(key)

    away = replace(archive, store=Away())  # type: ignore[arg-type]
    (finding,) = lock_findings(away, capture_id)
    assert (finding.status, finding.code) == (Status.UNKNOWN, "LOCK_UNASKED")
