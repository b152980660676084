# SPDX-License-Identifier: Apache-2.0
"""The command line: JSON shapes that scripts rely on, honest exit codes, errors in one line."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.archives import closed_port, flipped, is_root, page, stored_file, stored_keys
from support.origin import Origin
from support.postgres import empty_database

from archive import cli
from archive.digests import sha256_hex
from archive.settings import Settings

BODY = page("We may share data.", title="Privacy Policy")
FIRST = "CA-C-0000001-39"
SECRET = "hunter2"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value that was printed."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON value of each line."""
        return [json.loads(line) for line in self.out.splitlines()]

    def assert_one_line_error(self) -> None:
        """Nothing on stdout, and one line on stderr that is no traceback."""
        assert self.out == ""
        assert self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err


Muniment = Callable[..., Ran]


@pytest.fixture
def muniment(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    database_setting: dict[str, str],
) -> Muniment:
    """Runs a command on the archive in the test's data folder."""
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

    return run


@pytest.fixture
def ready(muniment: Muniment, origin: Origin) -> Muniment:
    """The same, with an archive that has one record."""
    origin.page("/terms", BODY)
    assert muniment("init").code == 0
    assert muniment("capture", origin.url("/terms")).code == 0
    return muniment


@pytest.mark.both_databases
def test_init_makes_an_archive_and_may_be_run_again(muniment: Muniment, tmp_path: Path) -> None:
    made = muniment("init", "--json")
    assert made.code == 0
    assert made.json["is_new"] is True
    assert made.json["data"] == str(tmp_path / "data")
    assert len(made.json["root_keyid"]) == 64
    assert made.json["api_key"].startswith("mk_")
    again = muniment("init", "--json")
    assert (again.code, again.json["is_new"], again.json["api_key"]) == (0, False, None)
    assert again.json["root_keyid"] == made.json["root_keyid"]
    assert "Checked the archive" in muniment("init").out


@pytest.mark.both_databases
def test_capture_prints_one_line_for_each_url(muniment: Muniment, origin: Origin) -> None:
    muniment("init")
    origin.page("/terms", BODY)
    done = muniment("capture", "--json", origin.url("/terms"), origin.url("/terms"))
    assert done.code == 0
    first, second = done.lines
    members = {"id", "outcome", "reason", "url", "final_url", "status", "captured_at"}
    members |= {"document_id", "parts", "statement_sha256"}
    for record in (first, second):
        assert members <= set(record)
        for item in record["parts"]:
            assert {"role", "media_type", "bytes", "sha256"} <= set(item)
    assert (first["id"], first["outcome"], first["status"]) == (FIRST, "ok", 200)
    [body] = [item for item in first["parts"] if item["role"] == "body"]
    assert body["sha256"] == sha256_hex(BODY)
    assert body["bytes"] == len(BODY)


@pytest.mark.both_databases
def test_a_look_that_is_not_ok_has_no_id_and_exit_code_1(ready: Muniment, origin: Origin) -> None:
    done = ready("capture", "--json", origin.url("/terms"), origin.url("/missing"))
    assert done.code == 1
    good, bad = done.lines
    assert good["id"] is not None
    assert (bad["id"], bad["outcome"], bad["status"]) == (None, "error-page", 404)
    assert len(bad["statement_sha256"]) == 64
    told = ready("capture", origin.url("/missing"))
    assert told.code == 1
    assert "not captured (error-page)" in told.out


@pytest.mark.parametrize(
    "url",
    [f"http://user:{SECRET}@127.0.0.1/", "ftp://a.example/", "terms", "http://10.0.0.1/", ""],
)
def test_a_refused_url_is_one_line_without_credentials(ready: Muniment, url: str) -> None:
    done = ready("capture", url)
    assert done.code == 1
    done.assert_one_line_error()
    as_json = ready("capture", "--json", url)
    assert as_json.code == 1
    [refused] = as_json.lines
    assert (refused["id"], refused["outcome"]) == (None, "refused")
    for text in (done.err, as_json.out, as_json.err):
        assert SECRET not in text


@pytest.mark.both_databases
def test_show_prints_the_record_and_its_parts(ready: Muniment) -> None:
    shown = ready("show", FIRST, "--json")
    assert (shown.code, shown.json["id"], shown.json["title"]) == (0, FIRST, "Privacy Policy")
    assert FIRST in ready("show", FIRST).out
    assert ready("show", "ca c 0000001 39", "--json").json["id"] == FIRST
    assert ready("show", FIRST, "--part", "body").out.encode() == BODY
    assert "We may share data." in ready("show", FIRST, "--part", "text").out
    assert ready("show", FIRST, "--part", "headers").out.startswith("HTTP/1.1 200 OK")
    for part in ("request", "logo"):
        missing = ready("show", FIRST, "--part", part)
        assert missing.code == 1
        missing.assert_one_line_error()


@pytest.mark.both_databases
def test_cite_names_time_and_digest(ready: Muniment) -> None:
    cited = ready("cite", FIRST, "--json")
    assert (cited.code, cited.json["id"], cited.json["style"]) == (0, FIRST, "plain")
    for part in (FIRST, sha256_hex(BODY), "Privacy Policy", "/v1"):
        assert part in cited.json["citation"]
    assert ready("cite", FIRST).out.strip() == cited.json["citation"]
    unknown = ready("cite", FIRST, "--style", "../../x")
    assert unknown.code != 0
    unknown.assert_one_line_error()


@pytest.mark.both_databases
def test_resolve_answers_a_list(ready: Muniment, monkeypatch: pytest.MonkeyPatch) -> None:
    good = ready("resolve", FIRST, "--json")
    assert good.code == 0
    [found] = good.json
    assert {"input", "status", "id", "url", "candidates"} <= set(found)
    assert (found["status"], found["id"], found["url"]) == ("ok", FIRST, f"/{FIRST}")
    for text, status in (
        ("CA-C-0000001", "unchecked"),
        ("CA-C-0000001-40", "bad_check"),
        ("CA-C-0000099-" + "51", None),
        ("no such thing", "malformed"),
    ):
        done = ready("resolve", text, "--json")
        [answer] = done.json
        assert done.code == (0 if answer["id"] else 1)
        assert status is None or answer["status"] == status
    assert ready("resolve", "CA-C-0000001-40", "--json").json[0]["candidates"] == [FIRST]
    text = ready("resolve", f"see {FIRST} and CA-C-0000001.", "--json")
    assert [item["status"] for item in text.json] == ["ok", "unchecked"]
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO(f"cited: {FIRST}"))
    assert [item["id"] for item in ready("resolve", "-", "--json").json] == [FIRST]
    assert "did you mean" in ready("resolve", "CA-C-0000001-40").out


@pytest.mark.both_databases
def test_verify_by_id_file_and_digest(ready: Muniment, tmp_path: Path) -> None:
    by_id = ready("verify", FIRST, "--json")
    assert (by_id.code, by_id.json["result"], by_id.json["exit_code"]) == (0, "verified", 0)
    assert by_id.json["subject"]["record_id"] == FIRST
    path = tmp_path / "saved.html"
    path.write_bytes(BODY)
    for target in (str(path), sha256_hex(BODY), sha256_hex(BODY).upper()):
        done = ready("verify", target, "--json")
        assert (done.code, done.json["verified"]) == (0, True)
        assert [(m["id"], m["part"]) for m in done.json["matches"]] == [(FIRST, "body")]
        assert FIRST in ready("verify", target).out
    assert "VERIFIED" in ready("verify", FIRST).out


@pytest.mark.both_databases
def test_verify_exit_codes_tell_failed_incomplete_and_malformed(
    ready: Muniment, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "other.html").write_bytes(b"other")
    assert ready("verify", str(tmp_path / "other.html"), "--json").code == 2
    assert ready("verify", sha256_hex(BODY)[:16] + "...", "--json").code == 2
    assert ready("verify", FIRST, "--policy", "court", "--json").code == 2
    [statement] = [key for key in stored_keys(settings, "captures/") if "statement" in key]
    path = stored_file(settings, statement)
    sound = path.read_bytes()
    path.write_bytes(b"{}")
    malformed = ready("verify", FIRST, "--json")
    assert (malformed.code, malformed.json["result"]) == (3, "malformed")
    path.write_bytes(sound)
    inventory = stored_file(settings, statement.rpartition("/")[0] + "/inventory.json")
    inventory.write_bytes(flipped(inventory.read_bytes(), 800))
    failed = ready("verify", FIRST, "--json")
    assert (failed.code, failed.json["result"]) == (1, "failed")
    assert [claim["code"] for claim in failed.json["claims"] if claim["status"] == "fail"] == [
        "INVENTORY_NOT_BOUND"
    ]
    assert "FAILED" in ready("verify", FIRST).out


@pytest.mark.parametrize(
    "target", ["CA-C-0000099-03", "CA-C-0000001-40", "no such thing", "abc", ".", "/no/such/file"]
)
def test_verify_of_what_is_not_there_is_one_line_and_not_success(
    ready: Muniment, target: str
) -> None:
    done = ready("verify", target)
    assert done.code not in {0, 2}
    done.assert_one_line_error()


def test_an_unknown_policy_is_one_line(ready: Muniment) -> None:
    done = ready("verify", FIRST, "--policy", "lenient")
    assert done.code == 3
    done.assert_one_line_error()


@pytest.mark.both_databases
@pytest.mark.parametrize("level", ["plain", "deep", "full"])
def test_audit_counts_and_names_damage(ready: Muniment, settings: Settings, level: str) -> None:
    sound = ready("audit", "--level", level, "--workers", "1", "--json")
    assert sound.code == 0
    assert (sound.json["records"], sound.json["damages"]) == (1, [])
    [inventory] = [key for key in stored_keys(settings, "captures/") if "inventory" in key]
    path = stored_file(settings, inventory)
    path.write_bytes(flipped(path.read_bytes(), 800))
    damaged = ready("audit", "--level", level, "--json")
    assert damaged.code == 1
    [damage] = damaged.json["damages"]
    assert (damage["object"], damage["claim"]) == (inventory, "inventory.bound")
    assert damage["is_certain"] is True
    assert inventory in ready("audit").out


@pytest.mark.both_databases
def test_rebuild_remakes_the_catalogue(ready: Muniment, settings: Settings) -> None:
    if settings.database.url:
        empty_database(settings.database.url)
    for path in settings.data.glob("catalog.sqlite*"):
        path.unlink()
    missing = ready("show", FIRST)
    assert missing.code == 4
    missing.assert_one_line_error()
    done = ready("rebuild", "--json")
    assert done.code == 0
    counts = {"captures": 1, "observations": 0, "statements": 0, "keysets": 1}
    assert done.json == {**counts, "proofs": 0, "left_out": [], "not_erased": []}
    assert ready("verify", FIRST).code == 0
    [statement] = [key for key in stored_keys(settings, "captures/") if "statement" in key]
    stored_file(settings, statement).write_bytes(b"{}")
    left_out = ready("rebuild", "--json")
    assert left_out.code == 1
    assert [item["object"] for item in left_out.json["left_out"]] == [statement]
    assert statement in ready("rebuild").out


COMMANDS = [["capture", "http://127.0.0.1/"], ["show", FIRST], ["cite", FIRST], ["audit"]]
COMMANDS += [["resolve", FIRST], ["verify", FIRST], ["serve"]]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_without_an_archive_every_command_says_what_to_do(
    muniment: Muniment, command: list[str]
) -> None:
    done = muniment(*command)
    assert done.code == 4
    done.assert_one_line_error()
    assert "muniment init" in done.err


def test_rebuild_without_an_archive_is_one_line(muniment: Muniment) -> None:
    done = muniment("rebuild")
    assert done.code != 0
    done.assert_one_line_error()


def test_a_settings_mistake_is_one_line(
    muniment: Muniment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.toml").write_text("[colour]\nred = 1\n", encoding="utf-8")
    for arguments in (
        ("--config", str(tmp_path / "bad.toml"), "init"),
        ("--config", str(tmp_path / "none.toml"), "init"),
    ):
        done = muniment(*arguments)
        assert done.code == 4
        done.assert_one_line_error()
    monkeypatch.setenv("MUNIMENT_COLOUR_RED", "1")
    unknown = muniment("init")
    assert unknown.code == 4
    assert "MUNIMENT_COLOUR_RED" in unknown.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MUNIMENT_DATABASE_URL", f"postgresql://user:{SECRET}@a.example/x"),
        ("MUNIMENT_STORE_URL", f"ftp://user:{SECRET}@a.example/x"),
        ("MUNIMENT_ARCHIVE_PREFIX", "lower"),
        ("MUNIMENT_NETWORK_ALLOW", "everything"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line_without_secrets(
    muniment: Muniment, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    done = muniment("init")
    assert done.code == 4
    done.assert_one_line_error()
    assert SECRET not in done.err


def test_a_data_folder_that_cannot_be_made_is_one_line(
    muniment: Muniment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv("MUNIMENT_DATA", str(folder))
        done = muniment("init")
        assert done.code == 4
        done.assert_one_line_error()


@pytest.mark.skipif(is_root(), reason="file modes do not bind the superuser")
def test_a_data_folder_without_permission_is_one_line(
    muniment: Muniment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    monkeypatch.setenv("MUNIMENT_DATA", str(tmp_path / "closed" / "data"))
    done = muniment("init")
    assert done.code == 4
    done.assert_one_line_error()


def test_an_unknown_command_is_refused(muniment: Muniment) -> None:
    for name in ("nonsense", "__init__", "../x"):
        assert muniment(name).code == 64


def test_a_port_that_is_taken_is_one_line(ready: Muniment, origin: Origin) -> None:
    done = ready("serve", "--port", str(origin.port))
    assert done.code == 1
    done.assert_one_line_error()
    assert "--port" in done.err


def test_an_unreachable_site_is_an_outcome(ready: Muniment) -> None:
    done = ready("capture", "--json", f"http://127.0.0.1:{closed_port()}/")
    assert done.code == 1
    [look] = done.lines
    assert (look["id"], look["outcome"], look["status"]) == (None, "unreachable", None)


def test_demo_shows_the_whole_job_and_leaves_a_sound_archive(muniment: Muniment) -> None:
    done = muniment("demo")
    assert done.code == 0, done.err
    for shown in (
        FIRST,
        "bad_check",
        "VERIFIED",
        "object.digest OBJECT_DIGEST_MISMATCH",
        "SHA-256",
    ):
        assert shown in done.out
    assert done.out.count("FAILS") == 1
    assert muniment("verify", FIRST).code == 0
    assert muniment("audit", "--level", "full", "--workers", "1").code == 0
    assert muniment("demo").code == 0


@pytest.mark.both_databases
def test_demo_never_writes_into_an_archive_that_is_none_of_its_own(ready: Muniment) -> None:
    done = ready("demo")
    assert done.code == 1
    done.assert_one_line_error()


FORBIDDEN = {
    "alembic",
    "archive.bootstrap",
    "boto3",
    "botocore",
    "cryptography",
    "flask",
    "gunicorn",
    "jinja2",
    "lxml",
    "marshmallow",
    "pypdf",
    "requests",
    "rich",
    "sqlalchemy",
    "stdnum",
    "structlog",
    "werkzeug",
}
_LIST_MODULES = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
sys.argv = ["muniment", *sys.argv[1:]]
from archive.cli import main
main()
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["capture", "--help"], ["--version"]], ids=" ".join
)
def test_help_loads_click_and_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _LIST_MODULES, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert "click" in loaded
    assert loaded & FORBIDDEN == set()


def test_a_reader_that_goes_away_is_no_crash(ready: Muniment, settings: Settings) -> None:
    run = "from archive.cli import main; main()"
    pipe = f"{sys.executable} -P -c '{run}' resolve {FIRST} --json | true"
    done = subprocess.run(
        ["/bin/sh", "-c", pipe], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("spelling", ["{id}/v1", "https://archive.example/{id}/v1", "see {id}."])
def test_our_own_citations_are_taken_for_the_record(ready: Muniment, spelling: str) -> None:
    cited = spelling.format(id=FIRST)
    assert ready("verify", cited, "--json").json["subject"]["record_id"] == FIRST
    assert ready("show", cited, "--json").json["id"] == FIRST


@pytest.mark.both_databases
def test_an_observation_is_shown_by_its_digest(muniment: Muniment, origin: Origin) -> None:
    assert muniment("init").code == 0
    printed = muniment("capture", origin.url("/nothing"), "--json").json
    shown = muniment("show", printed["statement_sha256"], "--json")
    assert (shown.code, shown.json["outcome"]) == (0, "error-page")
    assert "error-page" in muniment("show", printed["statement_sha256"]).out
