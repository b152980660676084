# SPDX-License-Identifier: Apache-2.0
"""From URL to store, and what is loaded on the way."""

import subprocess
import sys
from pathlib import Path

import pytest

from archive.errors import SettingsError
from archive.storage.file import FileStore
from archive.storage.memory import MemoryStore
from archive.storage.open import known_schemes, open_store


def test_the_schemes_are_the_modules_that_open() -> None:
    assert known_schemes() == ("file", "memory", "s3")


def test_a_relative_path_is_taken_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("file:data/store")
    monkeypatch.chdir("/")
    store.put("a/b", b"x")
    assert (tmp_path / "data/store/a/b").read_bytes() == b"x"


@pytest.mark.parametrize("form", ["file:{}", "file://{}"])
def test_an_absolute_path_in_both_spellings(tmp_path: Path, form: str) -> None:
    assert isinstance(open_store(form.format(tmp_path / "store")), FileStore)
    assert (tmp_path / "store").is_dir()


def test_each_memory_store_is_its_own() -> None:
    first, second = open_store("memory:"), open_store("memory:")
    assert isinstance(first, MemoryStore)
    first.put("a", b"x")
    assert list(second.list()) == []


@pytest.mark.parametrize(
    "url",
    ["", "store", "ftp://x/y", "base:", "open:", "_durable:x", "S3://bucket", "../file:x"],
)
def test_an_unknown_scheme_lists_the_known_ones(url: str) -> None:
    with pytest.raises(SettingsError, match="file:, memory:, s3:"):
        open_store(url)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("file:", None),
        ("file://host/path", None),
        ("file:x", "http://127.0.0.1:9000"),
        ("memory:x", None),
        ("memory:", "http://127.0.0.1:9000"),
        ("s3:bucket", None),
        ("s3://", None),
        ("s3:///prefix", None),
        ("s3://key:top-secret@bucket/x", None),
        ("s3://bucket/x?secret=top-secret", None),
        ("s3://bucket/../x", None),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(
    url: str, endpoint: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        open_store(url, endpoint=endpoint)
    assert "top-secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_store_never_loads_boto3(tmp_path: Path) -> None:
    code = (
        "import sys; from archive.storage.open import open_store; "
        f"open_store('file:{tmp_path}').put('a', b'x'); "
        "sys.exit(sorted({'boto3', 'botocore', 'urllib3'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
