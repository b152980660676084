# SPDX-License-Identifier: Apache-2.0
"""The hash desk: every spelling, near misses by name, ranges of digests, many questions at once."""

import base64
import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from support.archives import minted, page
from support.origin import Origin

from archive.catalog.restrictions import Viewer
from archive.clock import rfc3339
from archive.digests import Sha1Reading, read_digest, read_sha256, sha1_base32, sha256_hex
from archive.errors import MalformedDigest
from archive.ids import RecordId
from archive.services.acts.restrict import Wanted, restrict
from archive.services.acts.withdraw import WithdrawalWanted, withdraw
from archive.services.context import Archive
from archive.services.hashes import near_miss
from archive.services.hashes.batch import Batch, exit_code
from archive.services.hashes.desk import NO_PROOF, BytesAnswer, verify_bytes, verify_digest
from archive.services.hashes.near_miss import SAMPLE_BYTES
from archive.services.hashes.range import hash_range
from archive.services.reading.cite import read_record
from archive.services.reading.parts import part_bytes

pytestmark = pytest.mark.both_databases

LINES = [f"Section {number}: we may share data number {number}." for number in range(1, 12)]
BODY = page(*LINES).replace(b"<p>", b"\n<p>")


@pytest.fixture
def url(origin: Origin) -> str:
    origin.page("/terms", BODY)
    return origin.url("/terms")


@pytest.fixture
def record(archive: Archive, url: str) -> RecordId:
    return minted(archive, url)


def of_file(archive: Archive, data: bytes, against: RecordId | None = None) -> BytesAnswer:
    return verify_bytes(archive, [data[:1000], data[1000:]], against=against)


def saved(url: str, body: bytes = BODY) -> bytes:
    """The page as a browser saves it: serialised anew, with its comment, and in CRLF."""
    comment = f"<!-- saved from url=({len(url):04d}){url} -->"
    words = body.decode().replace("<head>", '<head><meta charset="utf-8">').replace("<p>", "<p >")
    return f"<!DOCTYPE html>\n{comment}\n{words}".replace("\n", "\r\n").encode()


SPELLINGS: dict[str, Callable[[str], str]] = {
    "hex": str,
    "upper case": str.upper,
    "with a prefix": lambda text: f"sha256:{text}",
    "base64": lambda text: base64.b64encode(bytes.fromhex(text)).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(bytes.fromhex(text)).decode().rstrip("="),
    "an SRI": lambda text: "sha256-" + base64.b64encode(bytes.fromhex(text)).decode(),
    "a Repr-Digest": lambda text: (
        f"Repr-Digest: sha-256=:{base64.b64encode(bytes.fromhex(text)).decode()}:"
    ),
    "a bare field": lambda text: f"sha-256=:{base64.b64encode(bytes.fromhex(text)).decode()}:",
    "base32": lambda text: base64.b32encode(bytes.fromhex(text)).decode(),
    "broken over lines": lambda text: f" {text[:32]}\n {text[32:]} ",
    "in groups": lambda text: " ".join(text[at : at + 8] for at in range(0, 64, 8)),
    "a line of sha256sum": lambda text: f"{text}  CA-C-0000009-15.html",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_digest_finds_and_verifies_the_record(
    archive: Archive, record: RecordId, spelling: str
) -> None:
    text = SPELLINGS[spelling](sha256_hex(BODY))
    answer = verify_digest(archive, read_digest(text))
    assert [(match.capture_id, match.role) for match in answer.matches] == [(str(record), "body")]
    assert answer.is_verified
    [told] = [Batch(archive, "standard", None).answer(text)]
    assert (told["status"], told["id"], told["verified"]) == ("found", str(record), True)


@pytest.mark.parametrize(
    "spell",
    [
        str,
        str.lower,
        lambda text: f"sha1:{text}",
        lambda text: f"WARC-Payload-Digest: sha1:{text}",
        lambda text: base64.b32decode(text).hex(),
        lambda text: f"{text[:16]} {text[16:]}",
    ],
)
def test_a_sha1_as_cdx_files_print_it_is_a_search_and_never_a_verification(
    archive: Archive, record: RecordId, spell: Callable[[str], str]
) -> None:
    reading = read_digest(spell(sha1_base32(BODY)))
    assert reading == Sha1Reading(sha1_base32(BODY))
    answer = verify_digest(archive, reading)
    assert [match.capture_id for match in answer.matches] == [str(record)]
    assert (answer.is_verified, answer.report, answer.exit_code) == (False, None, 2)
    assert "not a verification" in answer.note
    assert answer.to_json()["sha256"] is None


def test_a_sha1_of_a_coded_body_is_found_as_received_and_as_decoded(
    archive: Archive, origin: Origin
) -> None:
    packed = gzip.compress(BODY, mtime=0)
    origin.page("/packed", packed, headers={"Content-Encoding": "gzip"})
    record = minted(archive, origin.url("/packed"))
    for data, role in ((BODY, "body"), (packed, "body-raw")):
        answer = verify_digest(archive, Sha1Reading(sha1_base32(data)))
        assert [(match.capture_id, match.role) for match in answer.matches] == [(str(record), role)]


def test_what_is_no_digest_is_refused_by_name() -> None:
    for text in ("d41d8cd98f00b204e9800998ecf8427e", "not a digest", "sha512:" + "a" * 128):
        with pytest.raises(MalformedDigest):
            read_digest(text)
    assert read_digest("cb352a8dabd2").is_prefix  # type: ignore[union-attr]


NEAR: dict[str, tuple[Callable[[bytes], bytes], tuple[str, ...], str]] = {
    "CRLF": (lambda b: b.replace(b"\n", b"\r\n"), ("LINE_ENDS_LF",), "body"),
    "BOM": (lambda b: b"\xef\xbb\xbf" + b, ("BOM_REMOVED",), "body"),
    "BOM and CRLF": (
        lambda b: b"\xef\xbb\xbf" + b.replace(b"\n", b"\r\n"),
        ("BOM_REMOVED", "LINE_ENDS_LF"),
        "body",
    ),
    "a final newline": (lambda b: b + b"\n", ("FINAL_NEWLINE_REMOVED",), "body"),
    "gzip": (lambda b: gzip.compress(b, 9), ("CODED_GZIP",), "body"),
    "zlib": (zlib.compress, ("CODED_DEFLATE",), "body"),
    "br": (brotli.compress, ("CODED_BR",), "body"),
    "zstd": (lambda b: zstandard.ZstdCompressor().compress(b), ("CODED_ZSTD",), "body"),
    "cut short": (lambda b: b[: len(b) * 2 // 3], ("TRUNCATED",), "body"),
    "with more behind": (lambda b: b + b"<!-- injected -->", ("EXTENDED",), "body"),
    "another nonce": (
        lambda b: b.replace(b"<head>", b'<head><script nonce="123">1</script>'),
        ("SAME_TEXT",),
        "body",
    ),
    "one clause changed": (
        lambda b: b.replace(b"data number 7", b"no data"),
        ("SIMILAR_TEXT",),
        "body",
    ),
}


@pytest.mark.parametrize("harm", NEAR)
def test_near_misses_are_named_and_never_verified(
    archive: Archive, record: RecordId, harm: str
) -> None:
    change, codes, role = NEAR[harm]
    answer = of_file(archive, change(BODY))
    assert (answer.matches, answer.report, answer.exit_code) == ((), None, 2)
    near = answer.near[0]
    assert near.codes == codes
    assert (near.match.capture_id, near.match.role) == (str(record), role)
    assert near.words in answer.note
    told = answer.to_json()
    assert told["verified"] is False
    assert told["near"][0]["codes"] == list(codes)


def test_a_page_that_a_browser_saved_is_told_by_its_words_and_its_marks(
    archive: Archive, record: RecordId, url: str
) -> None:
    near = of_file(archive, saved(url)).near[0]
    assert near.codes == ("SAME_TEXT", "BROWSER_SAVED")
    assert near.match.capture_id == str(record)
    assert f"saved from {url}" in near.words
    changed = saved(url).replace(b"data number 7", b"no data")
    assert of_file(archive, changed).near[0].codes == ("SIMILAR_TEXT", "BROWSER_SAVED")
    with_base = BODY.replace(b"<head>", f'<head><base href="{url}">'.encode())
    assert "<base>" in of_file(archive, with_base).near[0].words


def test_body_received_body_text_and_headers_are_told_apart(
    archive: Archive, origin: Origin
) -> None:
    packed = gzip.compress(BODY, mtime=0)
    origin.page("/packed", packed, headers={"Content-Encoding": "gzip"})
    record = minted(archive, origin.url("/packed"))
    for role, data in (("body", BODY), ("body-raw", packed)):
        answer = of_file(archive, data)
        assert (answer.matches[0].role, answer.is_verified) == (role, True)
    for role in ("text", "headers"):
        answer = of_file(archive, part_bytes(archive, record, role).data)
        assert (answer.matches[0].role, answer.is_verified) == (role, True)
    words = part_bytes(archive, record, "text").data.replace(b"\n", b"\r\n")
    near = of_file(archive, words).near[0]
    assert (near.match.role, near.codes) == ("text", ("LINE_ENDS_LF",))


def test_another_capture_with_the_same_words_is_named(archive: Archive, origin: Origin) -> None:
    origin.page("/a", BODY.replace(b"<head>", b'<head><meta name="csrf" content="1">'))
    record = minted(archive, origin.url("/a"))
    near = of_file(archive, BODY.replace(b"<head>", b'<head><meta name="csrf" content="2">')).near[
        0
    ]
    assert (near.match.capture_id, near.codes) == (str(record), ("SAME_TEXT",))


def test_a_file_that_names_nothing_can_be_held_against_a_record(
    archive: Archive, origin: Origin
) -> None:
    data = bytes(range(256)) * 40
    origin.page("/picture", data, content_type="image/png")
    record = minted(archive, origin.url("/picture"))
    assert of_file(archive, data[:5000]).near == ()
    [near] = of_file(archive, data[:5000], record).near
    assert near.codes == ("TRUNCATED",)
    assert f"5000 bytes are the first of {len(data)}" in near.words


def test_what_is_nowhere_is_said_to_prove_nothing(archive: Archive, record: RecordId) -> None:
    assert record
    other = b"<p>quite another page, of which nothing is here</p>" * 20
    for answer in (
        of_file(archive, other),
        of_file(archive, bytes(SAMPLE_BYTES + 1)),
        verify_digest(archive, read_sha256(sha256_hex(b"x"))),
        verify_digest(archive, read_sha256(sha256_hex(b"x")[:12])),
        verify_digest(archive, Sha1Reading(sha1_base32(b"x"))),
    ):
        assert (answer.matches, answer.near, answer.exit_code) == ((), (), 2)
        assert NO_PROOF in answer.note


def test_what_is_closed_or_withdrawn_is_not_compared_with(
    archive: Archive, record: RecordId
) -> None:
    anybody = Viewer(None, rfc3339(archive.clock.now()))
    cut, same = BODY[:-200], BODY.replace(b"<head>", b"<head><style></style>")

    def codes(data: bytes) -> list[tuple[str, ...]]:
        return [near.codes for near in verify_bytes(archive, [data], viewer=anybody).near]

    assert (codes(cut), codes(same)) == ([("TRUNCATED",)], [("SAME_TEXT",)])
    restrict(archive, record, Wanted(None, "public", "embargo"), "operator")
    # Digests are metadata, which are told; how content begins is content.
    assert codes(cut) == []
    assert ("SAME_TEXT",) in codes(same)
    restrict(archive, record, Wanted(None, "hidden", "sealed"), "operator")
    assert (codes(cut), codes(same)) == ([], [])


def test_the_words_of_a_few_large_bodies_are_drawn_out_and_no_more(
    archive: Archive, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = page(*(f"Clause {number} of the terms." for number in range(40)), title="Large")
    for number in range(4):
        path = f"/large/{number}"
        origin.page(path, large.replace(b"Clause 7 ", b"Clause %d0 " % number))
        minted(archive, origin.url(path))
    drawn: list[int] = []

    def counted(data: bytes) -> str:
        drawn.append(len(data))
        return words_of(data)

    words_of = near_miss._words_of
    monkeypatch.setattr(near_miss, "_words_of", counted)
    monkeypatch.setattr(near_miss, "COMPARED_BYTES", 2 * len(large) + 100)
    given = large.replace(b"Clause 9 ", b"Clause 99 ")
    assert [near.codes for near in of_file(archive, given).near] == [("SIMILAR_TEXT",)] * 2
    assert len(drawn) == 3
    # A piece of a large one is still told: that takes no words.
    drawn.clear()
    monkeypatch.setattr(near_miss, "COMPARED_BYTES", 0)
    start = large[: large.index(b"Clause 7 ")]
    codes = {near.codes for near in of_file(archive, start).near}
    assert codes == {("TRUNCATED",)}
    assert len(drawn) == 1


def test_a_withdrawn_record_is_not_compared_with(archive: Archive, record: RecordId) -> None:
    withdraw(archive, record, WithdrawalWanted("other", "a test"), "operator")
    assert of_file(archive, BODY[:-200]).near == ()
    assert of_file(archive, BODY).withdrawn == {str(record)}


def test_of_the_evidence_of_a_withdrawn_record_it_is_said_that_it_was(
    archive: Archive, record: RecordId
) -> None:
    told = read_record(archive, record)
    names = ("statement_sha256", "inventory_sha256", "container_sha256")
    notes = [verify_digest(archive, read_digest(told[name])).note for name in names]
    assert not any("withdrawn" in note for note in notes)
    withdraw(archive, record, WithdrawalWanted("other", "a test"), "operator")
    for name in names:
        assert verify_digest(archive, read_digest(told[name])).note.endswith("was withdrawn")


@pytest.mark.parametrize("digits", [5, 6, 8])
def test_a_range_has_every_digest_with_that_beginning(
    archive: Archive, record: RecordId, digits: int
) -> None:
    digest = sha256_hex(BODY)
    found = hash_range(archive, digest[:digits].upper())
    assert (found["prefix"], found["is_complete"]) == (digest[:digits], True)
    expected = {"suffix": digest[digits:], "id": str(record), "part": "body"}
    assert expected in found["matches"]
    assert all(len(match["suffix"]) == 64 - digits for match in found["matches"])
    assert hash_range(archive, "f" * digits)["matches"] == []


def test_a_range_hides_hidden_records_and_needs_5_to_8_digits(
    archive: Archive, record: RecordId
) -> None:
    digest = sha256_hex(BODY)
    restrict(archive, record, Wanted(None, "hidden", "sealed"), "operator")
    assert hash_range(archive, digest[:5])["matches"] == []
    for prefix in ("", "abcd", digest[:9], digest, "ghijk", "12 45"):
        with pytest.raises(MalformedDigest):
            hash_range(archive, prefix)


def test_each_item_of_a_batch_has_one_answer_whatever_the_others_are(
    archive: Archive, record: RecordId
) -> None:
    digest, name = sha256_hex(BODY), str(record)
    asked: list[tuple[object, str, str]] = [
        (digest, "found", "verified"),
        (name, "found", "verified"),
        (f"see {name}/v1 there", "found", "verified"),
        (name[:-3], "unchecked", "verified"),
        (name[:-1] + "0", "bad_check", "malformed"),
        ("CA-C-0000099-36", "not_found", "incomplete"),
        (digest[:16], "candidates", "incomplete"),
        (sha1_base32(BODY), "candidates", "incomplete"),
        (sha256_hex(b"x"), "not_found", "incomplete"),
        ("nonsense", "malformed", "malformed"),
        ("x" * 600, "malformed", "malformed"),
        ("", "malformed", "malformed"),
        (None, "malformed", "malformed"),
        (7, "malformed", "malformed"),
        (["a"], "malformed", "malformed"),
    ]
    batch = Batch(archive, "standard", None)
    told = [batch.answer(item) for item, _, _ in asked]
    assert [(t["status"], t["result"]) for t in told] == [(s, r) for _, s, r in asked]
    assert all(t["verified"] == (t["result"] == "verified") for t in told)
    restrict(archive, record, Wanted(None, "public", "embargo"), "operator")
    assert Batch(archive, "standard", None).answer(name)["status"] == "restricted"
    withdraw(archive, record, WithdrawalWanted("other", "a test"), "operator")
    told_again = Batch(archive, "standard", None).answer(digest)
    assert told_again["matches"][0]["state"] == "withdrawn"


def test_the_exit_code_of_a_batch_is_that_of_its_worst_answer() -> None:
    assert exit_code({"verified": 3}) == 0
    assert exit_code({"verified": 3, "incomplete": 1}) == 2
    assert exit_code({"incomplete": 1, "malformed": 1}) == 3
    assert exit_code({"failed": 1, "malformed": 9}) == 1
    assert exit_code({}) == 2
