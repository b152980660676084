# SPDX-License-Identifier: Apache-2.0
"""Keysets that several root keys elsewhere sign: from the first one on, broken off and resumed."""

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.archives import audited, damaged, minted, page, rebuilt, stored_file, tables
from support.authorities import root as root_certificate
from support.keysets import signer
from support.origin import Origin

from archive import canonical
from archive.bootstrap import init_archive, installation, key_files, wire
from archive.errors import (
    InputError,
    KeyLocked,
    MalformedKeyset,
    SettingsError,
    SigningError,
    StorageUnavailable,
)
from archive.proofs.keyset import Keyset
from archive.proofs.keyset_bundle import KeysetBundle
from archive.proofs.note import COSIGNATURE, VerifierKey
from archive.services.context import Archive, signing_key
from archive.services.doctor.keys import examine
from archive.services.keysets import publish as publishing
from archive.services.keysets.amend import Amendment, amend
from archive.services.keysets.changes import (
    Change,
    retired,
    revoked,
    with_authority,
    with_quorum,
    with_roots,
    with_witness,
    without_authority,
    without_witness,
)
from archive.services.keysets.propose import propose, propose_first, read_bundle, sign, write_bundle
from archive.services.keysets.publish import Published, publish_keyset
from archive.services.keysets.rotate import coming_key, rotate, rotation
from archive.services.keysets.words import keyset_words
from archive.services.stamping.authorities import read_authority
from archive.services.trust import stray_keyset_files, trusted_keyset, trusted_versions
from archive.services.verifying.verify import verify_record
from archive.settings import Settings
from archive.signing.file import open_key, read_passphrase
from archive.storage.layout import blob_key

ANNA, BEN, CARL, DORA, STRANGER = (signer(seed) for seed in range(81, 86))
ROOTS = [each.public_key for each in (ANNA, BEN, CARL)]
DAY = dt.timedelta(days=1)
WITNESS = VerifierKey("witness.example", COSIGNATURE, signer(90).public_key)


@pytest.fixture
def unready(settings: Settings) -> Iterator[Archive]:
    settings.data.mkdir(parents=True)
    archive = wire(settings)
    yield archive
    archive.close()


def first_proposal(archive: Archive, settings: Settings, path: Path) -> Path:
    propose_first(archive, key_files(settings), ROOTS, 2, path)
    return path


@pytest.fixture
def founded(unready: Archive, settings: Settings, tmp_path: Path) -> Iterator[Archive]:
    """An archive whose three root keys lie elsewhere, two of which sign."""
    path = first_proposal(unready, settings, tmp_path / "first.json")
    for holder in (ANNA, CARL):
        sign(path, holder)
    pinned = wire(settings)
    assert publish_keyset(pinned, key_files(settings), [path]).is_done
    pinned.close()
    archive, made = init_archive(settings)
    assert set(made.roots) == {key.keyid for key in ROOTS}
    yield archive
    archive.close()


Ceremony = Callable[..., Published]


@pytest.fixture
def ceremony(founded: Archive, settings: Settings, tmp_path: Path) -> Ceremony:
    """Proposes changes, has them signed, and publishes them."""
    numbers = iter(range(100))

    def hold(*changes: Change, by: tuple[object, ...] = (ANNA, BEN)) -> Published:
        path = tmp_path / f"next-{next(numbers)}.json"
        propose(founded, Amendment(changes), path)
        for holder in by:
            sign(path, holder)  # type: ignore[arg-type]
        return publish_keyset(founded, key_files(settings), [path])

    return hold


def test_an_archive_begins_with_two_of_three_root_keys_elsewhere(
    founded: Archive, settings: Settings, origin: Origin
) -> None:
    keyset = trusted_keyset(founded)
    assert (keyset.version, keyset.threshold, keyset.is_development) == (1, 2, False)
    assert not key_files(settings).root.exists()
    origin.page("/terms", page())
    assert verify_record(founded, minted(founded, origin.url("/terms"))).result.exit_code == 0
    [version] = trusted_versions(founded)
    assert set(version.signed_by) == {ANNA.public_key.keyid, CARL.public_key.keyid}
    assert audited(founded).exit_code == 0


def test_signing_keys_end_soon_unless_another_span_is_asked_for(
    founded: Archive, settings: Settings, ceremony: Ceremony
) -> None:
    files, keyset = key_files(settings), trusted_keyset(founded)
    listed = signing_key(founded, keyset).listed
    assert 90 * DAY <= listed.valid_until - listed.valid_from < 91 * DAY
    ceremony(*rotation(founded, files, keyset, coming_key(files), 30))
    listed = signing_key(founded, trusted_keyset(founded)).listed
    assert 30 * DAY <= listed.valid_until - listed.valid_from < 31 * DAY
    for days in (0, -1, 4000):
        with pytest.raises(InputError, match="days"):
            rotation(founded, files, trusted_keyset(founded), STRANGER, days)


def test_signed_copies_that_come_apart_are_put_together(
    unready: Archive, settings: Settings, tmp_path: Path
) -> None:
    path = first_proposal(unready, settings, tmp_path / "first.json")
    copies = [tmp_path / f"{name}.json" for name in ("anna", "ben")]
    for copy, holder in zip(copies, (ANNA, BEN), strict=True):
        shutil.copyfile(path, copy)
        sign(copy, holder)
    pinned = wire(settings)
    one = publish_keyset(pinned, key_files(settings), copies[:1])
    assert (one.is_done, {each.count for each in one.lacking}) == (False, {1})
    assert list(pinned.store.list()) == []
    assert publish_keyset(pinned, key_files(settings), copies).is_done
    again = publish_keyset(pinned, key_files(settings), copies)
    assert (again.is_done, again.version) == (True, 1)
    pinned.close()


def test_until_the_first_keyset_is_published_init_says_what_to_do(
    unready: Archive, settings: Settings, tmp_path: Path
) -> None:
    first_proposal(unready, settings, tmp_path / "first.json")
    with pytest.raises(KeyLocked, match="muniment keys publish"):
        init_archive(settings)


def test_a_first_proposal_that_was_lost_is_made_again_with_the_same_keys(
    unready: Archive, settings: Settings, tmp_path: Path
) -> None:
    first = read_bundle(first_proposal(unready, settings, tmp_path / "first.json"))
    pinned = wire(settings)
    again = read_bundle(first_proposal(pinned, settings, tmp_path / "again.json"))
    assert set(again.keyset.keys) == set(first.keyset.keys)
    with pytest.raises(InputError, match="there already"):
        first_proposal(pinned, settings, tmp_path / "again.json")
    with pytest.raises(SettingsError, match="other root keys"):
        propose_first(pinned, key_files(settings), ROOTS[:1], 1, tmp_path / "other.json")
    pinned.close()


@pytest.mark.parametrize(("roots", "threshold"), [(3, 1), (3, 4), (4, 2), (1, 0), (5, 2)])
def test_less_than_a_majority_of_root_keys_is_refused(
    unready: Archive, settings: Settings, tmp_path: Path, roots: int, threshold: int
) -> None:
    keys = [signer(100 + number).public_key for number in range(roots)]
    with pytest.raises(InputError, match="more than half"):
        propose_first(unready, key_files(settings), keys, threshold, tmp_path / "first.json")
    assert not key_files(settings).folder.exists()


def test_a_key_is_rotated_by_a_ceremony(
    founded: Archive, settings: Settings, origin: Origin, ceremony: Ceremony
) -> None:
    origin.page("/terms", page())
    before = minted(founded, origin.url("/terms"))
    keyset, files = trusted_keyset(founded), key_files(settings)
    with pytest.raises(KeyLocked, match="keys propose"):
        rotate(founded, files)
    assert not files.coming.exists()
    old = signing_key(founded, keyset).signer.public_key.keyid
    coming = coming_key(files)
    done = ceremony(*rotation(founded, files, keyset, coming))
    assert (done.version, done.keyid) == (2, coming.public_key.keyid)
    assert signing_key(founded, trusted_keyset(founded)).signer.public_key.keyid == done.keyid
    after = minted(founded, origin.url("/terms"))
    for record in (before, after):
        assert verify_record(founded, record).result.exit_code == 0
    assert trusted_keyset(founded).keys[old].state == "retired"
    founded.publisher.settle()
    known = tables(founded)
    assert rebuilt(founded).is_complete
    assert tables(founded) == known
    assert audited(founded).exit_code == 0


@pytest.mark.parametrize("puts", [1, 2, 3])
def test_a_publication_that_was_broken_off_breaks_nothing_and_is_finished_by_the_next(
    founded: Archive,
    settings: Settings,
    origin: Origin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    puts: int,
) -> None:
    origin.page("/terms", page())
    record = minted(founded, origin.url("/terms"))
    path = tmp_path / "next.json"
    files = key_files(settings)
    changes = rotation(founded, files, trusted_keyset(founded), coming_key(files))
    propose(founded, Amendment(changes), path)
    for holder in (ANNA, BEN):
        sign(path, holder)
    left = iter(range(puts))
    put = type(founded.store).put

    def dies(store: object, key: str, data: bytes) -> None:
        if next(left, None) is None:
            raise StorageUnavailable("the power is gone")
        put(store, key, data)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(type(founded.store), "put", dies)
        if puts < 3:
            with pytest.raises(StorageUnavailable):
                publish_keyset(founded, files, [path])
    if puts < 3:
        assert trusted_keyset(founded).version == 1
        assert verify_record(founded, record).result.exit_code == 0
        strays = stray_keyset_files(founded.store, founded.pinned_roots)
        assert [why for _, why in strays] == ["too few root keys have signed keyset 2 yet"] * (
            puts - 1
        )
    assert publish_keyset(founded, files, [path]).keyid is not None
    assert trusted_keyset(founded).version == 2
    assert audited(founded).exit_code == 0


def test_where_the_store_lost_a_keyset_no_rival_of_it_is_proposed_or_published(
    founded: Archive, settings: Settings, tmp_path: Path
) -> None:
    files = key_files(settings)
    [keyid] = (k for k, key in trusted_keyset(founded).keys.items() if key.role == "manifest")
    revocation, rival = tmp_path / "revocation.json", tmp_path / "rival.json"
    since = founded.clock.now() - DAY
    propose(founded, Amendment([revoked(keyid, since, "stolen")]), revocation)
    propose(founded, Amendment([with_witness(WITNESS)]), rival)
    for path in (revocation, rival):
        for holder in (ANNA, BEN):
            sign(path, holder)
    assert publish_keyset(founded, files, [revocation]).is_done
    for stored in stored_file(settings, "trust/keyset").glob("2.*"):
        stored.unlink()
    with pytest.raises(MalformedKeyset, match="keyset 2 was in force"):
        propose(founded, Amendment([with_witness(WITNESS)]), tmp_path / "another.json")
    with pytest.raises(InputError, match="keyset 2 is another one already"):
        publish_keyset(founded, files, [rival])
    assert not list(stored_file(settings, "trust/keyset").glob("2.*"))
    # The file that was signed then puts it back.
    assert publish_keyset(founded, files, [revocation]).is_done
    assert trusted_keyset(founded).keys[keyid].state == "revoked"


def test_a_death_before_the_new_key_is_in_place_is_finished_by_the_next_run(
    founded: Archive, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = key_files(settings)
    path = tmp_path / "next.json"
    changes = rotation(founded, files, trusted_keyset(founded), coming_key(files))
    propose(founded, Amendment(changes), path)
    for holder in (BEN, CARL):
        sign(path, holder)

    def dies(*_: object) -> None:
        raise StorageUnavailable("the power is gone")

    for deed in ("_list", "put_in_place"):
        with monkeypatch.context() as patch:
            patch.setattr(publishing, deed, dies)
            with pytest.raises(StorageUnavailable):
                publish_keyset(founded, files, [path])
        with pytest.raises(SigningError, match="broken off"):
            signing_key(founded, trusted_keyset(founded))
    assert publish_keyset(founded, files, [path]).keyid is not None
    assert signing_key(founded, trusted_keyset(founded)).keyset_version == 2


def test_new_root_keys_need_the_old_ones_and_their_own(
    founded: Archive, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "roots.json"
    others = [each.public_key for each in (CARL, DORA)]
    propose(founded, Amendment([with_roots(others, 2, is_development=False)]), path)
    files = key_files(settings)
    for holder, lacks in (
        (DORA, {"its own root keys": 1, "the root keys before it": 2}),
        (ANNA, {"its own root keys": 1, "the root keys before it": 1}),
        (BEN, {"its own root keys": 1}),
    ):
        sign(path, holder)
        done = publish_keyset(founded, files, [path])
        assert {each.whose: each.count for each in done.lacking} == lacks
        assert trusted_keyset(founded).version == 1
    sign(path, CARL)
    assert publish_keyset(founded, files, [path]).is_done
    assert set(trusted_keyset(founded).roots) == {key.keyid for key in others}
    # From now on the new ones sign.
    third = tmp_path / "third.json"
    propose(founded, Amendment([with_witness(WITNESS)]), third)
    for holder in (CARL, DORA):
        sign(third, holder)
    assert publish_keyset(founded, files, [third]).version == 3
    assert audited(founded).exit_code == 0


def test_a_development_archive_hands_its_root_over(
    archive: Archive, settings: Settings, tmp_path: Path, origin: Origin
) -> None:
    origin.page("/terms", page())
    record = minted(archive, origin.url("/terms"))
    path = tmp_path / "roots.json"
    propose(archive, Amendment([with_roots(ROOTS, 2, is_development=False)]), path)
    files = key_files(settings)
    for holder in (ANNA, BEN):
        sign(path, holder)
    assert not publish_keyset(archive, files, [path]).is_done
    sign(path, open_key(files.root, read_passphrase(files.passphrase_file)))
    assert publish_keyset(archive, files, [path]).is_done
    keyset = trusted_keyset(archive)
    assert (keyset.is_development, keyset.threshold) == (False, 2)
    with pytest.raises(KeyLocked, match="2 of 3"):
        rotate(archive, files)
    assert verify_record(archive, record).result.exit_code == 0
    told = {item.check: item for item in examine(installation(settings))}
    assert told["keys.root"].state.value == "warn"
    files.root.unlink()
    assert "keys.root" not in {item.check for item in examine(installation(settings))}


def test_a_stranger_signs_nothing_and_a_forged_signature_is_refused(
    founded: Archive, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "next.json"
    bundle = propose(founded, Amendment([with_witness(WITNESS)]), path)
    with pytest.raises(KeyLocked, match="no root key"):
        sign(path, STRANGER)
    assert read_bundle(path) == bundle
    [anna, *_] = sign(path, ANNA).envelopes
    forged = replace(bundle, signatures=((BEN.public_key.keyid, anna.signature),))
    write_bundle(path, forged)
    with pytest.raises(InputError, match=BEN.public_key.keyid):
        publish_keyset(founded, key_files(settings), [path])


def test_two_signatures_of_one_root_key_count_once(
    founded: Archive, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "next.json"
    propose(founded, Amendment([with_witness(WITNESS)]), path)
    for _ in range(2):
        sign(path, ANNA)
    done = publish_keyset(founded, key_files(settings), [path, path])
    assert (done.is_done, done.signed_by) == (False, (ANNA.public_key.keyid,))


def test_an_unsigned_proposal_is_changed_further_and_a_signed_one_is_not(
    founded: Archive, tmp_path: Path
) -> None:
    path = tmp_path / "next.json"
    propose(founded, Amendment([with_witness(WITNESS)]), path)
    both = propose(founded, Amendment([with_quorum(1)]), path).keyset
    assert (both.version, both.witnesses.quorum, both.witnesses.keys) == (2, 1, (WITNESS,))
    sign(path, ANNA)
    with pytest.raises(InputError, match="signed already"):
        propose(founded, Amendment([with_quorum(0)]), path)


def test_a_proposal_that_another_one_overtook_is_refused(
    founded: Archive, settings: Settings, tmp_path: Path, ceremony: Ceremony
) -> None:
    path = tmp_path / "late.json"
    propose(founded, Amendment([with_witness(WITNESS)]), path)
    keyid = signing_key(founded, trusted_keyset(founded)).listed.key.keyid
    assert ceremony(retired(keyid, "no longer used")).is_done
    with pytest.raises(InputError, match="does not follow"):
        propose(founded, Amendment([with_quorum(1)]), path)
    for holder in (ANNA, BEN):
        sign(path, holder)
    with pytest.raises(InputError, match="another one already"):
        publish_keyset(founded, key_files(settings), [path])


def test_what_is_shown_before_signing_names_every_change(founded: Archive, tmp_path: Path) -> None:
    path = tmp_path / "next.json"
    old = signing_key(founded, trusted_keyset(founded)).listed.key.keyid
    since = founded.clock.now() - DAY
    changes = [
        revoked(old, since, "the laptop was stolen"),
        with_witness(WITNESS),
        with_quorum(1),
        with_roots([*ROOTS[:2], DORA.public_key], 3, is_development=False),
    ]
    words = list(keyset_words(propose(founded, Amendment(changes), path)))
    text = "\n".join(words)
    assert "3 of these root keys (CHANGED: it was 2)" in text
    assert f"NEW        {DORA.public_key.keyid}" in text
    assert f"GONE       {CARL.public_key.keyid}" in text
    assert f"as before  {ANNA.public_key.keyid}" in text
    assert any(
        "CHANGED" in line and old in line and "revoked" in line and "laptop" in line
        for line in words
    )
    assert f"NEW        {WITNESS.to_text()}" in text
    assert "Witnesses, of whom 1 must cosign:" in words


@pytest.mark.parametrize("name", ["valid_from", "valid_until", "state_at", "invalid_since"])
def test_what_is_shown_before_signing_names_a_change_of_a_microsecond(
    founded: Archive, settings: Settings, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "next.json"
    old = signing_key(founded, trusted_keyset(founded)).listed.key.keyid
    since = founded.clock.now() - DAY
    propose(founded, Amendment([revoked(old, since, "stolen")]), path)
    for holder in (ANNA, BEN):
        sign(path, holder)
    assert publish_keyset(founded, key_files(settings), [path]).is_done

    def later(keyset: Keyset, _now: dt.datetime) -> Keyset:
        time = getattr(keyset.keys[old], name) + dt.timedelta(microseconds=1)
        key = replace(keyset.keys[old], **{name: time})
        return replace(keyset, keys={**keyset.keys, old: key})

    words = keyset_words(propose(founded, Amendment([later]), tmp_path / "bent.json"))
    assert any("CHANGED" in line and old in line for line in words)


def test_a_bundle_that_shows_other_things_than_it_signs_is_refused(
    founded: Archive, tmp_path: Path
) -> None:
    bundle = propose(founded, Amendment([with_witness(WITNESS)]), tmp_path / "next.json")
    sound = bundle.to_json()
    other = {**sound["content"], "version": 3}
    quiet = {**sound["before"], "development": True}
    for bent in (
        {"content": other},
        {"before": quiet},
        {"payloadType": "text/plain"},
        {"certificates": ["AAAA"]},
        {"signatures": [{"keyid": "a" * 64, "sig": "AA"}]},
        {"signatures": [{"keyid": each * 64, "sig": "AAAA"} for each in "ba"]},
        {"signatures": [{"keyid": "a" * 64, "sig": "AAAA"}] * 2},
        {"more": 1},
    ):
        with pytest.raises(MalformedKeyset):
            KeysetBundle.from_bytes(canonical_bytes({**sound, **bent}))
    assert KeysetBundle.from_bytes(bundle.to_bytes()) == bundle


def canonical_bytes(value: object) -> bytes:
    return canonical.dumps(value)


CHANGED_NOTHING: dict[str, Callable[[str, dt.datetime], list[Change]]] = {
    "a key that is not there": lambda _, __: [retired("f" * 64, "x")],
    "a key retired twice": lambda key, _: [retired(key, "x"), retired(key, "y")],
    "a revocation to come": lambda key, now: [revoked(key, now + DAY, "x")],
    "a revocation taken back a little": lambda key, now: [
        revoked(key, now - 2 * DAY, "x"),
        revoked(key, now - DAY, "y"),
    ],
    "no reason": lambda key, _: [retired(key, "")],
    "a reason with a line break": lambda key, _: [retired(key, "a\nb")],
    "the same root": lambda _, __: [],
    "a quorum without witnesses": lambda _, __: [with_quorum(1)],
    "a witness twice": lambda _, __: [with_witness(WITNESS), with_witness(WITNESS)],
    "the last witness of a quorum": lambda _, __: [
        with_witness(WITNESS),
        with_quorum(1),
        without_witness(WITNESS.name),
    ],
    "an authority that is not there": lambda _, __: [without_authority("stamps.example")],
}


@pytest.mark.parametrize("make", list(CHANGED_NOTHING.values()), ids=list(CHANGED_NOTHING))
def test_a_change_that_cannot_be_is_refused_and_changes_nothing(
    archive: Archive, settings: Settings, make: Callable[[str, dt.datetime], list[Change]]
) -> None:
    keyset = trusted_keyset(archive)
    keyid = signing_key(archive, keyset).listed.key.keyid
    changes = make(keyid, archive.clock.now()) or [
        with_roots(list(keyset.roots.values()), 1, is_development=True)
    ]
    with pytest.raises(InputError):
        amend(archive, key_files(settings), Amendment(changes))
    assert trusted_keyset(archive).version == 1


def test_the_key_of_the_log_ends_only_when_that_is_said_and_no_second_log_begins(
    archive: Archive, settings: Settings
) -> None:
    files, log = key_files(settings), trusted_keyset(archive).log
    assert log is not None
    since = archive.clock.now()
    for change in (retired(log.keyid, "x"), revoked(log.keyid, since, "x")):
        with pytest.raises(InputError, match="--ends-log"):
            amend(archive, files, Amendment([change]))
    amend(archive, files, Amendment([revoked(log.keyid, since, "stolen", ends_log=True)]))
    rotate(archive, files)
    keyset = trusted_keyset(archive)
    assert (keyset.log, [each.origin for each in keyset.logs]) == (None, [log.origin])
    assert keyset.keys[log.keyid].state == "revoked"


def test_a_development_archive_retires_and_revokes_with_one_command(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    files = key_files(settings)
    old = signing_key(archive, trusted_keyset(archive)).listed.key.keyid
    since = archive.clock.now() - DAY
    keyset = amend(archive, files, Amendment([revoked(old[:8], since, "it was stolen")]))
    item = keyset.keys[old]
    assert (item.state, item.invalid_since, item.reason) == ("revoked", since, "it was stolen")
    with pytest.raises(SigningError, match="revoked"):
        signing_key(archive, trusted_keyset(archive))
    # A longer look shows that it was stolen earlier.
    amend(archive, files, Amendment([revoked(old, since - DAY, "earlier than thought")]))
    assert trusted_keyset(archive).keys[old].invalid_since == since - DAY
    done = rotate(archive, files)
    assert trusted_keyset(archive).keys[old].state == "revoked"
    assert signing_key(archive, trusted_keyset(archive)).listed.key.keyid == done.keyid
    assert [version.keyset.version for version in trusted_versions(archive)] == [1, 2, 3, 4]


def test_the_certificates_of_an_authority_are_stored_by_their_digests(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    root = root_certificate("Stamps Root")
    path = tmp_path / "roots.pem"
    path.write_text(root.pem, encoding="ascii")
    authority, certificates = read_authority(
        "stamps.example", path, ("1.2.3.4",), is_qualified=True
    )
    amend(archive, key_files(settings), Amendment([with_authority(authority)], certificates))
    [listed] = trusted_keyset(archive).authorities
    assert (listed.policies, listed.is_qualified) == (("1.2.3.4",), True)
    [digest] = listed.roots
    assert archive.store.get(blob_key(digest)) == certificates[0]
    assert blob_key(digest) not in audited(archive).unreferenced
    with damaged(stored_file(settings, blob_key(digest)), None):
        assert {damage.key for damage in audited(archive).damages} == {blob_key(digest)}
    amend(archive, key_files(settings), Amendment([without_authority("stamps.example")]))
    assert trusted_keyset(archive).authorities == ()
    assert audited(archive).exit_code == 0
    for name in ("../x", "A", ""):
        with pytest.raises(InputError):
            read_authority(name, path, (), is_qualified=False)
    path.write_text("no certificate", encoding="ascii")
    with pytest.raises(InputError, match="PEM"):
        read_authority("stamps.example", path, (), is_qualified=False)
