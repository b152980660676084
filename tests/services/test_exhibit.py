# SPDX-License-Identifier: Apache-2.0
"""An exhibit is the same each time, and says to a stranger what the archive says of itself."""

import json
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from support.archives import failures, minted, new_archive, page, settings_at, unknowns
from support.exhibits import (
    LATER,
    bare_python,
    by_hand,
    files_of,
    follow_readme,
    packed,
    verified,
    without_network,
)
from support.origin import Origin

from archive.clock import FixedClock
from archive.digests import sha256_hex
from archive.errors import InputError
from archive.ids import RecordId
from archive.model import exhibit as names
from archive.model.claim import Result
from archive.proofs.bag import KEPT_IN_ALL_LIMIT, Bag, open_bag
from archive.services.context import Archive
from archive.services.exhibits.make import exhibit


@dataclass(frozen=True)
class Made:
    archive: Archive
    record: RecordId
    zip_path: Path
    folder: Path

    @property
    def roots(self) -> tuple[str, ...]:
        return tuple(self.archive.pinned_roots)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    place = tmp_path_factory.mktemp("exhibit")
    opened = new_archive(settings_at(place / "data"))
    with Origin() as origin:
        origin.page("/terms", page())
        record = minted(opened, origin.url("/terms"))
    shown = exhibit(opened, record)
    zip_path = place / shown.file_name
    shown.write(zip_path)
    with zipfile.ZipFile(zip_path) as packed_zip:
        packed_zip.extractall(place)
    yield Made(opened, record, zip_path, place / shown.bag.name)
    opened.close()


def test_made_twice_at_one_time_it_is_the_same_to_the_byte(made: Made) -> None:
    archive = replace(made.archive, clock=FixedClock(LATER))
    first, second = (b"".join(exhibit(archive, made.record).bag.pieces()) for _ in range(2))
    assert first == second


def test_it_verifies_as_a_file_and_as_a_folder(made: Made) -> None:
    for path in (made.zip_path, made.folder):
        report = verified(path, made.roots)
        assert report.result is Result.VERIFIED, report.required_failed
        assert report.trust.root_source == "user"
        assert report.to_json()["offline"] is True


def test_its_findings_are_those_of_the_archive_but_for_what_only_that_can_know(
    made: Made,
) -> None:
    own = json.loads((made.folder / names.REPORT_JSON).read_bytes())
    outside = verified(made.folder, made.roots).to_json()
    only_inside = {"catalog.agrees", "storage.lock"}

    def told(report: dict[str, list[dict[str, object]]]) -> list[tuple[object, ...]]:
        return [
            (claim["id"], claim["target"], claim["status"], claim["code"])
            for claim in report["claims"]
            if claim["id"] not in only_inside | {"package.form"}
            and not str(claim["target"]).startswith("file:")
        ]

    assert told(own) == told(outside)


def test_with_the_packages_own_root_nothing_is_verified(made: Made) -> None:
    report = verified(made.zip_path, ())
    assert report.result is Result.INCOMPLETE
    assert report.trust.root_source == "package"
    assert ("key.chain", "ROOT_NOT_PINNED") in unknowns(report)


def test_under_another_root_it_is_not_verified(made: Made) -> None:
    report = verified(made.zip_path, ("0" * 64,))
    assert report.result is Result.INCOMPLETE
    assert ("key.chain", "ROOT_NOT_PINNED") in unknowns(report)


def test_bagit_finds_it_valid(made: Made) -> None:
    import bagit

    assert bagit.Bag(str(made.folder)).validate()


def test_sha256sum_finds_every_file_unchanged(made: Made) -> None:
    run = subprocess.run(
        ["sha256sum", "--strict", "-c", names.MANIFEST, names.TAG_MANIFEST],
        cwd=made.folder,
        check=True,
        capture_output=True,
        text=True,
    )
    listed = [line for line in run.stdout.splitlines() if line.endswith(": OK")]
    there = [path for path in made.folder.rglob("*") if path.is_file()]
    assert len(listed) == len(there) - 1  # all but the manifest of the manifests


def test_its_readme_is_followed_by_hand_without_network(
    made: Made, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("network", without_network()[1])
    commands = by_hand(made.folder)
    assert set(re.findall(r"\b(openssl|jq|python3?|curl)\b", commands)) == {"openssl", "jq"}

    held = follow_readme(made.folder, made.roots[0])
    assert held.returncode == 0, held.stderr
    assert held.stdout.endswith("every command held\n")
    assert follow_readme(made.folder, "0" * 64).returncode != 0
    for name in (names.ENVELOPE_FILE, names.keyset_content_file(1), names.INVENTORY_FILE):
        folder, files = files_of(made.zip_path.read_bytes())
        files[name] = files[name].replace(b"a", b"b", 1)
        forged = tmp_path / name.replace("/", "-")
        unpack(packed(folder, files), forged)
        assert follow_readme(forged / folder, made.roots[0]).returncode != 0, name


def unpack(data: bytes, place: Path) -> None:
    place.mkdir()
    (place / "it.zip").write_bytes(data)
    with zipfile.ZipFile(place / "it.zip") as opened:
        opened.extractall(place)


def test_its_own_verifier_needs_the_standard_library_and_cryptography_alone(
    made: Made, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    closed, how = without_network()
    record_property("network", how)
    python = bare_python(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*closed, *python, str(made.folder / names.VERIFIER), *arguments],
            check=False,
            capture_output=True,
            text=True,
        )

    answer = run(str(made.folder), "--root", made.roots[0], "--json")
    assert answer.stderr == ""
    report = json.loads(answer.stdout)
    assert report["result"] == "incomplete"
    assert answer.returncode == Result.INCOMPLETE.exit_code
    assert report["summary"]["required_failed"] == ["text.derives"]
    ours = verified(made.folder, made.roots).to_json()

    def told(claims: list[dict[str, object]]) -> list[tuple[object, ...]]:
        return [
            (claim["id"], claim["target"], claim["status"], claim["code"])
            for claim in claims
            if claim["id"] != "text.derives"
        ]

    assert told(report["claims"]) == told(ours["claims"])
    by_bytes = run(str(made.zip_path), "--root", made.roots[0], "--policy", "bytes-only")
    assert by_bytes.returncode == 0, by_bytes.stdout
    assert run(str(made.zip_path)).returncode == Result.INCOMPLETE.exit_code
    assert run(str(made.zip_path), "--root", "xyz").returncode == Result.MALFORMED.exit_code
    assert run("--no-such-option").returncode == 64
    assert run(str(tmp_path / "nothing.zip")).returncode == Result.MALFORMED.exit_code


def test_its_verifier_says_what_is_missing_without_cryptography(made: Made) -> None:
    run = subprocess.run(
        [sys.executable, "-I", "-S", str(made.folder / names.VERIFIER)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert run.stderr == (
        "verify.pyz needs the library cryptography: python3 -m pip install cryptography\n"
    )


def test_a_file_that_was_packed_again_is_judged_by_its_files(made: Made, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    with zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as written:
        for path in sorted(made.folder.rglob("*")):
            if path.is_file():
                written.write(path, path.relative_to(made.folder.parent))
    report = verified(again, made.roots)
    assert unknowns(report) == {("package.form", "ZIP_REPACKED"), ("storage.lock", "LOCK_UNASKED")}
    assert report.result is Result.INCOMPLETE
    assert failures(report) == set()


def test_what_is_no_exhibit_fails_on_its_form(tmp_path: Path) -> None:
    nothing = tmp_path / "empty"
    nothing.mkdir()
    no_zip = tmp_path / "no.zip"
    no_zip.write_bytes(b"PK\x03\x04 and no more")
    assert failures(verified(nothing, ())) == {("package.form", "BAG_MALFORMED")}
    assert failures(verified(no_zip, ())) == {("package.form", "ZIP_MALFORMED")}


def test_a_link_in_its_folder_is_refused(made: Made, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(made.folder, copy)
    (copy / names.OBJECTS / "body.html").unlink()
    (copy / names.OBJECTS / "body.html").symlink_to(made.folder / names.OBJECTS / "body.html")
    assert failures(verified(copy, made.roots)) == {("package.form", "BAG_MALFORMED")}


def test_the_bytes_alone_are_verified_only_under_a_root_from_elsewhere(made: Made) -> None:
    assert verified(made.zip_path, made.roots, "bytes-only").result is Result.VERIFIED
    for roots in ((), ("0" * 64,)):
        report = verified(made.zip_path, roots, "bytes-only")
        assert report.result is Result.INCOMPLETE
        assert "key.chain" in report.required_failed


def test_the_digest_in_the_report_is_that_of_the_bytes_that_were_read(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "it.zip"
    shutil.copy(made.zip_path, path)
    taken = Bag.take

    def replace_then_take(self: Bag, *given: Any) -> None:
        path.unlink(missing_ok=True)
        path.write_bytes(b"another file")
        taken(self, *given)

    monkeypatch.setattr(Bag, "take", replace_then_take)
    report = verified(path, made.roots)
    assert report.subject["package_sha256"] == sha256_hex(made.zip_path.read_bytes())


def test_many_packed_files_are_not_all_held(made: Made, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    with zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as written:
        for name, data in files_of(made.zip_path.read_bytes())[1].items():
            written.writestr(f"it/{name}", data)
        for number in range(40):
            written.writestr(f"it/{number}", bytes(8 << 20))
    with open_bag(again) as bag:
        held = sum(len(bag.read(name) or b"") for name in bag.names)
        damaged = {bag.damaged[name].code for name in bag.damaged}
    assert held <= KEPT_IN_ALL_LIMIT
    assert damaged == {"FILE_UNLISTED", "ZIP_TOO_LARGE"}


def test_what_is_not_held_is_read_again_and_must_be_the_same(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive.proofs.bag.KEPT_IN_ALL_LIMIT", 0)
    copy = tmp_path / "copy"
    shutil.copytree(made.folder, copy)
    assert verified(copy, made.roots).result is Result.VERIFIED
    with open_bag(copy) as bag:
        (copy / names.README).write_bytes(b"another")
        with pytest.raises(InputError, match="was changed while"):
            bag.read(names.README)


def test_many_files_take_time_in_proportion(made: Made, tmp_path: Path) -> None:
    folder, files = files_of(made.zip_path.read_bytes())
    path = tmp_path / "it.zip"

    def seconds(number: int) -> float:
        more = {f"{names.CUSTODY}{n:064x}.dsse.json": b"{}" for n in range(number)}
        path.write_bytes(packed(folder, {**files, **more}))
        started = time.process_time()
        with open_bag(path) as bag:
            assert not bag.faults
        return time.process_time() - started

    few, many = seconds(1_500), seconds(15_000)
    assert many < 30 * few
