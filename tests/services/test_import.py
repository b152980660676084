# SPDX-License-Identifier: Apache-2.0
"""Imports: kept, indexed, cited on demand, verified where they lie, remade from the store."""

import gzip
import json
import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import (
    audited,
    captured,
    damaged,
    failures,
    flipped,
    new_archive,
    page,
    rebuilt,
    settings_at,
    stored_file,
    stored_keys,
    tables,
)
from support.importing import import_elsewhere
from support.origin import Origin
from support.warcs import (
    PAGE,
    arc,
    arc_record,
    http,
    packed,
    record,
    record_id,
    response,
    sha1,
    shared,
    site,
    write,
)

from archive.catalog import sequence
from archive.catalog.custody import count_waiting
from archive.catalog.sequence import Reservation
from archive.catalog.statements import statements_about
from archive.catalog.tables import cdx, id_sequence, ops_reservation
from archive.clock import rfc3339
from archive.digests import DigestReading, sha256_hex
from archive.errors import CatalogBusy, InputError, MalformedWarc, MalformedZip
from archive.ids import RecordId
from archive.jobs.base import WorkerStopping
from archive.model.anchor import ORIGIN_LIMIT
from archive.model.imported import FLAWS_LIMIT, ImportGroup
from archive.model.look import Look
from archive.net.surt import url_key
from archive.proofs.dsse import SIGNED_BYTES_LIMIT, read_envelope
from archive.services import import_lock
from archive.services.context import Archive
from archive.services.hashes.desk import BytesAnswer, verify_bytes, verify_digest
from archive.services.import_lock import sole_importer
from archive.services.imports import mint as mint_imported
from archive.services.imports import reading as import_reading
from archive.services.imports.file import ImportedFile, ImportOptions, import_file
from archive.services.imports.look import GivenRecord, Judged
from archive.services.imports.mint import Choice
from archive.services.ownership import IMPORT, this_process
from archive.services.reading.parts import part_bytes
from archive.services.recovery.recover import recover
from archive.services.statements.record import record_json
from archive.services.verifying.verify import verify_record
from archive.settings import Settings
from archive.storage.layout import blob_key

pytestmark = pytest.mark.both_databases

URL = "https://site.example/page/2"
BODY = PAGE.replace(b"Terms</h1>", b"Terms 2</h1>")
GIVEN = ImportOptions("Somebody Else")
CITED = replace(GIVEN, choice=Choice((URL,)))
PAGES = replace(GIVEN, choice=Choice(all_pages=True))


@pytest.fixture
def settings(tmp_path: Path, database_setting: dict[str, str]) -> Settings:
    return settings_at(tmp_path / "data", **database_setting)


@pytest.fixture
def archive(settings: Settings) -> Iterator[Archive]:
    opened = new_archive(settings)
    yield opened
    opened.close()


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return write(tmp_path / "given.warc.gz", packed(*site(4, with_requests=True)))


def imported(archive: Archive, path: Path, options: ImportOptions = GIVEN) -> ImportedFile:
    return import_file(archive, path, options, lambda _done, _total: None)


def only_look(done: ImportedFile) -> Look:
    (signed,) = done.minting.minted
    return signed.look


def minted_id(done: ImportedFile) -> RecordId:
    capture_id = only_look(done).capture_id
    assert capture_id is not None
    return capture_id


def by_digest(archive: Archive, data: bytes) -> BytesAnswer:
    return verify_digest(archive, DigestReading(sha256_hex(data), is_prefix=False, spelling="hex"))


def test_the_file_is_kept_as_it_is_and_every_response_is_indexed(
    archive: Archive, settings: Settings, given: Path
) -> None:
    done = imported(archive, given)
    assert (done.records, done.indexed, done.flaws) == (8, 4, ())
    assert done.is_complete
    assert not done.is_already
    data = given.read_bytes()
    assert done.source.sha256 == done.container_sha256 == sha256_hex(data)
    assert stored_file(settings, blob_key(sha256_hex(data))).read_bytes() == data
    with archive.database.reading() as connection:
        row = connection.execute(sa.select(cdx).where(cdx.c.urlkey == url_key(URL))).one()
    stored = archive.store.get_range(blob_key(row.container_sha256), row.offset, row.length)
    assert BODY in gzip.decompress(stored)
    assert (row.timestamp, row.method, row.sha256) == ("20200203040506", "GET", sha256_hex(BODY))
    assert stored_keys(settings, "captures/") == []


def test_the_statement_says_who_gave_what(archive: Archive, given: Path) -> None:
    done = imported(archive, given)
    with archive.database.reading() as connection:
        (row,) = statements_about(connection, done.source.sha256, "import")
    content = archive.store.get(blob_key(row.content_sha256))
    group = ImportGroup.from_json(json.loads(content))
    assert group.source == done.source
    assert (group.source.name, group.source.form) == ("given.warc.gz", "warc.gz")
    assert group.supplied_by == "Somebody Else"
    assert (group.start, group.end) == (0, given.stat().st_size)
    assert group.is_last


def test_the_same_file_twice_changes_nothing(
    archive: Archive, settings: Settings, given: Path, tmp_path: Path
) -> None:
    imported(archive, given)
    rows, keys = tables(archive), stored_keys(settings)
    renamed = write(tmp_path / "other-name.warc.gz", given.read_bytes())
    for path in (given, renamed):
        again = imported(archive, path)
        assert again.is_already
        assert again.is_sound
        assert (again.records, again.indexed) == (8, 4)
    assert (tables(archive), stored_keys(settings)) == (rows, keys)


def test_a_record_gets_an_id_later_and_nothing_else_changes(archive: Archive, given: Path) -> None:
    imported(archive, given)
    before = tables(archive)
    done = imported(archive, given, CITED)
    look = only_look(done)
    assert (look.mode, look.url, look.status) == ("import", URL, 200)
    assert look.requested_at == look.received_at == "2020-02-03T04:05:06.000000Z"
    assert (look.remote_address, look.tls_leaf_sha256) == (None, None)
    assert look.imported is not None
    assert (look.imported.supplied_by, look.imported.warc_date) == (
        "Somebody Else",
        "2020-02-03T04:05:06Z",
    )
    after = tables(archive)
    assert after["cdx"] == before["cdx"]
    assert after["import_group"] == before["import_group"]
    assert len(after["capture"]) == 1
    again = imported(archive, given, CITED)
    assert again.is_already
    assert again.minting.kept == [str(look.capture_id)]
    assert tables(archive) == after


def test_a_cited_record_verifies_and_its_parts_are_served(archive: Archive, given: Path) -> None:
    done = imported(archive, given, CITED)
    capture_id = minted_id(done)
    report = verify_record(archive, capture_id)
    assert report.result.exit_code == 0, failures(report)
    assert {f.claim for f in report.findings if f.status.value == "pass"} >= {
        "warc.records",
        "body.from_warc",
        "text.derives",
        "object.digest",
        "catalog.agrees",
    }
    assert part_bytes(archive, capture_id, "body").data == BODY
    assert b"Terms 2" in part_bytes(archive, capture_id, "text").data
    assert part_bytes(archive, capture_id, "headers").data.startswith(b"HTTP/1.1 200 OK")
    shown = record_json(done.minting.minted[0])
    assert shown["import"]["supplied_by"] == "Somebody Else"
    assert shown["captured_at"] == "2020-02-03T04:05:06.000000Z"


def test_a_content_coded_answer_has_its_body_and_both_are_found(
    archive: Archive, tmp_path: Path
) -> None:
    zipped = gzip.compress(BODY, mtime=0)
    block = http(zipped, "Content-Encoding: gzip")
    path = write(tmp_path / "coded.warc.gz", packed(response(URL, block)))
    imported(archive, path)
    for data in (zipped, BODY):
        answer = by_digest(archive, data)
        assert [match.url for match in answer.imported] == [URL]
        assert "no record ID yet" in answer.note
        assert answer.exit_code == 2
    capture_id = minted_id(imported(archive, path, CITED))
    assert verify_record(archive, capture_id).result.exit_code == 0
    assert part_bytes(archive, capture_id, "body-raw").data == zipped
    assert by_digest(archive, BODY).to_json()["verified"]


def test_bytes_in_an_imported_record_are_found_and_the_answer_is_honest(
    archive: Archive, given: Path
) -> None:
    imported(archive, given)
    answer = verify_bytes(archive, iter([BODY]))
    (match,) = answer.imported
    assert (match.role, match.url, match.source_name) == ("payload", URL, "given.warc.gz")
    assert answer.report is None
    body = answer.to_json()
    assert (body["verified"], body["result"], body["imported"][0]["id"]) == (
        False,
        "incomplete",
        None,
    )
    prefix = DigestReading(sha256_hex(BODY)[:16], is_prefix=True, spelling="hex")
    assert [found.url for found in verify_digest(archive, prefix).imported] == [URL]
    assert "was imported" in by_digest(archive, given.read_bytes()).note
    imported(archive, given, CITED)
    assert by_digest(archive, BODY).to_json()["verified"]
    assert by_digest(archive, BODY).imported == ()


def test_only_a_document_gets_an_id_and_the_reason_is_told(
    archive: Archive, tmp_path: Path
) -> None:
    def asked(number: int, method: str) -> bytes:
        request = f"{method} / HTTP/1.1\r\nHost: site.example\r\n\r\n".encode()
        return record(
            "request",
            request,
            [
                ("WARC-Target-URI", f"https://site.example/{number}"),
                ("WARC-Concurrent-To", record_id(number)),
            ],
            number=100 + number,
        )

    cut = http(PAGE, f"Content-Length: {len(PAGE) + 1}")
    wrong = [("WARC-Payload-Digest", sha1(b"other"))]
    truncated = [("WARC-Truncated", "length")]
    records = [
        response("https://site.example/1", http(PAGE, status="404 Not Found"), number=1),
        response("https://site.example/2", http(b""), number=2),
        response("https://site.example/3", cut, number=3),
        response("https://site.example/4", http(PAGE), truncated, number=4),
        response("https://site.example/5", http(PAGE), wrong, number=5),
        response("https://site.example/6", http(PAGE), number=6),
        asked(6, "POST"),
        record("resource", PAGE, [("WARC-Target-URI", "https://site.example/7")], number=7),
        record(
            "revisit",
            http(b""),
            [
                ("WARC-Target-URI", "https://site.example/8"),
                ("WARC-Payload-Digest", sha1(PAGE)),
            ],
            number=8,
        ),
        response("https://site.example/9", http(PAGE), number=9),
        asked(9, "GET"),
    ]
    path = write(tmp_path / "mixed.warc.gz", packed(*records))
    urls = tuple(f"https://site.example/{number}" for number in range(1, 11))
    done = imported(archive, path, replace(GIVEN, choice=Choice(urls)))
    assert only_look(done).url == urls[8]
    assert {item.url[-1]: item.outcome for item in done.minting.refused} == {
        "1": "error-page",
        "2": "empty",
        "3": "truncated",
        "4": "truncated",
        "5": "no-response",
        "6": "no-response",
        "7": "no-response",
        "8": "no-response",
    }
    assert done.minting.urls_without == [url for url in urls if url != urls[8]]
    with archive.database.reading() as connection:
        # None was spent on a refusal.
        assert connection.execute(sa.select(id_sequence.c.next_number)).scalar_one() == 2
    assert audited(archive).damages == []


def test_urls_that_an_index_key_folds_are_kept_apart(archive: Archive, tmp_path: Path) -> None:
    urls = ["https://a.example/Terms", "https://a.example/terms", "http://www.a.example/terms/"]
    assert len({url_key(url) for url in urls}) == 1
    records = [response(url, http(PAGE + b"%d" % n), number=n) for n, url in enumerate(urls, 1)]
    path = write(tmp_path / "folded.warc.gz", packed(*records))
    done = imported(archive, path, replace(GIVEN, choice=Choice((urls[1],))))
    assert only_look(done).url == urls[1]
    everything = imported(archive, path, PAGES)
    assert [item.look.url for item in everything.minting.minted] == [urls[0], urls[2]]


@pytest.mark.parametrize(
    "data",
    [shared(*site(4)), arc(*(arc_record(f"{URL[:-1]}{n}", http(PAGE)) for n in range(1, 5)))],
)
def test_what_cannot_be_read_by_range_is_packed_anew_and_both_are_kept(
    archive: Archive, tmp_path: Path, data: bytes
) -> None:
    path = write(tmp_path / "given", data)
    done = imported(archive, path, CITED)
    assert done.source.sha256 == sha256_hex(data) != done.container_sha256
    assert archive.store.get(blob_key(done.source.sha256)) == data
    assert done.indexed == 4
    assert verify_record(archive, minted_id(done)).result.exit_code == 0
    rows = tables(archive)
    assert imported(archive, path, CITED).is_already
    assert tables(archive) == rows
    assert audited(archive).damages == []
    assert audited(archive).unreferenced == []


def test_a_damaged_file_gives_what_is_whole_and_the_flaw_is_signed(
    archive: Archive, tmp_path: Path
) -> None:
    whole = packed(*site(4))
    path = write(tmp_path / "cut.warc.gz", whole[:-20])
    done = imported(archive, path)
    assert (done.records, done.indexed) == (3, 3)
    (flaw,) = done.flaws
    assert (flaw.record, flaw.offset, flaw.is_end) == (4, len(packed(*site(3))), True)
    assert not done.is_sound
    again = imported(archive, path)
    assert again.is_already
    assert again.flaws == done.flaws
    rebuilt(archive)
    assert imported(archive, path).flaws == done.flaws


def test_flaws_of_a_file_before_it_was_packed_anew_are_signed(
    archive: Archive, tmp_path: Path
) -> None:
    path = write(tmp_path / "cut.warc.gz", shared(*site(4))[:-60])
    done = imported(archive, path)
    assert done.records < 4
    assert [flaw.is_end for flaw in done.flaws] == [True]
    assert imported(archive, path).flaws == done.flaws


def test_strict_refuses_a_flaw_and_stores_nothing(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    strict = replace(GIVEN, is_strict=True)
    keys = stored_keys(settings)
    wrong = response(URL, fields=[("WARC-Block-Digest", sha1(b"x"))], number=9)
    for data in (packed(*site(4))[:-20], packed(*site(4), wrong), shared(*site(4), wrong)):
        path = write(tmp_path / "flawed.warc.gz", data)
        with pytest.raises(MalformedWarc, match=r"record [45] at offset"):
            imported(archive, path, strict)
        assert stored_keys(settings) == keys
    sound = write(tmp_path / "sound.warc.gz", packed(*site(4)))
    assert imported(archive, sound, strict).is_sound


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", InputError),
        (b"%PDF-1.7 and so on", InputError),
        (b"PK\x03\x04 and so on", MalformedZip),
        (b"WARC/1.0\r\nno header at all", MalformedWarc),
        (gzip.compress(b"WARC/1.0\r\nWARC-Type: response\r\n", mtime=0), MalformedWarc),
        (b"filedesc://x.arc 1.2.3.4 20200101000000 text/plain -1\n", MalformedWarc),
    ],
)
def test_a_file_of_which_nothing_can_be_read_leaves_nothing(
    archive: Archive, settings: Settings, tmp_path: Path, data: bytes, error: type[Exception]
) -> None:
    keys = stored_keys(settings)
    with pytest.raises(error):
        imported(archive, write(tmp_path / "bad", data))
    assert stored_keys(settings) == keys
    assert tables(archive)["import_group"] == []


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101, "ü" * 60])
def test_a_supplier_that_no_statement_can_hold_is_refused(
    archive: Archive, given: Path, name: str
) -> None:
    with pytest.raises(InputError, match="--supplied-by"):
        imported(archive, given, ImportOptions(name))


def test_rebuild_remakes_every_row_from_the_store_alone(
    archive: Archive, given: Path, tmp_path: Path, origin: Origin
) -> None:
    origin.page("/terms", page())
    captured(archive, origin.url("/terms"))
    captured(archive, origin.url("/terms"))
    imported(archive, given, PAGES)
    imported(archive, write(tmp_path / "a.arc", arc(arc_record(URL, http(PAGE)))), CITED)
    before = tables(archive)
    assert {row[3] for row in before["cdx"]} == {"response", "revisit"}
    assert rebuilt(archive).left_out == []
    assert tables(archive) == before


def test_own_captures_have_index_rows_by_which_their_payload_is_found(
    archive: Archive, origin: Origin
) -> None:
    zipped = gzip.compress(page("Coded."), mtime=0)
    origin.page("/plain", page())
    origin.page("/coded", zipped, headers={"Content-Encoding": "gzip"})
    first = captured(archive, origin.url("/plain")).signed
    again = captured(archive, origin.url("/plain")).signed
    coded = captured(archive, origin.url("/coded")).signed
    with archive.database.reading() as connection:
        rows = list(connection.execute(sa.select(cdx).order_by(cdx.c.capture_number)))
    assert [row.record_type for row in rows] == ["response", "revisit", "response"]
    assert [row.statement_sha256 for row in rows] == [
        item.statement_sha256 for item in (first, again, coded)
    ]
    assert (rows[0].sha256, rows[0].size) == (sha256_hex(page()), len(page()))
    assert (rows[1].sha256, rows[1].size) == (sha256_hex(page()), 0)
    assert (rows[2].sha256, rows[2].body_sha256) == (
        sha256_hex(zipped),
        sha256_hex(page("Coded.")),
    )
    for row in rows:
        member = archive.store.get_range(blob_key(row.container_sha256), row.offset, row.length)
        assert gzip.decompress(member).startswith(b"WARC/1.1")


@pytest.mark.parametrize("statement", ["update cdx set sha256 = null", "delete from cdx"])
def test_an_edited_index_is_noticed(archive: Archive, given: Path, statement: str) -> None:
    imported(archive, given)
    with archive.database.writing() as connection:
        connection.execute(sa.text(statement))
    (damage,) = audited(archive).damages
    assert damage.code == "CATALOG_DISAGREES"
    rebuilt(archive)
    assert audited(archive).damages == []


def test_damage_to_an_imported_file_is_noticed_at_every_level(
    archive: Archive, settings: Settings, given: Path
) -> None:
    done = imported(archive, given, CITED)
    capture_id = minted_id(done)
    place = stored_file(settings, blob_key(done.container_sha256))
    sound = place.read_bytes()
    with damaged(place, flipped(sound, 8 * (len(sound) - 3))):
        for level in ("plain", "deep", "full"):
            assert "OBJECT_DIGEST_MISMATCH" in {d.code for d in audited(archive, level).damages}
        report = verify_record(archive, capture_id)
        assert failures(report) == {("object.digest", "OBJECT_DIGEST_MISMATCH")}
    with damaged(place, None):
        assert verify_record(archive, capture_id).result.exit_code == 1
        assert "OBJECT_MISSING" in {damage.code for damage in audited(archive).damages}
    with damaged(place, sound[:-1]):
        report = verify_record(archive, capture_id)
        assert failures(report) == {("object.digest", "OBJECT_SIZE_MISMATCH")}
    assert verify_record(archive, capture_id).result.exit_code == 0


def test_an_uncited_import_is_hashed_by_a_deep_audit_too(
    archive: Archive, settings: Settings, given: Path
) -> None:
    done = imported(archive, given)
    place = stored_file(settings, blob_key(done.container_sha256))
    sound = place.read_bytes()
    with damaged(place, flipped(sound, 100)):
        for level in ("plain", "deep", "full"):
            codes = {damage.code for damage in audited(archive, level).damages}
            assert codes == {"OBJECT_DIGEST_MISMATCH"}


def test_verifying_reads_the_record_and_never_holds_the_container(
    archive: Archive, given: Path
) -> None:
    done = imported(archive, given, CITED)
    whole: list[str] = []

    class Watched:
        def __getattr__(self, name: str) -> object:
            return getattr(archive.store, name)

        def get(self, key: str) -> bytes:
            whole.append(key)
            return archive.store.get(key)

    watched = replace(archive, store=Watched())  # type: ignore[arg-type]
    assert verify_record(watched, minted_id(done)).result.exit_code == 0
    assert blob_key(done.container_sha256) not in whole
    assert whole


@pytest.mark.slow
def test_groups_are_the_same_however_many_processes_read(
    settings: Settings, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_reading, "SEGMENT_BYTES", 4_000)
    monkeypatch.setattr(import_reading, "SHARED_BYTES", 4_000)
    # A WARC within a record: what looks like a beginning is none.
    inner = response(URL, http(packed(*site(9)) + b"\r\n\r\n".join(site(9))), number=999)
    records = [*site(30, with_requests=True), inner, *site(30, start=40)]
    for name, data in (("a.warc.gz", packed(*records)), ("a.warc", b"".join(records))):
        path = write(tmp_path / name, data)
        done = imported(archive, path, replace(GIVEN, workers=2))
        other = new_archive(settings_at(tmp_path / f"other-{name}"))
        alone = imported(other, path)
        assert (done.records, done.indexed) == (alone.records, alone.indexed) == (91, 61)
        with archive.database.reading() as one, other.database.reading() as two:
            wanted = (
                sa.select(cdx.c.offset, cdx.c.url, cdx.c.sha256)
                .where(cdx.c.container_sha256 == done.container_sha256)
                .order_by(cdx.c.offset)
            )
            assert one.execute(wanted).all() == two.execute(wanted).all()
        groups = [row[8:12] for row in tables(other)["import_group"]]
        mine = [row[8:12] for row in tables(archive)["import_group"]]
        assert {*groups} <= {*mine}
        other.close()


@pytest.mark.slow
def test_two_imports_of_one_file_at_once_give_one(
    settings: Settings, archive: Archive, tmp_path: Path
) -> None:
    path = write(tmp_path / "given.warc.gz", packed(*site(60)))
    context = multiprocessing.get_context("spawn")
    both = [
        context.Process(target=import_elsewhere, args=(settings, path, PAGES)) for _ in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
    rows = tables(archive)
    assert (len(rows["import_group"]), len(rows["cdx"]), len(rows["capture"])) == (1, 60, 60)
    assert audited(archive).damages == []


def test_two_statements_about_one_record_give_one_row_in_whatever_order(
    archive: Archive, given: Path
) -> None:
    imported(archive, given)
    with archive.database.writing() as connection:
        # As if another machine had not seen the first import.
        for table in ("import_group", "cdx", "statement_about", "statement"):
            connection.execute(sa.text(f"delete from {table}"))
    imported(archive, given)
    rebuilt(archive)
    first = tables(archive)
    assert (len(first["import_group"]), len(first["cdx"])) == (2, 4)
    winner = min(row[0] for row in first["import_group"])
    assert {row[16] for row in first["cdx"]} == {winner}
    done = imported(archive, given, CITED)
    assert (done.records, done.indexed) == (8, 4)
    assert audited(archive).damages == []


def test_the_lock_of_a_dead_importer_is_dropped(archive: Archive, given: Path) -> None:
    number = int(sha256_hex(given.read_bytes())[:12], 16)
    gone = Reservation(IMPORT, number, "another-machine 1 1", "2020-01-01T00:00:00.000000Z")
    with archive.database.writing() as connection:
        sequence.intend(connection, [gone])
    recover(archive)
    with archive.database.reading() as connection:
        assert connection.execute(sa.select(ops_reservation)).all() == []
    with archive.database.writing() as connection:
        sequence.intend(connection, [gone])
    assert imported(archive, given).is_complete
    with archive.database.reading() as connection:
        assert connection.execute(sa.select(ops_reservation)).all() == []
    assert this_process()


def test_who_waits_for_another_importer_can_be_called_off(archive: Archive, given: Path) -> None:
    sha256 = sha256_hex(given.read_bytes())

    def call_off(done: int, total: int) -> None:
        # The first call is of the hashing, the next one of the waiting.
        calls.append((done, total))
        if len(calls) > 1:
            raise WorkerStopping

    calls: list[tuple[int, int]] = []
    with sole_importer(archive, sha256, lambda: None), pytest.raises(WorkerStopping):
        import_file(archive, given, GIVEN, call_off)
    assert imported(archive, given).is_complete


def test_a_file_that_changes_while_it_is_stored_is_refused(
    archive: Archive, settings: Settings, given: Path
) -> None:
    keys = stored_keys(settings)

    class Slow:
        def __getattr__(self, name: str) -> object:
            return getattr(archive.store, name)

        def put_file(self, key: str, path: Path, sha256: str) -> None:
            path.write_bytes(path.read_bytes() + b"more")
            archive.store.put_file(key, path, sha256)

    with pytest.raises(InputError, match="nothing was stored"):
        imported(replace(archive, store=Slow()), given)  # type: ignore[arg-type]
    assert stored_keys(settings) == keys


def test_the_own_container_of_an_archive_may_be_imported(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    origin.page("/terms", page())
    signed = captured(archive, origin.url("/terms")).signed
    before = tables(archive)["cdx"]
    own = signed.inventory.own_container
    assert own is not None
    done = imported(archive, stored_file(settings, blob_key(own)))
    assert done.indexed == 1
    assert tables(archive)["cdx"] == before
    rebuilt(archive)
    assert tables(archive)["cdx"] == before
    assert audited(archive).damages == []


def test_the_longest_import_still_fits_what_a_kms_signs(tmp_path: Path) -> None:
    archive = new_archive(settings_at(tmp_path / "wide", MUNIMENT_LOG_ORIGIN="o" * ORIGIN_LIMIT))
    url = f"https://site.example/{'a' * 480}"
    odd = http(PAGE, "Date: " + "x" * 64)
    date = "2020-02-03T04:05:06.123456789Z"
    path = write(tmp_path / "long.warc.gz", packed(response(url, odd, date=date)))
    options = ImportOptions("x" * 98, Choice(all_pages=True))
    (signed,) = imported(archive, path, options).minting.minted
    envelope = read_envelope(archive.store.get(signed.envelope_key))
    assert len(envelope.signed_bytes()) <= SIGNED_BYTES_LIMIT
    assert b'"origin":"ooooo' in envelope.payload
    assert signed.look.capture_id is not None
    assert verify_record(archive, signed.look.capture_id).result.exit_code == 0
    archive.close()


def test_the_use_of_the_key_is_noted_when_something_is_signed(
    archive: Archive, given: Path, tmp_path: Path
) -> None:
    def waiting() -> int:
        with archive.database.reading() as connection:
            return count_waiting(connection)

    with pytest.raises(InputError):
        imported(archive, write(tmp_path / "bad", b"nothing of the kind"))
    assert waiting() == 0
    imported(archive, given)
    imported(archive, given)
    assert waiting() == 1


def test_what_a_revisit_says_of_itself_is_no_find_of_the_bytes(
    archive: Archive, tmp_path: Path
) -> None:
    nowhere = b"bytes that no record of the file holds"
    stated = f"sha256:{sha256_hex(nowhere)}"
    fields = [("WARC-Target-URI", URL), ("WARC-Payload-Digest", stated)]
    path = write(tmp_path / "given.warc.gz", packed(record("revisit", http(b""), fields)))
    assert imported(archive, path).indexed == 1
    found = by_digest(archive, nowhere)
    assert found.imported == ()
    assert "imported record" not in (found.note or "")


def test_the_lock_is_kept_before_each_record_that_gets_an_id(
    archive: Archive, given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(archive, given)
    renewed: list[int] = []
    renew = import_lock._renew

    def noted(opened: Archive, number: int) -> None:
        renewed.append(number)
        renew(opened, number)

    monkeypatch.setattr(import_lock, "LEASE_SECONDS", -1)
    monkeypatch.setattr(import_lock, "_renew", noted)
    imported(archive, given)
    without = len(renewed)
    assert len(imported(archive, given, PAGES).minting.minted) == 4
    assert len(renewed) - without >= without + 4


def test_who_lost_the_lock_does_not_take_it_back(
    archive: Archive, given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that stood still for longer than the lease: another one goes on, and mints."""
    imported(archive, given)
    monkeypatch.setattr(import_lock, "LEASE_SECONDS", -1)
    sha256 = sha256_hex(given.read_bytes())
    number = int(sha256[:12], 16)
    other = Reservation(IMPORT, number, "another-machine 1 1", rfc3339(archive.clock.now()))
    with sole_importer(archive, sha256, lambda: None) as keep:
        keep()
        with archive.database.writing() as connection:
            sequence.forget(connection, IMPORT, number)
            sequence.intend(connection, [other])
        with pytest.raises(CatalogBusy, match="taken over"):
            keep()
    with archive.database.reading() as connection:
        assert sequence.open_reservation(connection, IMPORT, number) == other


def test_a_large_file_that_is_packed_anew_keeps_the_lock(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_archive: Archive, _number: int) -> None:
        raise CatalogBusy("taken over")

    monkeypatch.setattr(import_lock, "LEASE_SECONDS", -1)
    monkeypatch.setattr(import_lock, "_renew", lost)
    path = write(tmp_path / "given.warc.gz", shared(*site(4)))
    stored = tables(archive)
    with pytest.raises(CatalogBusy):
        imported(archive, path)
    assert tables(archive)["container"] == stored["container"]


def test_two_files_packed_anew_to_the_same_bytes_give_a_record_one_id(
    archive: Archive, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a lock of its own, and they meet at the container that both are read from."""
    records = site(4)
    first = write(tmp_path / "first.warc.gz", shared(*records))
    second = write(tmp_path / "second.warc.gz", gzip.compress(b"".join(records), 1, mtime=0))
    other = multiprocessing.get_context("spawn").Process(
        target=import_elsewhere, args=(settings, second, CITED)
    )
    judge = mint_imported.judge_record

    def judged_while_another_comes(given: GivenRecord) -> Judged:
        other.start()
        other.join(5)
        return judge(given)

    monkeypatch.setattr(mint_imported, "judge_record", judged_while_another_comes)
    done = imported(archive, first, CITED)
    other.join(30)
    assert other.exitcode == 0
    assert len(tables(archive)["capture"]) == 1
    assert str(minted_id(done)) in str(tables(archive)["capture"])
    assert audited(archive).damages == []


@pytest.mark.parametrize("is_request_first", [True, False])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_border_of_a_group_hides_no_post(
    archive: Archive, tmp_path: Path, method: str, *, is_request_first: bool
) -> None:
    """An ID is for what a GET gave; a group ends between the answer and its request."""
    request = f"{method} /page/2 HTTP/1.1\r\nHost: site.example\r\n\r\n".encode()
    fields = [("WARC-Target-URI", URL), ("WARC-Concurrent-To", record_id(2))]
    pair = [record("request", request, fields, number=9_000), response(URL, number=2)]
    notes = [record("metadata", b"note", number=9_001 + number) for number in range(999)]
    behind = record("metadata", b"note", number=8_000)
    order = pair if is_request_first else pair[::-1]
    path = write(tmp_path / "given.warc.gz", packed(*notes, *order, behind))
    done = imported(archive, path, CITED)
    assert len(tables(archive)["import_group"]) == 2
    assert len(done.minting.minted) == (1 if method == "GET" else 0)
    assert [one.reason for one in done.minting.refused] == (
        [] if method == "GET" else ["It answered a POST, not a GET."]
    )


def test_what_is_signed_of_a_file_can_be_read_back_whatever_it_holds(
    archive: Archive, tmp_path: Path
) -> None:
    """A content over the limit would be damage for good, and lost to a rebuild."""
    long = "\U0001f600" * 10_000
    many = [
        record("resource", b"", [("WARC-Target-URI", URL)], number=number).replace(
            record_id(number).encode(), f"<urn:{long}:{number}>".encode()
        )
        for number in range(500)
    ]
    assert imported(archive, write(tmp_path / "ids.warc.gz", packed(*many))).indexed == 500
    timeless = [b"http://site.example/ 192.0.2.7 never text/html 0\n\n"] * 100_000
    old = write(tmp_path / "old.arc", arc(arc_record(URL, http(PAGE)), *timeless))
    done = imported(archive, old)
    assert (done.indexed, len(done.flaws)) == (1, FLAWS_LIMIT + 1)
    assert done.flaws[-1].record == 100_002
    assert done.flaws[-1].detail.startswith("the last of 99000 more flaws: ")
    assert audited(archive).damages == []
    before = tables(archive)
    assert rebuilt(archive).left_out == []
    assert tables(archive) == before


@pytest.mark.parametrize("number", ["1", "2", "none"])
def test_a_record_that_goes_on_in_others_is_no_whole_answer(
    archive: Archive, tmp_path: Path, number: str
) -> None:
    """ISO 28500:2017 7: what is not whole says so by WARC-Segment-Number alone."""
    part = response(URL, http(PAGE), [("WARC-Segment-Number", number)])
    done = imported(archive, write(tmp_path / "given.warc.gz", packed(part)), CITED)
    assert done.minting.minted == []
    (refused,) = done.minting.refused
    assert refused.outcome == "truncated"


@pytest.mark.parametrize("lengths", [("5", "99999"), ("99999, 99999",), ("99999", "5")])
def test_of_lengths_that_contradict_the_longest_must_be_there(
    archive: Archive, tmp_path: Path, lengths: tuple[str, ...]
) -> None:
    block = http(PAGE, *(f"Content-Length: {length}" for length in lengths))
    path = write(tmp_path / "given.warc.gz", packed(response(URL, block)))
    assert [one.outcome for one in imported(archive, path, CITED).minting.refused] == ["truncated"]
