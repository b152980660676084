# SPDX-License-Identifier: Apache-2.0
"""`muniment jobs` and what it must not cost the other commands."""

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.archives import new_archive, page, settings_at
from support.origin import Origin
from support.working import working

from archive import cli
from archive.jobs.base import NewJob
from archive.services.context import Archive
from archive.services.jobs.requests import ask_for, find_job, wait_for
from archive.settings import Settings

MAIN = "import sys; from archive.cli import main\ntry: main()\nfinally: print(*sys.modules)"


pytestmark = pytest.mark.both_databases(later=True)


@pytest.fixture
def asked(settings: Settings) -> Iterator[Archive]:
    archive = new_archive(settings)
    yield archive
    archive.close()


def run(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    settings: Settings,
    *arguments: str,
) -> tuple[int, str]:
    monkeypatch.setenv("MUNIMENT_DATABASE_URL", settings.database.url)
    monkeypatch.setattr(sys, "argv", ["muniment", "--data", str(settings.data), *arguments])
    capfd.readouterr()
    with pytest.raises(SystemExit) as exited:
        cli.main()
    out, err = capfd.readouterr()
    assert isinstance(exited.value.code, int)
    return exited.value.code, out or err


def test_jobs_are_asked_for_member_by_member(
    asked: Archive,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def ask(*arguments: str) -> tuple[int, str]:
        return run(monkeypatch, capfd, settings, "jobs", "ask", *arguments)

    code, said = ask("audit", "level=deep", "--json")
    assert code == 0
    job = json.loads(said)
    assert (job["kind"], job["state"]) == ("audit", "queued")
    assert find_job(asked, job["id"]).payload == {"level": "deep", "sample": 0}
    for code, wrong in (
        (3, ("audit", "level=high")),
        (3, ("audit", "sample=many")),
        (3, ("audit", "depth=3")),
        (3, ("tidy",)),
        (64, ("audit", "deep")),
        (64, ("audit", "sample=1", "sample=2")),
    ):
        assert ask(*wrong)[0] == code, wrong
    with working(settings, asked):
        done = wait_for(asked, find_job(asked, job["id"]), 20)
    assert done.result["exit_code"] == 0


def test_jobs_are_listed_shown_and_cancelled(
    asked: Archive,
    settings: Settings,
    origin: Origin,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def jobs(*arguments: str) -> tuple[int, str]:
        return run(monkeypatch, capfd, settings, "jobs", *arguments)

    origin.page("/terms", page())
    first = ask_for(asked, "capture", {"url": origin.url("/terms")})
    with working(settings, asked):
        done = wait_for(asked, first, 20)
        bad = wait_for(asked, ask_for(asked, "capture", {"url": "http://10.0.0.1/"}), 20)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    queued = asked.jobs.enqueue(NewJob("capture", "captures", {"url": "x"}, not_before=later))
    code, out = jobs("list")
    assert code == 0
    assert [line.split()[2] for line in out.splitlines()] == ["queued", "failed", "done"]
    code, out = jobs("list", "--state", "done", "--json")
    assert json.loads(out)["id"] == first.id
    code, out = jobs("show", first.id)
    assert code == 0
    assert done.result["record"]["id"] in out
    code, out = jobs("show", "--json", bad.id)
    assert code == 1
    assert json.loads(out)["problem"]["code"] == "ADDRESS_REFUSED"
    assert jobs("show", "nothing")[0] == 1
    code, out = jobs("cancel", queued.id)
    assert (code, out.split()[2]) == (0, "cancelled")
    assert jobs("cancel", first.id)[0] == 1
    assert jobs("cancel", "nothing")[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("capture", "http://127.0.0.1:1/"),
        ("verify", "0" * 64),
        ("show", "CA-C-0000001-39"),
    ],
)
def test_whoever_asks_for_no_job_does_not_load_the_engine(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    settings = settings_at(tmp_path / "data")
    new_archive(settings).close()
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "--data", str(settings.data), *arguments],
        env={"MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    loaded = done.stdout.splitlines()[-1].split()
    assert "archive.cli" in loaded
    assert "dbos" not in loaded
    assert "archive.jobs.dbos" not in loaded
    assert not (settings.data / "jobs.sqlite").exists()


def test_a_worker_says_in_one_line_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            MAIN.splitlines()[0] + "; main()",
            "--data",
            str(tmp_path),
            "worker",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1
    assert "muniment init" in done.stderr
