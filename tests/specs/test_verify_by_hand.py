# SPDX-License-Identifier: Apache-2.0
"""The commands of statement.md section 8, run as they stand there, on a fresh archive."""

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from specs.documents import blocks, spec
from support.archives import flipped, minted, overwrite, page, stored_file
from support.origin import Origin

from archive.bootstrap import key_files
from archive.ids import RecordId
from archive.services.context import Archive
from archive.services.keysets.amend import Amendment, amend
from archive.services.keysets.changes import revoked
from archive.services.keysets.make import store_keyset
from archive.services.keysets.rotate import rotate
from archive.services.reading.cite import read_record
from archive.services.trust import trusted_keyset
from archive.settings import Settings
from archive.signing.file import open_key, read_passphrase
from archive.storage.layout import blob_key

COMMANDS = "".join(blocks(spec("statement.md"), "bash"))

Checker = Callable[[], subprocess.CompletedProcess[str]]


@pytest.fixture
def record(archive: Archive, origin: Origin) -> RecordId:
    origin.page("/terms", page())
    return minted(archive, origin.url("/terms"))


@pytest.fixture
def check(archive: Archive, settings: Settings, record: RecordId, tmp_path: Path) -> Checker:
    script = tmp_path / "verify.sh"
    script.write_text(COMMANDS, encoding="utf-8")

    def run(root: str = archive.pinned_roots[0]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(script)],
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "TMPDIR": str(tmp_path),
                "STORE": str(settings.data / "store"),
                "ID": str(record),
                "ROOT": root,
            },
        )

    return run


def test_the_commands_verify_a_fresh_capture(check: Checker, archive: Archive) -> None:
    done = check()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Signature Verified Successfully") == 2
    assert done.stdout.count(": OK") == 5


def test_the_commands_read_a_part_that_lies_in_an_earlier_container(
    check: Checker, archive: Archive, settings: Settings, origin: Origin, tmp_path: Path
) -> None:
    origin.page("/again", page())
    again = minted(archive, origin.url("/again"))
    script = COMMANDS.replace('"${ID:=CA-C-0000001-39}"', f'"${{NONE:=}}"; ID={again}')
    assert str(again) in script
    (tmp_path / "verify.sh").write_text(script, encoding="utf-8")
    done = check()
    assert (done.returncode, done.stderr) == (0, "")


def test_the_commands_follow_the_keysets_and_take_what_a_retired_key_signed(
    check: Checker, archive: Archive, settings: Settings
) -> None:
    for _ in range(2):
        rotate(archive, key_files(settings))
    done = check()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Signature Verified Successfully") == 4
    assert '"state":"retired"' in done.stdout


def test_the_commands_refuse_what_a_revoked_key_signed(
    check: Checker, archive: Archive, settings: Settings
) -> None:
    keyid = archive.open_signer().public_key.keyid
    since = archive.clock.now()
    amend(archive, key_files(settings), Amendment([revoked(keyid, since, 'a "laptop", gone')]))
    assert check().returncode != 0


def test_the_commands_refuse_a_keyset_that_does_not_name_the_one_before(
    check: Checker, archive: Archive, settings: Settings
) -> None:
    root_file = key_files(settings)
    root = open_key(root_file.root, read_passphrase(root_file.passphrase_file))
    store_keyset(
        archive.store, root, replace(trusted_keyset(archive), version=2, previous="0" * 64)
    )
    assert check().returncode != 0


def test_the_commands_use_the_folder_that_init_makes(
    settings: Settings, record: RecordId, tmp_path: Path
) -> None:
    shutil.copytree(settings.data, tmp_path / "muniment-data")
    done = subprocess.run(
        ["bash", "-c", COMMANDS],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_one_flipped_bit_of_the_payload_fails_the_signature(
    check: Checker, settings: Settings, record: RecordId
) -> None:
    (envelope,) = (settings.data / "store" / "captures" / str(record)).glob("statement.*")
    sound = envelope.read_bytes()
    payload = base64.b64decode(json.loads(sound)["payload"])
    status = payload.index(b'"status":200') + len('"status":')
    for bit in (0, status * 8, len(payload) * 8 - 1):
        changed = base64.b64encode(flipped(payload, bit))
        overwrite(envelope, re.sub(rb'"payload":"[^"]*"', b'"payload":"%b"' % changed, sound))
        done = check()
        assert done.returncode != 0
        assert "Signature Verification Failure" in done.stdout + done.stderr
    overwrite(envelope, sound)
    assert check().returncode == 0


@pytest.mark.parametrize("what", ["inventory", "container", "keyset content", "keyset envelope"])
def test_one_flipped_bit_of_another_file_fails(
    check: Checker, archive: Archive, settings: Settings, record: RecordId, what: str
) -> None:
    store = settings.data / "store"
    (keyset,) = (store / "trust" / "keyset").glob("1.*")
    statement = json.loads(base64.b64decode(json.loads(keyset.read_bytes())["payload"]))
    container = read_record(archive, record)["container_sha256"]
    path = {
        "inventory": store / "captures" / str(record) / "inventory.json",
        "container": stored_file(settings, blob_key(container)),
        "keyset content": stored_file(
            settings, blob_key(statement["subject"][0]["digest"]["sha256"])
        ),
        "keyset envelope": keyset,
    }[what]
    data = path.read_bytes()
    overwrite(path, flipped(data, len(data) * 4))
    assert check().returncode != 0


def test_another_root_fingerprint_fails(check: Checker) -> None:
    assert check("0" * 64).returncode != 0


def test_another_records_statement_in_its_place_fails(
    check: Checker, archive: Archive, settings: Settings, record: RecordId, origin: Origin
) -> None:
    origin.page("/other", page("Another page altogether."))
    other = minted(archive, origin.url("/other"))
    captures = settings.data / "store" / "captures"
    for file in (captures / str(other)).iterdir():
        overwrite(captures / str(record) / file.name, file.read_bytes())
    assert check().returncode != 0
