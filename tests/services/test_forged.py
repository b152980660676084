# SPDX-License-Identifier: Apache-2.0
"""Statements and inventories that say other than their WARC file, signed with the archive's key.

A signature shows who said it, not that it is so. Each row bends one thing of a sound record,
binds and signs everything anew, and names the one claim that must fail.
"""

import gzip
import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from support.archives import (
    add_documents,
    add_refusals,
    captured,
    failures,
    hasty_settings,
    new_archive,
    overwrite,
    page,
    published,
    stored_file,
)
from support.origin import Origin

from archive import canonical
from archive.bootstrap import open_archive
from archive.catalog import log
from archive.checks.runner import run_checks
from archive.digests import sha1_base32, sha256_hex
from archive.model.claim import Finding, Status
from archive.model.inventory import Inventory, expected_subjects
from archive.model.log_entry import LogEntry
from archive.model.statement import CAPTURE_V1, OBSERVATION_V1
from archive.proofs.dsse import read_envelope
from archive.services.capturing.capture import Recorded
from archive.services.context import Archive, signing_key
from archive.services.trust import keyset_chain, trusted_keyset
from archive.services.verifying.evidence import (
    ObservationFiles,
    capture_evidence,
    observation_evidence,
)
from archive.services.verifying.verify import verify_record
from archive.settings import Settings
from archive.storage.layout import blob_key, inventory_key, observation_key
from archive.warc.members import compress_member
from archive.warc.read import WarcRecord, read_records

DATE = "Fri, 06 Mar 2026 20:00:36 GMT"
ELSEWHERE = "https://elsewhere.example/terms"
Cause = tuple[str, str]
MISMATCH = ("warc.records", "WARC_STATEMENT_MISMATCH")
SCHEMA = ("statement.canonical", "STATEMENT_SCHEMA")
DIGEST = ("object.digest", "OBJECT_DIGEST_MISMATCH")
MISSING = ("inventory.bound", "PART_MISSING")
NOT_IN_WARC = ("body.from_warc", "BODY_NOT_IN_WARC")
DERIVED = ("text.derives", "DERIVED_NOT_REPRODUCIBLE")


class Forgery:
    """The signed files of one record as JSON, to be bent and then stored in place of the old."""

    def __init__(self, archive: Archive, settings: Settings, signed: dict[str, Recorded]) -> None:
        self.archive, self.settings, self.all = archive, settings, signed

    def begin(self, name: str) -> None:
        self.signed = self.all[name].signed
        self.statement: Any = canonical.loads(read_envelope(self._read(self.place)).payload)
        self.inventory: Any = canonical.loads(self._read(self.list_place))

    @property
    def place(self) -> str:
        return self.signed.envelope_key

    @property
    def list_place(self) -> str:
        capture_id = self.signed.look.capture_id
        return inventory_key(capture_id) if capture_id else blob_key(self.signed.inventory_sha256)

    def tell(self, section: str, **members: Any) -> None:
        """Change members of a section of the predicate."""
        self.statement["predicate"][section].update(members)

    def part(self, role: str) -> dict[str, Any]:
        """The row of a part."""
        return next(row for row in self.inventory["parts"] if row["role"] == role)

    def drop(self, role: str) -> None:
        """Take a part off the list."""
        self.inventory["parts"].remove(self.part(role))

    def own_records(self) -> list[WarcRecord]:
        return list(read_records(self._read(blob_key(self.inventory["own_container"]))))

    def move(self, role: str, record: WarcRecord, data: bytes) -> None:
        """Point a part at another record of the own container, digests and all."""
        old = self._read(blob_key(self.inventory["own_container"]))
        row = self.part(role)
        row.update(
            bytes=len(data),
            container_sha256=self.inventory["own_container"],
            offset=record.offset,
            length=record.length,
            record_id=record.record_id,
            record_sha256=sha256_hex(old[record.offset : record.offset + record.length]),
        )
        if "commitment" in row:
            row["commitment"] = hashlib.sha256(data).hexdigest()
        else:
            row.update(sha256=sha256_hex(data), sha1=sha1_base32(data))

    def lean_on(self, other: str, role: str) -> None:
        """List a part where another record has it."""
        row = next(part for part in self.all[other].signed.inventory.parts if part.role == role)
        self.part(role).update(row.to_json())
        by_digest = {item.sha256: item.size for item in self.all[other].signed.inventory.containers}
        known = {item["sha256"]: item["bytes"] for item in self.inventory["containers"]}
        known[row.span.container_sha256] = by_digest[row.span.container_sha256]
        self.inventory["containers"] = [
            {"sha256": sha256, "bytes": known[sha256]} for sha256 in sorted(known)
        ]

    def rewrite(self, type_: str, change: Callable[[bytes], bytes]) -> None:
        """Write the own container anew with each record of a type changed."""
        old_sha256 = self.inventory["own_container"]
        old, new, spans = self._read(blob_key(old_sha256)), b"", {}
        for record in read_records(old):
            whole = gzip.decompress(old[record.offset : record.offset + record.length])
            member = compress_member(change(whole) if record.type == type_ else whole)
            spans[record.record_id] = (len(new), len(member), sha256_hex(member))
            new += member
        sha256 = sha256_hex(new)
        for row in self.inventory["parts"]:
            if row["container_sha256"] == old_sha256:
                offset, length, digest = spans[row["record_id"]]
                row.update(container_sha256=sha256, offset=offset, length=length)
                row["record_sha256"] = digest
        others = [item for item in self.inventory["containers"] if item["sha256"] != old_sha256]
        containers = [*others, {"sha256": sha256, "bytes": len(new)}]
        self.inventory["containers"] = sorted(containers, key=lambda item: item["sha256"])
        self.inventory["own_container"] = sha256
        self._write(blob_key(sha256), new)

    def findings(self) -> tuple[Finding, ...]:
        """Bind and sign it all with the archive's own key, store it, and run every check."""
        listed = canonical.dumps(self.inventory)
        subjects = expected_subjects(Inventory.from_bytes(listed), sha256_hex(listed))
        self.statement["subject"] = [
            {"name": name, "digest": {"sha256": sha256}}
            for name, sha256 in sorted(subjects.items())
        ]
        payload = canonical.dumps(self.statement)
        key = signing_key(self.archive, trusted_keyset(self.archive))
        envelope = key.seal(payload).to_bytes()
        chain = keyset_chain(self.archive)
        self._log(payload, envelope)
        capture_id = self.signed.look.capture_id
        if capture_id is not None:
            self._write(self.place, envelope)
            self._write(self.list_place, listed)
            return run_checks(capture_evidence(self.archive, capture_id, self.place, chain))
        place = observation_key(sha256_hex(payload), key.listed.key.keyid8)
        self._write(place, envelope)
        self._write(blob_key(sha256_hex(listed)), listed)
        files = ObservationFiles(sha256_hex(payload), sha256_hex(listed), place)
        return run_checks(observation_evidence(self.archive, files, chain))

    def _log(self, payload: bytes, envelope: bytes) -> None:
        """Whoever has the archive's keys can log what they forge, so that the log agrees."""
        kind = "capture" if self.statement["predicateType"] == CAPTURE_V1 else "observation"
        record_id = self.statement["predicate"]["capture_id"]
        entry = LogEntry(kind, record_id, sha256_hex(payload), sha256_hex(envelope))
        with self.archive.database.appending() as connection:
            log.append(connection, [entry])
        published(self.archive)

    def causes(self) -> set[Cause]:
        """Claim and code of every finding that fails; nothing is unknown but the author."""
        findings = self.findings()
        unsure = {f.claim for f in findings if f.status is Status.UNKNOWN}
        assert unsure == {"server.authorship"}
        return {(f.claim, f.code) for f in findings if f.status is Status.FAIL}

    def _read(self, key: str) -> bytes:
        return stored_file(self.settings, key).read_bytes()

    def _write(self, key: str, data: bytes) -> None:
        path = stored_file(self.settings, key)
        if path.exists():
            overwrite(path, data)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@dataclass(frozen=True)
class Kept:
    """An archive that no test changes, and its records by name."""

    settings: Settings
    records: dict[str, Recorded]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    settings = hasty_settings(tmp_path_factory.mktemp("sound") / "data")
    archive = new_archive(settings)
    with Origin() as origin:
        documents, refusals = add_documents(origin), add_refusals(origin)
        origin.page("/twin", page("This one is sent as it is.") + b"<!-- not the same bytes -->")
        long = "/long?" + "x" * 700
        origin.page(long, page("This one has a long address."))
        records = {
            name: captured(archive, origin.url(documents[name]))
            for name in ("plain", "gzip", "odd-headers", "picture", "moved")
        }
        records["revisit"] = captured(archive, origin.url(documents["plain"]))
        records["coded revisit"] = captured(archive, origin.url(documents["gzip"]))
        records["twin"] = captured(archive, origin.url("/twin"))
        records["long"] = captured(archive, origin.url(long))
        origin.page("/dated", page("It has a date."), headers={"Date": DATE})
        records["dated"] = captured(archive, origin.url("/dated"))
        for name in ("403", "cut", "nothing", "no-http", "refused", "to-nobody", "loop"):
            records[name] = captured(archive, refusals[name][0])
    archive.close()
    return Kept(settings, records)


@pytest.fixture
def forgery(kept: Kept, tmp_path: Path) -> Iterator[Forgery]:
    shutil.copytree(kept.settings.data, tmp_path / "copy")
    settings = replace(kept.settings, data=tmp_path / "copy")
    archive = open_archive(settings)
    yield Forgery(archive, settings, kept.records)
    archive.close()


def test_what_is_signed_anew_without_a_change_verifies(forgery: Forgery) -> None:
    for name in forgery.all:
        forgery.begin(name)
        assert forgery.causes() == set(), name


def as_capture_of_nothing(f: Forgery) -> None:
    f.statement["predicateType"] = OBSERVATION_V1
    f.statement["predicate"]["capture_id"] = None


def headers_of_the_first_hop(f: Forgery) -> None:
    first = next(record for record in f.own_records() if record.type == "response")
    f.move("headers", first, first.block[: first.http_body_start])


def body_of_the_first_hop(f: Forgery) -> None:
    headers_of_the_first_hop(f)
    first = next(record for record in f.own_records() if record.type == "response")
    f.move("body", first, first.block[first.http_body_start :])


def request_of_the_first_hop(f: Forgery) -> None:
    first = next(record for record in f.own_records() if record.type == "request")
    f.move("request", first, first.block)


def without_text(f: Forgery) -> None:
    f.drop("text")
    f.statement["predicate"]["text"] = None


def field(name: bytes, value: bytes) -> Callable[[bytes], bytes]:
    """A change of one field of a record's header."""

    def change(record: bytes) -> bytes:
        before, found, after = record.partition(b"\r\n" + name + b": ")
        assert found
        return before + found + value + b"\r\n" + after.partition(b"\r\n")[2]

    return change


ROWS: dict[str, tuple[str, Callable[[Forgery], object], Cause]] = {
    "another URL": ("plain", lambda f: f.tell("request", url=ELSEWHERE), MISMATCH),
    "another final URL": ("plain", lambda f: f.tell("response", final_url=ELSEWHERE), MISMATCH),
    "another URL from first to last": (
        "plain",
        lambda f: (f.tell("request", url=ELSEWHERE), f.tell("response", final_url=ELSEWHERE)),
        MISMATCH,
    ),
    "another status": ("plain", lambda f: f.tell("response", status=404), MISMATCH),
    "another status of a revisit": ("revisit", lambda f: f.tell("response", status=203), MISMATCH),
    "another status of a refusal": ("403", lambda f: f.tell("response", status=200), MISMATCH),
    "another status of what was cut": ("cut", lambda f: f.tell("response", status=206), MISMATCH),
    "another Date header": (
        "dated",
        lambda f: f.tell("response", http_date="Thu, 01 Jan 1970 00:00:00 GMT"),
        MISMATCH,
    ),
    "no Date header": ("dated", lambda f: f.tell("response", http_date=None), MISMATCH),
    "a Date header instead of an unreadable one": (
        "odd-headers",
        lambda f: f.tell("response", http_date="Thu, 01 Jan 1970 00:00:00 GMT"),
        MISMATCH,
    ),
    "another time of asking": (
        "plain",
        lambda f: f.tell("request", requested_at="2026-01-01T00:00:00.000000Z"),
        MISMATCH,
    ),
    "another address": (
        "plain",
        lambda f: f.tell("response", remote_address="192.0.2.1"),
        MISMATCH,
    ),
    "an address that is none": (
        "plain",
        lambda f: f.tell("response", remote_address="there"),
        MISMATCH,
    ),
    "no address": ("plain", lambda f: f.tell("response", remote_address=None), MISMATCH),
    "another status of a hop": (
        "moved",
        lambda f: f.statement["predicate"]["response"]["redirects"][0].update(status=308),
        MISMATCH,
    ),
    "another URL of a hop": (
        "moved",
        lambda f: f.statement["predicate"]["response"]["redirects"][1].update(url=ELSEWHERE),
        MISMATCH,
    ),
    "a hop left out": (
        "moved",
        lambda f: f.statement["predicate"]["response"]["redirects"].pop(),
        MISMATCH,
    ),
    "a hop more": (
        "plain",
        lambda f: f.tell("response", redirects=[{"url": ELSEWHERE, "status": 301}]),
        MISMATCH,
    ),
    "headers of another exchange": ("moved", headers_of_the_first_hop, MISMATCH),
    "the body of another exchange": ("moved", body_of_the_first_hop, MISMATCH),
    "the request of another exchange": ("moved", request_of_the_first_hop, MISMATCH),
    "an address that nobody asked for": (
        "refused",
        lambda f: f.tell("response", final_url=ELSEWHERE),
        MISMATCH,
    ),
    "a hop where nobody answered": (
        "refused",
        lambda f: f.tell("response", redirects=[{"url": ELSEWHERE, "status": 301}]),
        MISMATCH,
    ),
    "another URL where nothing came": (
        "nothing",
        lambda f: f.tell("request", url=ELSEWHERE),
        MISMATCH,
    ),
    "an answer where none came": (
        "no-http",
        lambda f: f.tell("response", status=200, received_at=f.signed.look.requested_at),
        MISSING,
    ),
    "a status without a time": ("plain", lambda f: f.tell("response", received_at=None), SCHEMA),
    "a blocked look as a capture": ("plain", lambda f: f.tell("outcome", kind="blocked"), SCHEMA),
    "a good look as an observation": ("403", lambda f: f.tell("outcome", kind="ok"), SCHEMA),
    "a capture as an observation": ("plain", as_capture_of_nothing, SCHEMA),
    "an observation as a capture": (
        "403",
        lambda f: f.statement.update(predicateType=CAPTURE_V1),
        SCHEMA,
    ),
    "an answer before the question": (
        "plain",
        lambda f: f.tell("response", received_at="2020-01-01T00:00:00.000000Z"),
        SCHEMA,
    ),
    "another title": ("plain", lambda f: f.inventory["derived"].update(title="Other"), DERIVED),
    "another charset": (
        "plain",
        lambda f: f.inventory["derived"].update(charset="shift_jis"),
        DERIVED,
    ),
    "no derived facts": ("plain", lambda f: f.inventory.update(derived=None), DERIVED),
    "derived facts without a text": ("plain", without_text, DERIVED),
    "another media type of the body": (
        "plain",
        lambda f: f.part("body").update(media_type="image/png"),
        ("body.from_warc", "MEDIA_TYPE_MISMATCH"),
    ),
    "another media type of an unchanged body": (
        "revisit",
        lambda f: f.part("body").update(media_type="image/png"),
        ("body.from_warc", "MEDIA_TYPE_MISMATCH"),
    ),
    "another media type of the coded body": (
        "gzip",
        lambda f: f.part("body-raw").update(media_type="application/gzip"),
        ("body.from_warc", "MEDIA_TYPE_MISMATCH"),
    ),
    "another media type of the text": (
        "plain",
        lambda f: f.part("text").update(media_type="text/html"),
        ("inventory.bound", "MEDIA_TYPE_MISMATCH"),
    ),
    "another SHA-1": ("plain", lambda f: f.part("body").update(sha1="A" * 32), DIGEST),
    "a SHA-1 that is none": ("plain", lambda f: f.part("text").update(sha1="AAAA"), DIGEST),
    "another commitment": (
        "plain",
        lambda f: f.part("request").update(commitment="0" * 64),
        DIGEST,
    ),
    **{
        f"another digest of the record of {role}": (
            "gzip",
            lambda f, role=role: f.part(role).update(record_sha256="0" * 64),
            DIGEST,
        )
        for role in ("body", "body-raw", "headers", "request", "text")
    },
    **{
        f"a capture without {role}": ("plain", lambda f, role=role: f.drop(role), MISSING)
        for role in ("body", "headers", "request", "text")
    },
    "an observation without headers": ("403", lambda f: f.drop("headers"), MISSING),
    "an observation without request": ("nothing", lambda f: f.drop("request"), MISSING),
    "a text of which the statement is silent": (
        "plain",
        lambda f: f.statement["predicate"].update(text=None),
        ("inventory.bound", "OBJECT_UNLISTED"),
    ),
    "the same text of another body": (
        "plain",
        lambda f: f.lean_on("twin", "text"),
        ("text.derives", "TEXT_OF_ANOTHER_BODY"),
    ),
    "the coded body of another response": (
        "gzip",
        lambda f: f.lean_on("plain", "body"),
        NOT_IN_WARC,
    ),
    "a revisit of another digest": (
        "revisit",
        lambda f: f.rewrite("revisit", field(b"WARC-Payload-Digest", b"sha256:" + b"0" * 64)),
        NOT_IN_WARC,
    ),
    "a coded revisit with the digest of the decoded body": (
        "coded revisit",
        lambda f: f.rewrite(
            "revisit",
            field(b"WARC-Payload-Digest", b"sha256:" + f.part("body")["sha256"].encode()),
        ),
        NOT_IN_WARC,
    ),
    "a revisit of another URL": (
        "revisit",
        lambda f: f.rewrite("revisit", field(b"WARC-Refers-To-Target-URI", ELSEWHERE.encode())),
        NOT_IN_WARC,
    ),
    "a revisit of another time": (
        "revisit",
        lambda f: f.rewrite("revisit", field(b"WARC-Refers-To-Date", b"2020-01-01T00:00:00Z")),
        NOT_IN_WARC,
    ),
    "a revisit of another profile": (
        "revisit",
        lambda f: f.rewrite("revisit", field(b"WARC-Profile", b"http://example.org/other")),
        NOT_IN_WARC,
    ),
    "a request to another URL in the container": (
        "plain",
        lambda f: f.rewrite("request", field(b"WARC-Target-URI", ELSEWHERE.encode())),
        MISMATCH,
    ),
    "a response from another URL in the container": (
        "long",
        lambda f: f.rewrite("response", field(b"WARC-Target-URI", ELSEWHERE.encode())),
        MISMATCH,
    ),
    "another time of asking in the container": (
        "plain",
        lambda f: f.rewrite("request", field(b"WARC-Date", b"2020-01-01T00:00:00.000000Z")),
        MISMATCH,
    ),
}


@pytest.mark.parametrize(("name", "bend", "cause"), list(ROWS.values()), ids=list(ROWS))
def test_one_forged_fact_fails_the_one_claim_about_it(
    forgery: Forgery, name: str, bend: Callable[[Forgery], object], cause: Cause
) -> None:
    forgery.begin(name)
    bend(forgery)
    assert forgery.causes() == {cause}


def test_a_forged_record_is_not_verified_by_the_archive_itself(forgery: Forgery) -> None:
    forgery.begin("plain")
    forgery.tell("response", status=404)
    forgery.findings()
    capture_id = forgery.signed.look.capture_id
    assert capture_id is not None
    report = verify_record(forgery.archive, capture_id)
    assert MISMATCH in failures(report)
    assert report.result.exit_code == 1
