# SPDX-License-Identifier: Apache-2.0
"""WACZ packages: read where they lie, cited by their page lists, answered claim by claim."""

import base64
import gzip
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from conftest import real_data_folder
from cryptography.hazmat.primitives.asymmetric import ec
from support.archives import (
    audited,
    new_archive,
    rebuilt,
    settings_at,
    stored_file,
    stored_keys,
    tables,
)
from support.packages import PAGES, URL, WARC, Package, anonymous, page_list, warc_record
from support.warcs import PAGE, arc, arc_record, http, write

from archive.catalog.tables import cdx, import_group
from archive.errors import MalformedPackage, MalformedWarc, MalformedZip
from archive.importing.page_file import read_pages
from archive.importing.wacz_findings import FORM, HASH, HASH_ALGORITHM, SIGNATURE, FormFindings
from archive.model.claim import Status
from archive.services.context import Archive, PackageSigners
from archive.services.imports.file import ImportedFile, ImportOptions, import_file
from archive.services.imports.verify_package import verify_package
from archive.services.verifying.verify import verify_record
from archive.settings import Settings
from archive.storage.layout import blob_key

pytestmark = pytest.mark.both_databases

GIVEN = ImportOptions("Somebody Else")
BODY = PAGE
RECORD = warc_record(body=BODY)
OTHER = warc_record("https://policy.example/privacy", body=BODY.replace(b"Terms", b"Privacy"))
SECOND = "archive/more.warc.gz"


@pytest.fixture
def settings(tmp_path: Path, database_setting: dict[str, str]) -> Settings:
    return settings_at(tmp_path / "data", **database_setting)


@pytest.fixture
def archive(settings: Settings) -> Iterator[Archive]:
    opened = new_archive(settings)
    yield opened
    opened.close()


def package(**files: bytes) -> Package:
    made = {
        WARC: gzip.compress(RECORD, mtime=0) + gzip.compress(OTHER, mtime=0),
        "indexes/index.cdxj": b"example,policy)/ 20260306200036 {}\n",
        PAGES: page_list(URL),
    }
    return Package({**made, **files})


def imported(archive: Archive, path: Path, options: ImportOptions = GIVEN) -> ImportedFile:
    return import_file(archive, path, options, lambda _done, _total: None)


def answers(done: ImportedFile) -> dict[str, list[tuple[Status, str]]]:
    found: dict[str, list[tuple[Status, str]]] = {}
    for one in done.findings:
        found.setdefault(one.claim, []).append((one.status, one.code))
    return found


def rows(archive: Archive) -> list[sa.Row[tuple[object, ...]]]:
    with archive.database.reading() as connection:
        return list(connection.execute(sa.select(cdx).order_by(cdx.c.url)))


@pytest.mark.both_databases
def test_records_are_read_where_they_lie_and_pages_get_an_id(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    path = package().write(tmp_path / "given.wacz")
    done = imported(archive, path)
    assert (done.source.form, done.records, done.indexed, done.is_sound) == ("wacz", 2, 2, True)
    assert done.container_sha256 == done.source.sha256
    stored = stored_file(settings, blob_key(done.source.sha256))
    assert stored.read_bytes() == path.read_bytes()
    assert answers(done) == {
        FORM: [(Status.PASS, "")],
        SIGNATURE: [(Status.UNKNOWN, "WACZ_UNSIGNED")],
    }
    (signed,) = done.minting.minted
    assert (signed.look.url, signed.look.mode) == (URL, "import")
    assert signed.look.capture_id is not None
    assert verify_record(archive, signed.look.capture_id).result.exit_code == 0
    for row in rows(archive):
        member = stored.read_bytes()[row.offset : row.offset + row.length]
        assert gzip.decompress(member) in {RECORD, OTHER}
    with archive.database.reading() as connection:
        assert connection.execute(sa.select(import_group.c.member)).scalars().all() == [WARC]
    assert audited(archive).damages == []
    before = tables(archive)
    rebuilt(archive)
    assert tables(archive) == before


def test_the_same_package_again_changes_nothing(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    path = package().write(tmp_path / "given.wacz")
    imported(archive, path)
    keys = stored_keys(settings)
    again = imported(archive, path)
    assert again.is_already
    assert answers(again)[FORM] == [(Status.PASS, "")]
    assert stored_keys(settings) == keys


@pytest.mark.parametrize(
    ("name", "warc"),
    [
        ("deflated", gzip.compress(RECORD, mtime=0) + gzip.compress(OTHER, mtime=0)),
        ("shared", gzip.compress(RECORD + OTHER, mtime=0)),
    ],
)
def test_what_cannot_be_read_by_range_is_packed_anew_and_both_are_kept(
    archive: Archive, settings: Settings, tmp_path: Path, name: str, warc: bytes
) -> None:
    made = package(**{WARC: warc})
    if name == "deflated":
        made.deflated = frozenset({WARC})
    done = imported(archive, made.write(tmp_path / "given.wacz"))
    assert (done.records, done.indexed) == (2, 2)
    assert done.container_sha256 != done.source.sha256
    assert stored_file(settings, blob_key(done.source.sha256)).exists()
    expected = [(Status.FAIL, "WACZ_LAYOUT")] if name == "deflated" else [(Status.PASS, "")]
    assert answers(done)[FORM] == expected
    assert imported(archive, tmp_path / "given.wacz").is_already
    assert audited(archive).damages == []


def test_several_warc_files_of_different_kinds(archive: Archive, tmp_path: Path) -> None:
    made = package(**{SECOND: gzip.compress(OTHER, mtime=0), "archive/plain.warc": OTHER})
    done = imported(archive, made.write(tmp_path / "given.wacz"))
    assert (done.records, done.indexed) == (4, 4)
    with archive.database.reading() as connection:
        members = set(connection.execute(sa.select(import_group.c.member)).scalars())
    assert members == {WARC, SECOND, "archive/plain.warc"}


Wrong = Callable[[Package], None]


def _other_bytes(made: Package) -> None:
    made.datapackage["resources"][0]["hash"] = "sha256:" + "0" * 64


def _other_size(made: Package) -> None:
    made.datapackage["resources"][0]["bytes"] += 1


def _missing(made: Package) -> None:
    made.datapackage["resources"].append(
        {"name": "x", "path": "archive/x.warc", "hash": "sha256:" + "0" * 64, "bytes": 1}
    )


def _undeclared(made: Package) -> None:
    made.undeclared["archive/smuggled"] = b"x"


def _shadow(made: Package) -> None:
    made.undeclared[f"x/{WARC}"] = gzip.compress(OTHER, mtime=0)


def _other_digest_file(made: Package) -> None:
    made.digest = {"path": "datapackage.json", "hash": "sha256:" + "0" * 64}


def _bad_pages(made: Package) -> None:
    made.files[PAGES] = b"no json\n"
    made.__post_init__()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (_other_bytes, "WACZ_HASH"),
        (_other_size, "WACZ_HASH"),
        (_missing, "WACZ_FILE_MISSING"),
        (_undeclared, "FILE_UNLISTED"),
        (_shadow, "FILE_UNLISTED"),
        (_other_digest_file, "WACZ_HASH"),
        (_bad_pages, "WACZ_PAGES"),
    ],
)
def test_a_false_claim_is_told_and_the_records_are_in_unless_it_must_be_strict(
    archive: Archive, settings: Settings, tmp_path: Path, wrong: Wrong, code: str
) -> None:
    made = package()
    wrong(made)
    path = made.write(tmp_path / "given.wacz")
    keys = stored_keys(settings)
    with pytest.raises(MalformedPackage, match="nothing of it was imported"):
        imported(archive, path, replace(GIVEN, is_strict=True))
    assert stored_keys(settings) == keys
    done = imported(archive, path)
    assert done.records == 2
    assert not done.is_sound
    assert (Status.FAIL, code) in answers(done)[FORM]


def test_an_undeclared_warc_is_not_read(archive: Archive, tmp_path: Path) -> None:
    made = Package({"indexes/i.cdxj": b"x", PAGES: page_list(URL)}, undeclared={WARC: RECORD})
    with pytest.raises(MalformedPackage):
        imported(archive, made.write(tmp_path / "given.wacz"))
    assert rows(archive) == []


def test_an_arc_in_a_package_is_refused_by_name(archive: Archive, tmp_path: Path) -> None:
    made = package(**{"archive/old.warc": b"nothing of the kind"})
    done = imported(archive, made.write(tmp_path / "given.wacz"))
    assert done.records == 2
    assert [one.target for one in done.findings if one.status is Status.FAIL] == [
        "archive/old.warc"
    ]
    packed = package(**{"archive/old.warc": arc(arc_record(URL, http(PAGE)))})
    both = imported(archive, packed.write(tmp_path / "other.wacz"))
    assert both.indexed == 3


def signed_package(key: ec.EllipticCurvePrivateKey) -> tuple[Package, str]:
    made = package()
    signed = anonymous(made, key, is_raw=True)
    made.sign(signed)
    return made, hashlib.sha256(base64.b64decode(signed["publicKey"])).hexdigest()


def test_an_anonymous_signature_counts_only_by_a_key_of_the_settings(
    archive: Archive, tmp_path: Path
) -> None:
    made, keyid = signed_package(ec.generate_private_key(ec.SECP384R1()))
    path = made.write(tmp_path / "given.wacz")
    assert answers(imported(archive, path))[SIGNATURE] == [(Status.UNKNOWN, "WACZ_SIG_UNTRUSTED")]
    trusting = replace(archive, package_signers=PackageSigners(keys=(keyid,)))
    found = verify_package(trusting, path)
    assert found is not None
    assert (found.hash_ok, found.signature, found.signer) == (True, "valid", f"key:{keyid}")


def test_a_signature_of_another_package_fails(archive: Archive, tmp_path: Path) -> None:
    made, _ = signed_package(ec.generate_private_key(ec.SECP384R1()))
    other = package(**{SECOND: gzip.compress(OTHER, mtime=0)})
    assert made.digest is not None
    other.sign(made.digest["signedData"])
    done = imported(archive, other.write(tmp_path / "given.wacz"))
    assert answers(done)[SIGNATURE] == [(Status.FAIL, "WACZ_SIG_REPLAYED")]
    assert not done.is_sound


@pytest.mark.parametrize("cut", [22, 30, 200])
def test_a_package_without_one_reading_is_refused_as_a_whole(
    archive: Archive, settings: Settings, tmp_path: Path, cut: int
) -> None:
    path = write(tmp_path / "given.wacz", package().zipped()[:-cut])
    keys = stored_keys(settings)
    with pytest.raises(MalformedZip):
        imported(archive, path)
    assert stored_keys(settings) == keys
    found = verify_package(archive, path)
    assert found is not None
    assert (found.hash_ok, found.signature, found.is_disproven) == (False, None, True)


def test_another_zip_file_is_no_package(archive: Archive, tmp_path: Path) -> None:
    path = write(
        tmp_path / "given.zip",
        Package({"a": b"b"}).zipped().replace(b"datapackage", b"xatapackage"),
    )
    assert verify_package(archive, path) is None
    with pytest.raises(MalformedPackage):
        imported(archive, path)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "records", "hash_ok", "signature"),
    [
        # By its hashes it is good; that its form is of 1.0.0 is a matter of taste for wacz 0.5.
        ("valid_example_1.wacz", 6, True, "absent"),
        ("valid_signed_example_1.wacz", None, True, "untrusted"),
        ("invalid_example_1.wacz", 0, False, "absent"),
    ],
)
def test_the_samples_behave_as_their_index_says(
    archive: Archive, name: str, records: int | None, signature: str, *, hash_ok: bool
) -> None:
    path = real_data_folder() / "wacz" / name
    if not path.is_file():
        pytest.skip(f"REAL DATA MISSING: {path} (set MUNIMENT_TEST_DATA)")
    found = verify_package(archive, path)
    assert found is not None
    assert (found.hash_ok, found.signature) == (hash_ok, signature)
    if records == 0:
        with pytest.raises(MalformedPackage):
            imported(archive, path)
        return
    done = imported(archive, path)
    assert done.is_sound
    assert done.indexed == len(rows(archive)) > 0


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "urls"),
    [("pages.jsonl", 1), ("extraPages.jsonl", 3), ("invalid.jsonl", None), ("invalid.txt", None)],
)
def test_the_page_lists_behave_as_their_index_says(name: str, urls: int | None) -> None:
    path = real_data_folder() / "wacz" / "pages" / name
    if not path.is_file():
        pytest.skip(f"REAL DATA MISSING: {path} (set MUNIMENT_TEST_DATA)")
    if urls is None:
        with pytest.raises(MalformedPackage):
            list(read_pages(iter([path.read_bytes()])))
    else:
        assert len(list(read_pages(iter([path.read_bytes()])))) == urls


def test_a_package_of_which_nothing_can_be_read_is_refused_also_when_deflated(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    keys = stored_keys(settings)
    for warc in (b"WARC/1.0\r\nnothing", gzip.compress(b"WARC/1.0\r\nnothing", mtime=0)):
        for deflated in (frozenset({PAGES}), frozenset({PAGES, WARC})):
            made = replace(package(**{WARC: warc}), deflated=deflated)
            with pytest.raises(MalformedWarc, match="nothing of the file was imported"):
                imported(archive, made.write(tmp_path / "given.wacz"))
    assert stored_keys(settings) == keys


def test_files_beyond_the_first_hundred_are_counted_as_what_they_are() -> None:
    found = FormFindings()
    for number in range(150):
        found.doubt(f"archive/{number}", HASH_ALGORITHM, "MD5")
    assert {one.status for one in found.finish(None)} == {Status.UNKNOWN}
    found.add("archive/last", HASH, "it has other bytes")
    *_, unknown, failed = found.finish(None)
    assert (unknown.status, unknown.code, unknown.detail) == (
        Status.UNKNOWN,
        HASH_ALGORITHM,
        "so are 50 more files",
    )
    assert (failed.status, failed.code, failed.target) == (Status.FAIL, HASH, "package")
