# SPDX-License-Identifier: Apache-2.0
"""`muniment backup`, `restore` and `doctor` as they are called: shapes, codes, one-line errors."""

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.archives import flipped
from support.postgres import empty_database

import archive
from archive.bootstrap import init_archive
from archive.settings import Settings

RUN = [sys.executable, "-c", "from archive.cli import main; main()"]
PASSPHRASE = "correct horse battery staple"


pytestmark = pytest.mark.both_databases(later=True)


@pytest.fixture
def words(settings: Settings, tmp_path: Path) -> Path:
    """The file of the backup's passphrase, beside a new archive."""
    init_archive(settings)[0].close()
    path = tmp_path / "words"
    path.write_text(f"{PASSPHRASE}\n", encoding="utf-8")
    return path


def environment(settings: Settings, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(archive.__file__).parents[1]),
        "MUNIMENT_DATA": str(settings.data),
        "MUNIMENT_DATABASE_URL": settings.database.url,
        **more,
    }


def muniment(
    settings: Settings, *arguments: str | Path, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, *map(str, arguments)],
        env=environment(settings, **more),
        cwd=settings.data.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_one_line(done: subprocess.CompletedProcess[str], code: int, *named: str) -> None:
    assert done.returncode == code, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    for word in named:
        assert word in done.stderr


def value(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def test_shapes(settings: Settings, words: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.backup"
    made = value(muniment(settings, "backup", path, "--passphrase-file", words, "--json"))
    assert made["file"] == str(path)
    assert made["bytes"] == path.stat().st_size
    assert made["rows"] == {"ops_api_key": 1}
    assert made["missing"] == []
    assert bool(made["elsewhere"]) == bool(settings.database.url)
    checked = value(
        muniment(settings, "restore", path, "--check", "--passphrase-file", words, "--json")
    )
    assert {"made_at", "made_by", "prefix", "roots", "rows", "files"} == set(checked)
    assert checked["files"] == made["files"]
    shutil.rmtree(settings.keys_folder)
    if settings.database.url:
        empty_database(settings.database.url)
    else:
        (settings.data / "catalog.sqlite").unlink()
    restored = value(muniment(settings, "restore", path, "--passphrase-file", words, "--json"))
    assert set(restored) == set(checked) | {"made", "differing_settings", "highest_number"}
    assert str(settings.keys_folder / "manifest.pem") in restored["made"]
    diagnosed = muniment(settings, "doctor", "--json")
    # The catalogue has no keysets before the rebuild.
    assert diagnosed.returncode == 1
    assert value(muniment(settings, "rebuild", "--json"))["keysets"] == 1
    diagnosed = value(muniment(settings, "doctor", "--json"))
    assert diagnosed["exit_code"] == 0
    assert {frozenset(item) for item in diagnosed["diagnoses"]} == {
        frozenset({"check", "state", "found", "mend"})
    }


def test_every_refusal_is_one_line_with_an_honest_code(
    settings: Settings, words: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.backup"
    wrong, short, empty = (tmp_path / name for name in ("wrong", "short", "empty"))
    wrong.write_text("another passphrase\n")
    short.write_text("short\n")
    empty.write_text("\nsecond line")
    for bad, named in ((short, "12 characters"), (empty, "empty"), (tmp_path / "none", "No such")):
        done = muniment(settings, "backup", path, "--passphrase-file", bad)
        assert_one_line(done, 3, named, "BACKUP_LOCKED")
    assert not path.exists()
    assert muniment(settings, "backup", path, "--passphrase-file", words).returncode == 0
    done = muniment(settings, "backup", path, "--passphrase-file", words)
    assert_one_line(done, 3, "replaces nothing")
    done = muniment(settings, "restore", path, "--passphrase-file", wrong)
    assert_one_line(done, 3, "does not open", "BACKUP_LOCKED")
    done = muniment(settings, "restore", path, "--passphrase-file", words)
    assert_one_line(done, 4, "ops_api_key", "RESTORE_REFUSED")
    data = path.read_bytes()
    for damaged in (data[:-1], flipped(data, 4000), b"", data + b"x"):
        path.write_bytes(damaged)
        done = muniment(settings, "restore", path, "--check", "--passphrase-file", words)
        assert_one_line(done, 3, "BACKUP_MALFORMED")
    nowhere = tmp_path / "no-folder" / "a.backup"
    done = muniment(settings, "backup", nowhere, "--passphrase-file", words)
    assert_one_line(done, 4, "BACKUP_NOT_WRITTEN")


def test_a_backup_that_lacks_something_says_so_by_its_code(
    settings: Settings, words: Path, tmp_path: Path
) -> None:
    (settings.keys_folder / "manifest.pem").unlink()
    done = muniment(settings, "backup", tmp_path / "a.backup", "--passphrase-file", words)
    assert done.returncode == 1
    assert "missing: a signing key that opens" in done.stdout


def at_a_terminal(settings: Settings, typed: Sequence[str], *arguments: str) -> tuple[int, str]:
    """Run it at a terminal of its own, type a line at each prompt; its exit code and screen."""
    process_id, terminal = pty.fork()
    if process_id == 0:
        os.chdir(settings.data.parent)
        os.execve(sys.executable, [*RUN, *arguments], environment(settings))
    screen = b""
    for line in typed:
        prompts = screen.count(b": ")
        while screen.count(b": ") == prompts:
            screen += os.read(terminal, 1000)
        os.write(terminal, line.encode() + b"\n")
    while True:
        try:
            more = os.read(terminal, 1000)
        except OSError:
            break
        if not more:
            break
        screen += more
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1]), screen.decode()


def test_the_passphrase_is_asked_for_and_never_shown(
    settings: Settings, words: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.backup"
    code, screen = at_a_terminal(settings, [PASSPHRASE, PASSPHRASE], "backup", str(path))
    assert (code, path.exists()) == (0, True), screen
    assert PASSPHRASE not in screen
    code, screen = at_a_terminal(settings, [PASSPHRASE], "restore", "--check", str(path))
    assert code == 0, screen
    assert "sound" in screen
    assert PASSPHRASE not in screen


def test_doctor_tells_wrong_from_could_not_tell(settings: Settings, words: Path) -> None:
    quiet = muniment(settings, "doctor", "--quiet")
    assert quiet.returncode == 0
    assert "ok " not in quiet.stdout
    wrong = muniment(settings, "doctor", "--quiet", MUNIMENT_TRUST_ROOTS="ab" * 32)
    assert wrong.returncode == 1
    assert "fail     keyset.chain" in wrong.stdout
    assert "to mend it" in wrong.stdout
    unread = muniment(settings, "doctor", MUNIMENT_CAPTURE_TIMEOUT_SECONDS="0")
    assert unread.returncode == 1
    assert "settings.read" in unread.stdout
