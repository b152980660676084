# SPDX-License-Identifier: Apache-2.0
"""`muniment log` and `muniment witness` by their doors: what they print, and honest exit codes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.archives import minted, new_archive, page, settings_at, stored_file
from support.origin import Origin
from support.working import MAIN, ROOT

from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.log_layout import LATEST
from archive.proofs.merkle import leaf_hash
from archive.proofs.tlog_proof import LogProof
from archive.settings import Settings

FIRST = "CA-C-0000001-39"


@pytest.fixture
def ready(tmp_path: Path, origin: Origin) -> Settings:
    settings = settings_at(tmp_path / "data")
    archive = new_archive(settings)
    origin.page("/terms", page())
    for _ in range(2):
        minted(archive, origin.url("/terms"))
    archive.close()
    return settings


def ran(settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    words = ["--data", str(settings.data), *arguments]
    return subprocess.run(
        [sys.executable, "-c", MAIN, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def told(settings: Settings, *arguments: str) -> Any:
    return json.loads(ran(settings, *arguments, "--json").stdout)


def test_show_prints_the_checkpoint_verbatim(ready: Settings) -> None:
    note = stored_file(ready, LATEST).read_text(encoding="utf-8")
    done = ran(ready, "log", "show")
    assert (done.returncode, done.stdout) == (0, note)
    shown = told(ready, "log", "show")
    assert (shown["note"], shown["size"], shown["pending"], shown["fault"]) == (note, 3, 0, None)
    assert shown["vkey"].startswith(f"{shown['origin']}+")


def test_prove_writes_a_proof_and_its_entry(ready: Settings, tmp_path: Path) -> None:
    output = tmp_path / "first.tlog-proof"
    done = ran(ready, "log", "prove", FIRST, "-o", str(output))
    assert done.returncode == 0
    proof = LogProof.from_bytes(output.read_bytes())
    entry = (tmp_path / "first.tlog-proof.entry.json").read_bytes()
    assert proof.includes(leaf_hash(entry))
    assert json.loads(entry)["id"] == FIRST
    again = ran(ready, "log", "prove", FIRST, "-o", str(output))
    assert (again.returncode, again.stderr.count("\n")) == (3, 1)
    assert ran(ready, "log", "prove", FIRST).stdout == output.read_text(encoding="utf-8")
    shown = told(ready, "log", "prove", json.loads(entry)["statement_sha256"])
    assert (shown["index"], shown["size"]) == (1, 3)


@pytest.mark.parametrize(
    ("target", "code"),
    [("CA-C-0000009-15", 1), ("0" * 64, 1), ("abc123abc123", 3), ("nonsense", 3)],
)
def test_prove_of_what_is_not_there_is_one_line(ready: Settings, target: str, code: int) -> None:
    done = ran(ready, "log", "prove", target)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)


def test_check_verify_and_audit_take_a_checkpoint_that_was_kept(
    ready: Settings, tmp_path: Path, origin: Origin
) -> None:
    kept = tmp_path / "kept"
    kept.write_text(ran(ready, "log", "show").stdout, encoding="utf-8")
    archive = new_archive(ready)
    minted(archive, origin.url("/terms"))
    archive.close()
    checked = ran(ready, "log", "check", "--checkpoint", str(kept))
    assert checked.returncode == 0
    assert "grew out of each checkpoint" in checked.stdout
    assert told(ready, "log", "check", "--checkpoint", str(kept))["is_sound"] is True
    assert ran(ready, "audit", "--checkpoint", str(kept)).returncode == 0
    report = told(ready, "verify", FIRST, "--checkpoint", str(kept))
    assert report["result"] == "verified"
    assert len(report["trust_inputs"]["pinned_checkpoint"]) == 64
    assert len(report["trust_inputs"]["log_policy_sha256"]) == 64
    later = tmp_path / "later"
    later.write_text(ran(ready, "log", "show").stdout, encoding="utf-8")
    size = SignedCheckpoint.from_bytes(later.read_bytes()).head.size
    for key in (f"log/tile/0/000.p/{size}", f"log/tile/entries/000.p/{size}"):
        stored_file(ready, key).unlink()
    stored_file(ready, LATEST).write_text(kept.read_text(encoding="utf-8"), encoding="utf-8")
    stored_file(ready, f"log/checkpoints/{size}/checkpoint").unlink()
    checked = ran(ready, "log", "check", "--checkpoint", str(later))
    assert (checked.returncode, "LOG_TRUNCATED" in checked.stdout) == (1, True)
    audited = ran(ready, "audit", "--checkpoint", str(later))
    assert (audited.returncode, "LOG_STALE" in audited.stdout) == (1, True)
    sampled = ran(ready, "audit", "--checkpoint", str(kept), "--sample", "1")
    assert sampled.returncode == 64


def test_what_is_no_checkpoint_is_one_line(ready: Settings, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"no checkpoint\n")
    for words in (("log", "check"), ("audit",), ("verify", FIRST)):
        done = ran(ready, *words, "--checkpoint", str(other))
        assert (done.returncode, done.stdout) == (4, "")
        assert done.stderr.count("\n") == 1, done.stderr


def test_an_archive_without_a_log_says_so(tmp_path: Path) -> None:
    done = ran(settings_at(tmp_path / "none"), "log", "show")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)


def test_a_witness_without_a_key_or_a_log_is_one_line(tmp_path: Path) -> None:
    folder = str(tmp_path / "w")
    settings = settings_at(tmp_path / "none")
    missing = ran(settings, "witness", "key", "--folder", folder)
    assert (missing.returncode, missing.stderr.count("\n")) == (4, 1)
    bad = ran(settings, "witness", "key", "--folder", folder, "--name", "no name")
    assert (bad.returncode, bad.stderr.count("\n")) == (3, 1)
    made = ran(settings, "witness", "key", "--folder", folder, "--name", "w.example", "--json")
    assert json.loads(made.stdout)["name"] == "w.example"
    serve = ran(settings, "witness", "serve", "--folder", folder, "--log", "nonsense")
    assert (serve.returncode, serve.stderr.count("\n")) == (3, 1)
    own = ran(
        settings, "witness", "serve", "--folder", folder, "--log", json.loads(made.stdout)["vkey"]
    )
    assert (own.returncode, "key of a witness" in own.stderr) == (3, True)
