# SPDX-License-Identifier: Apache-2.0
"""A new signing key: old records verify as before, new ones name it, and a crash is finished."""

import datetime as dt
from dataclasses import replace

import pytest
from support.archives import (
    audited,
    damaged,
    minted,
    page,
    published,
    rebuilt,
    stored_file,
    tables,
)
from support.keysets import signer
from support.origin import Origin

from archive import canonical
from archive.bootstrap import init_archive, key_files
from archive.errors import (
    KeyLocked,
    MalformedKeyset,
    MunimentError,
    SigningError,
    StorageUnavailable,
)
from archive.proofs.keyset import Keyset
from archive.proofs.keyset_trust import Authority, Witnesses
from archive.proofs.note import COSIGNATURE, VerifierKey
from archive.services.context import Archive, signing_key
from archive.services.keysets import amend as amending
from archive.services.keysets import rotate as module
from archive.services.keysets.amend import Amendment, amend
from archive.services.keysets.changes import with_witness
from archive.services.keysets.make import store_keyset
from archive.services.keysets.rotate import Rotated, rotate
from archive.services.trust import stored_keysets, trusted_keyset
from archive.services.verifying.verify import verify_record
from archive.settings import Settings
from archive.signing.file import open_key, read_passphrase

pytestmark = pytest.mark.both_databases

WITNESS = VerifierKey("witness.example", COSIGNATURE, signer(90).public_key)


def rotated(archive: Archive, settings: Settings) -> Rotated:
    return rotate(archive, key_files(settings))


def signer_of(archive: Archive) -> str:
    return signing_key(archive, trusted_keyset(archive)).signer.public_key.keyid


def archive_of_first_format(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """An archive as `init` made it before there were logs."""

    def first_format(self: Keyset) -> bytes:
        content = canonical.loads(newest_format(self))
        keys = [
            {name: value for name, value in key.items() if name not in {"state_at", "reason"}}
            for key in content["keys"]
            if key["role"] == "manifest"
        ]
        for name in ("logs", "witnesses", "authorities"):
            del content[name]
        return canonical.dumps({**content, "v": 1, "keys": keys})

    newest_format = Keyset.to_bytes
    with monkeypatch.context() as patch:
        patch.setattr(Keyset, "to_bytes", first_format)
        archive, _ = init_archive(settings)
    key_files(settings).log.unlink()
    return archive


def test_old_records_verify_and_new_ones_name_the_new_key(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    origin.page("/terms", page())
    before, old = minted(archive, origin.url("/terms")), signer_of(archive)
    done = rotated(archive, settings)
    assert (done.keyset_version, done.retired) == (2, (old,))
    assert signer_of(archive) == done.keyid != old
    keyset = trusted_keyset(archive)
    assert (keyset.keys[old].state, keyset.keys[done.keyid].state) == ("retired", "active")
    assert keyset.keys[old].valid_until < keyset.keys[done.keyid].valid_until
    after = minted(archive, origin.url("/terms"))
    for record in (before, after):
        assert verify_record(archive, record).result.exit_code == 0
    assert rotated(archive, settings).keyset_version == 3
    assert audited(archive).exit_code == 0
    archive.publisher.settle()
    known = tables(archive)
    assert rebuilt(archive).is_complete
    assert tables(archive) == known


DEEDS = {"store_keyset": amending, "take_in": amending, "replace_private": module}


@pytest.mark.parametrize("deed", list(DEEDS))
def test_a_run_that_was_broken_off_is_finished_by_the_next(
    archive: Archive,
    settings: Settings,
    origin: Origin,
    monkeypatch: pytest.MonkeyPatch,
    deed: str,
) -> None:
    origin.page("/terms", page())
    old = signer_of(archive)

    def dies(*_arguments: object) -> None:
        raise StorageUnavailable("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(DEEDS[deed], deed, dies)
        with pytest.raises(StorageUnavailable):
            rotated(archive, settings)
    if deed != "store_keyset":
        with pytest.raises(SigningError, match="muniment keys rotate"):
            signer_of(archive)
    done = rotated(archive, settings)
    assert done.keyset_version == 2
    assert signer_of(archive) == done.keyid != old
    assert verify_record(archive, minted(archive, origin.url("/terms"))).result.exit_code == 0
    assert audited(archive).exit_code == 0


def test_without_the_root_key_nothing_is_changed(archive: Archive, settings: Settings) -> None:
    files = key_files(settings)
    files.root.rename(settings.data / "root.elsewhere")
    before = (sorted(item.key for item in archive.store.list()), signer_of(archive))
    with pytest.raises(KeyLocked) as refused:
        rotated(archive, settings)
    assert isinstance(refused.value, MunimentError)
    assert (sorted(item.key for item in archive.store.list()), signer_of(archive)) == before
    names = sorted(path.name for path in files.folder.iterdir())
    assert names == ["log.pem", "manifest.pem", "passphrase"]


def log_key(archive: Archive) -> tuple[str, str]:
    log = trusted_keyset(archive).log
    assert log is not None
    assert archive.open_log_signer().public_key.keyid == log.keyid
    return log.origin, log.keyid


def test_the_log_and_its_key_outlive_a_rotation(archive: Archive, settings: Settings) -> None:
    before = log_key(archive)
    assert before[0] == f"muniment.invalid/{archive.pinned_roots[0][:16]}/log"
    rotated(archive, settings)
    assert log_key(archive) == before
    key = trusted_keyset(archive).keys[before[1]]
    assert (key.role, key.state) == ("log", "active")
    assert key.valid_until - key.valid_from > dt.timedelta(days=50 * 365)


def test_what_the_keyset_says_of_others_is_carried_over(
    archive: Archive, settings: Settings
) -> None:
    files = key_files(settings)
    first = trusted_keyset(archive)
    root = open_key(files.root, read_passphrase(files.passphrase_file))
    witness = VerifierKey("witness.example", COSIGNATURE, signer(9).public_key)
    authority = Authority("stamps", ("1" * 64,), ("1.2.3",), is_qualified=False)
    (signed,) = stored_keysets(archive.store)
    more = replace(
        first,
        version=2,
        previous=signed.statement_sha256,
        witnesses=Witnesses(1, (witness,)),
        authorities=(authority,),
    )
    store_keyset(archive.store, root, more)
    rotated(archive, settings)
    newest = trusted_keyset(archive)
    assert (newest.version, newest.witnesses, newest.authorities) == (
        3,
        more.witnesses,
        more.authorities,
    )


def test_an_archive_of_the_first_format_gets_its_log_with_the_next_rotation(
    settings: Settings, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = archive_of_first_format(settings, monkeypatch)
    files = key_files(settings)
    assert (trusted_keyset(archive).log, files.log.exists()) == (None, False)
    origin.page("/terms", page())
    before = minted(archive, origin.url("/terms"))
    rotated(archive, settings)
    origin_name, _ = log_key(archive)
    assert origin_name.startswith("muniment.invalid/")
    published(archive)
    assert verify_record(archive, before).result.exit_code == 0
    assert audited(archive).exit_code == 0
    archive.close()


def test_where_the_store_lost_a_keyset_none_is_signed_in_its_place(
    archive: Archive, settings: Settings
) -> None:
    rotated(archive, settings)
    folder = stored_file(settings, "trust/keyset")
    [path] = folder.glob("2.*")
    with damaged(path, None):
        with pytest.raises(MalformedKeyset, match="keyset 2 was in force"):
            rotated(archive, settings)
        with pytest.raises(MalformedKeyset, match="keyset 2 was in force"):
            amend(archive, key_files(settings), Amendment([with_witness(WITNESS)]))
        assert not list(folder.glob("2.*"))
    assert rotated(archive, settings).keyset_version == 3
