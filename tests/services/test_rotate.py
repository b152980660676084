# SPDX-License-Identifier: Apache-2.0
"""A new signing key: old records verify as before, new ones name it, and a crash is finished."""

import pytest
from support.archives import audited, minted, page, rebuilt, tables
from support.origin import Origin

from archive.bootstrap import key_files
from archive.errors import KeyLocked, MunimentError, SigningError, StorageUnavailable
from archive.services import rotate as module
from archive.services.context import Archive, signing_key
from archive.services.rotate import Rotated, rotate
from archive.services.trust import trusted_keyset
from archive.services.verify import verify_record
from archive.settings import Settings


def rotated(archive: Archive, settings: Settings) -> Rotated:
    return rotate(archive, key_files(settings))


def signer_of(archive: Archive) -> str:
    return signing_key(archive, trusted_keyset(archive)).signer.public_key.keyid


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
    known = tables(archive)
    assert rebuilt(archive).is_complete
    assert tables(archive) == known


@pytest.mark.parametrize("deed", ["store_keyset", "_take_in", "replace_private"])
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
        patch.setattr(module, deed, dies)
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
    assert sorted(path.name for path in files.folder.iterdir()) == ["manifest.pem", "passphrase"]
