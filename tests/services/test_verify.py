# SPDX-License-Identifier: Apache-2.0
"""Verifying by record, by bytes and by digest: what the report says, and what it never says."""

import base64
import gzip

import pytest
from support.archives import (
    captured,
    damaged,
    failures,
    minted,
    page,
    stored_file,
    unknowns,
)
from support.origin import Origin

from archive.digests import read_sha256, sha256_hex
from archive.errors import InputError, NotFound
from archive.ids import Kind, RecordId
from archive.model.claim import Result, Status
from archive.services.context import Archive
from archive.services.hashes.desk import BytesAnswer, verify_bytes, verify_digest
from archive.services.upkeep.audit import AuditOptions, audit
from archive.services.verifying.report_text import report_text
from archive.services.verifying.verify import verify_observation, verify_record
from archive.settings import Settings
from archive.storage.layout import blob_key

BODY = page("We may share data.")


@pytest.fixture
def record(archive: Archive, origin: Origin) -> RecordId:
    origin.page("/terms", BODY)
    return minted(archive, origin.url("/terms"))


def by_digest(archive: Archive, text: str, policy: str = "standard") -> BytesAnswer:
    return verify_digest(archive, read_sha256(text), policy)


def test_a_good_capture_is_verified_under_standard(archive: Archive, record: RecordId) -> None:
    report = verify_record(archive, record)
    assert (report.result, report.required_failed) == (Result.VERIFIED, ())
    found = report.to_json()
    assert found["v"] == 1
    assert found["subject"]["record_id"] == str(record)
    assert found["trust_inputs"]["root_source"] == "configured"
    assert found["trust_inputs"]["root_fingerprints"] == list(archive.pinned_roots)
    assert found["trust_inputs"]["keyset_version"] == 1
    assert found["summary"]["not_proven"] == ["server.authorship"]
    assert (found["result"], found["exit_code"]) == ("verified", 0)
    assert sum(found["summary"][name] for name in ("pass", "fail", "unknown")) <= len(
        found["claims"]
    )
    for claim in found["claims"]:
        assert {"id", "target", "status", "code", "detail", "evidence", "depends_on"} <= set(claim)


def test_the_server_is_never_proven_to_have_written_the_bytes(
    archive: Archive, record: RecordId
) -> None:
    for policy in ("bytes-only", "standard", "court"):
        [finding] = [
            item
            for item in verify_record(archive, record, policy).findings
            if item.claim == "server.authorship"
        ]
        assert (finding.status, finding.code) == (Status.UNKNOWN, "NOT_PROVABLE")


def test_court_is_incomplete_without_time_log_and_witness(
    archive: Archive, record: RecordId
) -> None:
    report = verify_record(archive, record, "court")
    assert report.result is Result.INCOMPLETE
    assert "ts.rfc3161" in report.required_failed
    assert failures(report) == set()


def test_an_unknown_policy_and_an_unknown_record_are_refused(
    archive: Archive, record: RecordId
) -> None:
    with pytest.raises(InputError, match="policy"):
        verify_record(archive, record, "lenient")
    with pytest.raises(NotFound):
        verify_record(archive, RecordId("CA", Kind.CAPTURE, 99))
    with pytest.raises(NotFound):
        verify_observation(archive, "0" * 64)


def test_the_bytes_of_the_page_name_their_record(archive: Archive, record: RecordId) -> None:
    for size in (1, 100, len(BODY)):
        chunks = [BODY[at : at + size] for at in range(0, len(BODY), size)]
        answer = verify_bytes(archive, chunks)
        assert [(match.capture_id, match.role) for match in answer.matches] == [
            (str(record), "body")
        ]
        assert (answer.exit_code, answer.to_json()["verified"]) == (0, True)


def test_every_spelling_of_a_digest_names_its_record(archive: Archive, record: RecordId) -> None:
    digest = sha256_hex(BODY)
    raw = bytes.fromhex(digest)
    spellings = [
        digest,
        digest.upper(),
        f"sha256:{digest}",
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).rstrip(b"=").decode(),
        base64.b32encode(raw).decode(),
    ]
    for text in spellings:
        answer = by_digest(archive, text)
        assert [match.capture_id for match in answer.matches] == [str(record)], text
        assert answer.exit_code == 0


def test_the_text_and_the_raw_body_are_found_too(archive: Archive, origin: Origin) -> None:
    zipped = gzip.compress(BODY, mtime=0)
    origin.page("/gzip", zipped, headers={"Content-Encoding": "gzip"})
    capture_id = minted(archive, origin.url("/gzip"))
    [raw] = verify_bytes(archive, [zipped]).matches
    [body] = verify_bytes(archive, [BODY]).matches
    assert (raw.role, body.role) == ("body-raw", "body")
    assert raw.capture_id == body.capture_id == str(capture_id)


def test_d47_a_truncated_digest_is_a_search_and_verifies_nothing(
    archive: Archive, record: RecordId
) -> None:
    digest = sha256_hex(BODY)
    for text in (digest[:16] + "\u2026", digest[:16] + "...", digest[:12], digest[:63]):
        answer = by_digest(archive, text)
        assert [match.capture_id for match in answer.matches] == [str(record)]
        found = answer.to_json()
        assert (found["verified"], found["sha256"], found["exit_code"]) == (False, None, 2)
        assert "not a verification" in answer.note
        assert answer.report is None


def test_files_of_the_evidence_name_their_record(archive: Archive, origin: Origin) -> None:
    origin.page("/terms", BODY)
    signed = captured(archive, origin.url("/terms")).signed
    digests = (
        signed.inventory.own_container or "",
        signed.inventory_sha256,
        signed.statement_sha256,
        signed.envelope_sha256,
    )
    for digest in digests:
        answer = by_digest(archive, digest)
        assert str(signed.look.capture_id) in answer.note
        assert answer.exit_code == 0


def test_an_observation_is_found_by_its_statement(archive: Archive, origin: Origin) -> None:
    signed = captured(archive, origin.url("/missing")).signed
    answer = by_digest(archive, signed.statement_sha256)
    assert answer.exit_code == 0
    assert "not minted" in answer.note


def test_bytes_of_no_record_are_neither_true_nor_false(archive: Archive, record: RecordId) -> None:
    answer = verify_bytes(archive, [b"something else"])
    assert (answer.matches, answer.near, answer.exit_code) == ((), (), 2)
    assert answer.to_json()["result"] == "incomplete"
    assert answer.to_json()["verified"] is False


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        (lambda body: body.replace(b"\n", b"\r\n"), "LF"),
        (lambda body: b"\xef\xbb\xbf" + body, "byte order mark"),
    ],
    ids=["CRLF", "BOM"],
)
def test_harmed_bytes_are_not_verified_and_the_harm_is_named(
    archive: Archive, origin: Origin, harm: object, word: str
) -> None:
    body = BODY.replace(b"<p>", b"\n<p>")
    origin.page("/terms", body)
    capture_id = minted(archive, origin.url("/terms"))
    assert callable(harm)
    answer = verify_bytes(archive, [harm(body)])
    assert (answer.matches, answer.report, answer.exit_code) == ((), None, 2)
    [near] = answer.near
    assert word in near.words
    assert near.match.capture_id == str(capture_id)


def test_no_bytes_at_all_name_no_record(archive: Archive, record: RecordId) -> None:
    for answer in (verify_bytes(archive, []), by_digest(archive, sha256_hex(b""))):
        assert (answer.matches, answer.exit_code) == ((), 2)
        assert "no bytes" in answer.note


def test_bytes_of_a_damaged_record_are_not_verified(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    origin.page("/terms", BODY)
    signed = captured(archive, origin.url("/terms")).signed
    path = stored_file(settings, blob_key(signed.inventory.own_container or ""))
    with damaged(path, path.read_bytes()[:-1]):
        answer = verify_bytes(archive, [BODY])
    assert answer.exit_code == 1
    assert answer.to_json()["verified"] is False


def test_a_store_that_cannot_be_read_leaves_claims_unknown(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    from dataclasses import replace

    from archive.errors import StorageRefused

    class Away:
        """A store that refuses what lies under one prefix."""

        def __init__(self, prefix: str) -> None:
            self.prefix = prefix

        def get(self, key: str) -> bytes:
            if key.startswith(self.prefix):
                raise StorageRefused("no permission")
            return archive.store.get(key)

        def __getattr__(self, name: str) -> object:
            return getattr(archive.store, name)

    refused = replace(archive, store=Away("captures/"))  # type: ignore[arg-type]
    report = verify_record(refused, record)
    assert (report.result, failures(report)) == (Result.INCOMPLETE, set())
    assert ("envelope.form", "STORAGE_REFUSED") in unknowns(report)


def test_the_readable_report_ends_with_the_bottom_line(archive: Archive, record: RecordId) -> None:
    lines = report_text(verify_record(archive, record), "a note").splitlines()
    assert lines[0] == "a note"
    assert str(record) in lines[1]
    assert lines[-1].startswith("VERIFIED")
    assert any("not proven" in line and "server.authorship" in line for line in lines)
    last = report_text(verify_record(archive, record, "court"), "").splitlines()[-1]
    assert last.startswith("INCOMPLETE")
    assert "log.witness" in last


def edit_row(archive: Archive, statement: str, *values: str) -> None:
    with archive.database.writing() as connection:
        connection.exec_driver_sql(statement, values)


def test_forged_bytes_are_not_verified_because_the_catalogue_names_them(
    archive: Archive, record: RecordId
) -> None:
    forged = b"<p>We sell your data.</p>"
    edit_row(archive, "update part set sha256 = ? where role = 'body'", sha256_hex(forged))
    answer = verify_bytes(archive, [forged])
    assert answer.report is not None
    assert answer.to_json()["verified"] is False
    assert answer.matches == ()
    failed = [item for item in answer.report.findings if item.status is Status.FAIL]
    assert [(item.claim, item.code) for item in failed] == [("catalog.agrees", "CATALOG_DISAGREES")]
    assert "body.sha256" in failed[0].detail


@pytest.mark.parametrize("level", ["plain", "deep", "full"])
def test_audit_compares_the_catalogue_with_the_signed_files(
    archive: Archive, record: RecordId, level: str
) -> None:
    edit_row(archive, "update capture set record_json = replace(record_json, 'terms', 'fraud')")
    report = audit(archive, lambda _done, _total: None, AuditOptions(level, None, 1))
    assert [(item.claim, item.code) for item in report.damages] == [
        ("catalog.agrees", "CATALOG_DISAGREES")
    ]
    assert report.exit_code == 1


def test_a_deleted_row_of_a_signed_capture_is_named_by_audit(
    archive: Archive, record: RecordId
) -> None:
    edit_row(archive, "delete from part")
    edit_row(archive, "delete from capture")
    report = audit(archive, lambda _done, _total: None, AuditOptions())
    assert [item.code for item in report.damages] == ["NOT_CATALOGUED"]
