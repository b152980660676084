# SPDX-License-Identifier: Apache-2.0
"""Real-world cases that the whole of the archive has to get right, named by their ID."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import captured, look_at, minted, page, stored_keys, tables
from support.origin import Origin

from archive.bootstrap import open_archive
from archive.catalog.tables import id_sequence, ops_reservation
from archive.digests import read_sha256
from archive.ids import Kind, RecordId
from archive.services.capturing.capture import capture
from archive.services.context import Archive
from archive.services.hashes.desk import verify_bytes, verify_digest
from archive.services.reading.resolve import resolve
from archive.services.verifying.verify import verify_record
from archive.settings import Settings

MIB = 1024 * 1024
SHELL = b'<html><body><div id="root"></div><script src="/app.js"></script></body></html>'


def numbers_spent(archive: Archive) -> int:
    with archive.database.reading() as connection:
        following = connection.execute(sa.select(id_sequence.c.next_number)).scalar()
        assert connection.execute(sa.select(ops_reservation)).all() == []
    return (following or 1) - 1


@pytest.mark.parametrize(
    ("path", "outcome"),
    [("/empty", "empty"), ("/204", "no-content"), ("/shell", "script-shell")],
)
def test_d09_an_empty_answer_is_an_outcome_and_spends_no_id(
    archive: Archive, origin: Origin, path: str, outcome: str
) -> None:
    origin.page("/empty", b"")
    origin.page("/204", b"", status="204 No Content", content_type=None)
    origin.page("/shell", SHELL)
    look = look_at(archive, origin.url(path))
    assert (look.outcome.value, look.capture_id) == (outcome, None)
    assert look.reason
    assert numbers_spent(archive) == 0
    assert len(tables(archive)["observation"]) == 1


def test_d10_an_error_text_between_two_captures_is_quarantined(
    archive: Archive, origin: Origin
) -> None:
    policy = page(*(f"Rule {number} of the acceptable use policy." for number in range(70)))
    assert len(policy) > 20_000
    origin.page("/aup", policy)
    first = captured(archive, origin.url("/aup"))
    origin.page("/aup", "<h1>This page isn't available</h1><p>Come back later.</p>")
    second = captured(archive, origin.url("/aup"))
    origin.page("/aup", policy)
    third = captured(archive, origin.url("/aup"))
    assert second.signed.look.capture_id is None
    assert second.signed.look.outcome.value in {"soft-404", "error-page"}
    for role in ("body", "text"):
        assert third.signed.inventory.part(role) == first.signed.inventory.part(role)
    previous = third.signed.look.previous
    assert previous is not None
    assert previous.capture_id == first.signed.look.capture_id
    assert numbers_spent(archive) == 2


def test_d42_a_typo_in_print_never_gives_another_record(archive: Archive, origin: Origin) -> None:
    origin.page("/terms", page())
    records = [minted(archive, origin.url("/terms")) for _ in range(25)]
    written = str(records[11])
    typos = [
        written[:at] + written[at + 1] + written[at] + written[at + 2 :]
        for at in range(len(written) - 1)
        if written[at].isdigit() and written[at + 1].isdigit() and written[at] != written[at + 1]
    ]
    typos += [
        written[:at] + digit + written[at + 1 :]
        for at in range(len(written))
        if written[at].isdigit()
        for digit in "0123456789"
        if digit != written[at]
    ]
    assert len(typos) > 80
    for typo in typos:
        assert resolve(archive, typo).id is None, typo
    unchecked = resolve(archive, "CA-C-0000021")
    assert (unchecked.status, unchecked.id) == ("unchecked", records[20])
    absent = resolve(archive, "CA-C-0000210")
    assert (absent.status, absent.id) == ("not_found", None)


@pytest.mark.parametrize("text", ["--output=x", "-h", "HEAD", "a/../b", "%00"])
def test_d45_what_is_no_id_touches_neither_store_nor_catalogue(
    archive: Archive, settings: Settings, text: str
) -> None:
    before = stored_keys(settings)
    archive.close()
    (settings.data / "catalog.sqlite").rename(settings.data / "away.sqlite")
    assert resolve(archive, text).status == "malformed"
    assert not (settings.data / "catalog.sqlite").exists()
    assert stored_keys(settings) == before


@pytest.mark.parametrize("ending", ["\u2026", "...", ""])
def test_d47_a_shortened_digest_lists_candidates_and_verifies_nothing(
    archive: Archive, origin: Origin, ending: str
) -> None:
    origin.page("/terms", page())
    recorded = captured(archive, origin.url("/terms"))
    body = recorded.signed.inventory.part("body")
    assert body is not None
    assert body.sha256 is not None
    answer = verify_digest(archive, read_sha256(body.sha256[:16] + ending)).to_json()
    assert answer["verified"] is False
    assert answer["prefix"] == body.sha256[:16]
    assert [match["id"] for match in answer["matches"]] == [str(recorded.signed.look.capture_id)]
    assert "prefix only: a search" in answer["note"]


def test_d47_seven_digits_are_too_few_to_search_by() -> None:
    from archive.errors import MalformedDigest

    with pytest.raises(MalformedDigest):
        read_sha256("55f589f")


def test_d51_an_empty_file_is_no_hit(archive: Archive, origin: Origin) -> None:
    origin.page("/empty", b"")
    look_at(archive, origin.url("/empty"))
    answer = verify_bytes(archive, [])
    assert (answer.matches, answer.report, answer.exit_code) == ((), None, 2)
    assert "no bytes" in answer.note


_COMMAND = "from archive.cli import main; main()"
_VERIFY = """
import json, resource, sys
from pathlib import Path
from archive.bootstrap import open_archive
from archive.cli.session import read_chunks
from archive.services.hashes.desk import verify_bytes
from archive.settings import load_settings
archive = open_archive(load_settings())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
answer = verify_bytes(archive, read_chunks(Path(sys.argv[1])))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
archive.close()
print(json.dumps([answer.sha256, answer.exit_code, (after - before) * 1024]))
"""


def verify_sparse(
    archive: Archive, settings: Settings, path: Path, size: int
) -> tuple[str, int, int]:
    """Digest, exit code and growth of memory, verifying a file of zeros in its own process."""
    archive.close()
    with path.open("wb") as file:
        file.truncate(size)
    done = subprocess.run(
        [sys.executable, "-P", "-c", _VERIFY, str(path)],
        env={**os.environ, "MUNIMENT_DATA": str(settings.data)},
        capture_output=True,
        text=True,
        check=True,
    )
    sha256, code, growth = json.loads(done.stdout)
    return sha256, code, growth


def test_d51_a_large_stream_is_hashed_with_flat_memory(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    sha256, code, growth = verify_sparse(archive, settings, tmp_path / "sparse", 256 * MIB)
    assert sha256 == "a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484"
    assert code == 2
    assert growth < 32 * MIB


@pytest.mark.slow
def test_d51_five_gibibytes_are_hashed_with_flat_memory(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    sha256, code, growth = verify_sparse(archive, settings, tmp_path / "sparse", 5 * 1024 * MIB)
    assert sha256 == "7f06c62352aebd8125b2a1841e2b9e1ffcbed602f381c3dcb3200200e383d1d5"
    assert code == 2
    assert growth < 32 * MIB


def test_d51_a_folder_is_no_file(archive: Archive, settings: Settings, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _COMMAND, "verify", str(tmp_path)],
        env={**os.environ, "MUNIMENT_DATA": str(settings.data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "is a folder" in done.stderr
    assert done.stderr.count("\n") == 1


def test_d59_fifty_captures_of_four_workers_have_fifty_ids(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    for number in range(50):
        origin.page(f"/{number}", page(f"Page {number}."))

    def some(worker: int) -> list[RecordId]:
        own = open_archive(settings)
        urls = [origin.url(f"/{number}") for number in range(worker, 50, 4)]
        found = [capture(own, url).signed.look.capture_id for url in urls]
        own.close()
        return [item for item in found if item is not None]

    with ThreadPoolExecutor(4) as pool:
        ids = [item for batch in pool.map(some, range(4)) for item in batch]
    assert sorted(item.number for item in ids) == list(range(1, 51))
    for capture_id in ids[::10]:
        assert verify_record(archive, capture_id).result.exit_code == 0


def test_d60_a_half_written_file_is_never_taken_for_an_object(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    # What a killed process leaves is in `.tmp`; kills at every step are in services/test_crash.py.
    leftovers = settings.data / "store" / ".tmp"
    leftovers.mkdir(exist_ok=True)
    (leftovers / "1-0123456789abcdef").write_bytes(b"half of an obj")
    folder = settings.data / "store" / "captures" / str(RecordId("CA", Kind.CAPTURE, 1))
    folder.mkdir(parents=True)
    again = open_archive(settings)
    origin.page("/terms", page())
    assert minted(again, origin.url("/terms")).number == 1
    again.close()
