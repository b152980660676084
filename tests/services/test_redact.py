# SPDX-License-Identifier: Apache-2.0
"""Redaction: the bytes are gone, all else still verifies, and what went is told by its digest."""

import gzip
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import (
    audited,
    captured,
    damaged,
    failures,
    flipped,
    minted,
    page,
    rebuilt,
    settings_at,
    stored_file,
    stored_keys,
    tables,
)
from support.chromium import browser
from support.exhibits import bare_python, verified
from support.origin import Origin

from archive.catalog.tables import ops_reservation
from archive.digests import sha256_hex
from archive.errors import (
    InputError,
    MalformedStatement,
    NotFound,
    ObjectConflict,
    PartRedacted,
)
from archive.ids import Kind, RecordId
from archive.model import exhibit as names
from archive.model.claim import Report, Result, Status
from archive.model.redaction import Redaction
from archive.services.acts.correct import CorrectionWanted, correct
from archive.services.acts.redact import Redacted, Why, redact
from archive.services.acts.redaction_plan import Wanted, plan_redaction
from archive.services.context import Archive
from archive.services.effects.erase import finish_redactions
from archive.services.exhibits.make import exhibit
from archive.services.hashes.desk import verify_bytes
from archive.services.reading.cite import cite, read_record
from archive.services.reading.parts import part_bytes
from archive.services.recovery.recover import recover
from archive.services.upkeep.mirror import erase_redacted, mirror, mirror_verified
from archive.services.verifying.verify import verify_observation, verify_record
from archive.settings import Settings
from archive.storage.file import FileStore
from archive.storage.layout import blob_key

pytestmark = pytest.mark.both_databases

SECRET = b"Jane Roe lives at 12 Elm Street"
BODY = page(SECRET.decode())
WHY = Why("privacy", "it names a person")
BODY_PARTS = Wanted(("body",))


def redacted(archive: Archive, record: RecordId, *roles: str, words: bool = False) -> Redacted:
    return redact(archive, record, Wanted(roles or ("body",), words), WHY, "operator")


@pytest.fixture
def record(archive: Archive, origin: Origin) -> RecordId:
    origin.page("/terms", BODY)
    return minted(archive, origin.url("/terms"))


def stored_bytes(settings: Settings) -> bytes:
    """Everything in the store, each gzip member opened."""
    root = settings.data / "store"
    found = [(root / key).read_bytes() for key in stored_keys(settings)]
    opened = [gzip.decompress(data) for data in found if data.startswith(b"\x1f\x8b")]
    return b"".join([*found, *opened])


def codes(report: Report) -> set[tuple[str, str]]:
    return {(f.claim, f.target) for f in report.findings if f.code == "OBJECT_REDACTED"}


def failed(report: Report) -> list[tuple[str, str, str]]:
    return [
        (f.claim, f.code, f.detail) for f in report.findings
        if f.status in {Status.FAIL, Status.SKIPPED}
    ]  # fmt: skip


def test_the_bytes_are_gone_and_every_other_claim_still_verifies(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    assert SECRET in stored_bytes(settings)
    done = redacted(archive, record)
    assert done.left == ()
    assert SECRET not in stored_bytes(settings)
    report = verify_record(archive, record)
    assert failed(report) == []
    assert report.result is Result.VERIFIED
    assert {target for claim, target in codes(report) if claim == "object.digest"} >= {
        "body", "text", "headers",
    }  # fmt: skip
    assert {claim for claim, _ in codes(report)} == {
        "object.digest", "body.from_warc", "text.derives",
    }  # fmt: skip
    for finding in report.findings:
        if finding.code == "OBJECT_REDACTED":
            assert finding.status is Status.NOT_APPLICABLE
            assert done.statement_sha256 in finding.detail
    passed = {f.claim for f in report.findings if f.status is Status.PASS}
    assert passed >= {"signature", "inventory.bound", "warc.records", "custody.chain"}
    request = [f for f in report.findings if (f.claim, f.target) == ("object.digest", "request")]
    assert [f.status for f in request] == [Status.PASS]
    assert audited(archive).damages == []


def test_the_record_says_what_was_removed_and_keeps_its_digests(
    archive: Archive, record: RecordId
) -> None:
    before = read_record(archive, record)
    done = redacted(archive, record)
    after = read_record(archive, record)
    [told] = after["redactions"]
    assert told["parts"] == ["body", "headers", "text"]
    assert (told["reason_code"], told["reason"]) == ("privacy", "it names a person")
    assert told["statement_sha256"] == done.statement_sha256
    assert [part.pop("redacted", False) for part in after["parts"]] == [True, True, False, True]
    assert after["parts"] == before["parts"]
    assert (before["title"], after["title"]) == ("Terms of Service", None)
    assert "Terms of Service" not in cite(archive, after, "")
    for role in ("body", "text", "headers"):
        with pytest.raises(PartRedacted):
            part_bytes(archive, record, role)
    answer = verify_bytes(archive, [BODY])
    assert answer.matches[0].capture_id == str(record)
    assert answer.to_json()["matches"][0]["state"] == "redacted"
    assert "was removed" in answer.note


def test_whatever_leans_on_the_same_bytes_gets_the_same_state(
    archive: Archive, settings: Settings, origin: Origin, record: RecordId
) -> None:
    revisit = minted(archive, origin.url("/terms"))
    origin.page("/copy", BODY)
    copy = minted(archive, origin.url("/copy"))
    origin.page("/other", page("Nothing to hide."))
    other = minted(archive, origin.url("/other"))
    plan = plan_redaction(archive, revisit, BODY_PARTS)
    assert set(plan.dependents) == {record, copy}
    assert SECRET in stored_bytes(settings)
    redacted(archive, revisit)
    assert SECRET not in stored_bytes(settings)
    for name in (record, revisit, copy):
        report = verify_record(archive, name)
        assert (failed(report), report.result) == ([], Result.VERIFIED)
        assert ("object.digest", "body") in codes(report)
    assert codes(verify_record(archive, other)) == set()
    assert part_bytes(archive, revisit, "headers").data
    assert audited(archive).damages == []


def test_looks_that_gave_no_record_lose_the_same_bytes(
    archive: Archive, settings: Settings, origin: Origin, record: RecordId
) -> None:
    origin.page("/gone", BODY, status="404 Not Found")
    zipped = gzip.compress(BODY, mtime=0)
    origin.page("/zip", zipped, status="403 Forbidden", headers={"Content-Encoding": "gzip"})
    origin.page("/other", page("Not this."), status="404 Not Found")
    looks = [captured(archive, origin.url(path)).signed for path in ("/gone", "/zip", "/other")]
    assert [look.look.capture_id for look in looks] == [None] * 3
    assert plan_redaction(archive, record, BODY_PARTS).observed == 2
    redacted(archive, record)
    assert SECRET not in stored_bytes(settings)
    for number, look in enumerate(looks):
        report = verify_observation(archive, look.statement_sha256)
        assert failed(report) == []
        assert bool(codes(report)) is (number < 2)
    assert audited(archive).damages == []
    before = tables(archive)
    assert rebuilt(archive).left_out == []
    assert tables(archive) == before


def test_looks_with_the_same_words_go_if_asked_for(
    archive: Archive, settings: Settings, origin: Origin, record: RecordId
) -> None:
    nonce = BODY.replace(b"<head>", b'<head><meta name="n" content="7">')
    origin.page("/gone", nonce, status="404 Not Found")
    captured(archive, origin.url("/gone"))
    assert plan_redaction(archive, record, BODY_PARTS).observed == 0
    redacted(archive, record, words=True)
    assert SECRET not in stored_bytes(settings)


def test_nothing_is_removed_but_what_was_shown(
    archive: Archive, origin: Origin, record: RecordId
) -> None:
    shown = plan_redaction(archive, record, BODY_PARTS)
    origin.page("/copy", BODY)
    copy = minted(archive, origin.url("/copy"))
    why = Why("privacy", "it names a person", agreed=shown)
    with pytest.raises(InputError, match="not what was shown"):
        redact(archive, record, BODY_PARTS, why, "operator")
    assert part_bytes(archive, copy, "body").data == BODY
    again = replace(why, agreed=plan_redaction(archive, record, BODY_PARTS))
    assert redact(archive, record, BODY_PARTS, again, "operator").left == ()


def test_a_correction_does_not_repeat_a_title_that_was_removed(
    archive: Archive, record: RecordId
) -> None:
    redacted(archive, record)
    wanted = CorrectionWanted("it was wrong", "title", None, "Conditions")
    [said] = correct(archive, record, wanted, "operator").corrections
    assert said.to_json()["old"] is None
    with pytest.raises(InputError, match="says None"):
        correct(archive, record, replace(wanted, old="Terms"), "operator")


def test_records_with_the_same_words_are_named_and_go_if_asked_for(
    archive: Archive, settings: Settings, origin: Origin, record: RecordId
) -> None:
    origin.page("/nonce", BODY.replace(b"<head>", b'<head><meta name="n" content="7">'))
    same = minted(archive, origin.url("/nonce"))
    assert plan_redaction(archive, record, BODY_PARTS).same_words == (same,)
    redacted(archive, record)
    assert SECRET in stored_bytes(settings)
    redacted(archive, same, words=True)
    assert SECRET not in stored_bytes(settings)


def test_one_private_part_goes_alone_and_the_rest_is_moved(
    archive: Archive, settings: Settings, origin: Origin, record: RecordId
) -> None:
    revisit = minted(archive, origin.url("/terms"))
    plan = plan_redaction(archive, record, Wanted(("request",)))
    assert [(part.record, part.role) for part in plan.removed] == [(record, "request")]
    assert plan.moved == (revisit,)
    redacted(archive, record, "request")
    for name in (record, revisit):
        report = verify_record(archive, name)
        assert (failed(report), report.result) == ([], Result.VERIFIED)
        assert part_bytes(archive, name, "body").data == BODY
    assert ("object.digest", "request") in codes(verify_record(archive, record))
    assert read_record(archive, record)["title"] == "Terms of Service"
    # And again out of the new file.
    redacted(archive, record)
    assert SECRET not in stored_bytes(settings)
    for name in (record, revisit):
        report = verify_record(archive, name)
        assert (failed(report), report.result) == ([], Result.VERIFIED)
    assert audited(archive).damages == []
    before = tables(archive)
    assert rebuilt(archive).left_out == []
    assert tables(archive) == before


@pytest.mark.parametrize("everything", [False, True])
def test_what_was_altered_in_the_store_is_not_signed_as_what_remains(
    archive: Archive, settings: Settings, record: RecordId, *, everything: bool
) -> None:
    containers = {
        item.old.sha256 for item in plan_redaction(archive, record, BODY_PARTS).containers
    }
    path = stored_file(settings, blob_key(containers.pop()))
    sound = path.read_bytes()
    before = stored_keys(settings)
    # In the gzip header of the last stored record: no record reads otherwise for it.
    at = sound.rindex(b"\x1f\x8b\x08") + 4
    roles = ("body", "request") if everything else ("request",)
    with damaged(path, flipped(sound, 8 * at)):
        report = verify_record(archive, record)
        assert failures(report) == {("object.digest", "OBJECT_DIGEST_MISMATCH")}
        with pytest.raises(ObjectConflict, match="other bytes than its digest says"):
            redacted(archive, record, *roles)
        assert stored_keys(settings) == before
        assert read_record(archive, record).get("redactions") is None
    redacted(archive, record, *roles)
    assert verify_record(archive, record).result is Result.VERIFIED


def test_what_is_gone_already_or_never_was_is_refused(archive: Archive, record: RecordId) -> None:
    nobody = RecordId("CA", Kind.CAPTURE, 99)
    with pytest.raises(NotFound):
        redacted(archive, nobody)
    for roles in ((), ("screenshot",), ("body-raw", "no-such")):
        with pytest.raises(InputError):
            plan_redaction(archive, record, Wanted(roles))
    for why in (Why("whim", "x"), Why("other", ""), Why("other", "two\nlines")):
        with pytest.raises(InputError):
            redact(archive, record, BODY_PARTS, why, "operator")
    redacted(archive, record)
    with pytest.raises(InputError):
        redacted(archive, record)


def test_a_rebuild_gives_the_same_rows(archive: Archive, origin: Origin, record: RecordId) -> None:
    minted(archive, origin.url("/terms"))
    redacted(archive, record)
    before = tables(archive)
    assert rebuilt(archive).left_out == []
    assert tables(archive) == before
    assert audited(archive).damages == []


def test_a_new_capture_of_the_same_page_stores_its_own_bytes(
    archive: Archive, origin: Origin, record: RecordId
) -> None:
    redacted(archive, record)
    again = minted(archive, origin.url("/terms"))
    assert part_bytes(archive, again, "body").data == BODY
    assert verify_record(archive, again).result is Result.VERIFIED


def test_bytes_that_are_missing_without_a_redaction_still_fail(
    archive: Archive, settings: Settings, origin: Origin, record: RecordId
) -> None:
    origin.page("/other", page("Nothing to hide."))
    other = minted(archive, origin.url("/other"))
    done = redacted(archive, record)
    key = blob_key(read_record(archive, other)["container_sha256"])
    (settings.data / "store" / key).unlink()
    assert ("object.digest", "OBJECT_MISSING") in {
        (f.claim, f.code) for f in verify_record(archive, other).findings
    }
    # A redaction that somebody took away, or wrote into the catalogue alone, excuses nothing.
    with archive.database.writing() as connection:
        connection.execute(
            sa.text("insert into replacement values (:old, :statement, null)"),
            {"old": key.rpartition("/")[2], "statement": done.statement_sha256},
        )
    damages = {damage.code for damage in audited(archive).damages}
    assert "CATALOG_DISAGREES" in damages
    [statement] = stored_keys(settings, "statements/redaction/")
    (settings.data / "store" / statement).unlink()
    rebuilt(archive)
    assert ("object.digest", "OBJECT_MISSING") in {
        (f.claim, f.code) for f in verify_record(archive, record).findings
    }


def test_a_changed_byte_of_what_remains_still_fails(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    done = redacted(archive, record)
    new = done.redaction.replaced[0].new
    assert new is not None
    path = settings.data / "store" / blob_key(new.sha256)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    found = {(f.claim, f.code) for f in verify_record(archive, record).findings}
    assert ("object.digest", "OBJECT_DIGEST_MISMATCH") in found


STEPS = ["put_file", "stream", "put_many", "erase"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("finisher", ["recover", "rebuild"])
def test_a_crash_anywhere_is_finished_by_whoever_comes_next(
    archive: Archive, settings: Settings, record: RecordId, monkeypatch: pytest.MonkeyPatch,
    step: str, finisher: str,
) -> None:  # fmt: skip
    class Killed(BaseException):
        """As if the process had been killed at this step."""

    def die(*_args: object, **_named: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(FileStore, step, die)
        with pytest.raises(Killed):
            redacted(archive, record)
    with archive.database.writing() as connection:
        connection.execute(sa.update(ops_reservation).values(owner="nobody 0 0"))
    if finisher == "recover":
        recover(archive)
    else:
        rebuilt(archive)
    is_signed = bool(stored_keys(settings, "statements/redaction/"))
    assert is_signed == (step == "erase")
    assert (SECRET in stored_bytes(settings)) == (not is_signed)
    assert audited(archive).damages == []
    if not is_signed:
        assert verify_record(archive, record).result is Result.VERIFIED
        redacted(archive, record)
    assert SECRET not in stored_bytes(settings)
    assert audited(archive).damages == []
    assert ("object.digest", "body") in codes(verify_record(archive, record))


def test_what_could_not_be_erased_is_named_by_the_audit_until_it_is(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    old = settings.data / "store" / blob_key(read_record(archive, record)["container_sha256"])
    kept = old.read_bytes()
    redacted(archive, record)
    old.parent.mkdir(parents=True, exist_ok=True)
    old.write_bytes(kept)
    assert {damage.code for damage in audited(archive).damages} == {"REDACTED_PRESENT"}
    assert finish_redactions(archive) == []
    assert not old.exists()
    assert audited(archive).damages == []


def test_a_mirror_never_brings_it_back_and_names_what_still_holds_it(
    archive: Archive, settings: Settings, record: RecordId, tmp_path: Path
) -> None:
    def step(_done: int, _total: int) -> None:
        pass

    target = FileStore(tmp_path / "mirror")
    mirror(archive.store, target, step)
    old = blob_key(read_record(archive, record)["container_sha256"])
    redacted(archive, record)
    report = mirror(archive.store, target, step)
    assert (report.is_complete, report.redacted_in_target) == (True, [old])
    assert report.only_in_target == []
    # From the mirror into a third store, what it holds of it goes no further.
    third = FileStore(tmp_path / "third")
    assert mirror_verified(target, third, step).is_complete
    assert old not in {item.key for item in third.list()}
    assert erase_redacted(target, report) == []
    assert mirror(archive.store, target, step).redacted_in_target == []
    moved = settings_at(tmp_path / "moved", MUNIMENT_STORE_URL=f"file:{tmp_path / 'third'}")
    assert moved.store_url


def test_content_of_another_shape_is_refused(archive: Archive, record: RecordId) -> None:
    sound = redacted(archive, record).redaction.to_json()
    assert Redaction.from_json(sound).to_json() == sound
    [replaced] = sound["replaced"]
    cut = replaced["cuts"][0]
    wrong: list[Callable[[], dict[str, object]]] = [
        lambda: {"v": 2},
        lambda: {"more": 1},
        lambda: {"reason": ""},
        lambda: {"reason_code": "whim"},
        lambda: {"removed": []},
        lambda: {"removed": sound["removed"][::-1]},
        lambda: {"replaced": []},
        lambda: {"replaced": [{**replaced, "new": replaced["old"]}]},
        lambda: {"replaced": [{**replaced, "cuts": [*replaced["cuts"], cut]}]},
        lambda: {"replaced": [{**replaced, "cuts": [{**cut, "length": cut["length"] + 1}]}]},
        lambda: {"moved": [str(record), str(record)]},
    ]
    for change in wrong:
        with pytest.raises(MalformedStatement):
            Redaction.from_json({**sound, **change()})
    assert sha256_hex(BODY) in str(sound)


def test_an_exhibit_of_a_redacted_record_verifies_offline_and_says_what_is_gone(
    archive: Archive, origin: Origin, record: RecordId, tmp_path: Path
) -> None:
    revisit = minted(archive, origin.url("/terms"))
    redacted(archive, record, "request")
    redacted(archive, record)
    for name in (record, revisit):
        made = exhibit(archive, name)
        path = tmp_path / f"{name}.zip"
        made.write(path)
        assert SECRET not in path.read_bytes()
        report = verified(path, archive.pinned_roots)
        assert failed(report) == []
        assert report.result is Result.VERIFIED
        assert ("object.digest", "body") in codes(report)
        with zipfile.ZipFile(path) as opened:
            opened.extractall(tmp_path)
        folder = tmp_path / made.bag.name
        python = bare_python(tmp_path)
        told = subprocess.run(
            [*python, str(folder / names.VERIFIER), str(folder), "--root", *archive.pinned_roots],
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.stdout.count("OBJECT_REDACTED") >= 4, told.stderr
        assert told.returncode in {0, Result.INCOMPLETE.exit_code}
        script = f"ROOT={archive.pinned_roots[0]}\n{by_hand(folder)}\necho every command held"
        held = subprocess.run(
            ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False
        )
        assert held.stdout.endswith("every command held\n"), held.stderr


def by_hand(folder: Path) -> str:
    """The commands of the exhibit's README, in order."""
    text = (folder / names.README).read_text().partition("TO CHECK IT BY HAND")[2]
    steps = text.partition("WHAT IT DOES NOT PROVE")[0]
    return "\n".join(line[4:] for line in steps.splitlines() if line.startswith("    "))


def test_the_page_of_such_an_exhibit_says_the_same_in_a_browser(
    archive: Archive, record: RecordId, tmp_path: Path
) -> None:
    redacted(archive, record)
    made = exhibit(archive, record)
    path = tmp_path / "evidence.zip"
    made.write(path)
    with zipfile.ZipFile(path) as opened:
        opened.extractall(tmp_path)
    shown = tmp_path / made.bag.name / names.PAGE
    with browser(tmp_path / "profile") as window:
        window.open(shown.as_uri())
        window.evaluate(f"document.getElementById('root').value = '{archive.pinned_roots[0]}'")
        window.choose_file("#zip", path)
        window.wait_for("!document.getElementById('answer').hidden")
        told = str(window.evaluate("document.getElementById('answer').innerText"))
    assert "FAILS" not in told
    assert "removed for good by a signed redaction: body, headers, text" in told
