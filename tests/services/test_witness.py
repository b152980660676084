# SPDX-License-Identifier: Apache-2.0
"""Witnesses of a real archive: processes that cosign, and ones that are down, slow or lying."""

import http.client
from pathlib import Path

import pytest
from support.archives import (
    audited,
    closed_port,
    failures,
    minted,
    new_archive,
    overwrite,
    page,
    published,
    rebuilt,
    settings_at,
    stored_file,
    stored_keys,
    unknowns,
)
from support.origin import Origin
from support.wicked_witness import MOODS, VKEY, Mood, dripping, obliging, wicked
from support.witnessing import trusted, witness_command, witness_process

from archive.model.claim import Result, Status
from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.log_layout import LATEST, checkpoint_key
from archive.proofs.note import COSIGNATURE, VerifierKey
from archive.services.context import Archive
from archive.services.log.published import show_log
from archive.services.log.publishing import publish_pending
from archive.services.verifying.verify import verify_record
from archive.settings import Settings

# Without a witness nobody but the archive says when.
MISSING = {("log.witness", "WITNESS_QUORUM"), ("time.interval", "TIME_OPEN")}


def asking(folder: Path, *urls: str, seconds: int = 10) -> Settings:
    return settings_at(
        folder / "data",
        MUNIMENT_LOG_WITNESSES=" ".join(urls),
        MUNIMENT_LOG_WITNESS_SECONDS=str(seconds),
    )


def of_log(archive: Archive) -> str:
    return show_log(archive).vkey


def witness_finding(archive: Archive, record: object) -> tuple[Status, str]:
    report = verify_record(archive, record)  # type: ignore[arg-type]
    [finding] = [f for f in report.findings if f.claim == "log.witness"]
    return finding.status, finding.code


def test_the_key_of_a_witness_is_made_once_and_printed(tmp_path: Path) -> None:
    folder = str(tmp_path / "w")
    made = witness_command("key", "--folder", folder, "--name", "witness.example")
    key = VerifierKey.from_text(made)
    assert (key.name, key.kind) == ("witness.example", COSIGNATURE)
    assert witness_command("key", "--folder", folder) == made
    assert witness_command("key", "--folder", folder, "--name", "witness.example") == made


def test_two_witnesses_in_processes_cosign_every_checkpoint(tmp_path: Path, origin: Origin) -> None:
    origin.page("/terms", page())
    plain = new_archive(asking(tmp_path))
    log = of_log(plain)
    plain.close()
    names = ("one.example", "two.example")
    vkeys = [
        witness_command("key", "--folder", str(tmp_path / name), "--name", name) for name in names
    ]
    with (
        witness_process(tmp_path / names[0], [log]) as first,
        witness_process(tmp_path / names[1], [log]) as second,
    ):
        settings = asking(tmp_path, first, second)
        archive = new_archive(settings)
        try:
            trusted(archive, settings, 2, vkeys)
            for _ in range(3):
                record = minted(archive, origin.url("/terms"))
                report = verify_record(archive, record)
                assert report.result is Result.VERIFIED
                assert witness_finding(archive, record) == (Status.PASS, "")
            shown = show_log(archive)
            assert [name for name, at in shown.witnesses if at] == list(names)
            assert audited(archive).damages == []
            where = second.removeprefix("http://").rstrip("/")
            connection = http.client.HTTPConnection(where)
            connection.request("GET", "/")
            assert connection.getresponse().read().decode().strip() == vkeys[1]
            connection.close()
        finally:
            archive.close()


def test_a_witness_that_was_down_cosigns_the_same_checkpoint_later(
    tmp_path: Path, origin: Origin
) -> None:
    origin.page("/terms", page())
    port = closed_port()
    settings = asking(tmp_path, f"http://127.0.0.1:{port}/")
    archive = new_archive(settings)
    folder = tmp_path / "w"
    vkey = witness_command("key", "--folder", str(folder), "--name", "witness.example")
    try:
        trusted(archive, settings, 1, [vkey])
        record = minted(archive, origin.url("/terms"))
        report = verify_record(archive, record)
        assert (report.result, unknowns(report)) == (Result.INCOMPLETE, MISSING)
        size = show_log(archive).checkpoint.head.size
        before = archive.store.get(checkpoint_key(size))
        with witness_process(folder, [of_log(archive)], port):
            assert not publish_pending(archive)
            archive.publisher.settle()
        assert verify_record(archive, record).result is Result.VERIFIED
        assert archive.store.get(checkpoint_key(size)) == before
        assert archive.store.get(checkpoint_key(size, 2)) == archive.log_store.newest(LATEST)
        assert audited(archive).damages == []
    finally:
        archive.close()


@pytest.mark.parametrize("mood", MOODS, ids=lambda mood: mood.__name__)
def test_a_witness_in_a_bad_mood_costs_its_own_cosignature_and_nothing_else(
    tmp_path: Path, origin: Origin, mood: Mood
) -> None:
    origin.page("/terms", page())
    with wicked(mood) as url:
        settings = asking(tmp_path, url, seconds=1)
        archive = new_archive(settings)
        try:
            trusted(archive, settings, 1, [VKEY])
            record = minted(archive, origin.url("/terms"))
            report = verify_record(archive, record)
            assert failures(report) == set()
            assert unknowns(report) == MISSING
            assert show_log(archive).pending == 0
            assert show_log(archive).fault is None
            assert audited(archive).damages == []
        finally:
            archive.close()


def test_a_witness_that_drips_for_ever_is_left_after_the_time_it_has(
    tmp_path: Path, origin: Origin
) -> None:
    origin.page("/terms", page())
    with dripping() as url, wicked(obliging) as other:
        settings = asking(tmp_path, url, other, seconds=1)
        archive = new_archive(settings)
        try:
            trusted(archive, settings, 1, [VKEY])
            record = minted(archive, origin.url("/terms"))
            assert witness_finding(archive, record) == (Status.PASS, "")
        finally:
            archive.close()


def test_one_sound_witness_beside_wicked_ones_is_one(tmp_path: Path, origin: Origin) -> None:
    origin.page("/terms", page())
    plain = new_archive(asking(tmp_path))
    log = of_log(plain)
    plain.close()
    folder = tmp_path / "w"
    vkey = witness_command("key", "--folder", str(folder), "--name", "witness.example")
    with wicked(MOODS[3]) as lying, witness_process(folder, [log]) as sound:
        settings = asking(tmp_path, lying, sound)
        archive = new_archive(settings)
        try:
            trusted(archive, settings, 1, [VKEY, vkey])
            record = minted(archive, origin.url("/terms"))
            assert witness_finding(archive, record) == (Status.PASS, "")
            trusted_both = show_log(archive).witnesses
            assert [bool(at) for _, at in trusted_both] == [False, True]
        finally:
            archive.close()


def test_a_witness_does_not_cosign_a_past_that_was_made_anew(
    tmp_path: Path, origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        origin.page(f"/{number}", page(f"Page {number}."))
    plain = new_archive(asking(tmp_path))
    log = of_log(plain)
    plain.close()
    folder = tmp_path / "w"
    vkey = witness_command("key", "--folder", str(folder), "--name", "witness.example")
    with witness_process(folder, [log]) as url:
        settings = asking(tmp_path, url)
        archive = new_archive(settings)
        try:
            trusted(archive, settings, 1, [vkey])
            first, second, third = [minted(archive, origin.url(f"/{n}")) for n in range(3)]
            kept = archive.log_store.newest(LATEST)
            assert SignedCheckpoint.from_bytes(kept).head.size == 5
            for key in [
                *stored_keys(settings, f"captures/{second}/"),
                *stored_keys(settings, "log/"),
            ]:
                stored_file(settings, key).unlink()
            rebuilt(archive)
            published(archive)
            assert show_log(archive).checkpoint.head.size == 4
            assert ("log.witness", "WITNESS_QUORUM") in unknowns(verify_record(archive, first))
            assert "the end of the log is gone" in caplog.text
            minted(archive, origin.url("/0"))
            assert "it says that it saw another log of 5 entries" in caplog.text
            late = minted(archive, origin.url("/1"))
            assert "it answered 422" in caplog.text
            assert witness_finding(archive, late) == (Status.UNKNOWN, "WITNESS_QUORUM")
            assert ("log.consistency", "LOG_INCONSISTENT") in failures(
                verify_record(archive, third)
            )
        finally:
            archive.close()


def test_a_pointer_to_fewer_cosignatures_is_set_right(tmp_path: Path, origin: Origin) -> None:
    origin.page("/terms", page())
    with wicked(obliging) as url:
        settings = asking(tmp_path, url)
        archive = new_archive(settings)
        try:
            trusted(archive, settings, 1, [VKEY])
            minted(archive, origin.url("/terms"))
            whole = archive.log_store.newest(LATEST)
            overwrite(stored_file(settings, LATEST), archive.store.get(checkpoint_key(1)))
            published(archive)
            assert archive.log_store.newest(LATEST) == whole
        finally:
            archive.close()
