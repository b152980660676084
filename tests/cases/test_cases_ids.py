# SPDX-License-Identifier: Apache-2.0
import pytest

from archive.errors import MalformedId
from archive.id_mentions import find_ids
from archive.id_reading import ReadingStatus, read_id
from archive.ids import Kind, RecordId, parse_id

CITED = RecordId("CA", Kind.PROVISION, 2129)


@pytest.mark.parametrize("text", ["CA-P-002192-05", "CA-P-002139-05", "CA-D-002129-05"])
def test_d42_a_typo_in_print_names_no_record_and_suggests_the_cited_one(text: str) -> None:
    reading = read_id(text, prefix="CA")
    assert (reading.status, reading.id) == (ReadingStatus.BAD_CHECK, None)
    assert CITED in reading.candidates


def test_d42_without_check_digits_the_typo_is_at_least_marked_unchecked() -> None:
    reading = read_id("CA-P-002192", prefix="CA")
    assert reading.status is ReadingStatus.UNCHECKED
    assert reading.id == RecordId("CA", Kind.PROVISION, 2192)


def test_d43_two_ids_are_found_in_punctuated_text() -> None:
    text = "see CA-P-002129; CA-D-00012)."
    mentions = find_ids(text, prefix="CA")
    assert [text[m.start : m.end] for m in mentions] == ["CA-P-002129", "CA-D-00012"]
    assert [m.reading.id for m in mentions] == [CITED, RecordId("CA", Kind.DOCUMENT, 12)]


@pytest.mark.parametrize("text", ["CA%2DP%2D002129", "CA%2dP%2d002129%2d05", "CA-P-002129;"])
def test_d43_the_encoded_form_and_trailing_punctuation_are_read(text: str) -> None:
    assert read_id(text, prefix="CA").id == CITED


def test_d43_an_encoded_path_is_found_in_text() -> None:
    [mention] = find_ids("/CA%2DP%2D002129", prefix="CA")
    assert mention.reading.id == CITED


@pytest.mark.parametrize(
    "text",
    [
        "--output=x",
        "-h",
        "HEAD",
        "a/../b",
        "%00",
        "CA-P-002129/../x",
        "CA-P-002129%00",
        "../CA-P-002129",
    ],
)
def test_d45_what_is_no_id_is_refused_by_the_grammar(text: str) -> None:
    with pytest.raises(MalformedId):
        read_id(text, prefix="CA")
    with pytest.raises(MalformedId):
        parse_id(text)
