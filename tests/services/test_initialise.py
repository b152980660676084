# SPDX-License-Identifier: Apache-2.0
"""`init` on what is left of an archive: lost keys, a lost catalogue, another prefix, no writing."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.archives import add_documents, captured, page, stored_keys
from support.origin import Origin

from archive.bootstrap import init_archive, key_files, open_archive, wire
from archive.catalog import evidence
from archive.cli import cli
from archive.errors import CatalogError, KeyLocked, SettingsError
from archive.ids import Kind, RecordId
from archive.services.capturing.capture import capture
from archive.services.context import Archive
from archive.services.keysets.initialise import Initialised
from archive.services.recovery.rebuild import rebuild
from archive.services.verifying.verify import verify_record
from archive.settings import Settings, TrustSettings
from archive.signing.file import open_key, read_passphrase

FIRST = RecordId("CA", Kind.CAPTURE, 1)


@pytest.fixture
def filled(archive: Archive, origin: Origin) -> Archive:
    """An archive with one record; closed, for what lies on the disk is what is looked at."""
    origin.page("/terms", page())
    captured(archive, origin.url("/terms"))
    archive.close()
    return archive


def again(settings: Settings) -> Initialised:
    opened, made = init_archive(settings)
    opened.close()
    return made


def verified(settings: Settings) -> int:
    opened = open_archive(settings)
    try:
        return verify_record(opened, FIRST).result.exit_code
    finally:
        opened.close()


def lose_catalogue(settings: Settings) -> None:
    for path in settings.data.glob("catalog.sqlite*"):
        path.unlink()


def test_the_root_fingerprint_lies_apart_from_the_keys(
    archive: Archive, settings: Settings
) -> None:
    files = key_files(settings)
    assert files.root_keyid == settings.data / "root.keyid"
    root = open_key(files.root, read_passphrase(files.passphrase_file))
    assert files.root_keyid.read_text(encoding="ascii") == f"{root.public_key.keyid}\n"


def test_without_its_keys_folder_the_archive_verifies_and_init_makes_no_keys(
    filled: Archive, settings: Settings
) -> None:
    before = stored_keys(settings)
    root = settings.root_keyid_file.read_bytes()
    shutil.rmtree(settings.keys_folder)
    assert verified(settings) == 0
    made = again(settings)
    assert (made.is_new, made.api_key, made.root_keyid.encode()) == (False, None, root.strip())
    assert not settings.keys_folder.exists()
    assert (stored_keys(settings), settings.root_keyid_file.read_bytes()) == (before, root)
    assert verified(settings) == 0


@pytest.mark.parametrize("lost", ["root.pem", "manifest.pem", "passphrase", None])
def test_with_neither_fingerprint_nor_all_keys_init_refuses(
    filled: Archive, settings: Settings, lost: str | None
) -> None:
    settings.root_keyid_file.unlink()
    if lost:
        (settings.keys_folder / lost).unlink()
    else:
        shutil.rmtree(settings.keys_folder)
    lose_catalogue(settings)
    with pytest.raises(KeyLocked, match=r"restore .* from backup"):
        again(settings)
    assert not settings.root_keyid_file.exists()
    assert not (settings.keys_folder / (lost or "root.pem")).exists()


def test_a_lost_fingerprint_is_written_again_from_the_root_key(
    filled: Archive, settings: Settings
) -> None:
    root = settings.root_keyid_file.read_bytes()
    settings.root_keyid_file.unlink()
    assert not again(settings).is_new
    assert settings.root_keyid_file.read_bytes() == root
    assert verified(settings) == 0


def test_with_roots_in_the_settings_init_migrates_and_makes_no_keys(
    filled: Archive, settings: Settings
) -> None:
    root = settings.root_keyid_file.read_text(encoding="ascii").strip()
    settings.root_keyid_file.unlink()
    shutil.rmtree(settings.keys_folder)
    lose_catalogue(settings)
    pinned = replace(settings, trust=TrustSettings(roots=(root,)))
    made = again(pinned)
    assert (made.is_new, made.roots, made.unlisted) == (False, (root,), 1)
    assert not settings.keys_folder.exists()
    assert not settings.root_keyid_file.exists()


def test_keys_that_are_none_of_the_trusted_roots_found_no_archive(
    settings: Settings, tmp_path: Path
) -> None:
    again(settings)
    other = replace(settings, data=tmp_path / "other", trust=TrustSettings(roots=("0" * 64,)))
    shutil.copytree(settings.keys_folder, other.keys_folder)
    with pytest.raises(KeyLocked, match="trusted roots"):
        again(other)
    assert stored_keys(other, "trust/") == []


def test_keys_without_their_passphrase_get_no_new_one(settings: Settings) -> None:
    again(settings)
    shutil.rmtree(settings.data / "store")
    settings.root_keyid_file.unlink()
    settings.passphrase_file.unlink()
    with pytest.raises(KeyLocked, match="passphrase"):
        again(settings)
    assert not settings.passphrase_file.exists()


def test_a_fingerprint_that_is_none_is_named(filled: Archive, settings: Settings) -> None:
    settings.root_keyid_file.write_bytes(b"no fingerprint\n")
    with pytest.raises(SettingsError, match=r"root\.keyid"):
        open_archive(settings)


def test_a_lost_catalogue_hands_out_no_number_of_the_store_again(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    paths = list(add_documents(origin).values())[:3]
    for path in paths:
        captured(archive, origin.url(path))
    archive.close()
    lose_catalogue(settings)
    opened, made = init_archive(settings)
    assert made.unlisted == 3
    assert made.api_key is not None
    done = capture(opened, origin.url(paths[0])).signed.look.capture_id
    assert done == RecordId("CA", Kind.CAPTURE, 4)
    opened.close()
    rebuilt = wire(settings)
    assert rebuild(rebuilt, lambda _key: None).captures == 4
    rebuilt.close()
    assert again(settings).unlisted == 0


def test_init_says_that_a_rebuild_is_due(filled: Archive, settings: Settings) -> None:
    lose_catalogue(settings)
    for _ in range(2):
        done = CliRunner().invoke(cli, ["--data", str(settings.data), "init"])
        assert "The store holds 1 capture that the catalogue does not list" in done.output
        assert "run `muniment rebuild`" in done.output
    told = CliRunner().invoke(cli, ["--data", str(settings.data), "init", "--json"])
    assert json.loads(told.output)["unlisted"] == 1


def test_another_prefix_than_that_of_the_catalogue_is_refused(
    filled: Archive, settings: Settings
) -> None:
    other = replace(settings, archive=replace(settings.archive, prefix="XX"))
    for open_it in (open_archive, init_archive):
        with pytest.raises(SettingsError, match=r"archive\.prefix is XX.* with CA"):
            open_it(other)
    assert verified(settings) == 0


def test_another_prefix_is_fine_before_the_first_capture(settings: Settings) -> None:
    again(settings)
    open_archive(replace(settings, archive=replace(settings.archive, prefix="XX"))).close()


def on_read_only_mount(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The name space of mounts ends with the process, and the mount with it.
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    program = [sys.executable, "-c", "from archive.cli import main; main()"]
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", script, str(folder), *program, *arguments],
        env={**os.environ, "MUNIMENT_DATA": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


def can_mount(folder: Path) -> bool:
    if not shutil.which("unshare"):
        return False
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"'
    tried = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, str(folder)], capture_output=True, check=False
    )
    return tried.returncode == 0


def test_on_a_read_only_mount_an_archive_reads_and_verifies(
    filled: Archive,
    settings: Settings,
    origin: Origin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not can_mount(tmp_path):
        pytest.skip("mounting needs the superuser")
    monkeypatch.setenv("MUNIMENT_NETWORK_ALLOW", "127.0.0.0/8")
    for command in (["show"], ["verify"], ["resolve"]):
        done = on_read_only_mount(settings.data, *command, str(FIRST))
        assert (done.returncode, done.stderr) == (0, ""), command
    audited = on_read_only_mount(settings.data, "audit", "--level", "full", "--json")
    assert (audited.returncode, '"damages":[]' in audited.stdout) == (0, True)
    for refused in (["init"], ["capture", origin.url("/terms")], ["rebuild"]):
        done = on_read_only_mount(settings.data, *refused)
        assert done.returncode != 0
        assert "read-only" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_read_only_catalogue_opens_without_settling_what_a_crash_left(
    filled: Archive, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    again_writable = open_archive(settings)
    with again_writable.database.reading() as connection:
        assert evidence.every_capture(connection)
    again_writable.close()
    monkeypatch.setattr("archive.catalog.sqlite.os.access", lambda *_arguments: False)
    monkeypatch.setattr("archive.bootstrap.recover", lambda _archive: pytest.fail("it wrote"))
    opened = open_archive(settings)
    assert opened.database.is_read_only
    assert verify_record(opened, FIRST).result.exit_code == 0
    with pytest.raises(CatalogError, match="read-only"), opened.database.writing():
        pass
    opened.close()
