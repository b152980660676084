# SPDX-License-Identifier: Apache-2.0
"""Makes the exhibit of a record: one file that a stranger can check without this archive.

It holds the bytes, what was signed, the keysets, and a verifier for convenience. What cannot be
read is left out, and the report in it says so.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from archive.backups.new_file import new_file
from archive.canonical import dumps
from archive.catalog import evidence as rows
from archive.checks.evidence import Absent, Evidence
from archive.digests import sha256_hex
from archive.errors import MunimentError, NotFound, ObjectMissing
from archive.exports.bag import Content, PackedBag, content, pack, streamed_content
from archive.exports.verifier import page_html, verifier_pyz
from archive.ids import RecordId
from archive.model import exhibit as names
from archive.model.claim import Report
from archive.model.inventory import Container
from archive.proofs.keys import PublicKey
from archive.services.context import Archive
from archive.services.effects.standing import refuse_withdrawn, standing_of, told_bytes
from archive.services.exhibits.proofs import packed_log, packed_stamps
from archive.services.exhibits.readme import readme_text
from archive.services.statements.custody_told import custody_files
from archive.services.trust import keyset_chain
from archive.services.verifying.evidence import capture_evidence
from archive.services.verifying.report_text import report_text
from archive.services.verifying.verify import Asked, report_on
from archive.storage.layout import blob_key

WHOLE_CONTAINER_LIMIT = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Exhibit:
    """An exhibit that is ready to be written, and the report that lies in it."""

    bag: PackedBag
    report: Report

    @property
    def file_name(self) -> str:
        """The name for the ZIP file."""
        return f"{self.bag.name}.zip"

    def write(self, path: Path) -> None:
        """Write it to a new file, whole or not at all. Raises FileExistsError, OSError."""
        with new_file(path) as file:
            for piece in self.bag.pieces():
                file.write(piece)


def exhibit(archive: Archive, capture_id: RecordId, policy: str = "standard") -> Exhibit:
    """The exhibit of a capture. Made at one time, it is the same to the byte.

    Raises NotFound, RecordWithdrawn, ObjectMissing when statement or inventory is gone,
    MalformedEvidence when the statement cannot be read, StorageError, InputError for an unknown
    policy.
    """
    with archive.database.reading() as connection:
        row = rows.capture_by_id(connection, str(capture_id))
    if row is None:
        raise NotFound(f"there is no record {capture_id}")
    standing = standing_of(archive, str(capture_id))
    refuse_withdrawn(standing)
    gathered = capture_evidence(archive, capture_id, row.envelope_key, keyset_chain(archive))
    subject = {"record_id": str(capture_id), "capture_id": str(capture_id)}
    report = report_on(archive, gathered, Asked(policy, subject, row.envelope_key))
    # An ID of its own at random would make each exhibit another one.
    name = sha256_hex(f"{row.statement_sha256} {report.verified_at}".encode())
    report = replace(report, report_id=f"urn:uuid:{uuid.UUID(name[:32], version=4)}")
    now = archive.clock.now()
    files = [
        *_proof(gathered),
        *_objects(archive, gathered),
        *packed_log(gathered),
        *packed_stamps(gathered),
        *_trust(gathered),
        *_custody(archive, capture_id),
        content(names.RECORD, told_bytes(row.record_json, standing)),
        content(names.REPORT_JSON, dumps(report.to_json())),
        content(names.REPORT_TEXT, f"{report_text(report, '')}\n".encode()),
        content(
            names.README,
            readme_text(archive.identity.name, archive.base_url, gathered, report).encode(),
        ),
        content(names.PAGE, page_html()),
        content(names.VERIFIER, verifier_pyz()),
    ]
    info = [
        ("Source-Organization", archive.identity.name),
        ("External-Identifier", str(capture_id)),
        ("Bagging-Date", f"{now:%Y-%m-%d}"),
        ("Bag-Software-Agent", f"{archive.identity.agent}/{archive.identity.agent_version}"),
    ]
    return Exhibit(pack(f"evidence-{capture_id}-{now:%Y%m%d}", info, files), report)


def _proof(gathered: Evidence) -> Iterator[Content]:
    for data in (gathered.envelope_bytes, gathered.inventory_bytes):
        if isinstance(data, Absent):
            raise ObjectMissing(f"no exhibit can be made of a record without it: {data.detail}")
    envelope = gathered.envelope
    yield content(names.ENVELOPE_FILE, _bytes(gathered.envelope_bytes))
    yield content(names.STATEMENT_FILE, envelope.payload)
    yield content(names.SIGNED_BYTES_FILE, envelope.signed_bytes())
    yield content(names.SIGNATURE_FILE, envelope.signature)
    yield content(names.INVENTORY_FILE, _bytes(gathered.inventory_bytes))


def _bytes(data: bytes | Absent) -> bytes:
    return b"" if isinstance(data, Absent) else data


def _objects(archive: Archive, gathered: Evidence) -> Iterator[Content]:
    """Every container and every public part; what cannot be read is left out."""
    for container in gathered.inventory.containers:
        left = gathered.remaining(container)
        if left is None:
            continue
        if gathered.is_foreign(container.sha256):
            yield from _foreign_container(archive, gathered, left)
            continue
        data = gathered.container_bytes(left)
        if not isinstance(data, Absent):
            yield content(names.container_file(left.sha256), data)
    for part in gathered.inventory.parts:
        try:
            opened = gathered.opened(part) if part.sha256 is not None else None
        except MunimentError:
            continue
        if opened is not None:
            yield content(names.part_file(part.role, part.media_type), opened.data)


def _foreign_container(
    archive: Archive, gathered: Evidence, container: Container
) -> Iterator[Content]:
    key = blob_key(container.sha256)
    try:
        if container.size <= WHOLE_CONTAINER_LIMIT:
            name = names.container_file(container.sha256)
            yield streamed_content(name, lambda: archive.store.stream(key))
            return
        placed = {gathered.place(part.span) for part in gathered.inventory.parts}
        spans = [span for span in placed if span is not None]
        for span in sorted(spans, key=lambda one: one.offset):
            if span.container_sha256 == container.sha256:
                data = archive.store.get_range(key, span.offset, span.length)
                yield content(names.member_file(span.container_sha256, span.offset), data)
    except ObjectMissing:
        return


def _trust(gathered: Evidence) -> Iterator[Content]:
    keys: dict[str, PublicKey] = {}
    for number, signed in enumerate(gathered.chain.versions, start=1):
        yield content(names.keyset_content_file(number), signed.content)
        for envelope in signed.envelopes:
            data = envelope.to_bytes()
            yield content(names.keyset_envelope_file(number, envelope.keyid[:8]), data)
        keyset = signed.open()
        keys.update(keyset.roots)
        keys.update({keyid: listed.key for keyid, listed in keyset.keys.items()})
    for keyid, key in sorted(keys.items()):
        yield content(names.public_key_file(keyid), key.pem)


def _custody(archive: Archive, capture_id: RecordId) -> Iterator[Content]:
    for digest, envelope, told in custody_files(archive, capture_id):
        envelope_file, content_file = names.custody_files(digest)
        yield content(envelope_file, envelope)
        yield content(content_file, told)
