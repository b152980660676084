# SPDX-License-Identifier: Apache-2.0
"""`muniment stamp` as it is called: shapes, codes, and an authority set up by commands alone."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.archives import page
from support.origin import Origin
from support.stamping import TimeServer, bad_moods

import archive

RUN = [sys.executable, "-c", "from archive.cli import main; main()"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TimeServer]:
    with TimeServer(tmp_path / "tsa") as server:
        yield server


class Desk:
    """A folder, the environment of an operator, and an origin with one page."""

    def __init__(self, folder: Path, server: TimeServer, origin: Origin) -> None:
        self._folder = folder
        origin.page("/terms", page())
        self.url = origin.url("/terms")
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(archive.__file__).parents[1]),
            "MUNIMENT_DATA": str(folder / "data"),
            "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
            "MUNIMENT_TIMESTAMPING_URLS": server.setting,
            "MUNIMENT_TIMESTAMPING_CHECKPOINTS": "never",
        }

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*RUN, *map(str, arguments)],
            env=self.environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def desk(tmp_path: Path, server: TimeServer, origin: Origin) -> Desk:
    desk = Desk(tmp_path, server, origin)
    assert desk.run("init").returncode == 0
    roots = tmp_path / "roots.pem"
    roots.write_text(server.root.pem)
    added = desk.run("keys", "authority", "add", "own", "--roots", roots, "--policy", "1.2.3.4.1")
    assert added.returncode == 0, added.stderr
    return desk


def test_capture_is_stamped_by_one_command(desk: Desk) -> None:
    record = json.loads(desk.run("capture", "--json", desk.url).stdout)["id"]
    asked = desk.run("stamp", "--pending", "--json")
    assert json.loads(asked.stdout) == {"due": 1, "tried": 0, "codes": {}}
    assert desk.run("verify", record).returncode == 2
    done = desk.run("stamp", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "stamped": [record],
        "tokens": 1,
        "refused": [],
        "pending": {"due": 0, "tried": 0, "codes": {}},
    }
    verified = desk.run("verify", record)
    assert verified.returncode == 0, verified.stdout
    assert "By the word of others it was there by" in verified.stdout
    assert "ts.rfc3161 [token:1/own] own: there by" in verified.stdout
    assert desk.run("stamp").stdout == "0 tokens, 0 complete. Nothing is due.\n"


def test_refusal_is_one_line_and_exit_code_1(desk: Desk, server: TimeServer) -> None:
    record = json.loads(desk.run("capture", "--json", desk.url).stdout)["id"]
    server.mood, _ = bad_moods(server)["other policy"]
    done = desk.run("stamp", record)
    assert done.returncode == 1
    first, last = done.stdout.splitlines()
    assert first.startswith(f"{record}  TS_POLICY: own: its policy 1.2.3.4.9 is none of own")
    assert last == "0 tokens, 0 complete. 1 due (refused: 1 TS_POLICY)."
    assert desk.run("stamp", "--pending").stdout == "1 due (refused: 1 TS_POLICY).\n"


def test_renewal_by_hand_needs_a_record(desk: Desk, server: TimeServer) -> None:
    record = json.loads(desk.run("capture", "--json", desk.url).stdout)["id"]
    assert desk.run("stamp").returncode == 0
    assert desk.run("stamp", "--renew").returncode == 64
    server.mood = server.made(server.issue(days=3000))
    renewed = desk.run("stamp", "--renew", record)
    assert renewed.returncode == 0, renewed.stdout + renewed.stderr
    assert "ts.renewal [renewal:2] made" in desk.run("verify", record).stdout


def test_unknown_record_and_missing_setting_are_named(desk: Desk) -> None:
    unknown = desk.run("stamp", "CA-C-0000003-33")
    assert unknown.returncode == 1
    assert len(unknown.stderr.splitlines()) == 1
    del desk.environment["MUNIMENT_TIMESTAMPING_URLS"]
    unset = desk.run("stamp")
    assert unset.returncode == 4
    assert "set timestamping.urls" in unset.stderr
