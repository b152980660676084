# SPDX-License-Identifier: Apache-2.0
"""Redaction of imported records: out of the file that is read, and the file as it was given."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.archives import audited, rebuilt, stored_keys, tables
from support.warcs import PAGE, packed, shared, site, write

from archive.digests import read_sha256, sha256_hex
from archive.errors import InputError, PartRedacted
from archive.ids import RecordId
from archive.model.claim import Result
from archive.services.acts.redact import Redacted, Why, redact
from archive.services.acts.redaction_plan import Wanted
from archive.services.context import Archive
from archive.services.hashes.desk import verify_digest
from archive.services.imports.file import ImportedFile, ImportOptions, import_file
from archive.services.imports.mint import Choice
from archive.services.reading.parts import part_bytes
from archive.services.verifying.verify import verify_record
from archive.settings import Settings
from archive.storage.layout import blob_key

pytestmark = pytest.mark.both_databases

WHY = Why("privacy", "it names a person")


def url(number: int) -> str:
    return f"https://site.example/page/{number}"


def body(number: int) -> bytes:
    return PAGE.replace(b"Terms</h1>", f"Terms {number}</h1>".encode())


def taken_in(archive: Archive, path: Path, *numbers: int) -> ImportedFile:
    options = replace(ImportOptions("Somebody"), choice=Choice(tuple(map(url, numbers))))
    return import_file(archive, path, options, lambda _done, _total: None)


def ids_of(done: ImportedFile) -> list[RecordId]:
    return [signed.look.capture_id for signed in done.minting.minted if signed.look.capture_id]


def redacted(archive: Archive, record: RecordId) -> Redacted:
    return redact(archive, record, Wanted(("body",)), WHY, "operator")


@pytest.mark.parametrize("pack", [packed, shared], ids=["by range", "packed anew"])
def test_one_record_goes_and_the_others_of_the_file_stay(
    archive: Archive, settings: Settings, tmp_path: Path, pack: Callable[..., bytes]
) -> None:
    path = write(tmp_path / "given.warc.gz", pack(*site(4, with_requests=True)))
    first, second = ids_of(taken_in(archive, path, 1, 2))
    done = redacted(archive, first)
    gone = {item.old.sha256 for item in done.redaction.replaced}
    assert sha256_hex(path.read_bytes()) in gone
    assert gone.isdisjoint(key.rpartition("/")[2] for key in stored_keys(settings, "blobs/"))
    with pytest.raises(PartRedacted):
        part_bytes(archive, first, "body")
    assert part_bytes(archive, second, "body").data == body(2)
    for record in (first, second):
        assert verify_record(archive, record).result is Result.VERIFIED
    assert audited(archive).damages == []
    before = tables(archive)
    assert rebuilt(archive).left_out == []
    assert tables(archive) == before
    with pytest.raises(InputError, match="taken out of the archive"):
        taken_in(archive, path, 3)
    assert blob_key(sha256_hex(path.read_bytes())) not in stored_keys(settings)


def test_a_record_without_an_id_that_holds_the_same_bytes_goes_too(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    twice = [*site(2, with_requests=True), *site(1, with_requests=True)]
    path = write(tmp_path / "given.warc.gz", packed(*twice))
    [first] = ids_of(taken_in(archive, path, 1))[:1]
    data = body(1)
    assert b"".join(opened(settings)).count(data) >= 1
    redacted(archive, first)
    assert data not in b"".join(opened(settings))
    other = write(tmp_path / "other.warc.gz", packed(*site(3, with_requests=True)))
    taken_in(archive, other)
    [found] = verify_digest(archive, read_sha256(sha256_hex(body(3)))).imported
    assert found.to_json()["state"] == "indexed"
    assert audited(archive).damages == []


def opened(settings: Settings) -> list[bytes]:
    """Every blob of the store, gzip members opened."""
    root = settings.data / "store"
    found = [(root / key).read_bytes() for key in stored_keys(settings, "blobs/")]
    return [gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data for data in found]


def test_an_imported_record_that_was_removed_gets_no_id_any_more(
    archive: Archive, tmp_path: Path
) -> None:
    one = write(tmp_path / "one.warc.gz", packed(*site(3, with_requests=True)))
    two = write(tmp_path / "two.warc.gz", packed(*site(2, start=1, with_requests=True)))
    [first] = ids_of(taken_in(archive, one, 1))
    taken_in(archive, two)
    redacted(archive, first)
    [found] = verify_digest(archive, read_sha256(sha256_hex(body(1)))).matches
    assert found.capture_id == str(first)
    assert verify_record(archive, first).result is Result.VERIFIED
    assert audited(archive).damages == []
