# SPDX-License-Identifier: Apache-2.0
"""Re-reads everything that the archive keeps and names each object that is damaged or missing.

Three levels: `plain` hashes every stored blob and checks every signature and inventory; `deep`
also opens each WARC record and hashes every part; `full` also runs each text recipe again.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from archive.canonical import JsonValue
from archive.catalog import evidence as rows
from archive.catalog.imports import every_imported_blob
from archive.catalog.sequence import open_reservations
from archive.catalog.statements import StatementRow, concerned_by, every_statement
from archive.checks.custody_chain import CLAIM as CUSTODY
from archive.checks.custody_chain import faults, target_of
from archive.checks.storage_lock import CLAIM as LOCK_CLAIM
from archive.checks.ts_renewal import CLAIM as RENEWAL_CLAIM
from archive.checks.ts_rfc3161 import CLAIM as TOKENS_CLAIM
from archive.checks.ts_rfc3161 import TS_PENDING
from archive.errors import MalformedEvidence, ObjectMissing, StorageError
from archive.ids import parse_id
from archive.model.claim import Finding, Status
from archive.model.proof_batch import PROOFS, RENEWAL
from archive.proofs.keyset import Keyset
from archive.services.context import Archive
from archive.services.damage import Damage
from archive.services.effects.redacted import erased_files
from archive.services.log.audit import INCLUSION, audit_log
from archive.services.recovery.reading_all import Kept, hash_blobs, kept_records, records_findings
from archive.services.statements.adopt import (
    FurtherSignature,
    adopt_assertion,
    adopt_capture,
    adopt_observation,
)
from archive.services.statements.assertion import Stated, concerns_of
from archive.services.statements.content_kinds import KINDS
from archive.services.statements.custody_told import KINDS_TOLD, grouped
from archive.services.trust import (
    keyset_chain,
    stray_keyset_files,
    trusted_keyset,
    trusted_versions,
)
from archive.services.upkeep.proofs_listed import proof_damages
from archive.services.verifying.agreement import CLAIM as CATALOG_CLAIM
from archive.services.verifying.evidence import known_before
from archive.storage.base import Store
from archive.storage.layout import KEYSETS, LOG, blob_key, inventory_key, proof_key, read_key

Progress = Callable[[int, int], None]

_ENVELOPE_CLAIMS = frozenset(
    {
        "envelope.form",
        "key.chain",
        "signature",
        "statement.canonical",
        "statement.id",
        "key.valid_at_time",
    }
)
_OF_NO_RECORD = {"keyset", "probe", "tile", "checkpoint", "latest"}
_SIGNED_ROLES = {"statement", "observation", "assertion"}
_DIFFERING_SHOWN = 5
_STILL_THERE = "removed by a redaction, and still in the store: run `muniment redact --finish`"
AGREES = CATALOG_CLAIM.id
LOCK = LOCK_CLAIM.id
VERSIONS = "storage.versions"
TOKEN_CLAIMS = frozenset({TOKENS_CLAIM.id, RENEWAL_CLAIM.id})
_PLAIN_CLAIMS = _ENVELOPE_CLAIMS | {"inventory.bound", LOCK, TOKENS_CLAIM.id}
_DEEP_CLAIMS = _PLAIN_CLAIMS | TOKEN_CLAIMS | {"object.digest", "warc.records", "body.from_warc"}
CLAIMS = {
    "plain": _PLAIN_CLAIMS,
    "deep": _DEEP_CLAIMS,
    "full": _DEEP_CLAIMS | {"text.derives"},
}


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """How far an audit goes, over all records or a random sample, on how many processes.

    `pinned` are checkpoints of the log that were kept elsewhere.
    """

    level: str = "plain"
    sample: int | None = None
    workers: int = 1
    pinned: tuple[bytes, ...] = ()


@dataclass
class Audit:
    """What an audit read and found. `unreferenced` objects belong to no record; that is no harm."""

    objects: int = 0
    bytes: int = 0
    records: int = 0
    statements: int = 0
    damages: list[Damage] = field(default_factory=list)
    unreferenced: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 all sound, 1 something is damaged, 2 something could not be read."""
        if any(damage.is_certain for damage in self.damages):
            return 1
        return 2 if self.damages else 0


def audit_json(report: Audit) -> dict[str, JsonValue]:
    """An audit as the outside sees it."""
    return {
        "objects": report.objects,
        "bytes": report.bytes,
        "records": report.records,
        "statements": report.statements,
        "damages": [
            {
                "object": damage.key,
                "claim": damage.claim,
                "code": damage.code,
                "detail": damage.detail,
                "is_certain": damage.is_certain,
            }
            for damage in report.damages
        ],
        "unreferenced": report.unreferenced,
    }


def audit(archive: Archive, progress: Progress, options: AuditOptions) -> Audit:
    """Read everything, or a random sample of records, and say what is not sound.

    `progress(done, total)` counts blobs and records.
    """
    report = Audit()
    kept = kept_records(archive)
    if options.sample is not None:
        chooser = random.Random(archive.random_bytes(8))  # noqa: S311 - a sample, no secret
        kept = chooser.sample(kept, min(options.sample, len(kept)))
    _audit_keysets(archive, report)
    _audit_assertions(archive, report)
    claims = CLAIMS[options.level]
    if options.sample is None:
        _audit_objects(archive, report, kept, progress, options)
    elif options.level == "plain":
        claims = _PLAIN_CLAIMS | {"object.digest"}
    chain = keyset_chain(archive)
    done = report.objects
    for item, findings in records_findings(archive, chain, kept, claims, options.workers):
        report.records += 1
        progress(done + report.records, done + len(kept))
        _add_findings(report, item, findings)
    if options.sample is None:
        _audit_versions(archive, report)
        _audit_log(archive, report, options.pinned)
    return report


def _audit_log(archive: Archive, report: Audit, pinned: Sequence[bytes]) -> None:
    try:
        found = audit_log(archive, pinned)
    except StorageError as error:
        report.damages.append(Damage(LOG, INCLUSION, error.code, str(error), is_certain=False))
        return
    named = [damage.key for damage in report.damages]
    for item in found:
        # A statement that is named already need not be named again for its entry.
        if any(name in key for name in item.names for key in named):
            continue
        report.damages.append(
            Damage(item.key, item.claim, item.code, item.detail, is_certain=item.is_certain)
        )


def _audit_versions(archive: Archive, report: Audit) -> None:
    """What lies over an object is no harm to it, and nothing that the archive ever does."""
    try:
        for item in archive.store.foreign_versions():
            if read_key(item.key).role == "probe":
                continue
            what = "a delete marker" if item.is_deletion else "another version"
            detail = f"{what} ({item.version_id}) was put over it from outside; the first is read"
            code = "DELETE_MARKER" if item.is_deletion else "VERSION_FOREIGN"
            report.damages.append(Damage(item.key, VERSIONS, code, detail))
    except StorageError as error:
        # All that was found before must not be lost for what could not be looked at.
        place = f"versions in {archive.store.name}"
        report.damages.append(Damage(place, VERSIONS, error.code, str(error), is_certain=False))


def _audit_keysets(archive: Archive, report: Audit) -> None:
    try:
        roots = archive.pinned_roots
        trusted_keyset(archive)
        strays = stray_keyset_files(archive.store, roots)
    except (MalformedEvidence, ObjectMissing) as error:
        report.damages.append(Damage(KEYSETS, "key.chain", error.code, str(error)))
    except StorageError as error:
        report.damages.append(
            Damage(KEYSETS, "key.chain", error.code, str(error), is_certain=False)
        )
    else:
        report.damages.extend(
            Damage(key, "key.chain", "KEYSET_STRAY", detail) for key, detail in strays
        )


def _audit_assertions(archive: Archive, report: Audit) -> None:
    """Every statement over a content file: signed, whole, and listed as it says."""
    with archive.database.reading() as connection:
        listed = every_statement(connection)
    if not listed:
        return
    try:
        keyset = trusted_keyset(archive)
    except (MalformedEvidence, StorageError):
        return  # the keyset's own damage is named already
    read: list[Stated] = []
    unread: list[tuple[str, Sequence[str]]] = []
    shared = known_before(archive, keyset_chain(archive))
    promises = shared.promises
    for row in listed:
        report.statements += 1
        for found in promises.broken(row):
            is_certain = found.status is Status.FAIL
            report.damages.append(
                Damage(found.target, LOCK, found.code, found.detail, is_certain=is_certain)
            )
        with archive.database.reading() as connection:
            concerned = concerned_by(connection, row.statement_sha256)
        try:
            stated = adopt_assertion(archive.store, keyset, row.envelope_key)
        except (MalformedEvidence, StorageError) as error:
            is_certain = isinstance(error, MalformedEvidence | ObjectMissing)
            detail = str(error)
            report.damages.append(
                Damage(row.envelope_key, "envelope.form", error.code, detail, is_certain=is_certain)
            )
            unread.append((row.statement_sha256, concerned))
            continue
        read.append(stated)
        with archive.database.reading() as connection:
            kind = KINDS[row.kind]
            differing = kind.differing(connection, stated.content, row.statement_sha256)
        if stated.row != row or concerned != concerns_of(stated) or differing:
            named = f" in {', '.join(differing[:_DIFFERING_SHOWN])}" if differing else ""
            detail = f"the catalogue differs{named} from what is signed: run `muniment rebuild`"
            place = f"catalogue row of {row.statement_sha256}"
            report.damages.append(Damage(place, AGREES, "CATALOG_DISAGREES", detail))
    _audit_gaps(report, listed, read)
    keys = {target_of(row.statement_sha256): row.envelope_key for row in listed}
    damaged = {damage.key for damage in report.damages}
    for record_id, statements in grouped(read, unread, keyset, shared.time_of).items():
        for finding in faults(statements, record_id, keyset):
            key = keys[finding.target]
            if key not in damaged:
                damaged.add(key)
                report.damages.append(Damage(key, CUSTODY.id, finding.code, finding.detail))


def _audit_gaps(report: Audit, listed: Sequence[StatementRow], read: Sequence[Stated]) -> None:
    """Statements of kinds that have an order of their own, of the archive and not of a record."""
    known = {row.statement_sha256 for row in listed}
    for item in read:
        previous = item.predicate.previous
        if item.row.kind not in KINDS_TOLD and previous is not None and previous not in known:
            detail = f"the statement before it, {previous}, is not there"
            report.damages.append(Damage(item.row.envelope_key, CUSTODY.id, "CUSTODY_GAP", detail))


def _audit_objects(
    archive: Archive,
    report: Audit,
    kept: Sequence[Kept],
    progress: Progress,
    options: AuditOptions,
) -> None:
    with archive.database.reading() as connection:
        containers = rows.every_container(connection)
        contents = rows.every_keyset_content(connection)
        stated = every_statement(connection)
        imported = every_imported_blob(connection)
    # Of an imported container the records' checks read what is cited, if anything is.
    in_records = {blob_key(sha256) for sha256 in containers if sha256 not in imported}
    named = {blob_key(sha256) for sha256 in (*containers, *contents)}
    for item in kept:
        named.update((item.files.envelope_key, _inventory_place(item)))
    for row in stated:
        named.update((row.envelope_key, blob_key(row.content_sha256)))
    authorities = {blob_key(sha256) for sha256 in _authority_roots(archive)}
    named |= authorities
    blobs, seen = _listed(archive, report, options, (in_records, named))
    damages, needed = proof_damages(archive, sorted(seen))
    report.damages.extend(damages)
    report.unreferenced = [key for key in report.unreferenced if key not in needed]
    for key in sorted(authorities - seen):
        detail = "the root certificate of an authority is not in the store"
        report.damages.append(Damage(key, "object.digest", "OBJECT_MISSING", detail))
    erased = erased_files(archive)
    report.damages.extend(
        Damage(blob_key(sha256), "object.digest", "REDACTED_PRESENT", _STILL_THERE)
        for sha256 in sorted(erased)
        if blob_key(sha256) in seen
    )
    report.damages.extend(
        Damage(blob_key(sha256), "object.digest", "OBJECT_MISSING", "not in the store")
        for sha256 in sorted(set(containers) - set(erased))
        if blob_key(sha256) not in seen
    )
    _audit_unlisted(archive, report)
    total = len(blobs) + len(kept)
    for key, size, found in hash_blobs(archive.store, blobs, options.workers):
        report.objects += 1
        report.bytes += size
        progress(min(report.objects, total), total)
        if isinstance(found, StorageError):
            report.damages.append(
                Damage(key, "object.digest", found.code, str(found), is_certain=False)
            )
        elif found != read_key(key).name:
            report.damages.append(
                Damage(key, "object.digest", "OBJECT_DIGEST_MISMATCH", f"SHA-256 is {found}")
            )


def _authority_roots(archive: Archive) -> set[str]:
    """The certificates that any keyset names, by digest; none while no keyset is to be trusted."""
    try:
        versions = trusted_versions(archive)
    except (MalformedEvidence, StorageError):
        return set()  # the keyset's own damage is named already
    listed = (authority for version in versions for authority in version.keyset.authorities)
    return {root for authority in listed for root in authority.roots}


def _listed(
    archive: Archive, report: Audit, options: AuditOptions, known: tuple[set[str], set[str]]
) -> tuple[list[tuple[str, int]], set[str]]:
    """The blobs to hash here, and every key there is; what belongs to no record is noted."""
    in_records, named = known
    blobs: list[tuple[str, int]] = []
    seen: set[str] = set()
    for stored in archive.store.list():
        seen.add(stored.key)
        role = read_key(stored.key).role
        # From the deep level on, each record's own check hashes its containers.
        if role == "blob" and (options.level == "plain" or stored.key not in in_records):
            blobs.append((stored.key, stored.size))
        elif role == "blob":
            report.objects += 1
            report.bytes += stored.size
        if role not in _OF_NO_RECORD and stored.key not in named:
            report.unreferenced.append(stored.key)
    return blobs, seen


def _audit_unlisted(archive: Archive, report: Audit) -> None:
    """What is signed and not in the catalogue is no harmless leftover: it must be taken in."""
    unlisted = [key for key in report.unreferenced if read_key(key).role in _SIGNED_ROLES]
    if not unlisted:
        return
    try:
        keyset = trusted_keyset(archive)
    except (MalformedEvidence, StorageError):
        return  # the keyset's own damage is named already
    for key in unlisted:
        damage = _judge_unlisted(archive, keyset, key)
        if damage is not None:
            report.damages.append(damage)
            report.unreferenced.remove(key)


_ADOPTERS: Mapping[str, Callable[[Store, Keyset, str], str]] = {
    "statement": lambda *where: adopt_capture(*where).statement_sha256,
    "observation": lambda *where: adopt_observation(*where).statement_sha256,
    "assertion": lambda *where: adopt_assertion(*where).row.statement_sha256,
}


def _judge_unlisted(archive: Archive, keyset: Keyset, key: str) -> Damage | None:
    try:
        statement_sha256 = _ADOPTERS[read_key(key).role](archive.store, keyset, key)
    except FurtherSignature:
        return None
    except MalformedEvidence as error:
        return Damage(key, "envelope.form", error.code, str(error))
    except StorageError as error:
        return Damage(key, "envelope.form", error.code, str(error), is_certain=False)
    with archive.database.reading() as connection:
        # It may have been recorded while this audit ran, or be on its way.
        is_listed = bool(rows.known_statements(connection, [statement_sha256]))
        is_under_way = bool(open_reservations(connection))
    if is_listed:
        return None
    detail = "signed, and not in the catalogue: run `muniment rebuild`"
    return Damage(key, AGREES, "NOT_CATALOGUED", detail, is_certain=not is_under_way)


def _add_findings(report: Audit, item: Kept, findings: Sequence[Finding]) -> None:
    known = {damage.key for damage in report.damages}
    for finding in findings:
        is_answer = finding.status in {Status.FAIL, Status.UNKNOWN}
        if not is_answer or finding.claim == "server.authorship" or finding.code == TS_PENDING:
            continue
        if finding.claim == "key.chain" and KEYSETS in known:
            continue
        key = _damaged_key(item, finding)
        if key in known:
            continue
        known.add(key)
        report.damages.append(
            Damage(
                key,
                finding.claim,
                finding.code,
                finding.detail,
                is_certain=finding.status is Status.FAIL,
            )
        )


def _damaged_key(item: Kept, finding: Finding) -> str:
    if finding.claim in _ENVELOPE_CLAIMS or (finding.claim, finding.target) == (LOCK, "statement"):
        return item.files.envelope_key
    if finding.claim == "inventory.bound" or (finding.claim, finding.target) == (LOCK, "inventory"):
        return _inventory_place(item)
    if finding.claim == AGREES:
        return f"catalogue row of {item.name}"
    if finding.claim in TOKEN_CLAIMS and finding.target and item.capture_id is not None:
        return _proof_place(item.capture_id, finding.target)
    return f"{item.name} {finding.target}"


def _inventory_place(item: Kept) -> str:
    if item.capture_id is not None:
        return inventory_key(parse_id(item.capture_id))
    return blob_key(item.files.inventory_sha256)


def _proof_place(subject: str, target: str) -> str:
    """The file that a finding about tokens is about: `token:1/own`, `renewal:2` or `proofs:3`."""
    kind, _, place = target.partition(":")
    number, _, authority = place.partition("/")
    if not number.isdecimal():
        return f"{subject} {target}"
    file = {"token": f"{authority}.tsr", "renewal": RENEWAL}.get(kind, PROOFS)
    return proof_key(subject, int(number), file)
