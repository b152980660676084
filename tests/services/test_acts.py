# SPDX-License-Identifier: Apache-2.0
"""Withdrawals, supersessions, corrections: signed, ordered, remade, and shown with the record."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from support.archives import audited, minted, page, rebuilt, stored_file, tables
from support.origin import Origin

from archive.clock import rfc3339
from archive.errors import InputError, MalformedStatement, NotFound, RecordWithdrawn
from archive.ids import Kind, RecordId
from archive.model.act import Act
from archive.model.correction import Correction
from archive.model.supersession import Supersession
from archive.model.withdrawal import WITHDRAWN, Withdrawal
from archive.services.acts.correct import CorrectionWanted, correct
from archive.services.acts.supersede import supersede, supersession_json
from archive.services.acts.withdraw import WithdrawalWanted, reinstate, withdraw, withdrawal_json
from archive.services.context import Archive
from archive.services.custody import custody_of
from archive.services.effects.standing import read_standing, standing_of
from archive.services.reading.cite import read_citable, read_record
from archive.services.reading.parts import part_bytes
from archive.services.reading.resolve import resolve
from archive.services.statements.act_rows import add_act
from archive.services.verifying.verify import verify_record
from archive.settings import Settings

pytestmark = pytest.mark.both_databases

NOW = dt.datetime.now(dt.UTC)
WANTED = WithdrawalWanted("error", "made of the wrong address")


@pytest.fixture
def records(archive: Archive, origin: Origin) -> list[RecordId]:
    for name in ("one", "two", "three"):
        origin.page(f"/{name}", page(f"This is number {name}."))
    return [minted(archive, origin.url(f"/{name}")) for name in ("one", "two", "three")]


def test_a_withdrawn_record_keeps_its_metadata_and_verifies_and_gives_no_bytes(
    archive: Archive, records: list[RecordId]
) -> None:
    first, second, _ = records
    standing = withdraw(
        archive, first, WithdrawalWanted("rights", "not ours to keep", second), "operator"
    )
    told = withdrawal_json(standing)
    assert told["is_withdrawn"]
    assert (told["replacement"], told["reason_code"]) == (str(second), "rights")
    assert set(told["remains"]) >= {"signature", "object.digest", "text.derives"}
    assert "server.authorship" not in told["remains"]
    record = read_record(archive, first)
    assert record["state"] == "withdrawn"
    assert record["withdrawal"]["status"] == "withdrawn"
    assert record["withdrawal"]["statement_sha256"] == told["statement_sha256"]
    assert all(part["sha256"] or part["commitment"] for part in record["parts"])
    assert verify_record(archive, first).result.exit_code == 0
    for refused in (
        lambda: part_bytes(archive, first, "body"),
        lambda: read_citable(archive, first),
    ):
        with pytest.raises(RecordWithdrawn) as gone:
            refused()
        assert str(second) in str(gone.value)
    found = resolve(archive, str(first))
    assert (found.status, found.id) == ("withdrawn", first)
    assert resolve(archive, str(first)[:-3]).status == "unchecked"


def test_a_record_that_is_reinstated_is_as_it_was(
    archive: Archive, records: list[RecordId]
) -> None:
    first = records[0]
    before = read_record(archive, first)
    withdraw(archive, first, WANTED, "operator")
    assert not withdrawal_json(reinstate(archive, first, "it was right", "key:12"))["is_withdrawn"]
    assert read_record(archive, first) == before
    assert part_bytes(archive, first, "body").data
    assert resolve(archive, str(first)).status == "ok"
    events = [event.event for event in custody_of(archive, first).events]
    assert events == ["capture", "withdrawal", "reinstatement"]


def test_what_is_so_already_is_not_signed_again(archive: Archive, records: list[RecordId]) -> None:
    first, second, _ = records
    assert reinstate(archive, first, "nothing to take back", "operator").withdrawn is None
    assert supersede(archive, first, None, "nothing to take back", "operator").superseded is None
    for _ in range(2):
        withdraw(archive, first, WANTED, "operator")
        supersede(archive, first, second, "a better one", "operator")
        correct(archive, first, CorrectionWanted("the court is another one"), "operator")
    assert len(tables(archive)["statement"]) == 3


def test_a_superseded_record_names_the_newer_and_the_latest(
    archive: Archive, records: list[RecordId]
) -> None:
    first, second, third = records
    supersede(archive, first, second, "a better capture", "operator")
    supersede(archive, second, third, "a better one still", "operator")
    told = supersession_json(standing_of(archive, str(first)))
    assert (told["newer"], told["latest"]) == (str(second), str(third))
    assert read_record(archive, first)["superseded_by"]["reason"] == "a better capture"
    assert read_record(archive, second)["supersedes"] == [str(first)]
    supersede(archive, first, None, "the first one was good", "operator")
    assert "superseded_by" not in read_record(archive, first)
    assert "supersedes" not in read_record(archive, second)
    assert read_record(archive, second)["superseded_by"]["latest"] == str(third)
    assert part_bytes(archive, first, "body").data


def test_newer_records_never_run_in_a_circle(archive: Archive, records: list[RecordId]) -> None:
    first, second, third = records
    supersede(archive, first, second, "newer", "operator")
    supersede(archive, second, third, "newer", "operator")
    for wrong in (first, third):
        with pytest.raises(InputError):
            supersede(archive, third, wrong, "a circle", "operator")
    # Two at once may close one all the same: then nobody is led around in it.
    said = Supersession(third, 1, first, "at once", rfc3339(NOW), "operator")
    with archive.database.writing() as connection:
        add_act("supersession", connection, said, "f" * 64)
        assert read_standing(connection, str(first)).latest is None
    assert read_record(archive, first)["superseded_by"]["newer"] == str(second)


def test_a_correction_stands_beside_the_fact_and_changes_no_signed_byte(
    archive: Archive, records: list[RecordId]
) -> None:
    first = records[0]
    before = read_record(archive, first)
    stored = {item.key: item.size for item in archive.store.list("captures/")}
    wanted = CorrectionWanted("the title is that of the menu", "title", None, "Terms of Use")
    correct(archive, first, wanted, "key:12")
    correct(archive, first, CorrectionWanted("the page was behind a login"), "operator")
    after = read_record(archive, first)
    assert {name: after[name] for name in before} == before
    told, free = after["corrections"]
    assert (told["field"], told["old"], told["new"]) == ("title", before["title"], "Terms of Use")
    assert (free["field"], free["text"]) == (None, "the page was behind a login")
    assert {item.key: item.size for item in archive.store.list("captures/")} == stored


@pytest.mark.parametrize(
    "wanted",
    [
        CorrectionWanted(""),
        CorrectionWanted("two\nlines"),
        CorrectionWanted("x" * 1001),
        CorrectionWanted("no field", new="x"),
        CorrectionWanted("no value", "title"),
        CorrectionWanted("no such member", "author", new="x"),
        CorrectionWanted("no plain member", "parts", new="x"),
        CorrectionWanted("it says otherwise", "title", "Wrong", "Right"),
        CorrectionWanted("too long", "title", None, "x" * 501),
    ],
)
def test_what_makes_no_correction_is_refused(
    archive: Archive, records: list[RecordId], wanted: CorrectionWanted
) -> None:
    with pytest.raises(InputError):
        correct(archive, records[0], wanted, "operator")
    assert tables(archive)["statement"] == []


def test_what_makes_no_withdrawal_is_refused(archive: Archive, records: list[RecordId]) -> None:
    nobody = RecordId("CA", Kind.CAPTURE, 99)
    for wanted in (
        WithdrawalWanted("whim", "no such code"),
        WithdrawalWanted("other", ""),
        WithdrawalWanted("other", "two\nlines"),
        WithdrawalWanted("other", "x" * 301),
        WithdrawalWanted("other", "by itself", records[0]),
        WithdrawalWanted("other", "by nobody", nobody),
    ):
        with pytest.raises(InputError):
            withdraw(archive, records[0], wanted, "operator")
    with pytest.raises(InputError):
        supersede(archive, records[0], nobody, "by nobody", "operator")
    for act in (
        lambda: withdraw(archive, nobody, WANTED, "operator"),
        lambda: supersede(archive, nobody, records[0], "why", "operator"),
        lambda: correct(archive, nobody, CorrectionWanted("why"), "operator"),
    ):
        with pytest.raises(NotFound):
            act()
    assert tables(archive)["statement"] == []


def everything(archive: Archive, records: list[RecordId]) -> None:
    first, second, third = records
    withdraw(archive, first, WANTED, "operator")
    reinstate(archive, first, "it was right", "operator")
    withdraw(archive, first, WithdrawalWanted("privacy", "names people", second), "operator")
    supersede(archive, second, third, "a better one", "operator")
    supersede(archive, second, None, "no better", "operator")
    supersede(archive, second, third, "better after all", "operator")
    for text in ("this is wrong", "and this"):
        correct(archive, third, CorrectionWanted(text), "operator")


def test_a_rebuild_gives_the_same_rows_and_the_audit_and_custody_hold(
    archive: Archive, records: list[RecordId]
) -> None:
    everything(archive, records)
    before, told = tables(archive), [read_record(archive, record) for record in records]
    assert len(before["act"]) == 3 + 5 + 2
    assert rebuilt(archive).left_out == []
    assert tables(archive) == before
    assert [read_record(archive, record) for record in records] == told
    assert audited(archive).damages == []
    for record in records:
        report = verify_record(archive, record)
        [custody] = [f for f in report.findings if f.claim == "custody.chain"]
        assert custody.status == "pass"


@pytest.mark.parametrize(
    "change",
    [
        "delete from act where kind = 'withdrawal'",
        "update act set content = '{}' where kind = 'correction'",
        "update act set record_id = 'CA-C-0000009-15' where record_id = 'CA-C-0000001-39'",
        "update custody_event set actor = 'nobody' where event = 'withdrawal'",
        "delete from custody_event where event = 'correction'",
    ],
)
def test_an_act_that_somebody_changed_in_the_catalogue_is_named(
    archive: Archive, records: list[RecordId], change: str
) -> None:
    everything(archive, records)
    content = b"{}" if "content" in change else None
    with archive.database.writing() as connection:
        connection.execute(sa.text(change.replace("'{}'", ":content")), {"content": content})
    assert {damage.code for damage in audited(archive).damages} == {"CATALOG_DISAGREES"}
    rebuilt(archive)
    assert audited(archive).damages == []


def test_a_statement_of_an_act_that_is_taken_away_leaves_a_gap(
    archive: Archive, settings: Settings, records: list[RecordId]
) -> None:
    everything(archive, records)
    with archive.database.reading() as connection:
        rows = connection.execute(
            sa.text("select envelope_key from statement where kind = 'withdrawal' order by made_at")
        ).all()
    stored_file(settings, rows[1][0]).unlink()
    rebuilt(archive)
    # The log names the statement that is gone, the chain the one that leaned on it.
    codes = {damage.code for damage in audited(archive).damages}
    assert codes == {"CUSTODY_GAP", "OBJECT_MISSING"}


def numbered(number: int, sha: str, newer: str | None) -> tuple[Act, str]:
    record, other = RecordId("CA", Kind.CAPTURE, 9), newer and RecordId("CA", Kind.CAPTURE, 8)
    return Supersession(record, number, other or None, "why", rfc3339(NOW), "operator"), sha * 64


def test_the_latest_does_not_depend_on_the_order_of_reading(archive: Archive) -> None:
    said = [numbered(1, "f", "x"), numbered(2, "e", None), numbered(2, "a", "x")]
    for order in (said, said[::-1], said[1:] + said[:1]):
        with archive.database.writing() as connection:
            connection.execute(sa.text("delete from act"))
            connection.execute(sa.text("delete from custody_event"))
            for act, sha256 in order:
                add_act("supersession", connection, act, sha256)
            found = read_standing(connection, "CA-C-0000009-15").supersession
            assert found is not None
            assert found.statement_sha256 == "a" * 64


BASE: dict[str, Any] = {
    "v": 1, "record": "CA-C-0000001-39", "number": 1, "at": "2026-11-27T10:00:00.000000Z",
    "actor": "operator",
}  # fmt: skip
WITHDRAWAL = {
    **BASE, "state": WITHDRAWN, "reason_code": "other", "reason": "why", "replacement": None,
    "remains": ["object.digest", "signature"],
}  # fmt: skip
SUPERSESSION = {**BASE, "newer": "CA-C-0000002-36", "reason": "why"}
CORRECTION = {**BASE, "text": "wrong", "field": "title", "old": None, "new": "right"}
READ: dict[str, tuple[Callable[[Any], Act], dict[str, Any]]] = {
    "withdrawal": (Withdrawal.from_json, WITHDRAWAL),
    "supersession": (Supersession.from_json, SUPERSESSION),
    "correction": (Correction.from_json, CORRECTION),
}


@pytest.mark.parametrize("kind", READ)
def test_the_content_reads_back_as_it_was_written(kind: str) -> None:
    read, sound = READ[kind]
    assert read(sound).to_json() == sound


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        *((kind, change) for kind in READ for change in ({"v": 2}, {"number": 0}, {"more": 1})),
        ("withdrawal", {"state": "gone"}),
        ("withdrawal", {"reason_code": "whim"}),
        ("withdrawal", {"reason": "x" * 301}),
        ("withdrawal", {"reason": "two\nlines"}),
        ("withdrawal", {"replacement": "CA-C-0000001-39"}),
        ("withdrawal", {"remains": ["signature", "object.digest"]}),
        ("withdrawal", {"state": "reinstated"}),
        ("supersession", {"newer": "CA-C-0000001-39"}),
        ("supersession", {"reason": ""}),
        ("correction", {"field": None}),
        ("correction", {"field": "no name"}),
        ("correction", {"new": None}),
        ("correction", {"new": "x" * 501}),
        ("correction", {"text": "x" * 1001}),
    ],
)
def test_content_of_another_shape_is_refused(kind: str, change: dict[str, object]) -> None:
    read, sound = READ[kind]
    with pytest.raises(MalformedStatement):
        read({**sound, **change})
