# SPDX-License-Identifier: Apache-2.0
"""The runbook's commands are run as they stand, each section in the situation that it is for."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest
import yaml
from specs.documents import ROOT, blocks
from support.archives import page, stored_keys
from support.origin import Origin
from support.softhsm import MODULE, PIN, new_token

import archive
from archive.backups.sealed import Passphrase
from archive.bootstrap import init_archive, installation, open_archive
from archive.cli import cli
from archive.services.capturing.capture import capture
from archive.services.jobs.requests import ask_for_capture, cancel_job
from archive.services.upkeep.backup import backup
from archive.settings import Settings, load_settings

CONFIG = ROOT / "config"
RUNBOOK = (CONFIG / "RUNBOOK.md").read_text(encoding="utf-8")
FOLDERS = ("/var/lib/muniment", "/var/backups/muniment", "/etc/muniment", "/mnt/second", "/mnt/new")
PASSPHRASE = "a passphrase of the backups"
ABOUT_ROOT = {"useradd", "install", "python3", "/opt/muniment/bin/pip"}
ENDINGS = {"sqlite", "toml", "md", "pem"}  # a file's name is no setting
NAMES = set(cli.list_commands(click.Context(cli)))


def sections() -> dict[str, str]:
    """The text of each section by its title; what stands before the first is `Runbook`."""
    parts = re.split(r"^#+ (.*)\n", RUNBOOK, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def steps(text: str) -> list[tuple[str, str]]:
    """Each command of the console blocks with the output that the page prints."""
    console = "".join(blocks(text, "console"))
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", console, re.MULTILINE)


def as_pattern(printed: str) -> str:
    """A line `…` stands for any lines, an `…` in a line for any text."""
    lines = []
    for line in printed.splitlines():
        if line.strip() == "…":
            lines.append(r"(?:.*\n)*")
        else:
            lines.append(".*".join(map(re.escape, line.split("…"))) + r"\n")
    return "".join(lines)


@dataclass
class Machine:
    """A machine in a folder: the runbook's folders, a shell that keeps what it exports."""

    root: Path
    exports: dict[str, str] = field(default_factory=dict)

    def place(self, text: str) -> str:
        """The text with the runbook's folders below this machine's."""
        for folder in FOLDERS:
            text = text.replace(folder, f"{self.root}{folder}")
        return text

    def path(self, name: str) -> Path:
        return Path(self.place(name))

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.root}/bin:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(archive.__file__).parents[1]),
            "MUNIMENT_CONFIG": str(self.path("/etc/muniment/muniment.toml")),
            "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
            **self.exports,
        }

    @property
    def settings(self) -> Settings:
        return load_settings(
            environment={
                name: value
                for name, value in self.environment.items()
                if name.startswith("MUNIMENT_")
            }
        )

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run it in a shell; what `export` sets is set for the commands after it."""
        if command.startswith("export "):
            known = re.sub(r"\$(\w+)", lambda name: self.exports.get(name[1], name[0]), command)
            pairs = shlex.split(self.place(known))[1:]
            self.exports.update(pair.split("=", 1) for pair in pairs)
            return subprocess.CompletedProcess(command, 0, "", "")
        return subprocess.run(
            ["bash", "-euc", self.place(command)],
            env=self.environment,
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Set up as far as the settings, with the sample as it is but for data and passphrase."""
    made = Machine(tmp_path / "machine")
    for folder in FOLDERS:
        made.path(folder).mkdir(mode=0o700, parents=True)
    program = made.root / "bin" / "muniment"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from archive.cli import main; main()" "$@"\n'
    )
    program.chmod(0o755)
    sample = (CONFIG / "muniment.sample.toml").read_text(encoding="utf-8")
    for old, new in (
        ('data = "muniment-data"', f'data = "{made.path("/var/lib/muniment")}"'),
        ('passphrase_file = ""', f'passphrase_file = "{made.path("/etc/muniment/passphrase")}"'),
    ):
        assert sample.count(old) == 1
        sample = sample.replace(old, new)
    settings_file = made.path("/etc/muniment/muniment.toml")
    settings_file.write_text(sample, encoding="utf-8")
    settings_file.chmod(0o600)
    return made


def run_archive(machine: Machine, origin: Origin) -> None:
    """An archive that is in use: one capture, one backup, and a second store.

    Jobs were asked for before the backup and after it, so that their database is another one now.
    """
    origin.page("/terms", page())
    machine.exports["URL"] = origin.url("/terms")
    opened, made = init_archive(machine.settings)
    capture(opened, origin.url("/terms"))
    job = ask_for_capture(opened, origin.url("/terms"))
    opened.close()
    secret = machine.path("/etc/muniment/backup-passphrase")
    secret.write_text(f"{PASSPHRASE}\n", encoding="utf-8")
    secret.chmod(0o600)
    saved = backup(
        installation(machine.settings),
        machine.path("/var/backups/muniment"),
        Passphrase.of(PASSPHRASE),
    )
    opened = open_archive(machine.settings)
    cancel_job(opened, job.id)
    opened.close()
    machine.exports["BACKUP"] = str(saved.path)
    machine.exports["RECORD"] = "CA-C-0000001-39"
    machine.exports["FINGERPRINT"] = made.root_keyid
    machine.exports["KEY"] = (made.api_key or "").split("_")[1]
    shutil.copytree(machine.settings.data / "store", machine.path("/mnt/second") / "store")


Situation = Callable[[Machine], None]


def lose_machine(machine: Machine) -> None:
    data = machine.settings.data
    for item in data.iterdir():
        if item.name != "store":
            shutil.rmtree(item) if item.is_dir() else item.unlink()
    machine.settings.passphrase_file.unlink()


def damage_database(machine: Machine) -> None:
    path = machine.settings.data / "catalog.sqlite"
    path.write_bytes(path.read_bytes()[:5000])
    assert machine.run("muniment doctor").returncode == 1


def damage_object(machine: Machine) -> None:
    # The largest blob is the container.
    keys = stored_keys(machine.settings, "blobs/")
    store = machine.settings.data / "store"
    key = max(keys, key=lambda name: (store / name).stat().st_size)
    (store / key).chmod(0o600)
    (store / key).write_bytes((store / key).read_bytes()[:-1])
    machine.exports["OBJECT"] = key


def name_signing_key(machine: Machine) -> None:
    opened = open_archive(machine.settings)
    machine.exports["KEYID"] = opened.open_signer().public_key.keyid
    opened.close()


def nothing(machine: Machine) -> None:
    """All is well."""


SITUATIONS: dict[str, Situation] = {
    "Runbook": nothing,
    "Back up": nothing,
    "Restore drill": nothing,
    "Lose the machine": lose_machine,
    "Lose the database": damage_database,
    "Lose an object": damage_object,
    "Move the store": nothing,
    "Upgrade": nothing,
    "Full disk": nothing,
    "A key was compromised": nothing,
    "Somebody asks to have something taken down": nothing,
    "Rotate the signing key": nothing,
    "The signing key was stolen": name_signing_key,
    "Change passphrases": nothing,
    "Monitor": nothing,
}
WITHOUT_AN_ARCHIVE = {"Set up", "Set up in containers", "Root keys that lie elsewhere"}
WITH_A_DEVICE = {"Keys in a hardware security module or in AWS KMS"}
# The audit finds what is damaged, and the drill's doctor that there are no keys: both say so.
# So do a plan of a redaction, and a mirror that still holds what was removed.
TAKEDOWN = "Somebody asks to have something taken down"
EXPECTED_TO_FAIL = {
    ("Lose an object", 0),
    ("Restore drill", 5),
    (TAKEDOWN, 1),
    (TAKEDOWN, 4),
}


def test_every_section_with_commands_is_run() -> None:
    with_commands = {
        title for title, text in sections().items() if blocks(text, "console") or blocks(text, "sh")
    }
    assert set(SITUATIONS) | WITHOUT_AN_ARCHIVE | WITH_A_DEVICE == with_commands


def without_room(text: str) -> str:
    """The output without what the doctor says of the disk of the machine that runs the tests."""
    return re.sub(r"^(?:warn|fail) +disk\.room.*\n.*\n", "", text, flags=re.MULTILINE)


def follow(machine: Machine, title: str) -> Iterator[tuple[str, str]]:
    """Run a section's commands one by one: each prints what the page says, and ends so too."""
    for number, (command, printed) in enumerate(steps(sections()[title])):
        done = machine.run(command)
        said = (command, done.returncode, done.stdout, done.stderr)
        assert re.fullmatch(as_pattern(machine.place(printed)), without_room(done.stdout)), said
        assert (done.returncode != 0) == ((title, number) in EXPECTED_TO_FAIL), said
        yield command, done.stdout


@pytest.mark.parametrize("title", list(SITUATIONS))
def test_the_commands_of_a_section_do_what_it_says(
    machine: Machine, origin: Origin, title: str
) -> None:
    run_archive_with_passphrase(machine, origin)
    SITUATIONS[title](machine)
    assert list(follow(machine, title))
    if title != "Restore drill":
        assert machine.run("muniment doctor --quiet").returncode == 0
        opened = open_archive(machine.settings)
        recorded = capture(opened, machine.exports["URL"])
        opened.close()
        assert recorded.signed.look.capture_id is not None
        assert recorded.signed.look.capture_id.number >= 2


def run_archive_with_passphrase(machine: Machine, origin: Origin) -> None:
    secret = machine.path("/etc/muniment/passphrase")
    secret.write_text("a passphrase of the keys\n", encoding="utf-8")
    secret.chmod(0o600)
    run_archive(machine, origin)


def test_the_drill_leaves_the_archive_alone(machine: Machine, origin: Origin) -> None:
    run_archive_with_passphrase(machine, origin)
    before = stored_keys(machine.settings)
    list(follow(machine, "Restore drill"))
    for name in ("MUNIMENT_DATA", "MUNIMENT_STORE_URL", "MUNIMENT_KEYS_PASSPHRASE_FILE"):
        del machine.exports[name]
    assert stored_keys(machine.settings) == before
    assert machine.run("muniment doctor --quiet").returncode == 0


def test_setting_up_gives_an_archive_that_is_well(machine: Machine) -> None:
    commands = [command for command, _ in follow(machine, "Set up")]
    assert "muniment init" in commands
    assert machine.settings.passphrase_file == machine.path("/etc/muniment/passphrase")


def test_root_keys_elsewhere_begin_an_archive_that_is_well(
    machine: Machine, origin: Origin
) -> None:
    commands = [command for command, _ in follow(machine, "Root keys that lie elsewhere")]
    assert sum(" keys sign " in command for command in commands) == 4
    assert not (machine.settings.keys_folder / "root.pem").exists()
    assert machine.run("muniment doctor --quiet").returncode == 0
    origin.page("/terms", page())
    opened = open_archive(machine.settings)
    recorded = capture(opened, origin.url("/terms"))
    assert opened.pinned_roots == trusted_roots(machine)
    opened.close()
    assert recorded.signed.look.signer.keyset_version == 2


def test_a_key_in_a_device_signs_from_then_on(machine: Machine, origin: Origin) -> None:
    run_archive_with_passphrase(machine, origin)
    configured, environment = machine.root / "softhsm", dict(os.environ)
    token = new_token(configured, "muniment")
    os.environ.clear()
    os.environ.update(environment)
    shutil.copyfile(token.pin_file, machine.path("/etc/muniment/pin"))
    machine.path("/etc/muniment/pin").chmod(0o600)
    machine.exports |= {
        "SOFTHSM2_CONF": str(configured / "softhsm2.conf"),
        "MODULE": MODULE,
        "PIN": PIN,
    }
    (title,) = WITH_A_DEVICE
    assert list(follow(machine, title))
    done = machine.run(f"muniment capture {machine.exports['URL']} --json")
    assert done.returncode == 0, done.stderr
    verified = machine.run(f"muniment verify {json.loads(done.stdout)['id']}")
    assert verified.returncode == 0, verified.stdout


def trusted_roots(machine: Machine) -> tuple[str, ...]:
    return tuple(machine.settings.root_keyid_file.read_text(encoding="ascii").split())


def test_the_passphrase_is_another_afterwards(machine: Machine, origin: Origin) -> None:
    run_archive_with_passphrase(machine, origin)
    before = machine.settings.passphrase_file.read_bytes()
    list(follow(machine, "Change passphrases"))
    assert machine.settings.passphrase_file.read_bytes() != before
    names = sorted(path.name for path in machine.settings.keys_folder.iterdir())
    assert names == ["log.pem", "manifest.pem", "root.pem"]


def test_what_root_does_names_what_there_is() -> None:
    commands = [line for block in blocks(RUNBOOK, "sh") for line in block.splitlines()]
    assert len(commands) > 10
    compose = yaml.safe_load((CONFIG / "compose.yaml").read_text(encoding="utf-8"))
    for command in commands:
        words = shlex.split(command)
        for word in words:
            if word.startswith("config/"):
                assert list(ROOT.glob(word)), command
        if words[0] == "systemctl":
            assert_units_exist(words)
        elif words[:2] == ["docker", "compose"]:
            verb, *rest = words[4:]
            named = {word for word in rest if not word.startswith("-") and word not in NAMES}
            assert verb in {"up", "logs", "run"}, command
            assert named <= set(compose["services"]) | {"backup"}, command
        else:
            assert words[0] in {*ABOUT_ROOT, "podman"}, command


def assert_units_exist(words: list[str]) -> None:
    for word in words[1:]:
        if re.search(r"\.(?:service|timer)$", word):
            assert (CONFIG / "systemd" / word).exists(), words


def test_what_the_prose_names_is_there() -> None:
    prose = re.sub(r"^```.*?^```$", "", RUNBOOK, flags=re.MULTILINE | re.DOTALL)
    for unit in re.findall(r"muniment[\w-]*\.(?:service|timer)", prose):
        assert (CONFIG / "systemd" / unit).exists(), unit
    for name in re.findall(r"`muniment ([a-z]+)", prose):
        assert name in NAMES, name
    settings = load_settings(environment={}).tree()
    for section, name in re.findall(r"`([a-z]+)\.([a-z_]+)`", prose):
        if section in settings and name not in ENDINGS:
            assert name in settings[section], (section, name)
    secrets = set(re.findall(r"`(\w+(?:\.json)?)`", sections()["Set up in containers"]))
    compose = yaml.safe_load((CONFIG / "compose.yaml").read_text(encoding="utf-8"))
    files = {Path(secret["file"]).name for secret in compose["secrets"].values()}
    assert files <= secrets


def test_a_second_store_keeps_its_sound_copy(machine: Machine, origin: Origin) -> None:
    run_archive_with_passphrase(machine, origin)
    damage_object(machine)
    copy = machine.path("/mnt/second") / "store" / machine.exports["OBJECT"]
    sound = copy.read_bytes()
    done = machine.run("muniment mirror file:/mnt/second/store")
    assert done.returncode == 1
    assert f"conflict: {machine.exports['OBJECT']}" in done.stdout
    assert copy.read_bytes() == sound
