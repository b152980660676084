# SPDX-License-Identifier: Apache-2.0
"""Claim object.digest: every container and every part has the size and digest on record."""

import hashlib
from collections.abc import Iterator

from archive.checks.evidence import REDACTED, Absent, Claim, Evidence, Package
from archive.digests import sha1_base32, sha256_hex
from archive.errors import MalformedEvidence
from archive.model.claim import Finding
from archive.model.inventory import Container, Part
from archive.warc.parts import OpenedPart

CLAIM = Claim(
    "object.digest",
    "Are the stored bytes the ones on record?",
    ("inventory.bound",),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding for each container; one for each part whose container holds.

    In an exhibit also one for each part's plain file.
    """
    if not evidence.inventory.containers:
        yield CLAIM.not_applicable("container", "nothing was received, so nothing is stored")
        return
    sound: set[str] = set()
    for container in evidence.inventory.containers:
        findings = tuple(_of_container(evidence, container))
        if all(finding.code in {"", REDACTED} for finding in findings):
            sound.add(container.sha256)
        yield from findings
    for part in evidence.inventory.parts:
        if part.span.container_sha256 in sound:
            yield _of_part(evidence, part)
        else:
            yield CLAIM.skipped(part.role, "CONTAINER_UNSOUND", "the container does not hold")
    if evidence.package is not None:
        for part in evidence.inventory.parts:
            if part.sha256 is not None and evidence.removal(part.span) is None:
                yield _of_file(part, part.sha256, evidence.package)


def _of_erased(evidence: Evidence, container: Container, left: Container | None) -> Finding:
    target = f"container:{container.sha256[:12]}"
    replaced = evidence.replaced(container.sha256) if evidence.replaced else None
    statement = replaced.statement_sha256 if replaced else ""
    if left is None:
        return CLAIM.redacted(target, statement, "erased, and nothing of it remains")
    count = evidence.removals(container)
    noun = "record was" if count == 1 else "records were"
    detail = f"erased: {count} {noun} removed, and the rest is {left.sha256}"
    return CLAIM.redacted(target, statement, detail)


def _erased_part(part: Part) -> str:
    digest = f"commitment {part.commitment}" if part.sha256 is None else f"SHA-256 {part.sha256}"
    return f"removed: {part.size} bytes, {digest}"


def _of_container(evidence: Evidence, container: Container) -> Iterator[Finding]:
    """The finding about the container, or about what a redaction left of it."""
    left = evidence.remaining(container)
    if left != container:
        yield _of_erased(evidence, container, left)
    if left is not None:
        yield _of_stored(evidence, left)


def _of_stored(evidence: Evidence, container: Container) -> Finding:
    target = f"container:{container.sha256[:12]}"
    found = evidence.container_digest(container)
    if isinstance(found, Absent):
        return CLAIM.absent(target, found)
    size, sha256 = found
    if size != container.size:
        return CLAIM.fails(
            target,
            "OBJECT_SIZE_MISMATCH",
            f"{size} bytes with SHA-256 {sha256}, {container.size} on record",
        )
    if sha256 != container.sha256:
        return CLAIM.fails(
            target, "OBJECT_DIGEST_MISMATCH", f"SHA-256 is {sha256}, on record {container.sha256}"
        )
    return CLAIM.passes(target, f"{container.size} bytes, SHA-256 {sha256}")


def _of_part(evidence: Evidence, part: Part) -> Finding:
    removed_by = evidence.removal(part.span)
    if removed_by is not None:
        return CLAIM.redacted(part.role, removed_by, _erased_part(part))
    try:
        opened = evidence.opened(part)
    except MalformedEvidence as error:
        return CLAIM.fails(part.role, error.code, str(error))
    if opened is None:
        return CLAIM.fails(part.role, "OBJECT_MISSING", "no WARC record lies where it should")
    if len(opened.data) != part.size:
        return CLAIM.fails(
            part.role, "OBJECT_SIZE_MISMATCH", f"{len(opened.data)} bytes, {part.size} on record"
        )
    for name, found, expected in _digests(evidence, part, opened):
        if found != expected:
            return CLAIM.fails(
                part.role, "OBJECT_DIGEST_MISMATCH", f"{name} is {found}, on record {expected}"
            )
    if part.commitment is not None:
        detail = f"{part.size} private bytes, salted commitment {part.commitment}"
        return CLAIM.passes(part.role, detail)
    return CLAIM.passes(part.role, f"{part.size} bytes, SHA-256 {part.sha256}")


def _of_file(part: Part, on_record: str, package: Package) -> Finding:
    """The part as the plain file that a person opens, which nothing else would look at."""
    target = f"file:{part.role}"
    data = package.part(part.role, part.media_type)
    if isinstance(data, Absent):
        return CLAIM.absent(target, data)
    sha256 = sha256_hex(data)
    if sha256 != on_record:
        return CLAIM.fails(
            target, "OBJECT_DIGEST_MISMATCH", f"SHA-256 is {sha256}, on record {on_record}"
        )
    return CLAIM.passes(target, f"{len(data)} bytes, SHA-256 {sha256}")


def _digests(
    evidence: Evidence, part: Part, opened: OpenedPart
) -> Iterator[tuple[str, str, str | None]]:
    """What each digest of the part is called, what it is, and what it should be."""
    if part.commitment is not None:
        commitment = hashlib.sha256(opened.salt + opened.data).hexdigest()
        yield "the salted commitment", commitment, part.commitment
    else:
        yield "SHA-256", opened.sha256, part.sha256
        yield "SHA-1", sha1_base32(opened.data), part.sha1
    yield "SHA-256 of the stored record", evidence.member_sha256(part.span), part.span.record_sha256
