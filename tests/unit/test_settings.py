# SPDX-License-Identifier: Apache-2.0
"""Settings: the file, the environment over it, and a clear word on every mistake."""

from pathlib import Path

import pytest

from archive.errors import SettingsError
from archive.settings import Settings, load_settings, shipped_text


def from_file(tmp_path: Path, text: str, **environment: str) -> Settings:
    path = tmp_path / "muniment.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(config=path, environment=environment)


def test_without_file_and_environment_there_are_defaults() -> None:
    settings = load_settings(environment={})
    assert settings.data == Path("muniment-data")
    assert settings.store_url == "file:muniment-data/store"
    assert settings.database_url == "sqlite:///muniment-data/catalog.sqlite"
    assert settings.keys_folder == Path("muniment-data/keys")
    assert settings.passphrase_file == Path("muniment-data/keys/passphrase")
    assert settings.root_keyid_file == Path("muniment-data/root.keyid")
    assert settings.allowed_networks() == ()


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    text = 'data = "from-file"\n[archive]\nprefix = "XX"\nname = "File"\n'
    settings = from_file(tmp_path, text, MUNIMENT_ARCHIVE_NAME="Environment")
    assert (settings.data, settings.archive.prefix) == (Path("from-file"), "XX")
    assert settings.archive.name == "Environment"
    overlaid = from_file(tmp_path, text, MUNIMENT_DATA="elsewhere")
    assert overlaid.data == Path("elsewhere")


def test_what_the_command_line_says_comes_first(tmp_path: Path) -> None:
    found = load_settings(environment={"MUNIMENT_DATA": "a"}, data=Path("b"))
    assert found.data == Path("b")
    named = tmp_path / "named.toml"
    named.write_text('data = "named"', encoding="utf-8")
    other = tmp_path / "other.toml"
    other.write_text('data = "other"', encoding="utf-8")
    env = {"MUNIMENT_CONFIG": str(other)}
    assert load_settings(environment=env).data == Path("other")
    assert load_settings(config=named, environment=env).data == Path("named")


def test_every_kind_of_value_is_read_from_the_environment() -> None:
    settings = load_settings(
        environment={
            "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8, 10.0.0.0/8",
            "MUNIMENT_CAPTURE_TIMEOUT_SECONDS": "5",
            "MUNIMENT_SERVER_BASE_URL": "https://archive.example",
            "MUNIMENT_KEYS_PASSPHRASE_FILE": "/run/secret",
        }
    )
    assert [str(network) for network in settings.allowed_networks()] == [
        "127.0.0.0/8",
        "10.0.0.0/8",
    ]
    assert settings.capture.timeout_seconds == 5
    assert settings.server.base_url == "https://archive.example"
    assert settings.passphrase_file == Path("/run/secret")


def test_names_that_are_no_settings_of_the_archive_are_passed_over() -> None:
    load_settings(environment={"MUNIMENT_API_KEY": "x", "MUNIMENT_TEST_DATA": "y", "OTHER": "z"})


BAD_FILES = {
    "no TOML": ("data = ", "not TOML"),
    "not UTF-8 text": ("\x00", "not TOML"),
    "an unknown section": ("[colour]\nred = 1", "colour"),
    "an unknown setting": ('[archive]\ncolour = "red"', "archive.colour"),
    "a setting at the top": ("prefix = 1", "prefix"),
    "a section that is a value": ('archive = "CA"', "archive"),
    "a text for a number": ('[capture]\ntimeout_seconds = "60"', "capture.timeout_seconds"),
    "a float for a number": ("[capture]\ntimeout_seconds = 1.5", "capture.timeout_seconds"),
    "a truth for a number": ("[capture]\ntimeout_seconds = true", "capture.timeout_seconds"),
    "a number for a text": ("[archive]\nname = 5", "archive.name"),
    "a text for a list": ('[network]\nallow = "127.0.0.0/8"', "network.allow"),
    "numbers in a list": ("[network]\nallow = [1, 2]", "network.allow"),
    "data that is a number": ("data = 5", "data"),
    "data that is a section": ("[data]\nfolder = 5", "data"),
    "data that is empty": ('data = ""', "data"),
    "no time at all": ("[capture]\ntimeout_seconds = 0", "capture.timeout_seconds"),
    "a negative limit": ("[capture]\nbytes_limit = -1", "capture.bytes_limit"),
    "a vantage with a line break": ('[capture]\nvantage = "a\\nb"', "capture.vantage"),
    "a language that is too long": (f'[capture]\nlanguage = "{"x" * 65}"', "capture.language"),
    "no vantage": ('[capture]\nvantage = ""', "capture.vantage"),
    "no name": ('[archive]\nname = ""', "archive.name"),
    "a blank name": ('[archive]\nname = "  "', "archive.name"),
    "a name of two lines": ('[archive]\nname = "a\\nb"', "archive.name"),
    "a name that turns the text": ('[archive]\nname = "a\\u202eb"', "archive.name"),
    "a name that is too long": (f'[archive]\nname = "{"x" * 101}"', "archive.name"),
    "a contact of two lines": ('[archive]\ncontact = "a\\r\\nX: b"', "archive.contact"),
    "a contact that is not ASCII": ('[archive]\ncontact = "café"', "archive.contact"),
    "a root in capitals": (f'[trust]\nroots = ["{"A" * 64}"]', "trust.roots"),
    "a root that is too short": (f'[trust]\nroots = ["{"a" * 63}"]', "trust.roots"),
    "a root with a line break": (f'[trust]\nroots = ["{"a" * 64}\\n"]', "trust.roots"),
    "an empty root": ('[trust]\nroots = [""]', "trust.roots"),
}


@pytest.mark.parametrize(("text", "named"), list(BAD_FILES.values()), ids=list(BAD_FILES))
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        from_file(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MUNIMENT_COLOUR", "red"),
        ("MUNIMENT_ARCHIVE_COLOUR", "red"),
        ("MUNIMENT_ARCHIVE", "red"),
        ("MUNIMENT_CAPTURE_TIMEOUT_SECONDS", "soon"),
        ("MUNIMENT_CAPTURE_TIMEOUT_SECONDS", "1.5"),
    ],
)
def test_a_mistake_in_the_environment_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load_settings(environment={name: value})


@pytest.mark.parametrize("network", ["10.0.0.1/8", "10.0.0.0/33", "everywhere", "::/129"])
def test_a_network_that_is_none_is_named(network: str) -> None:
    settings = load_settings(environment={"MUNIMENT_NETWORK_ALLOW": network})
    with pytest.raises(SettingsError, match=r"network\.allow"):
        settings.allowed_networks()


def test_a_missing_file_and_a_folder_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(SettingsError, match="cannot be read"):
            load_settings(config=path, environment={})


def test_shipped_files_are_found() -> None:
    assert "[archive]" in shipped_text("muniment.sample.toml")


@pytest.mark.parametrize(
    "url",
    [
        "archive.example",
        "//archive.example",
        "ftp://archive.example",
        "javascript:alert(1)",
        "http://",
        "https:///v1",
        "https://archive.example/a b",
        'https://archive.example/"',
        "https://archive.example/'",
        "https://archive.example/<b>",
        "https://archive.example/?q",
        "https://archive.example/#f",
        "https://user:hunter2@archive.example/",
        "https://archive.example/\n",
        "https://archive.example/\x07",
        "https://archive.example:port/",
        "https://archív.example/",
        " https://archive.example",
    ],
)
def test_a_base_url_that_is_none_is_named_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match=r"server\.base_url") as caught:
        load_settings(environment={"MUNIMENT_SERVER_BASE_URL": url})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://localhost:8080",
        "https://archive.example/",
        "https://archive.example/a-b/~c%20d",
        "http://[::1]:80/x",
    ],
)
def test_a_public_address_is_taken(url: str) -> None:
    assert load_settings(environment={"MUNIMENT_SERVER_BASE_URL": url}).server.base_url == url


@pytest.mark.parametrize(
    ("name", "value"),
    [("AUDIT", "hourly"), ("MIRROR", "sometimes"), ("AUDIT_LEVEL", "quick")],
)
def test_a_schedule_that_is_none_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"schedule\.{name.lower()} must be one of"):
        load_settings(environment={f"MUNIMENT_SCHEDULE_{name}": value})


def test_words_of_people_are_taken(tmp_path: Path) -> None:
    text = f'[archive]\nname = "Archív – 档案"\n[trust]\nroots = ["{"0a" * 32}"]\n'
    settings = from_file(tmp_path, text, MUNIMENT_ARCHIVE_CONTACT="a@b.example")
    assert settings.archive.name == "Archív – 档案"
    assert settings.trust.roots == ("0a" * 32,)


def test_authorities_are_named_by_their_host_or_by_what_is_before_the_url() -> None:
    urls = "https://TSA.example/tsr?x=1 own=http://127.0.0.1:8318/ two=https://tsa.example/2"
    found = load_settings(environment={"MUNIMENT_TIMESTAMPING_URLS": urls}).timestamping
    assert found.authorities == (
        ("tsa.example", "https://TSA.example/tsr?x=1"),
        ("own", "http://127.0.0.1:8318/"),
        ("two", "https://tsa.example/2"),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("URLS", "ftp://tsa.example/"),
        ("URLS", "tsa.example"),
        ("URLS", "../x=https://tsa.example/"),
        ("URLS", "Own=https://tsa.example/"),
        ("URLS", "https://[::1]/"),
        ("URLS", "http://127.0.0.1:1/ http://127.0.0.1:2/"),
        ("URLS", "a=http://127.0.0.1:1/ a=http://127.0.0.1:2/"),
        ("ENVELOPES", "yes"),
        ("CHECKPOINTS", "weekly"),
        ("TOKENS", "0"),
    ],
)
def test_timestamping_that_cannot_be_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"timestamping.{name.lower()}"):
        load_settings(environment={f"MUNIMENT_TIMESTAMPING_{name}": value})
