# SPDX-License-Identifier: Apache-2.0
"""Claim object.digest: every container and every part has the size and digest on record."""

import hashlib
from collections.abc import Iterator

from archive.checks.evidence import Absent, Claim, Evidence, Package
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
        finding = _of_container(evidence, container)
        if finding.code == "":
            sound.add(container.sha256)
        yield finding
    for part in evidence.inventory.parts:
        if part.span.container_sha256 in sound:
            yield _of_part(evidence, part)
        else:
            yield CLAIM.skipped(part.role, "CONTAINER_UNSOUND", "the container does not hold")
    if evidence.package is not None:
        for part in evidence.inventory.parts:
            if part.sha256 is not None:
                yield _of_file(part, part.sha256, evidence.package)


def _of_container(evidence: Evidence, container: Container) -> Finding:
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
