# SPDX-License-Identifier: Apache-2.0
"""`muniment keys` as it is called: a ceremony of three machines, and the changes of a trial."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from support.keysets import signer

from archive import cli
from archive.proofs.note import COSIGNATURE, VerifierKey

Ran = tuple[int, str, str]
Muniment = Callable[..., Ran]
WITNESS = VerifierKey("witness.example", COSIGNATURE, signer(90).public_key).to_text()


@pytest.fixture
def muniment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Muniment:
    """Runs a command on the archive in the test's data folder."""
    monkeypatch.setenv("MUNIMENT_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "passphrase").write_bytes(b"offline\n")

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["muniment", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as exited:
            cli.main()
        out, err = capfd.readouterr()
        assert isinstance(exited.value.code, int)
        return exited.value.code, out, err

    return run


def answered(ran: Ran) -> Any:
    """The one JSON value that was printed by a command that did its work."""
    code, out, err = ran
    assert code == 0, err
    return json.loads(out)


def root_keys(muniment: Muniment, *names: str) -> dict[str, str]:
    """Root keys made on machines without an archive: their IDs by name."""
    made = {}
    for name in names:
        told = answered(muniment("keys", "root", "new", f"{name}.pem", *OPENED, "--json"))
        assert (told["private"], told["public"]) == (f"{name}.pem", f"{name}.pub")
        made[name] = told["keyid"]
    return made


OPENED = ("--passphrase-file", "passphrase")
SIGNED = (*OPENED, "--yes")
ROOT_FILES = ("--root", "anna.pub", "--root", "ben.pub", "--root", "carl.pub")


def test_three_people_and_an_archive_hold_a_ceremony(muniment: Muniment, tmp_path: Path) -> None:
    roots = root_keys(muniment, "anna", "ben", "carl")
    begun = answered(muniment("keys", "init", "1.json", *ROOT_FILES, "--threshold", "2", "--json"))
    assert (begun["threshold"], begun["roots"]) == (2, sorted(roots.values()))
    code, out, err = muniment("init")
    assert (code, out, "muniment keys publish" in err) == (4, "", True)
    shutil.copyfile("1.json", "2.json")
    signed = answered(muniment("keys", "sign", "1.json", "--key", "anna.pem", *SIGNED, "--json"))
    assert signed == {"keyset_version": 1, "signed_by": [roots["anna"]]}
    code, out, err = muniment("keys", "publish", "1.json")
    assert (code, err) == (1, "")
    assert "lacks 1 more" in out
    assert roots["carl"] in out
    assert muniment("keys", "sign", "2.json", "--key", "ben.pem", *SIGNED)[0] == 0
    done = answered(muniment("keys", "publish", "1.json", "2.json", "--json"))
    assert (done["published"], done["lacking"]) == (True, [])
    assert muniment("init")[0] == 0
    listed = answered(muniment("keys", "list", "--json"))
    assert [row["version"] for row in listed["versions"]] == [1]
    assert set(listed["versions"][0]["signed_by"]) == {roots["anna"], roots["ben"]}
    assert sorted(listed["pinned_roots"]) == sorted(roots.values())
    old = next(key["keyid"] for key in listed["keys"] if key["role"] == "manifest")
    # Both changes go into one file.
    for change in (
        ("rotate",),
        ("revoke", old, "--since", "2026-01-01T00:00Z", "--reason", "a laptop was stolen"),
        ("witness", "add", WITNESS),
    ):
        assert muniment("keys", "propose", "next.json", *change)[0] == 0
    for name in ("ben", "carl"):
        code, out, err = muniment("keys", "sign", "next.json", "--key", f"{name}.pem", *SIGNED)
        assert (code, err) == (0, "")
        assert "worthless since 2026-01-01" in out
        assert WITNESS in out
    published = answered(muniment("keys", "publish", "next.json", "--json"))
    after = answered(muniment("keys", "list", "--json"))
    states = {key["keyid"]: key["state"] for key in after["keys"]}
    assert (after["keyset_version"], states[old], states[published["keyid"]]) == (
        2,
        "revoked",
        "active",
    )
    code, out, _ = muniment("keys", "list")
    assert code == 0
    assert f"{old}  revoked, manifest" in out
    assert "a laptop was stolen" in out
    assert muniment("doctor", "--quiet")[:2] == (0, "")


def test_nobody_signs_without_saying_yes(
    muniment: Muniment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root_keys(muniment, "anna")
    assert muniment("keys", "init", "1.json", "--root", "anna.pub", "--threshold", "1")[0] == 0
    before = Path("1.json").read_bytes()
    nothing = tmp_path / "nothing"
    nothing.write_bytes(b"")
    with nothing.open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        code, out, _ = muniment("keys", "sign", "1.json", "--key", "anna.pem", *OPENED)
    assert code == 130
    assert "Keyset 1" in out
    assert Path("1.json").read_bytes() == before


def test_nothing_is_signed_but_what_was_shown(
    muniment: Muniment, monkeypatch: pytest.MonkeyPatch
) -> None:
    root_keys(muniment, "anna", "ben")
    roots = ("--root", "anna.pub", "--root", "ben.pub", "--threshold", "2")
    assert muniment("keys", "init", "1.json", *roots)[0] == 0
    assert muniment("keys", "init", "other.json", *roots)[0] == 0
    other = Path("other.json").read_bytes()
    assert other != Path("1.json").read_bytes()

    def swaps(*_: object, **__: object) -> bool:
        Path("1.json").write_bytes(other)
        return True

    with monkeypatch.context() as patch:
        patch.setattr(click, "confirm", swaps)
        code, _, err = muniment("keys", "sign", "1.json", "--key", "anna.pem", *OPENED)
    assert code == 3
    assert "another keyset than was shown" in err
    assert Path("1.json").read_bytes() == other


def test_a_root_key_is_never_overwritten(muniment: Muniment) -> None:
    root_keys(muniment, "anna")
    before = Path("anna.pem").read_bytes()
    code, out, err = muniment("keys", "root", "new", "anna.pem", *OPENED)
    assert (code, out) == (4, "")
    assert "anna.pem" in err
    assert Path("anna.pem").read_bytes() == before
    assert Path("anna.pem").stat().st_mode & 0o077 == 0
    assert b"ENCRYPTED" in before
    assert b"BEGIN PUBLIC KEY" in Path("anna.pub").read_bytes()


def test_a_trial_archive_changes_its_keyset_at_once(muniment: Muniment) -> None:
    assert muniment("init")[0] == 0
    listed = answered(muniment("keys", "list", "--json"))
    old = next(key["keyid"] for key in listed["keys"] if key["role"] == "manifest")
    assert answered(muniment("keys", "witness", "add", WITNESS, "--json"))["keyset_version"] == 2
    changed = answered(muniment("keys", "witness", "quorum", "1", "--json"))
    assert changed["witnesses"]["quorum"] == 1
    code, out, err = muniment("keys", "witness", "remove", "witness.example")
    assert (code, out) == (3, "")
    assert "set the quorum first" in err
    _, out, _ = muniment("keys", "retire", old[:8], "--reason", "of no use")
    assert out == "Keyset 4 is in force\n"
    assert muniment("keys", "rotate")[0] == 0
    revoked = ("revoke", old, "--since", "2026-01-01T00:00Z", "--reason", "stolen")
    assert answered(muniment("keys", *revoked, "--json"))["keyset_version"] == 6
    told = answered(muniment("keys", "list", "--json"))
    assert [row["version"] for row in told["versions"]] == [1, 2, 3, 4, 5, 6]
    assert {key["keyid"]: key["state"] for key in told["keys"]}[old] == "revoked"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("keys", "revoke", "ffff", "--since", "2026-01-01T00:00Z", "--reason", "x"), 3),
        (("keys", "revoke", "ffff", "--since", "2026-01-01", "--reason", "x"), 3),
        (("keys", "revoke", "ffff", "--since", "yesterday", "--reason", "x"), 3),
        (("keys", "revoke", "ffff", "--reason", "x"), 64),
        (("keys", "witness", "add", "witness.example+00000000+AAAA"), 3),
        (("keys", "authority", "add", "x", "--roots", "nowhere.pem"), 3),
        (("keys", "roots", "nowhere.pub", "--threshold", "1"), 3),
        (("keys", "publish", "nowhere.json"), 3),
        (("keys", "publish", "passphrase"), 3),
        (("keys", "sign", "nowhere.json", "--key", "nowhere.pem"), 3),
        (("keys", "propose", "next.json"), 64),
    ],
)
def test_what_is_wrong_is_one_line_with_an_honest_exit_code(
    muniment: Muniment, arguments: tuple[str, ...], code: int
) -> None:
    assert muniment("init")[0] == 0
    ended, out, err = muniment(*arguments)
    assert (ended, out) == (code, ""), err
    if code != 64:
        assert err.count("\n") == 1
    assert answered(muniment("keys", "list", "--json"))["keyset_version"] == 1
