# SPDX-License-Identifier: Apache-2.0
"""Drafts a certificate of a record for a named person to read, correct and sign.

It holds what would be asked of a witness: the process, the record, the comparison of its bytes,
custody, gaps, and what is not certified. Analysis of what the words mean is kept out of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archive import __version__
from archive.canonical import JsonValue
from archive.catalog import evidence as rows
from archive.checks.evidence import REDACTED, Absent, Evidence
from archive.digests import sha256_hex
from archive.errors import InputError, NotFound, ObjectMissing
from archive.exports.certificate import FORMS, Attached, build_sha256, certificate_pdf
from archive.ids import RecordId
from archive.model.claim import Finding, Report, Result, Status
from archive.services.context import Archive
from archive.services.custody import custody_of
from archive.services.effects.standing import Standing, standing_of
from archive.services.exhibits.verify import Circumstances, ExhibitTrust, verify_exhibit
from archive.services.reading.cite import readable
from archive.services.trust import keyset_chain
from archive.services.verifying.evidence import capture_evidence
from archive.services.verifying.verify import Asked, report_on

_TITLES = {
    "fre": "Certification of an archived web record",
    "eidas": "Attestation of an archived web record",
}
_CAPTURING = """\
The system is a citation archive. When it is told to capture an address, it resolves the name, \
connects, sends one HTTP request without cookies or account, follows redirects, and records \
request and response as they were sent and received, byte for byte, in a file of the WARC format \
(ISO 28500). It runs no scripts and fetches nothing but the page."""
_SIGNING = """\
It computes SHA-256 digests of every part, writes them into an inventory, stores both, reads them \
back and compares, and then signs a statement (in-toto Statement v1 in a DSSE envelope, Ed25519) \
that names the inventory's digest. Nothing that is stored is overwritten. A record gets its ID \
only after the outcome was judged to be the document, and not a block page, an error or a \
truncated answer."""
_IMPORTING = """\
The system is a citation archive. This record was not captured by it: a file in the WARC format \
was given to it by “{supplier}”, and kept as it was. The system read the record, computed digests \
of every part, listed them in an inventory, and signed a statement that names the inventory."""
_VOUCHING = """\
It vouches for the bytes that it was given and for when it was given them, not for the crawl by \
which they were made."""
_NO_AUTHORSHIP = """\
That the server at the address, or any person, authored the bytes: an encrypted connection leaves \
no proof of that for others."""
_ANSWERS = {
    Status.PASS: "holds",
    Status.FAIL: "FAILS",
    Status.UNKNOWN: "not proven",
    Status.NOT_APPLICABLE: "not applicable",
    Status.SKIPPED: "not looked at",
}
_SHOWN_LIMIT = 300
_PROOFS = ("log.", "ts.", "time.")
Row = tuple[str, str] | tuple[str, str, bool]


@dataclass(frozen=True, slots=True)
class Declarant:
    """The person who is to certify; what is None stays a blank line."""

    name: str | None = None
    title: str | None = None
    employer: str | None = None
    qualification: str | None = None
    is_outside_us: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted certificate, and the report that it tells of."""

    pdf: bytes
    report: Report


def certificate(
    archive: Archive,
    capture_id: RecordId,
    declarant: Declarant,
    form: str = "fre",
    exhibit: Path | None = None,
) -> Draft:
    """The draft for a capture; with an exhibit of it, that file is certified as well.

    A record that is withdrawn has one too, which says so: a draft holds no bytes of the page.

    Raises NotFound, InputError for an unknown form or a file that is no sound
    exhibit of the record, ObjectMissing when the statement is gone, StorageError.
    """
    if form not in FORMS:
        raise InputError(f"unknown form {form!r}: use one of {', '.join(FORMS)}")
    with archive.database.reading() as connection:
        row = rows.capture_by_id(connection, str(capture_id))
    if row is None:
        raise NotFound(f"there is no record {capture_id}")
    standing = standing_of(archive, str(capture_id))
    gathered = capture_evidence(archive, capture_id, row.envelope_key, keyset_chain(archive))
    if isinstance(gathered.envelope_bytes, Absent):
        raise ObjectMissing(f"nothing can be certified: {gathered.envelope_bytes.detail}")
    subject = {"record_id": str(capture_id), "capture_id": str(capture_id)}
    report = report_on(archive, gathered, Asked("standard", subject, row.envelope_key))
    if report.result in {Result.FAILED, Result.MALFORMED}:
        raise InputError(
            f"{capture_id} fails verification and is not certified: run `muniment verify`"
        )
    now = archive.clock.now()
    custody = custody_of(archive, capture_id)
    data: dict[str, JsonValue] = {
        "title": _TITLES[form],
        "form": form,
        "declarant": {
            "name": declarant.name,
            "title": declarant.title,
            "employer": declarant.employer or archive.identity.name,
            "qualification": declarant.qualification,
        },
        "is_outside_us": declarant.is_outside_us,
        "archive": {"name": archive.identity.name},
        "record": {"id": str(capture_id)},
        "process": list(_process(gathered)),
        "system": [list(one) for one in _system(archive, gathered)],
        "facts": [list(one) for one in _facts(capture_id, gathered, report)],
        "files": [list(one) for one in _files(gathered)],
        "comparison": _comparison(report),
        "exhibit": None if exhibit is None else _exhibit(archive, gathered, report, exhibit),
        "proofs": [list(one) for one in _proofs(gathered, report)],
        "claims": [list(one) for one in _claims(report.findings)],
        "custody": [
            [event.at, event.event, readable(event.detail)] for event in custody.events[1:]
        ],
        "unsigned": custody.unsigned,
        "gaps": [*_gaps(gathered, report), *_told_since(standing)],
        "limits": list(_LIMITS),
    }
    statement = Attached(
        "statement.dsse.json",
        "application/json",
        "The signed statement about the record, in its DSSE envelope",
        gathered.envelope_bytes.decode("utf-8"),
    )
    return Draft(certificate_pdf(data, [statement], now), report)


def _process(gathered: Evidence) -> Sequence[str]:
    given = gathered.look.imported
    if given is None:
        return _CAPTURING, _SIGNING
    return _IMPORTING.format(supplier=readable(given.supplied_by)), _VOUCHING


def _system(archive: Archive, gathered: Evidence) -> Sequence[Row]:
    look = gathered.look
    clock = "the clock of the capturing machine; its offset from UTC was not recorded"
    return (
        ("Software then", f"{look.agent} {look.agent_version}"),
        ("Software now", f"muniment {__version__}"),
        ("Its build", build_sha256(), True),
        ("Capture method", {"http": "one HTTP request, no browser", "import": "import"}[look.mode]),
        ("Vantage, language", f"{look.vantage}, {look.language}"),
        ("Clock", clock),
        ("Operated by", archive.identity.name),
    )


def _facts(capture_id: RecordId, gathered: Evidence, report: Report) -> Sequence[Row]:
    look = gathered.whole_look
    hops = [f"{hop.url} ({hop.status})" for hop in look.redirects]
    return (
        ("Record ID", str(capture_id)),
        ("Address asked for", look.url, True),
        ("Redirects", "; ".join(hops) or "none"),
        ("Final address", look.final_url, True),
        ("HTTP status", "none" if look.status is None else str(look.status)),
        ("Request begun", look.requested_at),
        ("Response complete", look.received_at or "it was not"),
        ("Date header", look.http_date or "none, or not as HTTP has it"),
        ("Server's address", look.remote_address or "not recorded"),
        ("Outcome", f"{look.outcome.value}: {readable(look.reason)}"),
        ("Statement SHA-256", gathered.envelope.statement_sha256, True),
        ("Standing now", _standing(report)),
    )


def _standing(report: Report) -> str:
    """What the archive itself has said against the record since, which nobody must overlook."""
    told = report.standing or {}
    said = []
    if "withdrawal" in told:
        said.append("WITHDRAWN by the archive")
    if "superseded_by" in told:
        said.append("superseded by another record")
    if "corrections" in told:
        said.append(f"corrected {len(told['corrections'])} times")
    return f"{', '.join(said)}: see section 7" if said else "not withdrawn, superseded or corrected"


def _files(gathered: Evidence) -> Sequence[tuple[str, str, str]]:
    inventory = gathered.inventory
    listed = [
        (part.role, str(part.size), part.sha256 or f"salted commitment {part.commitment}")
        for part in inventory.parts
    ]
    listed += [("WARC file", str(one.size), one.sha256) for one in inventory.containers]
    for name, data in (
        ("inventory", gathered.inventory_bytes),
        ("statement file", gathered.envelope_bytes),
    ):
        if not isinstance(data, Absent):
            listed.append((name, str(len(data)), sha256_hex(data)))
    return listed


def _comparison(report: Report) -> JsonValue:
    compared = [f for f in report.findings if f.claim in {"object.digest", "inventory.bound"}]
    unproven = [f for f in compared if f.status is not Status.PASS]
    result = (
        "Each was equal to the digest on record."
        if compared and not unproven
        else "Not all could be compared: see section 6."
    )
    return {
        "at": report.verified_at,
        "tool": f"muniment {report.verifier[1]}",
        "result": result,
    }


def _exhibit(archive: Archive, gathered: Evidence, own: Report, path: Path) -> JsonValue:
    """The facts about an exhibit, which must prove all that the archive itself can.

    Raises InputError for any other: what only is not disproven may be another archive's.
    """
    capture_id = gathered.look.capture_id
    trust = ExhibitTrust(tuple(archive.pinned_roots), "configured", capture_id)
    circumstances = Circumstances(archive.clock.now(), archive.random_bytes)
    report = verify_exhibit(path, trust, "standard", circumstances)
    sha256 = report.subject["package_sha256"]
    unproven = set(report.required_failed) - set(own.required_failed)
    is_sound = report.result in {Result.VERIFIED, Result.INCOMPLETE} and not unproven
    if not is_sound or sha256 is None:
        raise InputError(
            f"{path} is no sound exhibit of {capture_id}: run `muniment verify {path}`"
        )
    return {
        "name": path.name,
        "bytes": str(path.stat().st_size),
        "sha256": sha256,
        "verified_at": report.verified_at,
        "result": report.result.value,
    }


def _proofs(gathered: Evidence, report: Report) -> Sequence[Row]:
    shown = report.to_json()
    found: list[Row] = [
        ("Signing key", gathered.envelope.keyid, True),
        ("Keyset version", str(report.trust.keyset_version)),
        *(("Root key", root, True) for root in report.trust.root_fingerprints),
        ("Not before", shown["time"]["not_before"] or "no bound is proven"),
        ("Not after", shown["time"]["not_after"] or "no bound is proven"),
    ]
    found += [
        (f"{one.claim} {one.target}".strip(), f"{_ANSWERS[one.status]}: {one.detail}")
        for one in report.findings
        if one.claim.startswith(_PROOFS)
    ]
    return found


def _claims(findings: Sequence[Finding]) -> Sequence[tuple[str, str, str]]:
    return [
        (
            f"{one.claim} {one.target}".strip(),
            _ANSWERS[one.status] + (f" ({one.code})" if one.code else ""),
            readable(one.detail)[:_SHOWN_LIMIT],
        )
        for one in findings
    ]


def _gaps(gathered: Evidence, report: Report) -> Sequence[str]:
    look = gathered.look
    gaps = []
    if look.imported is None:
        gaps.append(
            "Scripts were not run; images, styles, frames and other resources of the page were "
            "not fetched. How the page looked on a screen is not part of the record."
        )
    unproven = [f for f in report.findings if f.status is Status.UNKNOWN]
    gaps += [f"Not proven: {one.claim}: {readable(one.detail)}" for one in unproven]
    gaps += [
        f"Removed for good by a signed redaction: {one.target}: {readable(one.detail)}"
        for one in report.findings
        if one.claim == "object.digest" and one.code == REDACTED
    ]
    if gathered.inventory.part("text") is None:
        gaps.append("No text was extracted from the body.")
    private = [part.role for part in gathered.inventory.parts if part.sha256 is None]
    if private:
        gaps.append(
            f"Recorded with a commitment alone and not disclosed as files: {', '.join(private)}."
        )
    return gaps


def _told_since(standing: Standing) -> Sequence[str]:
    """What the archive said of the record since: withdrawn, corrected, superseded."""
    told = []
    if standing.withdrawn is not None:
        withdrawn = standing.withdrawn
        told.append(f"Withdrawn by the archive ({withdrawn.at}): {readable(withdrawn.reason)}")
    told += [
        f"Corrected by a signed statement ({said.act.at}): {readable(said.act.words)}"
        for said in standing.corrections
    ]
    if standing.superseded is not None:
        told.append(f"Superseded {readable(standing.superseded.words)}")
    return told


_LIMITS = (
    "That the content of the page is true, complete, lawful or in force.",
    _NO_AUTHORSHIP,
    "That other visitors, at the same time or at other times, were shown the same content.",
    "Any time beyond what section 5 proves: the times in section 3 are its own clock's.",
    "Any analysis, classification or opinion about the content; none is part of this document.",
    "Whether the record is admissible or relevant, and what weight it has; that is for the court.",
)
