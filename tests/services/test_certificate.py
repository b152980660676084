# SPDX-License-Identifier: Apache-2.0
"""A certificate is a draft: it says what is asked of a witness, and certifies nothing."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.archives import minted, new_archive, overwrite, page, settings_at, stored_file
from support.authorities import TimestampAuthority, Wish, crl, issued, root
from support.exhibits import LATER
from support.origin import Origin

from archive.cli import cli
from archive.clock import FixedClock
from archive.digests import sha256_hex
from archive.errors import InputError, NotFound
from archive.exports.certificate import build_sha256
from archive.ids import Kind, RecordId
from archive.services.acts.correct import CorrectionWanted, correct
from archive.services.acts.redact import Why, redact
from archive.services.acts.redaction_plan import Wanted as PartsWanted
from archive.services.acts.withdraw import WithdrawalWanted, withdraw
from archive.services.context import Archive
from archive.services.exhibits.certificate import Declarant, certificate
from archive.services.exhibits.make import exhibit
from archive.services.exhibits.seal import check_seal, seal_certificate
from archive.settings import Settings
from archive.storage.layout import inventory_key

JANE = Declarant(
    "Jane Q. Custodian", "Records custodian", "Example Archive, Inc.", "Ten years of it"
)


@dataclass(frozen=True)
class Made:
    archive: Archive
    settings: Settings
    record: RecordId


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    settings = settings_at(tmp_path_factory.mktemp("certificate") / "data")
    opened = new_archive(settings)
    with Origin() as origin:
        origin.redirect("/moved", "/terms")
        origin.page("/terms", page())
        record = minted(opened, origin.url("/moved"))
    yield Made(opened, settings, record)
    opened.close()


def words(pdf: bytes, place: Path) -> str:
    """The text of a PDF file, on one line, as another program reads it."""
    path = place / "read.pdf"
    path.write_bytes(pdf)
    run = subprocess.run(
        ["pdftotext", "-layout", str(path), "-"], check=True, capture_output=True, text=True
    )
    return re.sub(r"\s+", " ", run.stdout)


def test_it_says_what_is_asked_of_a_witness(made: Made, tmp_path: Path) -> None:
    draft = certificate(made.archive, made.record, JANE)
    text = words(draft.pdf, tmp_path)
    record = made.archive.hot.record(str(made.record))
    assert record is not None
    shown = [part["sha256"] for part in draft_record(made)["parts"] if part["sha256"]]
    for wanted in (
        "902(11), 902(13) and 902(14)",
        "28 U.S.C. § 1746",
        "I declare under penalty of perjury that the foregoing is true and correct.",
        "executed within the United States",
        "Jane Q. Custodian",
        "Records custodian",
        "Example Archive, Inc.",
        "Ten years of it",
        "regular practice",
        str(made.record),
        "/moved",
        "/terms",
        "Request begun",
        "Response complete",
        "Date header",
        build_sha256(),
        made.archive.pinned_roots[0],
        "server.authorship",
        "authored the bytes",
        "What is not certified",
        *shown,
    ):
        assert wanted in text, wanted


def draft_record(made: Made) -> dict[str, list[dict[str, str]]]:
    from archive.services.reading.cite import read_record

    found: dict[str, list[dict[str, str]]] = read_record(made.archive, made.record)
    return found


def test_every_page_says_that_it_is_a_draft(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "it.pdf"
    path.write_bytes(certificate(made.archive, made.record, JANE).pdf)
    told = subprocess.run(["pdfinfo", str(path)], check=True, capture_output=True, text=True).stdout
    pages = int(re.search(r"Pages:\s+(\d+)", told)[1])  # type: ignore[index]
    for number in range(1, pages + 1):
        span = ["-f", str(number), "-l", str(number)]
        run = ["pdftotext", *span, str(path), "-"]
        text = subprocess.run(run, check=True, capture_output=True, text=True).stdout
        assert "DRAFT–NOTEXECUTED" in re.sub(r"\s", "", text), number
        assert "is unvalidated" in text


def test_it_declares_the_archival_form_and_carries_the_signed_statement(
    made: Made, tmp_path: Path
) -> None:
    path = tmp_path / "it.pdf"
    path.write_bytes(certificate(made.archive, made.record, JANE).pdf)
    assert b"<pdfaid:part>3</pdfaid:part>" in path.read_bytes()
    subprocess.run(
        ["pdfdetach", "-saveall", "-o", str(tmp_path), str(path)], check=True, capture_output=True
    )
    stored = next((made.settings.data / "store/captures" / str(made.record)).glob("statement.*"))
    assert (tmp_path / "statement.dsse.json").read_bytes() == stored.read_bytes()


def test_outside_the_united_states_and_in_the_union_it_has_other_words(
    made: Made, tmp_path: Path
) -> None:
    outside = words(
        certificate(made.archive, made.record, replace(JANE, is_outside_us=True)).pdf, tmp_path
    )
    assert "under the laws of the United States of America" in outside
    assert "executed outside the United States" in outside
    union = words(certificate(made.archive, made.record, JANE, "eidas").pdf, tmp_path)
    assert "Articles 41 and 42 of Regulation (EU) No 910/2014" in union
    assert "perjury" not in union


def test_made_at_one_time_it_is_the_same_to_the_byte(made: Made) -> None:
    archive = replace(made.archive, clock=FixedClock(LATER))
    first, second = (certificate(archive, made.record, JANE).pdf for _ in range(2))
    assert first == second


def test_what_is_not_given_stays_blank_and_what_is_given_is_text(
    made: Made, tmp_path: Path
) -> None:
    strange = Declarant(name='#panic("x") *bold* $x$ <label> \\ ] ) @ref', title="a\x00b")
    text = words(certificate(made.archive, made.record, strange).pdf, tmp_path)
    assert '#panic("x") *bold* $x$ <label> \\ ] ) @ref' in text
    spelled = words(
        certificate(made.archive, made.record, Declarant("\U00010330 Ag")).pdf, tmp_path
    )
    assert "<U+10330> Ag" in spelled
    assert "None" not in words(certificate(made.archive, made.record, Declarant()).pdf, tmp_path)


def test_an_exhibit_is_certified_with_its_digest(made: Made, tmp_path: Path) -> None:
    shown = exhibit(made.archive, made.record)
    path = tmp_path / shown.file_name
    shown.write(path)
    text = words(certificate(made.archive, made.record, JANE, exhibit=path).pdf, tmp_path)
    assert sha256_hex(path.read_bytes()) in text
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="no sound exhibit"):
        certificate(made.archive, made.record, JANE, exhibit=path)


def test_an_exhibit_of_another_archive_is_not_certified(made: Made, tmp_path: Path) -> None:
    other = new_archive(settings_at(tmp_path / "data"))
    with Origin() as origin:
        origin.page("/terms", page("Other words."))
        record = minted(other, origin.url("/terms"))
    assert record == made.record
    shown = exhibit(other, record)
    other.close()
    path = tmp_path / shown.file_name
    shown.write(path)
    with pytest.raises(InputError, match="no sound exhibit"):
        certificate(made.archive, made.record, JANE, exhibit=path)


def test_a_record_that_was_withdrawn_is_called_so(made: Made, tmp_path: Path) -> None:
    with Origin() as origin:
        origin.page("/terms", page("Not for long."))
        record = minted(made.archive, origin.url("/terms"))
    before = words(certificate(made.archive, record, JANE).pdf, tmp_path)
    assert "not withdrawn, superseded or corrected" in before
    withdraw(made.archive, record, WithdrawalWanted("error", "a wrong address"), "operator")
    after = words(certificate(made.archive, record, JANE).pdf, tmp_path)
    assert "WITHDRAWN by the archive" in after


def test_what_fails_verification_is_not_certified(made: Made) -> None:
    path = stored_file(made.settings, inventory_key(made.record))
    sound = path.read_bytes()
    overwrite(path, sound.replace(b'"bytes"', b'"Bytes"', 1))
    try:
        with pytest.raises(InputError, match="fails verification"):
            certificate(made.archive, made.record, JANE)
    finally:
        overwrite(path, sound)
    with pytest.raises(NotFound):
        certificate(made.archive, RecordId("CA", Kind.CAPTURE, 99), JANE)
    with pytest.raises(InputError, match="unknown form"):
        certificate(made.archive, made.record, JANE, "gallic")


def sealing(made: Made, place: Path) -> Archive:
    """The archive with a seal: its authority, its time authority, their lists."""
    authority, stamps = root("An authority"), root("An authority for time")
    leaf, stamper = (
        issued(Wish("An archive"), authority),
        issued(Wish("A clock", for_timestamps=True), stamps),
    )
    files = {
        "certificates": leaf.pem.encode(),
        "key": leaf.key_pem(),
        "roots": authority.pem.encode(),
        "timestamp_roots": stamps.pem.encode(),
        "one.crl": crl(authority),
        "two.crl": crl(stamps),
    }
    for name, data in files.items():
        (place / name).write_bytes(data)
    clock = TimestampAuthority(place / "tsa", stamper, stamper.pem)
    wanted = replace(
        made.archive.sealing,
        **{name: str(place / name) for name in ("certificates", "key", "roots", "timestamp_roots")},
        revocation_lists=(str(place / "one.crl"), str(place / "two.crl")),
        ask=clock.reply,
    )
    return replace(made.archive, sealing=wanted)


def test_a_certificate_is_sealed_and_checked(made: Made, tmp_path: Path) -> None:
    archive = sealing(made, tmp_path)
    sealed = seal_certificate(archive, certificate(archive, made.record, JANE).pdf)
    verdict = check_seal(archive.sealing, sealed)
    assert verdict.is_good, verdict.detail
    assert "DRAFT" in words(sealed, tmp_path)
    assert not check_seal(archive.sealing, sealed + b"\n% more\n").is_good


def test_the_command_drafts_and_refuses_to_replace(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "it.pdf"
    place = ["--data", str(made.settings.data)]
    run = CliRunner().invoke(cli, [*place, "certificate", str(made.record), "-o", str(path)])
    assert (run.exit_code, path.read_bytes()[:5]) == (0, b"%PDF-")
    again = CliRunner().invoke(cli, [*place, "certificate", str(made.record), "-o", str(path)])
    assert again.exit_code != 0
    sealed = CliRunner().invoke(
        cli, [*place, "certificate", str(made.record), "-o", str(tmp_path / "s.pdf"), "--seal"]
    )
    assert sealed.exit_code != 0
    assert not (tmp_path / "s.pdf").exists()


def test_what_was_done_with_the_record_since_stands_among_the_gaps(
    archive: Archive, origin: Origin, tmp_path: Path
) -> None:
    origin.page("/terms", page())
    record = minted(archive, origin.url("/terms"))
    said = CorrectionWanted("it is that of the menu", "title", None, "Terms of Use")
    correct(archive, record, said, "operator")
    redact(archive, record, PartsWanted(("body",)), Why("privacy", "a name"), "operator")
    text = words(certificate(archive, record, JANE).pdf, tmp_path)
    assert "Corrected by a signed statement" in text
    assert "it is that of the menu" in text
    assert "Removed for good by a signed redaction: body" in text
    withdraw(archive, record, WithdrawalWanted("other", "a test"), "operator")
    text = words(certificate(archive, record, JANE).pdf, tmp_path)
    assert "Withdrawn by the archive" in text


def test_a_seal_is_checked_without_an_archive(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = sealing(made, tmp_path)
    path = tmp_path / "it.pdf"
    path.write_bytes(seal_certificate(archive, certificate(archive, made.record, JANE).pdf))
    wanted = archive.sealing
    for name in ("roots", "timestamp_roots"):
        monkeypatch.setenv(f"MUNIMENT_SEAL_{name.upper()}", getattr(wanted, name))
    nowhere = ["--data", str(tmp_path / "nothing")]
    run = CliRunner().invoke(cli, [*nowhere, "certificate", str(path), "--check"])
    assert (run.exit_code, run.output[:5]) == (0, "good:"), run.output
    path.write_bytes(path.read_bytes() + b"\n% more\n")
    assert CliRunner().invoke(cli, [*nowhere, "certificate", str(path), "--check"]).exit_code == 1
