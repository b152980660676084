# SPDX-License-Identifier: Apache-2.0
"""The HTTP message in a record, split without losing a byte, and what a record says of itself."""

import base64
import hashlib
from collections.abc import Callable

import pytest

from archive.errors import MalformedEvidence, MalformedWarc, UndecodableBody
from archive.warc.flaws import RecordFlaw, check_record, examine_record
from archive.warc.http import http_parts
from archive.warc.read import WarcRecord

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n"
CHUNKS = b"5\r\nterms\r\n0\r\n\r\n"


def record(block: bytes, *headers: tuple[str, str], **changes: str | None) -> WarcRecord:
    fields: dict[str, str | None] = {
        "version": "WARC/1.1",
        "type": "response",
        "target_uri": "https://a.example/",
        "date": "2026-03-06T20:00:36Z",
        **changes,
    }
    target = fields["target_uri"]
    stated = headers if target is None else (("WARC-Target-URI", target), *headers)
    return WarcRecord(
        version=fields["version"] or "",
        type=fields["type"] or "",
        record_id="<urn:uuid:00000000-0000-4000-8000-000000000001>",
        target_uri=target.strip("<>") if target else target,
        date=fields["date"] or "",
        headers=stated,
        block=block,
        offset=0,
        length=0,
    )


@pytest.mark.parametrize(
    ("block", "body", "payload", "is_undone"),
    [
        (HEAD + b"terms", b"terms", b"terms", False),
        (HEAD, b"", b"", False),
        (HEAD.replace(b"\r\n", b"\n") + b"terms", b"terms", b"terms", False),
        (HEAD[:-2], b"", b"", False),
        (CHUNKED + CHUNKS, CHUNKS, b"terms", False),
        (CHUNKED + b"<p>terms", b"<p>terms", b"<p>terms", True),
        (CHUNKED, b"", b"", False),
        (HEAD + CHUNKS, CHUNKS, CHUNKS, False),
        (HEAD + b"\r\n\r\nterms", b"\r\n\r\nterms", b"\r\n\r\nterms", False),
    ],
)
def test_head_body_and_payload(
    block: bytes, body: bytes, payload: bytes, *, is_undone: bool
) -> None:
    parts = http_parts(record(block))
    assert parts.head + parts.body == block
    assert (parts.body, parts.payload, parts.status) == (body, payload, 200)
    assert parts.transfer_coding_undone is is_undone


def test_an_empty_revisit_has_no_status() -> None:
    parts = http_parts(record(b"", type="revisit"))
    assert (parts.head, parts.payload, parts.headers, parts.status) == (b"", b"", (), None)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (record(b"GET / HTTP/1.1\r\n\r\n", type="request"), MalformedWarc),
        (record(b"x", type="resource"), MalformedWarc),
        (record(b"20260306 1.2.3.4", target_uri="dns:a.example"), MalformedWarc),
        (record(b"x", target_uri=None), MalformedWarc),
        (record(b"<html>no head"), MalformedEvidence),
        (record(CHUNKED + b"5\r\nter"), UndecodableBody),
        (record(CHUNKED + CHUNKS + b"more"), UndecodableBody),
    ],
)
def test_what_has_no_single_reading_is_refused(given: WarcRecord, error: type[Exception]) -> None:
    with pytest.raises(error):
        http_parts(given)


def codes(flaws: tuple[RecordFlaw, ...]) -> list[str]:
    return [flaw.code for flaw in flaws]


SPELLINGS: dict[str, Callable[[bytes], str]] = {
    "hex": lambda digest: digest.hex(),
    "HEX": lambda digest: digest.hex().upper(),
    "base32": lambda digest: base64.b32encode(digest).decode(),
    "base32-bare": lambda digest: base64.b32encode(digest).decode().rstrip("=").lower(),
    "base64": lambda digest: base64.b64encode(digest).decode(),
    "base64-url": lambda digest: base64.urlsafe_b64encode(digest).decode().rstrip("="),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("label", ["sha1", "SHA-1", "sha256", "SHA-256", "sha512"])
def test_digests_are_read_in_every_spelling(label: str, spelling: str) -> None:
    def labelled(data: bytes) -> str:
        digest = hashlib.new(label.lower().replace("-", ""), data).digest()
        return f"{label}:{SPELLINGS[spelling](digest)}"

    block = HEAD + b"terms"
    good = record(
        block, ("WARC-Block-Digest", labelled(block)), ("WARC-Payload-Digest", labelled(b"terms"))
    )
    check = examine_record(good)
    assert check.compared == ("WARC_BLOCK_DIGEST", "WARC_PAYLOAD_DIGEST")
    assert not check.flaws
    assert not check.unknown
    bad = record(
        block, ("WARC-Block-Digest", labelled(b"")), ("WARC-Payload-Digest", labelled(b"Terms"))
    )
    assert codes(check_record(bad)) == ["WARC_BLOCK_DIGEST", "WARC_PAYLOAD_DIGEST"]
    assert not examine_record(bad).compared


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.mark.parametrize(
    ("block", "digested", "is_right"),
    [
        (CHUNKED + CHUNKS, b"terms", True),
        (CHUNKED + CHUNKS, CHUNKS, True),
        (CHUNKED + CHUNKS, b"Terms", False),
        (CHUNKED + b"<p>terms", b"<p>terms", True),
        (HEAD + CHUNKS, b"terms", False),
        (b"no head", b"terms", False),
    ],
)
def test_payload_digest_of_chunked_bodies(block: bytes, digested: bytes, *, is_right: bool) -> None:
    flaws = check_record(record(block, ("WARC-Payload-Digest", sha256(digested))))
    assert codes(flaws) == ([] if is_right else ["WARC_PAYLOAD_DIGEST"])


@pytest.mark.parametrize(
    ("headers", "block"),
    [
        ([("WARC-Block-Digest", "md5:d41d8cd98f00b204e9800998ecf8427e")], b""),
        ([("WARC-Payload-Digest", "blake3:00")], HEAD),
        ([("WARC-Payload-Digest", sha256(b"terms"))], CHUNKED + b"5\r\nter"),
        ([("WARC-Payload-Digest", sha256(b"x")), ("WARC-Segment-Number", "1")], HEAD),
    ],
)
def test_what_could_not_be_told_is_not_called_wrong(
    headers: list[tuple[str, str]], block: bytes
) -> None:
    check = examine_record(record(block, *headers))
    assert not check.flaws
    assert not check.compared
    assert codes(check.unknown) == [headers[0][0].upper().replace("-", "_")]


@pytest.mark.parametrize("value", ["sha256:", "sha1:ABC", "sha256:" + "g" * 64, "sha1:" + "1" * 32])
def test_a_digest_in_no_spelling_is_wrong(value: str) -> None:
    assert codes(check_record(record(HEAD, ("WARC-Block-Digest", value)))) == ["WARC_BLOCK_DIGEST"]


def test_the_payload_digest_of_a_revisit_is_not_judged() -> None:
    revisit = record(HEAD, ("WARC-Payload-Digest", sha256(b"elsewhere")), type="revisit")
    check = examine_record(revisit)
    assert (check.flaws, check.unknown, check.compared) == ((), (), ())


@pytest.mark.parametrize("kind", ["resource", "conversion", "metadata", "warcinfo"])
def test_the_payload_of_other_records_is_the_block(kind: str) -> None:
    good = record(HEAD + b"terms", ("WARC-Payload-Digest", sha256(HEAD + b"terms")), type=kind)
    assert examine_record(good).compared == ("WARC_PAYLOAD_DIGEST",)
    bad = record(HEAD + b"terms", ("WARC-Payload-Digest", sha256(b"terms")), type=kind)
    assert codes(check_record(bad)) == ["WARC_PAYLOAD_DIGEST"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"target_uri": "https://a.example/a b"}, ["WARC_TARGET_URI"]),
        ({"target_uri": "https://a.example/ü"}, ["WARC_TARGET_URI"]),
        ({"target_uri": "terms.html"}, ["WARC_TARGET_URI"]),
        ({"target_uri": "<https://a.example/>"}, ["WARC_TARGET_URI"]),
        ({"target_uri": "<https://a.example/>", "version": "WARC/1.0"}, []),
        ({"target_uri": "urn:X-wpull:log", "type": "resource"}, []),
        ({"target_uri": None, "type": "conversion"}, ["WARC_TARGET_URI"]),
        ({"target_uri": None, "type": "warcinfo"}, []),
        ({"date": "2026-03-06T20:00:36+02:00"}, ["WARC_DATE"]),
        ({"date": "2026-03-06T00:00:60Z"}, ["WARC_DATE"]),
        ({"date": "2026-03"}, []),
    ],
)
def test_target_and_date(changes: dict[str, str | None], expected: list[str]) -> None:
    assert codes(check_record(record(HEAD, **changes))) == expected
