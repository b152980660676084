# SPDX-License-Identifier: Apache-2.0
"""`muniment probe` and `muniment mirror`: JSON shapes, exit codes, errors in one line."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli import test_cli
from cli.test_cli import FIRST, Muniment
from support.archives import flipped, overwrite, stored_file, stored_keys
from support.working import ROOT

from archive.digests import sha256_hex
from archive.settings import Settings
from archive.storage.layout import blob_key
from archive.storage.open import open_store

pytest_plugins = ("support.seaweed",)

muniment, ready = test_cli.muniment, test_cli.ready


def test_a_probe_of_a_folder_is_signed(ready: Muniment) -> None:
    done = ready("probe", "--json")
    assert done.code == 0
    assert done.json["store"] == "file:"
    assert done.json["promise"] is None
    assert done.json["observed"] == {
        "create_only": True,
        "parts_create_only": False,
        "checksum_refused": False,
        "versioned": False,
        "lock": None,
    }
    assert done.json["is_kept"] is True
    assert len(done.json["statement_sha256"]) == 64
    assert ready("audit", "--json").json["statements"] == 1
    assert ready("rebuild", "--json").json["statements"] == 1
    shown = ready("probe").out
    assert "yes  does not overwrite when told to create" in shown
    assert "promised: no lock" in shown


def test_a_lock_is_refused_for_a_folder(
    muniment: Muniment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MUNIMENT_STORE_LOCK", "compliance")
    done = muniment("init")
    assert done.code == 4
    done.assert_one_line_error()
    assert "store.lock" in done.err


def test_a_locked_bucket_is_probed_by_init_and_by_hand(
    muniment: Muniment,
    monkeypatch: pytest.MonkeyPatch,
    new_bucket: Callable[..., str],
    s3_endpoint: str,
) -> None:
    bucket = new_bucket(locked=True)
    monkeypatch.setenv("MUNIMENT_STORE_URL", f"s3://{bucket}/archive")
    monkeypatch.setenv("MUNIMENT_STORE_ENDPOINT", s3_endpoint)
    monkeypatch.setenv("MUNIMENT_STORE_LOCK", "compliance")
    monkeypatch.setenv("MUNIMENT_STORE_LOCK_DAYS", "1")
    assert muniment("init").code == 0
    assert muniment("audit", "--json").json["statements"] == 1
    done = muniment("probe", "--json")
    assert (done.code, done.json["is_kept"]) == (0, True)
    assert done.json["promise"] == {"level": "compliance", "days": 1}
    assert set(done.json["observed"]["lock"].values()) == {True}
    assert "does not shorten COMPLIANCE" in muniment("probe").out


def test_a_bucket_without_locks_is_refused_in_one_line(
    muniment: Muniment,
    monkeypatch: pytest.MonkeyPatch,
    new_bucket: Callable[..., str],
    s3_endpoint: str,
) -> None:
    monkeypatch.setenv("MUNIMENT_STORE_URL", f"s3://{new_bucket()}/archive")
    monkeypatch.setenv("MUNIMENT_STORE_ENDPOINT", s3_endpoint)
    monkeypatch.setenv("MUNIMENT_STORE_LOCK", "governance")
    done = muniment("init")
    assert done.code == 4
    done.assert_one_line_error()
    assert "does not lock" in done.err


def test_a_mirror_is_made_and_made_again(ready: Muniment, tmp_path: Path) -> None:
    target = f"file:{tmp_path}/second"
    first = ready("mirror", target, "--json")
    assert first.code == 0
    assert first.json["is_complete"] is True
    assert first.json["target"] == target
    assert first.json["copied"] == first.json["objects"] > 3
    assert first.json["copied_bytes"] == first.json["bytes"]
    again = ready("mirror", target, "--verify", "--json")
    assert (again.code, again.json["copied"], again.json["is_verified"]) == (0, 0, True)
    assert again.json["already_there"] == first.json["objects"]
    assert "0 copied" in ready("mirror", target).out


def test_without_a_target_it_is_that_of_the_settings(
    ready: Muniment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = ready("mirror")
    assert done.code == 4
    done.assert_one_line_error()
    assert "mirror.url" in done.err
    target = f"file:{tmp_path}/second"
    monkeypatch.setenv("MUNIMENT_MIRROR_URL", target)
    done = ready("mirror", "--json")
    assert (done.code, done.json["target"], done.json["is_complete"]) == (0, target, True)
    assert ready("mirror", "--lock", "governance").code == 64


def test_the_mirror_is_the_archive_when_the_store_is_lost(
    ready: Muniment, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    target = f"file:{tmp_path}/second"
    assert ready("mirror", target).code == 0
    (settings.data / "store").rename(tmp_path / "lost")
    monkeypatch.setenv("MUNIMENT_STORE_URL", target)
    assert ready("rebuild").code == 0
    assert ready("verify", FIRST).code == 0
    assert ready("audit", "--level", "full", "--workers", "1").code == 0


def test_a_conflict_is_named_and_the_exit_code_says_so(
    ready: Muniment, settings: Settings, tmp_path: Path
) -> None:
    target = f"file:{tmp_path}/second"
    assert ready("mirror", target).code == 0
    (statement,) = [key for key in stored_keys(settings, "captures/") if "/statement." in key]
    copy = tmp_path / "second" / statement
    overwrite(copy, flipped(copy.read_bytes(), 50))
    assert ready("mirror", target).code == 0
    done = ready("mirror", target, "--verify", "--json")
    assert (done.code, done.json["is_complete"]) == (1, False)
    (fault,) = done.json["not_mirrored"]
    assert (fault["object"], fault["code"], fault["is_conflict"]) == (
        statement,
        "OBJECT_CONFLICT",
        True,
    )
    assert f"conflict: {statement}" in ready("mirror", target, "--verify").out
    assert copy.read_bytes() != stored_file(settings, statement).read_bytes()


@pytest.mark.parametrize(
    "target", ["file:data/store", "ftp://elsewhere", "s3://", "second"], ids=str
)
def test_a_target_that_cannot_be_used_is_one_line(ready: Muniment, target: str) -> None:
    done = ready("mirror", target)
    assert done.code == 4
    done.assert_one_line_error()


def test_a_lock_cannot_be_lent_to_a_folder(ready: Muniment, tmp_path: Path) -> None:
    done = ready("mirror", f"file:{tmp_path}/second", "--lock", "governance")
    assert done.code == 4
    done.assert_one_line_error()


def test_without_an_archive_there_is_nothing_to_mirror(muniment: Muniment, tmp_path: Path) -> None:
    done = muniment("mirror", f"file:{tmp_path}/second")
    assert done.code == 4
    done.assert_one_line_error()
    assert not (tmp_path / "second").exists()


def test_a_mirror_without_room_for_its_temporary_files_says_so_in_one_line(
    ready: Muniment, settings: Settings, tmp_path: Path
) -> None:
    data = bytes(range(256)) * 20_000
    open_store(settings.store_url).put(blob_key(sha256_hex(data)), data)
    program = f"{sys.executable} -c 'from archive.cli import main; main()'"
    # No file may grow above a mebibyte, as on a disk that is full.
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 1024; exec {program} mirror file:{tmp_path / 'second'}"],
        cwd=ROOT,
        env={**os.environ, "MUNIMENT_DATA": str(settings.data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1
    assert "make room" in done.stderr
    assert ready("mirror", f"file:{tmp_path / 'second'}").code == 0
