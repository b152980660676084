# SPDX-License-Identifier: Apache-2.0
"""Capturing: what is minted, what is kept as an observation, what is refused and where it shows."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa
from support.archives import (
    audited,
    captured,
    damaged,
    failures,
    look_at,
    minted,
    page,
    published,
    rebuilt,
    stored_file,
    stored_keys,
    tables,
)
from support.origin import Origin

from archive.bootstrap import init_archive, key_files, open_archive
from archive.catalog.tables import id_sequence, ops_reservation
from archive.clock import FixedClock
from archive.digests import sha1_base32, sha256_hex
from archive.errors import (
    AddressRefused,
    KeyLocked,
    MalformedUrl,
    ObjectConflict,
    SigningError,
    StorageError,
    StorageUnavailable,
)
from archive.model.fetch import Fetch
from archive.proofs.dsse import SIGNED_BYTES_LIMIT, read_envelope
from archive.services.capturing.capture import Recorded, Refused, capture, capture_many
from archive.services.context import Archive
from archive.services.reading.parts import part_bytes
from archive.services.statements.record import record_json
from archive.services.verifying.verify import verify_observation, verify_record
from archive.settings import Settings
from archive.storage.base import Store, StoredObject
from archive.storage.layout import blob_key, inventory_key
from archive.warc.read import read_records

pytestmark = pytest.mark.both_databases

SECRET = "hunter2"


def numbers_left(archive: Archive) -> tuple[int, int]:
    """The next number (0: none was ever handed out), and how many reservations there are."""
    with archive.database.reading() as connection:
        following = connection.execute(sa.select(id_sequence.c.next_number)).scalar() or 0
        kept = len(connection.execute(sa.select(ops_reservation)).all())
    return following, kept


def test_a_capture_says_what_was_asked_and_what_came(archive: Archive, origin: Origin) -> None:
    body = page("Nothing is shared.", title="Privacy")
    origin.page("/terms", body, headers={"Date": "Fri, 06 Mar 2026 20:00:36 GMT"})
    recorded = captured(archive, origin.url("/terms"))
    record = record_json(recorded.signed)
    assert record["id"] == "CA-C-0000001-39"
    assert (record["outcome"], record["status"]) == ("ok", 200)
    assert record["url"] == record["final_url"] == origin.url("/terms")
    assert record["title"] == "Privacy"
    assert record["http_date"] == "Fri, 06 Mar 2026 20:00:36 GMT"
    assert record["remote_address"] == "127.0.0.1"
    found = {item["role"]: item for item in record["parts"]}
    assert set(found) == {"body", "headers", "request", "text"}
    assert found["body"]["sha256"] == sha256_hex(body)
    assert found["request"]["sha256"] is None
    stored = recorded.signed.inventory.part("body")
    assert stored is not None
    assert stored.sha1 == sha1_base32(body)
    assert recorded.signed.look.capture_id is not None
    assert part_bytes(archive, recorded.signed.look.capture_id, "body").data == body


def test_only_ok_spends_a_number(archive: Archive, origin: Origin) -> None:
    origin.page("/empty", b"")
    origin.page("/terms", page())
    assert look_at(archive, origin.url("/empty")).capture_id is None
    assert numbers_left(archive) == (0, 0)
    assert minted(archive, origin.url("/terms")).number == 1
    assert look_at(archive, origin.url("/nothing")).capture_id is None
    assert numbers_left(archive) == (2, 0)


def test_a_mixed_group_keeps_its_order(archive: Archive, origin: Origin) -> None:
    origin.page("/a", page("A."))
    origin.page("/b", page("B."))
    urls = [
        origin.url("/a"),
        "ftp://a.example/",
        origin.url("/missing"),
        "http://10.0.0.1/",
        origin.url("/b"),
    ]
    results = list(capture_many(archive, urls))
    kinds = [
        item.signed.look.outcome.value if isinstance(item, Recorded) else item.error.code
        for item in results
    ]
    assert kinds == ["ok", "URL_MALFORMED", "error-page", "ADDRESS_REFUSED", "ok"]
    ids = [
        str(item.signed.look.capture_id)
        for item in results
        if isinstance(item, Recorded) and item.signed.look.capture_id
    ]
    assert ids == ["CA-C-0000001-39", "CA-C-0000002-36"]
    assert numbers_left(archive) == (3, 0)


REFUSED_URLS = {
    "no URL": ("terms", MalformedUrl),
    "nothing": ("", MalformedUrl),
    "another scheme": ("file:///etc/passwd", MalformedUrl),
    "credentials": (f"http://user:{SECRET}@127.0.0.1/", MalformedUrl),
    "a password alone": (f"http://:{SECRET}@127.0.0.1/", MalformedUrl),
    "credentials and a bad port": (f"http://user:{SECRET}@127.0.0.1:99999/", MalformedUrl),
    "credentials and no host": (f"http://user:{SECRET}@/", MalformedUrl),
    "credentials in another scheme": (f"ftp://user:{SECRET}@a.example/", MalformedUrl),
    "a private address": ("http://10.0.0.1/", AddressRefused),
    "the metadata service": ("http://169.254.169.254/", AddressRefused),
    "a mapped private address": ("http://[::ffff:10.0.0.1]/", AddressRefused),
}


@pytest.mark.parametrize(("url", "kind"), list(REFUSED_URLS.values()), ids=list(REFUSED_URLS))
def test_a_url_that_is_refused_leaves_no_trace(
    archive: Archive, settings: Settings, url: str, kind: type[Exception]
) -> None:
    before = stored_keys(settings)
    with pytest.raises(kind) as caught:
        capture(archive, url)
    assert SECRET not in str(caught.value)
    [refused] = capture_many(archive, [url])
    assert isinstance(refused, Refused)
    assert SECRET not in str(refused.error)
    assert stored_keys(settings) == before
    assert numbers_left(archive) == (0, 0)
    assert tables(archive)["observation"] == []


def test_credentials_in_a_redirect_are_in_no_reason_and_no_row(
    archive: Archive, origin: Origin
) -> None:
    origin.redirect("/to-secret", f"https://user:{SECRET}@a.example/")
    recorded = captured(archive, origin.url("/to-secret"))
    assert recorded.signed.look.outcome == "redirect-refused"
    assert SECRET not in json.dumps(record_json(recorded.signed))
    assert SECRET not in repr(tables(archive))
    envelope = archive.store.get(recorded.signed.envelope_key)
    assert SECRET.encode() not in read_envelope(envelope).payload


def test_long_addresses_are_recorded_whole_and_still_signed(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    long = "/" + "a" * 1500 + "?q=" + "b" * 1500
    origin.redirect("/start" + "c" * 900, long)
    origin.page(long, page("At a long address."))
    recorded = captured(archive, origin.url("/start" + "c" * 900))
    look, capture_id = recorded.signed.look, recorded.signed.look.capture_id
    assert capture_id is not None
    assert (look.final_url, len(look.redirects)) == (origin.url(long), 1)
    assert set(recorded.signed.inventory.overflow) == {"url", "final_url", "redirects"}
    envelope = read_envelope(archive.store.get(recorded.signed.envelope_key))
    assert len(envelope.signed_bytes()) <= SIGNED_BYTES_LIMIT
    assert verify_record(archive, capture_id).result.exit_code == 0
    before = tables(archive)
    assert origin.url(long) in repr(before["capture"])
    rebuilt(archive)
    assert tables(archive) == before
    path = stored_file(settings, inventory_key(capture_id))
    with damaged(path, path.read_bytes().replace(b"aaab", b"aaac").replace(b"ccc", b"ccd", 1)):
        found = failures(verify_record(archive, capture_id))
    assert found == {("inventory.bound", "INVENTORY_NOT_BOUND")}


def test_a_long_chain_of_redirects_is_recorded_whole(archive: Archive, origin: Origin) -> None:
    for hop in range(10):
        origin.redirect(f"/hop{hop}" + "x" * 60, f"/hop{hop + 1}" + "x" * 60)
    origin.page("/hop10" + "x" * 60, page("At the end of a chain."))
    recorded = captured(archive, origin.url("/hop0" + "x" * 60))
    look = recorded.signed.look
    assert look.capture_id is not None, look.reason
    assert len(look.redirects) == 10
    assert "redirects" in recorded.signed.inventory.overflow
    assert verify_record(archive, look.capture_id).result.exit_code == 0
    own = recorded.signed.inventory.own_container or ""
    types = [record.type for record in read_records(archive.store.get(blob_key(own)))]
    assert (types.count("response"), types.count("request")) == (11, 11)


def test_hostile_headers_cannot_make_a_statement_too_large(
    archive: Archive, origin: Origin
) -> None:
    wide = "\xff" * 290
    origin.page(
        "/legal" + "u" * 460,
        page("No."),
        status="451 " + wide,
        headers=(("Link", f'<{wide}>; rel="blocked-by"'), ("Date", "\x01" * 64)),
    )
    recorded = captured(archive, origin.url("/legal" + "u" * 460))
    assert recorded.signed.look.outcome == "blocked"
    envelope = read_envelope(archive.store.get(recorded.signed.envelope_key))
    assert len(envelope.signed_bytes()) <= SIGNED_BYTES_LIMIT
    assert recorded.signed.look.http_date is None
    report = verify_observation(archive, recorded.signed.statement_sha256)
    assert report.result.exit_code == 0


@pytest.mark.parametrize("date", ["x" * 65, "\x01", "\xe9" * 65])
def test_a_date_header_that_is_none_is_left_out_of_the_statement(
    archive: Archive, origin: Origin, date: str
) -> None:
    origin.page("/terms", page(), headers={"Date": date})
    assert look_at(archive, origin.url("/terms")).http_date is None


def test_vantage_and_language_are_part_of_each_capture(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    origin.page("/terms", page())
    minted(archive, origin.url("/terms"))
    moved = replace(settings, capture=replace(settings.capture, vantage="de", language="de-DE"))
    elsewhere = open_archive(moved)
    look = look_at(elsewhere, origin.url("/terms"))
    elsewhere.close()
    assert (look.vantage, look.language) == ("de", "de-DE")
    assert look.previous is None
    assert b"Accept-Language: de-DE" in origin.requests[-1]


class StoreWith:
    """A store whose answers can be bent; all else is the real one's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.refuse_put_many = False
        self.bend: dict[str, bytes] = {}

    def put(self, key: str, data: bytes) -> None:
        self._store.put(key, data)

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        if self.refuse_put_many:
            raise StorageUnavailable("the store is away; try again")
        self._store.put_many(objects)

    def get(self, key: str) -> bytes:
        data = self._store.get(key)
        return next((bent for place, bent in self.bend.items() if key.startswith(place)), data)

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        return self._store.get_range(key, offset, length)

    def stream(self, key: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        return self._store.stream(key, chunk_bytes)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        return self._store.list(prefix)


def test_bytes_that_read_back_otherwise_are_never_signed(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    origin.page("/terms", page())
    lying = StoreWith(archive.store)
    lying.bend["captures/"] = b"other bytes"
    with pytest.raises(ObjectConflict, match="reads back"):
        capture(replace(archive, store=lying), origin.url("/terms"))
    assert [key for key in stored_keys(settings, "captures/") if "statement" in key] == []
    assert tables(archive)["capture"] == []


def test_a_store_that_is_away_spends_a_number_and_cites_nothing(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    origin.page("/terms", page())
    away = StoreWith(archive.store)
    away.refuse_put_many = True
    with pytest.raises(StorageError):
        capture(replace(archive, store=away), origin.url("/terms"))
    assert tables(archive)["capture"] == []
    assert minted(archive, origin.url("/terms")).number == 2
    assert audited(archive).exit_code == 0


def test_without_its_key_the_archive_reads_and_does_not_capture(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    origin.page("/terms", page())
    capture_id = minted(archive, origin.url("/terms"))
    key_files(settings).manifest.unlink()
    with pytest.raises(KeyLocked):
        capture(archive, origin.url("/terms"))
    assert verify_record(archive, capture_id).result.exit_code == 0
    assert numbers_left(archive) == (2, 0)


def test_a_key_that_the_keyset_does_not_list_signs_nothing(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    from archive.signing.file import create_key, read_passphrase

    files = key_files(settings)
    files.manifest.unlink()
    create_key(files.manifest, read_passphrase(files.passphrase_file))
    with pytest.raises(SigningError, match="keyset"):
        capture(archive, origin.url("/terms"))
    assert origin.requests == []


def test_a_key_past_its_time_signs_nothing(archive: Archive, origin: Origin) -> None:
    import datetime as dt

    late = FixedClock(archive.clock.now() + dt.timedelta(days=4000))
    with pytest.raises(SigningError, match="rotate"):
        capture(replace(archive, clock=late), origin.url("/terms"))
    assert origin.requests == []


def test_init_again_changes_nothing(archive: Archive, settings: Settings) -> None:
    before = (tables(archive), stored_keys(settings))
    again, made = init_archive(settings)
    again.close()
    assert (made.is_new, made.api_key) == (False, None)
    assert (tables(archive), stored_keys(settings)) == before


def test_private_parts_are_not_handed_out(archive: Archive, origin: Origin) -> None:
    from archive.errors import NotFound

    origin.page("/terms", page())
    capture_id = minted(archive, origin.url("/terms"))
    for role in ("request", "screenshot", "", "../body"):
        with pytest.raises(NotFound):
            part_bytes(archive, capture_id, role)


def test_damaged_bytes_are_not_handed_out_as_the_part(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    origin.page("/terms", page())
    recorded = captured(archive, origin.url("/terms"))
    capture_id = recorded.signed.look.capture_id
    part = recorded.signed.inventory.part("body")
    assert part is not None
    assert capture_id is not None
    path = stored_file(settings, blob_key(part.span.container_sha256))
    data = path.read_bytes()
    from archive.errors import MalformedEvidence

    for offset in range(part.span.offset, part.span.offset + part.span.length, 7):
        bent = bytearray(data)
        bent[offset] ^= 0x10
        with damaged(path, bytes(bent)):
            try:
                assert part_bytes(archive, capture_id, "body").data == page()
            except (ObjectConflict, MalformedEvidence):
                continue


def test_an_interrupt_loses_no_look_that_was_made(archive: Archive, origin: Origin) -> None:
    origin.page("/terms", page())
    whole = archive.fetcher

    class Interrupted:
        """A fetcher whose user presses Ctrl-C during the second URL."""

        def fetch(self, url: str) -> Fetch:
            if url.endswith("/slow"):
                raise KeyboardInterrupt
            return whole.fetch(url)

        def close(self) -> None:
            whole.close()

    looks = capture_many(
        replace(archive, fetcher=Interrupted()), [origin.url("/terms"), origin.url("/slow")]
    )
    recorded = next(looks)
    with pytest.raises(KeyboardInterrupt):
        next(looks)
    published(archive)
    assert isinstance(recorded, Recorded)
    capture_id = recorded.signed.look.capture_id
    assert capture_id is not None
    assert verify_record(archive, capture_id).result.exit_code == 0
