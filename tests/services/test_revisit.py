# SPDX-License-Identifier: Apache-2.0
"""Unchanged bodies: stored once, named by a revisit, and verified where they lie."""

import gzip

import pytest
from support.archives import captured, failures, minted, page, stored_file
from support.origin import Origin

from archive.digests import sha256_hex
from archive.model.inventory import Part
from archive.services.capturing.capture import Recorded
from archive.services.context import Archive
from archive.services.reading.parts import part_bytes
from archive.services.verifying.verify import verify_record
from archive.settings import Settings
from archive.storage.layout import blob_key
from archive.warc.read import read_records


def part(recorded: Recorded, role: str) -> Part:
    found = recorded.signed.inventory.part(role)
    assert found is not None, role
    return found


def record_types(archive: Archive, recorded: Recorded) -> list[str]:
    own = recorded.signed.inventory.own_container
    assert own is not None
    return [record.type for record in read_records(archive.store.get(blob_key(own)))]


def assert_verifies(archive: Archive, recorded: Recorded) -> None:
    capture_id = recorded.signed.look.capture_id
    assert capture_id is not None
    report = verify_record(archive, capture_id)
    assert report.result.exit_code == 0, failures(report)


def test_the_second_capture_of_a_body_is_a_revisit_of_the_first(
    archive: Archive, origin: Origin
) -> None:
    origin.page("/terms", page())
    first, second, third = (captured(archive, origin.url("/terms")) for _ in range(3))
    assert record_types(archive, first) == ["response", "request", "metadata", "conversion"]
    assert record_types(archive, second) == ["revisit", "request", "metadata"]
    for role in ("body", "text"):
        assert part(second, role) == part(first, role)
        # Every revisit leans on the bytes, never on another revisit.
        assert part(third, role) == part(first, role)
    assert (
        part(second, "headers").span.container_sha256 != part(first, "body").span.container_sha256
    )
    for recorded in (first, second, third):
        assert_verifies(archive, recorded)
    looks = [recorded.signed.look for recorded in (first, second, third)]
    assert [look.previous and look.previous.capture_id for look in looks] == [
        None,
        looks[0].capture_id,
        looks[1].capture_id,
    ]


def test_the_same_body_at_another_address_is_a_revisit_too(
    archive: Archive, origin: Origin
) -> None:
    origin.page("/terms", page())
    origin.page("/copy", page())
    first, second = (captured(archive, origin.url(path)) for path in ("/terms", "/copy"))
    assert part(second, "body") == part(first, "body")
    assert second.signed.look.previous is None
    assert_verifies(archive, second)


def test_a_changed_body_is_stored_whole(archive: Archive, origin: Origin) -> None:
    origin.page("/terms", page("One."))
    first = captured(archive, origin.url("/terms"))
    origin.page("/terms", page("Two."))
    second = captured(archive, origin.url("/terms"))
    assert record_types(archive, second)[0] == "response"
    assert part(second, "body").sha256 != part(first, "body").sha256
    assert_verifies(archive, second)


def test_content_coded_and_plain_answers_do_not_lean_on_each_other(
    archive: Archive, origin: Origin
) -> None:
    body = page("Sent in two ways.")
    origin.page("/terms", body)
    plain = captured(archive, origin.url("/terms"))
    origin.page("/terms", gzip.compress(body, mtime=0), headers={"Content-Encoding": "gzip"})
    coded = captured(archive, origin.url("/terms"))
    assert part(coded, "body").sha256 == part(plain, "body").sha256
    assert record_types(archive, coded)[0] == "response"
    again = captured(archive, origin.url("/terms"))
    assert record_types(archive, again)[0] == "revisit"
    assert part(again, "body-raw") == part(coded, "body-raw")
    origin.page("/terms", body)
    back = captured(archive, origin.url("/terms"))
    assert part(back, "body") == part(plain, "body")
    for recorded in (plain, coded, again, back):
        assert_verifies(archive, recorded)


def test_chunked_and_plain_answers_of_one_body_may_lean_on_each_other(
    archive: Archive, origin: Origin
) -> None:
    from support.origin import chunked

    origin.page("/terms", page())
    first = captured(archive, origin.url("/terms"))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
    origin.add("/terms", head + chunked(page()[:50], page()[50:]))
    second = captured(archive, origin.url("/terms"))
    assert part(second, "body") == part(first, "body")
    assert_verifies(archive, second)


def test_the_same_bytes_under_another_type_get_their_own_text(
    archive: Archive, origin: Origin
) -> None:
    origin.page("/terms", page())
    first = captured(archive, origin.url("/terms"))
    origin.page("/terms", page(), content_type="text/plain; charset=utf-8")
    second = captured(archive, origin.url("/terms"))
    assert record_types(archive, second)[0] == "revisit"
    assert part(second, "text").sha256 != part(first, "text").sha256
    assert part(second, "body").media_type == "text/plain"
    assert_verifies(archive, second)


def test_the_same_bytes_in_another_charset_get_their_own_text(
    archive: Archive, origin: Origin
) -> None:
    body = page("Caf\u00e9s are open.").decode().encode("latin-1")
    origin.page("/terms", body, content_type="text/html; charset=iso-8859-1")
    first = captured(archive, origin.url("/terms"))
    origin.page("/terms", body, content_type="text/html; charset=iso-8859-5")
    second = captured(archive, origin.url("/terms"))
    assert part(second, "body").sha256 == part(first, "body").sha256
    assert part(second, "text").sha256 != part(first, "text").sha256
    assert_verifies(archive, second)


@pytest.mark.parametrize("damage", ["gone", "flipped"])
def test_a_body_that_cannot_be_read_any_more_is_stored_again(
    archive: Archive, settings: Settings, origin: Origin, damage: str
) -> None:
    origin.page("/terms", page())
    first = captured(archive, origin.url("/terms"))
    span = part(first, "body").span
    path = stored_file(settings, blob_key(span.container_sha256))
    if damage == "gone":
        path.unlink()
    else:
        data = bytearray(path.read_bytes())
        data[span.offset + span.length // 2] ^= 1
        path.write_bytes(data)
    second = captured(archive, origin.url("/terms"))
    assert record_types(archive, second)[0] == "response"
    assert_verifies(archive, second)


def test_two_captures_of_one_body_in_one_group_are_both_whole(
    archive: Archive, origin: Origin
) -> None:
    from archive.services.capturing.capture import capture_many

    origin.page("/a", page())
    results = [
        item
        for item in capture_many(archive, [origin.url("/a"), origin.url("/a")])
        if isinstance(item, Recorded)
    ]
    assert [record_types(archive, item)[0] for item in results] == ["response", "response"]
    for item in results:
        assert_verifies(archive, item)


def test_a_failed_look_never_leans_on_a_capture_and_no_capture_on_it(
    archive: Archive, origin: Origin
) -> None:
    origin.page("/gone", page(), status="404 Not Found")
    assert captured(archive, origin.url("/gone")).signed.look.capture_id is None
    origin.page("/terms", page())
    first = captured(archive, origin.url("/terms"))
    assert record_types(archive, first)[0] == "response"
    failed = captured(archive, origin.url("/gone"))
    assert record_types(archive, failed)[0] == "response"


def test_the_parts_of_a_revisit_are_handed_out(archive: Archive, origin: Origin) -> None:
    origin.page("/terms", page())
    minted(archive, origin.url("/terms"))
    second = minted(archive, origin.url("/terms"))
    assert part_bytes(archive, second, "body").data == page()
    assert b"200 OK" in part_bytes(archive, second, "headers").data
    assert "share data" in part_bytes(archive, second, "text").data.decode()


def test_a_wrong_row_cannot_make_a_capture_lean_on_other_bytes(
    archive: Archive, origin: Origin
) -> None:
    body = page("Other words than the first page has.")
    origin.page("/terms", page())
    origin.page("/other", body)
    minted(archive, origin.url("/terms"))
    with archive.database.writing() as connection:
        connection.exec_driver_sql(
            "update part set sha256 = ? where role = 'body'", (sha256_hex(body),)
        )
    second = captured(archive, origin.url("/other"))
    assert record_types(archive, second)[0] == "response"
    assert_verifies(archive, second)
