# SPDX-License-Identifier: Apache-2.0
"""The page on trusted time: its commands are run, and its codes and names are those of the code."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from specs.documents import ROOT
from support.archives import minted, new_archive, page, settings_at, stored_file, stored_keys
from support.origin import Origin
from support.stamping import TimeServer, trusting

from archive.ids import RecordId
from archive.model.proof_batch import ProofBatch
from archive.services.context import Archive
from archive.services.stamping.stamp import stamp_all
from archive.settings import Settings
from archive.storage.layout import read_key

TEXT = (ROOT / "archive" / "specs" / "time.md").read_text(encoding="utf-8")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TimeServer]:
    with TimeServer(tmp_path / "tsa", "tsa.example", has_lists=True) as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, server: TimeServer) -> Settings:
    return settings_at(tmp_path / "data", MUNIMENT_TIMESTAMPING_URLS=server.setting)


@pytest.fixture
def archive(settings: Settings, server: TimeServer) -> Iterator[Archive]:
    archive = new_archive(settings)
    trusting(archive, settings, server)
    yield archive
    archive.close()


@pytest.fixture
def record(archive: Archive, origin: Origin) -> RecordId:
    origin.page("/terms", page())
    record = minted(archive, origin.url("/terms"))
    stamp_all(archive, lambda: None)
    return record


def test_the_commands_of_the_page_verify_a_token(
    tmp_path: Path, settings: Settings, server: TimeServer, record: RecordId
) -> None:
    folder = stored_file(settings, f"captures/{record}")
    token = (folder / "proofs" / "1" / "tsa.example.tsr").read_bytes()
    [envelope] = folder.glob("statement.*")
    (tmp_path / "tsa.example.tsr").write_bytes(token)
    (tmp_path / "statement.dsse.json").write_bytes(envelope.read_bytes())
    (tmp_path / "tsa-root.pem").write_text(server.root.pem)
    commands = re.findall(r"^openssl ts .*$", TEXT, re.MULTILINE)
    assert len(commands) == 2
    shown = _run(commands[0], tmp_path).stdout
    told = shown.partition(":")[2].strip()
    seconds = _run(f'date -u -d "{told}" +%s', tmp_path).stdout.strip()
    done = _run(commands[1], tmp_path, SECONDS_OF_TOKEN=seconds)
    assert done.stdout.splitlines()[-1] == "Verification: OK"
    (tmp_path / "statement.dsse.json").write_bytes(b"other")
    assert _run(commands[1], tmp_path, SECONDS_OF_TOKEN=seconds).returncode != 0


def _run(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = {"PATH": "/usr/bin:/bin", "TZ": "UTC", **environment}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_batches_lie_where_the_page_says_and_have_its_members(
    settings: Settings, record: RecordId
) -> None:
    keys = [key for key in stored_keys(settings) if "/proofs/" in key]
    assert {read_key(key).role for key in keys} == {"proof", "checkpoint-proof"}
    [listing] = [key for key in keys if key.startswith("captures/") and key.endswith(".json")]
    data = stored_file(settings, listing).read_bytes()
    value = json.loads(data)
    rows = re.findall(r"^\| `([a-z0-9_., `]+)` \|", TEXT, re.MULTILINE)
    named = {name.partition(".")[0] for row in rows for name in re.findall(r"[a-z_.]+", row)}
    assert set(value) <= named
    assert ProofBatch.from_bytes(data).to_bytes() == data
    for file in value["files"]:
        assert set(file) == {"file", "role", "sha256", "authority", "gen_time"}
        assert f"`{file['role']}`" in TEXT


def test_every_code_of_the_page_is_one_that_the_program_knows() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "archive").rglob("*.py"))
    codes = set(re.findall(r"`((?:TS|RENEWAL|PROOFS|TIME|OBJECT)_[A-Z_]+)`", TEXT))
    assert len(codes) > 12
    assert [code for code in sorted(codes) if f'"{code}"' not in source] == []
