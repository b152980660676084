# SPDX-License-Identifier: Apache-2.0
"""What is written for people agrees with the code: help texts, the settings sample, the README."""

import dataclasses
import re
import tomllib
from pathlib import Path

import click
import pytest

from archive.cli import CommandFolder, cli
from archive.settings import _SECTIONS, Settings, load_settings, shipped_text

README = Path(__file__).parents[2] / "README.md"


def commands() -> dict[str, click.Command]:
    assert isinstance(cli, CommandFolder)
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def leaves(name: str, command: click.Command) -> list[tuple[str, click.Command]]:
    """A command, or those that a group has at its ends."""
    if not isinstance(command, click.Group):
        return [(name, command)]
    below = command.commands.items()
    return [leaf for part, item in below for leaf in leaves(f"{name} {part}", item)]


BASE = {"init", "capture", "show", "cite", "resolve", "verify", "audit", "rebuild", "demo"}


def test_there_are_commands() -> None:
    assert set(commands()) >= BASE


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_and_option_has_help(name: str) -> None:
    assert commands()[name].name == name
    for place, command in [(name, commands()[name]), *leaves(name, commands()[name])]:
        assert command.help, place
        assert command.get_short_help_str(200).strip().endswith("."), place
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{place} {parameter.opts}"


@pytest.mark.parametrize("name", sorted(set(commands()) - {"serve", "demo", "worker"}))
def test_every_command_with_an_answer_has_json(name: str) -> None:
    for place, command in leaves(name, commands()[name]):
        if place == "witness serve":
            continue
        options = {option for parameter in command.params for option in parameter.opts}
        assert "--json" in options, place


def test_the_sample_lists_every_setting_with_its_default(tmp_path: Path) -> None:
    sample = tomllib.loads(shipped_text("muniment.sample.toml"))
    assert sample.pop("data") == str(load_settings(environment={}).data)
    assert set(sample) == set(_SECTIONS)
    for section, kind in _SECTIONS.items():
        defaults = {item.name: item.default for item in dataclasses.fields(kind)}
        shown = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in sample[section].items()
        }
        assert shown == defaults, section


def test_the_sample_is_a_settings_file_that_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "muniment.toml"
    path.write_text(shipped_text("muniment.sample.toml"), encoding="utf-8")
    assert load_settings(config=path, environment={}) == load_settings(environment={})


def test_every_section_of_the_settings_can_be_set() -> None:
    defaults = load_settings(environment={})
    sections = {item.name for item in dataclasses.fields(Settings)} - {"data"}
    assert {type(getattr(defaults, name)) for name in sections} == set(_SECTIONS.values())
    assert all(type(defaults.section(name)) is kind for name, kind in _SECTIONS.items())


@pytest.mark.skipif(not README.exists(), reason="not in a checkout")
def test_every_command_that_the_readme_names_is_there() -> None:
    named = set(
        re.findall(r"^\s*(?:\$ )?muniment ([a-z]+)", README.read_text("utf-8"), re.MULTILINE)
    )
    assert named <= set(commands())
