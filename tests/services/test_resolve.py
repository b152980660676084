# SPDX-License-Identifier: Apache-2.0
"""Resolving what people bring for an ID: the right record, or an honest answer with candidates."""

import pytest
from support.archives import minted, page
from support.origin import Origin

from archive.errors import MalformedId, NotFound
from archive.ids import RecordId
from archive.services.context import Archive
from archive.services.reading.resolve import required_id, resolve, resolve_mentions

pytestmark = pytest.mark.both_databases


@pytest.fixture
def records(archive: Archive, origin: Origin) -> list[RecordId]:
    for number in range(12):
        origin.page(f"/{number}", page(f"Page {number}."))
    return [minted(archive, origin.url(f"/{number}")) for number in range(12)]


def test_the_canonical_form_resolves(archive: Archive, records: list[RecordId]) -> None:
    for record in records:
        found = resolve(archive, str(record))
        assert (found.status, found.id, found.detail) == ("ok", record, "")
        assert found.to_json()["url"] == f"/{record}"


@pytest.mark.parametrize(
    "write",
    [
        str.lower,
        lambda text: text.replace("-", " "),
        lambda text: text.replace("-", "\u2011"),
        lambda text: text.replace("-", "\u00ad-"),
        lambda text: f" {text}. ",
        lambda text: text.replace("-", "%2D"),
        lambda text: "".join(chr(ord(c) + 0xFEE0) for c in text),
        lambda text: text[:5] + "\n" + text[5:],
    ],
    ids=["lower", "spaces", "nb-hyphen", "soft-hyphen", "stop", "percent", "wide", "wrapped"],
)
def test_a_sloppy_form_resolves(archive: Archive, records: list[RecordId], write: object) -> None:
    assert callable(write)
    assert resolve(archive, write(str(records[3]))).id == records[3]


def test_an_id_without_check_digits_is_unchecked(archive: Archive, records: list[RecordId]) -> None:
    found = resolve(archive, records[3].unchecked)
    assert (found.status, found.id) == ("unchecked", records[3])
    assert "confirm" in found.detail


def test_wrong_check_digits_never_resolve_and_suggest_what_exists(
    archive: Archive, records: list[RecordId]
) -> None:
    written = str(records[3])
    for at, char in enumerate(written):
        if not char.isdigit():
            continue
        for other in "0123456789".replace(char, ""):
            found = resolve(archive, written[:at] + other + written[at + 1 :])
            assert found.id is None
            assert found.status in {"bad_check", "malformed"}  # number 0 is no number
            assert set(found.candidates) <= set(records)
    assert (
        records[3] in resolve(archive, written[:-1] + str((int(written[-1]) + 1) % 10)).candidates
    )


def test_a_number_that_was_never_given_is_not_found(
    archive: Archive, records: list[RecordId]
) -> None:
    missing = RecordId("CA", records[0].kind, 999)
    for text in (str(missing), missing.unchecked):
        found = resolve(archive, text)
        assert (found.status, found.id) == ("not_found", None)
    with pytest.raises(NotFound):
        required_id(archive, str(missing))


NO_IDS = ["", " ", "terms", "CA-X-0000001", "XX-C-0000001-39", "../etc/passwd", "\x00"]
NO_IDS.append("C" * 9999)


@pytest.mark.parametrize("text", NO_IDS, ids=lambda text: repr(text[:20]))
def test_what_is_no_id_is_malformed_and_never_raises(archive: Archive, text: str) -> None:
    found = resolve(archive, text)
    assert (found.status, found.id, found.candidates) == ("malformed", None, ())
    with pytest.raises(MalformedId):
        required_id(archive, text)


def test_an_id_of_a_kind_that_has_no_records_yet_is_not_found(archive: Archive) -> None:
    assert resolve(archive, "CA-P-002129").status == "not_found"


def test_every_id_in_a_running_text_is_answered_in_order(
    archive: Archive, records: list[RecordId]
) -> None:
    text = f"See {records[1]}; cf. {records[0].unchecked}, and CA-C-0000003-00 (gone)."
    found = resolve_mentions(archive, text)
    assert [item.status for item in found] == ["ok", "unchecked", "bad_check"]
    assert [item.id for item in found] == [records[1], records[0], None]
    assert resolve_mentions(archive, "no IDs in here") == []
