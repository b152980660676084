# SPDX-License-Identifier: Apache-2.0
"""Reads a WACZ (1.0.0 to 1.1.1) strictly: what is in it, what it claims, and what of that holds.

Two claims are answered apart from each other. `wacz.form`: the package is what its
datapackage.json declares, byte for byte, and nothing else. `wacz.signature`: somebody who is
trusted signed that declaration. A package that is wrong in a file is read all the same; one whose
ZIP file has no single reading is refused.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from archive.errors import MalformedJson, MalformedPackage, MalformedZip
from archive.importing.base import Source
from archive.importing.datapackage import (
    DATAPACKAGE_BYTES_LIMIT,
    VERSIONS,
    Datapackage,
    read_datapackage,
)
from archive.importing.foreign_json import read_json
from archive.importing.page_file import read_pages
from archive.importing.wacz_findings import (
    DATAPACKAGE,
    DIGEST_FILE,
    FORM,
    HASH,
    HASH_ALGORITHM,
    LAYOUT,
    MISSING,
    PAGES,
    UNLISTED,
    VERSION,
    FormFindings,
    signature_finding,
)
from archive.model.claim import Finding, Status
from archive.proofs.wacz_auth import (
    SIGNATURE_ABSENT,
    SIGNATURE_INVALID,
    SignatureAnswer,
    SignedPackage,
    Verdict,
    WaczTrust,
    verify_signature,
)
from archive.proofs.zip_file import ZipEntry, open_zip, read_entry

_DIGEST_BYTES_LIMIT = 1024 * 1024
_WARC_ENDINGS = (".warc", ".warc.gz")
_INDEX_ENDINGS = (".cdx", ".cdxj", ".cdx.gz", ".cdxj.gz", ".idx")


@dataclass(frozen=True, slots=True)
class Wacz:
    """What a package holds and what was found out about it.

    `archives` are the WARC files that it declares, as they lie in it; `pages` the URLs of its
    page lists as written. `sha256` is of datapackage.json, None when there is none.
    """

    archives: tuple[ZipEntry, ...]
    pages: tuple[str, ...]
    sha256: str | None
    signature: SignatureAnswer
    findings: tuple[Finding, ...]

    @property
    def hash_ok(self) -> bool:
        """Whether the package is what it declares, byte for byte (claim `wacz.form`)."""
        return all(one.status is Status.PASS for one in self.findings if one.claim == FORM)


class Part:
    """A stored entry of a ZIP file as a source of its own (`importing.base.Source`)."""

    def __init__(self, source: Source, entry: ZipEntry) -> None:
        self._source = source
        self._start = entry.offset
        self._size = entry.packed

    @property
    def size(self) -> int:
        """The entry's bytes."""
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes from `offset` within the entry."""
        wanted = max(0, min(length, self._size - offset))
        return self._source.read_at(self._start + offset, wanted)


def read_wacz(source: Source, trust: WaczTrust) -> Wacz:
    """The package, every byte of it read once. Memory holds none of its files but the two of JSON.

    Raises MalformedZip when the file has no single reading as a ZIP file.
    """
    entries = {entry.name: entry for entry in open_zip(source)}
    found = FormFindings()
    data = _whole(source, entries.get(DATAPACKAGE), DATAPACKAGE_BYTES_LIMIT, found)
    declared = _declared(data, found)
    sha256 = None if data is None else hashlib.sha256(data).hexdigest()
    signature = _signature(source, entries, (sha256, declared), found, trust)
    pages: list[str] = []
    if declared is not None:
        good = _compare(source, entries, declared, found)
        _check_layout(entries, good, found)
        pages = _pages(source, [entries[path] for path in good], found)
        archives = [entries[path] for path in good if _is_archive(path)]
    else:
        archives = []
    return Wacz(
        archives=tuple(archives),
        pages=tuple(dict.fromkeys(pages)),
        sha256=sha256,
        signature=signature,
        findings=(*found.finish(sha256), signature_finding(signature, sha256)),
    )


def _whole(source: Source, entry: ZipEntry | None, limit: int, found: FormFindings) -> bytes | None:
    if entry is None:
        return None
    if entry.size > limit:
        found.add(entry.name, MalformedPackage.code, f"it is larger than {limit} bytes")
        return None
    try:
        return b"".join(read_entry(source, entry))
    except MalformedZip as error:
        found.add(entry.name, error.code, str(error))
        return None


def _declared(data: bytes | None, found: FormFindings) -> Datapackage | None:
    if data is None:
        found.add(DATAPACKAGE, MalformedPackage.code, "there is none that can be read")
        return None
    try:
        declared = read_datapackage(data)
    except MalformedPackage as error:
        found.add(DATAPACKAGE, error.code, str(error))
        return None
    if declared.version not in VERSIONS:
        found.doubt(DATAPACKAGE, VERSION, f"it is of none of the versions {', '.join(VERSIONS)}")
    return declared


def _signature(
    source: Source,
    entries: dict[str, ZipEntry],
    package: tuple[str | None, Datapackage | None],
    found: FormFindings,
    trust: WaczTrust,
) -> SignatureAnswer:
    entry = entries.get(DIGEST_FILE)
    if entry is None:
        return verify_signature(None, SignedPackage("", None), trust)
    data = _whole(source, entry, _DIGEST_BYTES_LIMIT, found)
    try:
        value = read_json(data or b"", _DIGEST_BYTES_LIMIT)
    except MalformedJson as error:
        found.add(DIGEST_FILE, MalformedPackage.code, str(error))
        value = None
    if type(value) is not dict:
        detail = f"{DIGEST_FILE} cannot be read"
        return SignatureAnswer(Verdict.INVALID, SIGNATURE_INVALID, detail)
    sha256, declared = package
    actual = f"sha256:{sha256}"
    if (value.get("path"), value.get("hash")) != (DATAPACKAGE, actual):
        found.add(DIGEST_FILE, HASH, f"it is not about this {DATAPACKAGE}")
    signed = SignedPackage(actual, declared.created if declared else None)
    if value.get("signedData", {}) is None:
        detail = "signedData is null"
        return SignatureAnswer(Verdict.INVALID, SIGNATURE_INVALID, detail)
    if "signedData" not in value and (odd := sorted(set(value) - {"path", "hash"})):
        detail = (
            f"there is no signedData, and what stands in {', '.join(odd)[:200]} is no signature"
        )
        return SignatureAnswer(Verdict.ABSENT, SIGNATURE_ABSENT, detail)
    return verify_signature(value.get("signedData"), signed, trust)


def _compare(
    source: Source, entries: dict[str, ZipEntry], declared: Datapackage, found: FormFindings
) -> list[str]:
    """The declared files that are there, in the order in which they lie; all others are named."""
    resources = {resource.path: resource for resource in declared.resources}
    for path in sorted(resources.keys() - entries.keys()):
        found.add(path, MISSING, "it is declared and not there")
    good = []
    for path, entry in entries.items():
        if path in {DATAPACKAGE, DIGEST_FILE} and path not in resources:
            continue
        resource = resources.get(path)
        if resource is None:
            found.add(path, UNLISTED, _undeclared(path, resources.keys()))
            continue
        good.append(path)
        try:
            sha256 = _sha256(source, entry)
        except MalformedZip as error:
            found.add(path, error.code, str(error))
            continue
        if entry.size != resource.size:
            found.add(path, HASH, f"it has {entry.size} bytes, and {resource.size} are declared")
        elif resource.sha256 is None:
            found.doubt(path, HASH_ALGORITHM, "its digest is of another kind than SHA-256")
        elif sha256 != resource.sha256:
            found.add(path, HASH, f"its SHA-256 is {sha256}, and {resource.sha256} is declared")
    return good


def _undeclared(path: str, declared: Collection[str]) -> str:
    inner = path
    while "/" in inner:
        inner = inner.partition("/")[2]
        if inner in declared:
            return f"it is not declared, and lies where a reader may take it for {inner}"
    return "it is not declared"


def _sha256(source: Source, entry: ZipEntry) -> str:
    digest = hashlib.sha256()
    for piece in read_entry(source, entry):
        digest.update(piece)
    return digest.hexdigest()


def _check_layout(entries: dict[str, ZipEntry], good: Sequence[str], found: FormFindings) -> None:
    for path in good:
        folder = path.partition("/")[0]
        is_known = {
            "archive": _is_archive(path),
            "indexes": path.endswith(_INDEX_ENDINGS),
            "pages": path.endswith(".jsonl"),
        }.get(folder, True)
        if not is_known:
            found.add(path, LAYOUT, f"{folder}/ has no place for it")
        elif folder == "archive" and not entries[path].is_stored:
            found.add(path, LAYOUT, "it is deflated, so that no record can be read by range")
    needed = {"archive/": _is_archive, "indexes/": lambda path: path.startswith("indexes/")}
    for folder, is_there in needed.items():
        if not any(map(is_there, good)):
            found.add(folder, LAYOUT, "there is no file in it")
    if "pages/pages.jsonl" not in good:
        found.add("pages/pages.jsonl", LAYOUT, "there is no page list")


def _is_archive(path: str) -> bool:
    return path.startswith("archive/") and path.endswith(_WARC_ENDINGS)


def _pages(source: Source, entries: Sequence[ZipEntry], found: FormFindings) -> list[str]:
    urls: list[str] = []
    for entry in entries:
        if not (entry.name.startswith("pages/") and entry.name.endswith(".jsonl")):
            continue
        try:
            urls += read_pages(read_entry(source, entry))
        except MalformedPackage as error:
            found.add(entry.name, PAGES, str(error))
        except MalformedZip:
            continue  # named when its digest was taken
    return urls
