# SPDX-License-Identifier: Apache-2.0
"""Verifies an exhibit by what is in it, without an archive and without a network.

Only the root fingerprint must come from elsewhere. Where it came with the package, nothing is
*verified*: a forger packs a root of his own.
"""

import datetime as dt
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from archive import __version__, canonical
from archive.checks.evidence import (
    Absent,
    CustodyStatement,
    Evidence,
    ForeignReader,
    Package,
    Replaced,
)
from archive.checks.package_form import CLAIM as PACKAGE
from archive.checks.runner import run_checks
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.errors import (
    MalformedBag,
    MalformedEvidence,
    MalformedId,
    MalformedKeyset,
    MalformedStatement,
)
from archive.ids import RecordId, parse_id
from archive.model import exhibit as names
from archive.model.claim import Finding, Report, Result, Status, TrustInputs
from archive.model.content import ContentPredicate
from archive.model.custody import TOLD, SignedCustody
from archive.model.inventory import Container, RecordSpan
from archive.model.redaction import Redaction
from archive.model.statement import CONTENT, CONTENT_TYPES, Statement
from archive.proofs.bag import Bag, open_bag, sha256_of_file
from archive.proofs.dsse import read_envelope
from archive.proofs.keyset import Keyset
from archive.proofs.keyset_chain import (
    KeysetChain,
    KeysetNotAtHand,
    SignedKeyset,
    UnpinnedRoot,
)
from archive.services.exhibits.contents import with_contents
from archive.services.exhibits.proofs import GivenLater, absent_from, given, log_in, stamps_in
from archive.services.stamping.report_time import with_time
from archive.services.verifying.judge import WHO, claims_to_run, judge, not_proven, reading_order
from archive.services.verifying.trust_inputs import trust_inputs

# Also where a policy asks for the bytes alone: nothing but the keys ties them to an archive.
_REQUIRED = (PACKAGE.id, *WHO)
_ALWAYS = frozenset(_REQUIRED)
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ExhibitTrust:
    """What an exhibit is verified by: root fingerprints from outside it (none: `package`).

    `record` is the record that the exhibit should be of, where the caller knows; `checkpoints` are
    notes of its log that he got elsewhere.
    """

    roots: tuple[str, ...] = ()
    source: str = "user"
    record: RecordId | None = None
    checkpoints: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The verifier's time, and its source of randomness for the report's ID."""

    now: dt.datetime
    random_bytes: Callable[[int], bytes]


def verify_exhibit(
    path: Path, trust: ExhibitTrust, policy: str, circumstances: Circumstances
) -> Report:
    """The report on the exhibit in a folder or a ZIP file.

    Raises InputError when it cannot be read at all, or the policy is unknown. A file that is no
    exhibit gives a report that fails on package.form.
    """
    claims = claims_to_run(policy)
    if claims is not None:
        claims |= _ALWAYS
    try:
        with open_bag(path) as bag:
            return _report_on(bag, trust, (policy, claims), circumstances)
    except MalformedEvidence as error:
        finding = PACKAGE.fails(path.name, error.code, str(error))
        subject = _subject(sha256_of_file(path), trust.record)
        return _report(policy, subject, trust, [finding], circumstances)


def _report_on(
    bag: Bag,
    trust: ExhibitTrust,
    wanted: tuple[str, frozenset[str] | None],
    circumstances: Circumstances,
) -> Report:
    policy, claims = wanted
    record = trust.record or record_of(bag)
    versions, fault = keysets_of(bag)
    own = tuple(sorted(versions[0].open().roots)) if versions and not trust.roots else ()
    gathered = evidence_of(
        bag,
        record,
        KeysetChain(versions, trust.roots or own, fault),
        GivenLater(circumstances.now, trust.checkpoints),
    )
    findings = with_contents(run_checks(gathered, claims), bag, gathered)
    if not trust.roots:
        findings = tuple(_unpinned(finding, own) for finding in findings)
    report = _report(policy, _subject(bag.sha256, record), trust, findings, circumstances)
    is_read = any(f.claim == "statement.canonical" and f.code == "" for f in findings)
    report = replace(
        report,
        trust=trust_inputs(
            gathered, trust.roots or own, trust.source if trust.roots else "package"
        ),
        claimed_time=gathered.look.claimed_time if is_read else None,
    )
    return with_time(report, gathered) if claims is None else report


def _report(
    policy: str,
    subject: dict[str, str | None],
    trust: ExhibitTrust,
    findings: Sequence[Finding],
    circumstances: Circumstances,
) -> Report:
    ordered = tuple(sorted(findings, key=lambda finding: reading_order(finding.claim)))
    return Report(
        report_id=f"urn:uuid:{uuid.UUID(bytes=circumstances.random_bytes(16), version=4)}",
        policy=policy,
        subject=subject,
        trust=TrustInputs(trust.roots, trust.source if trust.roots else "package", None),
        findings=ordered,
        required_failed=_not_proven(ordered, policy),
        result=_exhibit_result(ordered, policy),
        verified_at=rfc3339(circumstances.now),
        claimed_time=None,
        verifier=("muniment", __version__),
        is_offline=True,
    )


def _exhibit_result(findings: Sequence[Finding], policy: str) -> Result:
    result = judge(findings, policy)
    if result is Result.VERIFIED and _not_proven(findings, policy):
        return Result.INCOMPLETE
    return result


def _not_proven(findings: Sequence[Finding], policy: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(not_proven(findings, policy, *_REQUIRED)))


def _subject(sha256: str | None, record: RecordId | None) -> dict[str, str | None]:
    name = None if record is None else str(record)
    return {"record_id": name, "capture_id": name, "package_sha256": sha256}


def _unpinned(finding: Finding, roots: Sequence[str]) -> Finding:
    if finding.claim != "key.chain" or finding.status is not Status.PASS:
        return finding
    detail = (
        f"{finding.detail}; but the root fingerprint {', '.join(roots)} came with the exhibit: "
        "compare it with one from elsewhere, and give that"
    )
    return replace(
        finding, status=Status.UNKNOWN, code=UnpinnedRoot.code, detail=detail, evidence=()
    )


def record_of(bag: Bag) -> RecordId:
    """The record that an exhibit says it is of. Raises MalformedBag when it says none."""
    try:
        return parse_id(bag.info().get("External-Identifier", ""))
    except MalformedId as error:
        raise MalformedBag("bag-info.txt names no record as External-Identifier") from error


def keysets_of(bag: Bag) -> tuple[tuple[SignedKeyset, ...], MalformedKeyset | None]:
    """The keyset versions of an exhibit in order, and what keeps others from being read."""
    damaged = [name for name in bag.damaged if name.startswith(names.KEYSETS)]
    if damaged:
        return (), KeysetNotAtHand(f"{damaged[0]} is damaged: see package.form")
    versions: list[SignedKeyset] = []
    while (content := bag.read(names.keyset_content_file(len(versions) + 1))) is not None:
        start = f"{names.KEYSETS}{len(versions) + 1}."
        files = [n for n in bag.names if n.startswith(start) and n.endswith(".dsse.json")]
        try:
            envelopes = [read_envelope(bag.read(name) or b"") for name in files]
            versions.append(SignedKeyset(tuple(envelopes), content))
            versions[-1].open()
        except MalformedEvidence as error:
            return (), MalformedKeyset(f"keyset {len(versions)}: {error}")
    return tuple(versions), None


def evidence_of(bag: Bag, record: RecordId, chain: KeysetChain, later: GivenLater) -> Evidence:
    """The evidence that lies in an exhibit. What is damaged or not there is Absent."""
    return Evidence(
        record_id=record,
        statement_sha256=None,
        envelope_bytes=given(bag, names.ENVELOPE_FILE),
        inventory_bytes=given(bag, names.INVENTORY_FILE),
        chain=chain,
        container=lambda container: given(bag, names.container_file(container.sha256)),
        foreign=_foreign(bag),
        custody=lambda: _custody(bag, chain.newest),
        replaced=_replaced(bag, chain),
        log=log_in(bag, later),
        stamps=stamps_in(bag, chain, later),
        package=Package(
            files=len(bag.names),
            faults=tuple(bag.faults),
            part=lambda role, media_type: given(bag, names.part_file(role, media_type)),
        ),
    )


def _foreign(bag: Bag) -> ForeignReader:
    """Reads an imported container, of which an exhibit may hold the cited record alone."""

    def digest(container: Container) -> tuple[int, str] | Absent:
        name = names.container_file(container.sha256)
        if name in bag.damaged or name not in bag.digests:
            return absent_from(bag, name)
        return bag.digests[name]

    def member(span: RecordSpan) -> bytes | Absent:
        alone = names.member_file(span.container_sha256, span.offset)
        whole = names.container_file(span.container_sha256)
        data = bag.read(alone)
        if data is None:
            data = bag.range_of(whole, span.offset, span.length)
        return absent_from(bag, alone) if data is None else data

    return ForeignReader(digest, member)


def _replaced(bag: Bag, chain: KeysetChain) -> Callable[[str], Replaced | None]:
    """What the signed redactions of an exhibit say of a container."""

    @cache
    def found() -> dict[str, Replaced]:
        try:
            told = _custody(bag, chain.newest)
        except MalformedEvidence:
            return {}
        return {
            item.old.sha256: Replaced(item, said.statement_sha256)
            for said in told
            if isinstance(said.signed, SignedCustody) and isinstance(said.signed.told, Redaction)
            for item in said.signed.told.replaced
        }

    return lambda sha256: found().get(sha256)


def _custody(bag: Bag, keyset: Keyset) -> tuple[CustodyStatement, ...]:
    found = []
    for name in bag.names:
        digest = name.removeprefix(names.CUSTODY).removesuffix(".dsse.json")
        if not _DIGEST.fullmatch(digest) or name != names.custody_files(digest)[0]:
            continue
        found.append(CustodyStatement(digest, _told(bag, digest, keyset)))
    return tuple(found)


def _told(bag: Bag, digest: str, keyset: Keyset) -> SignedCustody | Absent:
    envelope_file, content_file = names.custody_files(digest)
    envelope, content = bag.read(envelope_file), bag.read(content_file)
    if envelope is None or content is None:
        return absent_from(bag, envelope_file if envelope is None else content_file)
    try:
        return read_custody(envelope, content, digest, keyset)
    except MalformedEvidence as error:
        return Absent(error.code, f"{envelope_file}: {error}", is_certain=True)


def read_custody(envelope: bytes, content: bytes, digest: str, keyset: Keyset) -> SignedCustody:
    """What a signed statement of this digest tells of custody. Raises MalformedEvidence."""
    opened = read_envelope(envelope)
    listed = keyset.keys.get(opened.keyid)
    if listed is None or not listed.key.verifies(opened.signature, opened.signed_bytes()):
        raise MalformedStatement("it is not signed by a key of the trusted keyset")
    statement = Statement.from_bytes(opened.payload)
    kinds = [kind for kind in TOLD if CONTENT_TYPES[kind] == statement.predicate_type]
    if not kinds or sha256_hex(opened.payload) != digest:
        raise MalformedStatement("it is another statement than its name says")
    if dict(statement.subjects) != {CONTENT: sha256_hex(content)}:
        raise MalformedStatement("its content is not the one that was signed")
    said = ContentPredicate.from_json(statement.predicate)
    if said.signer.keyid != opened.keyid:
        raise MalformedStatement("it is signed by another key than it names")
    value = canonical.loads_canonical(content, canonical.CONTENT_LIMIT)
    return SignedCustody(kinds[0], TOLD[kinds[0]](value), said.made_at, said.previous, said.signer)
