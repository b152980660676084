# SPDX-License-Identifier: Apache-2.0
"""`muniment access`, `restrict`, `unrestrict`, `custody`, and `--log-json`."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.archives import page
from support.origin import Origin

from archive import cli

pytestmark = pytest.mark.both_databases(later=True)

FIRST = "CA-C-0000001-39"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Muniment = Callable[..., Ran]


@pytest.fixture
def muniment(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    origin: Origin,
    database_setting: dict[str, str],
) -> Muniment:
    monkeypatch.setenv("MUNIMENT_DATA", str(tmp_path / "data"))
    for name, value in database_setting.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MUNIMENT_NETWORK_ALLOW", "127.0.0.0/8")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["muniment", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as exited:
            cli.main()
        out, err = capfd.readouterr()
        assert isinstance(exited.value.code, int)
        return Ran(exited.value.code, out, err)

    origin.page("/terms", page())
    assert run("init").code == 0
    assert run("capture", origin.url("/terms")).code == 0
    return run


def test_keys_are_made_listed_and_revoked(muniment: Muniment) -> None:
    made = muniment(
        *("access", "key", "make", "--scopes", "read, capture", "--expires", "2999-01-01"),
        *("--note", "a paralegal", "--json"),
    ).json
    assert made["api_key"].startswith(f"mk_{made['key_id']}_")
    assert made["scopes"] == ["capture", "read"]
    listed = muniment("access", "key", "list", "--json")
    [row] = [row for row in listed.json if row["key_id"] == made["key_id"]]
    assert (row["state"], row["note"]) == ("good", "a paralegal")
    assert row["expires_at"] == "2999-01-01T00:00:00.000000Z"
    secret = made["api_key"].split("_", 2)[2]
    assert secret not in listed.out
    assert muniment("access", "key", "revoke", made["key_id"]).code == 0
    text = muniment("access", "key", "list").out
    assert f"{made['key_id']}  revoked" in text
    assert secret not in text
    assert muniment("access", "key", "revoke", "00ff").code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--scopes", "everything"),
        ("--scopes", ""),
        ("--scopes", "read", "--expires", "2001-01-01"),
        ("--scopes", "read", "--expires", "03/04/2999"),
        ("--scopes", "read", "--note", "two\nlines"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_in_one_line(
    muniment: Muniment, arguments: tuple[str, ...]
) -> None:
    ran = muniment("access", "key", "make", *arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (3, "", 1)


def test_grants(muniment: Muniment) -> None:
    made = muniment("access", "key", "make", "--scopes", "read", "--json").json
    key_id = made["key_id"]
    assert muniment("access", "grant", "make", key_id, FIRST.lower()).code == 0
    assert muniment("access", "grant", "make", key_id, "all", "--json").json == {
        "key_id": key_id,
        "record_id": "*",
        "state": "granted",
    }
    listed = muniment("access", "grant", "list", "--json").json
    assert [row["record_id"] for row in listed] == ["*", FIRST]
    assert muniment("access", "grant", "revoke", key_id, FIRST).code == 0
    assert muniment("access", "grant", "revoke", key_id, FIRST).code == 1
    assert muniment("access", "grant", "make", "00ff", "all").code == 1
    assert FIRST not in muniment("access", "grant", "list").out


def test_restrict_and_unrestrict(muniment: Muniment) -> None:
    reason = ("--reason", "under seal")
    told = muniment("restrict", FIRST, "--until", "2999-01-01", "--metadata", "hidden", *reason)
    assert (told.code, told.out.splitlines()[0]) == (
        0,
        f"{FIRST} is restricted until 2999-01-01T00:00:00.000000Z, metadata hidden",
    )
    resolved = muniment("resolve", FIRST, "--json").json[0]
    assert (resolved["status"], resolved["id"]) == ("restricted", FIRST)
    assert muniment("show", FIRST).code == 0  # whoever has the files may read them
    verified = muniment("verify", FIRST)
    assert verified.code == 0
    again = muniment("restrict", FIRST, "--metadata", "public", *reason, "--json").json
    assert (again["is_restricted"], again["until"], again["metadata"]) == (True, None, "public")
    custody = muniment("custody", FIRST, "--json").json
    assert [item["event"] for item in custody["events"]] == [
        "capture",
        "restriction",
        "restriction",
    ]
    assert muniment("unrestrict", FIRST, *reason, "--json").json["is_restricted"] is False
    assert muniment("resolve", FIRST, "--json").json[0]["status"] == "ok"
    assert muniment("audit").code == 0
    assert muniment("rebuild").code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((FIRST, "--metadata", "public", "--reason", ""), 3),
        ((FIRST, "--metadata", "public", "--reason", "x", "--until", "2001-01-01"), 3),
        ((FIRST, "--metadata", "public", "--reason", "x", "--until", "01/02/2999"), 3),
        (("CA-C-0000009-15", "--metadata", "public", "--reason", "x"), 1),
        ((FIRST, "--reason", "x"), 64),
        ((FIRST, "--metadata", "some", "--reason", "x"), 64),
    ],
)
def test_a_restriction_that_makes_no_sense_is_refused(
    muniment: Muniment, arguments: tuple[str, ...], code: int
) -> None:
    assert muniment("restrict", *arguments).code == code
    assert muniment("resolve", FIRST, "--json").json[0]["status"] == "ok"


def test_what_waits_is_signed_when_it_is_asked_for(muniment: Muniment) -> None:
    waiting = muniment("custody")
    assert "1 more not signed yet" in waiting.out
    signed = muniment("custody", "--sign", "--json").json
    assert [item["event"] for item in signed["events"]] == ["key-use"]
    assert signed["unsigned"] == 0


def test_log_json_gives_one_line_for_the_command(muniment: Muniment, tmp_path: Path) -> None:
    main = "from archive.cli import main; main()"
    done = subprocess.run(
        [
            *(sys.executable, "-c", main, "--data", str(tmp_path / "data")),
            *("--log-json", "resolve", "--json", FIRST),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(done.stdout)[0]["status"] == "ok"
    [line] = [json.loads(line) for line in done.stderr.splitlines()]
    assert (line["event"], line["command"], line["exit_code"]) == ("command", "resolve", 0)
    assert {"at", "level", "ms"} <= line.keys()
    assert FIRST not in done.stderr
