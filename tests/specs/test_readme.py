# SPDX-License-Identifier: Apache-2.0
"""The README's commands and paths exist, and its tour runs with the output that it prints."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from specs.documents import ROOT, blocks
from support.origin import Origin

import archive
from archive.cli import cli

README = (ROOT / "README.md").read_text(encoding="utf-8")
RUN = "from archive.cli import main; main()"
NAMES = cli.list_commands(click.Context(cli))


def steps() -> list[tuple[str, str]]:
    """Each command of the tour with the output that the README prints."""
    tour = "".join(blocks(README, "console"))
    found = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", tour, re.MULTILINE)
    return [(command, printed) for command, printed in found]


def as_pattern(printed: str) -> str:
    """The output as a pattern: a line `…` stands for any lines, an `…` in a line for any text."""
    lines = []
    for line in printed.splitlines():
        if line.strip() == "…":
            lines.append(r"(?:.*\n)*")
        else:
            lines.append(".*".join(map(re.escape, line.split("…"))) + r"\n")
    return "".join(lines)


def muniment(arguments: list[str], cwd: Path, data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
        cwd=cwd,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(archive.__file__).parents[1]),
            "MUNIMENT_DATA": str(data),
            "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
        },
    )


def test_the_two_commands_of_a_new_user_are_there() -> None:
    commands = [line for block in blocks(README, "sh") for line in block.splitlines()]
    assert (
        "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt . "
        "&& .venv/bin/muniment demo"
    ) in commands
    assert "tests/run" in commands
    assert os.access(ROOT / "tests" / "run", os.X_OK)


def test_every_command_that_it_names_exists() -> None:
    named = set(re.findall(r"(?:`|\$ |^|/)muniment ([a-z]+)", README, re.MULTILINE))
    assert named
    assert named <= set(NAMES)


def test_every_command_there_is_stands_in_it() -> None:
    missing = [name for name in NAMES if f"`muniment {name}`" not in README]
    assert missing == []


def has_json(command: click.Command) -> bool:
    """Whether a command, or each of a group's, has the option."""
    if isinstance(command, click.Group):
        return all(map(has_json, command.commands.values()))
    return "--json" in {option for item in command.params for option in item.opts}


def test_json_is_where_it_says() -> None:
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in NAMES}
    without = {name for name, command in found.items() if command and not has_json(command)}
    # `witness key` has it, and `witness serve` is as `serve`.
    assert without == {"serve", "worker", "demo", "witness"}


def test_the_tour_prints_what_it_says(origin: Origin, tmp_path: Path) -> None:
    page = ROOT / "config" / "demo" / "privacy-policy.html"
    origin.page("/privacy-policy.html", page.read_bytes(), content_type="text/html")
    assert len(steps()) > 8
    for command, printed in steps():
        name, *arguments = command.replace(":8000", f":{origin.port}").split()
        assert name == "muniment"
        arguments = [str(ROOT / word) if word.startswith("config/") else word for word in arguments]
        done = muniment(arguments, tmp_path, Path("my-archive"))
        expected = printed.replace(":8000", f":{origin.port}")
        assert re.fullmatch(as_pattern(expected), done.stdout), (command, done.stdout, done.stderr)


@pytest.mark.parametrize("command", ["serve --port 8080"])
def test_the_server_takes_the_options_of_the_tour(command: str) -> None:
    assert f"muniment {command} &" in README
    name, *words = command.split()
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    assert {word for word in words if word.startswith("--")} <= {
        option for item in found.params for option in item.opts
    }


def test_every_path_and_link_leads_somewhere() -> None:
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", prose) if "//" not in link]
    paths = re.findall(r"`((?:archive|api|config|tests)/[\w./-]*)`", prose)
    assert links
    assert paths
    missing = [path for path in [*links, *paths] if not (ROOT / path).exists()]
    assert missing == []


def test_every_folder_of_the_packages_stands_on_the_map() -> None:
    rooms = {path.name for path in (ROOT / "archive").iterdir() if (path / "__init__.py").exists()}
    missing = [room for room in rooms if f"`archive/{room}/`" not in README]
    assert missing == []
    specs = [path.name for path in (ROOT / "archive" / "specs").glob("*.md")]
    assert {"record-id.md", "statement.md"} <= set(specs)


def test_every_settings_section_is_in_the_sample() -> None:
    import tomllib
    from dataclasses import fields

    from archive.settings import load_settings

    sample = ROOT / "config" / "muniment.sample.toml"
    tree = tomllib.loads(sample.read_text(encoding="utf-8"))
    defaults = load_settings(environment={})
    assert set(tree) == {"data", *defaults.tree()}
    for section in defaults.tree():
        known = {item.name for item in fields(defaults.section(section))}
        assert set(tree[section]) == known
    assert load_settings(config=sample, environment={}) == defaults
