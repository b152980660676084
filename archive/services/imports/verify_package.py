# SPDX-License-Identifier: Apache-2.0
"""Answers what a WACZ file claims of itself, whether or not the archive has it."""

from dataclasses import dataclass
from pathlib import Path

from archive.canonical import JsonValue
from archive.errors import MalformedZip
from archive.importing.base import FileSource
from archive.importing.wacz import read_wacz
from archive.importing.wacz_findings import DATAPACKAGE, FORM, SIGNATURE
from archive.model.claim import Finding, Status
from archive.proofs.zip_file import open_zip
from archive.services.context import Archive
from archive.services.imports.package_trust import package_trust

_ZIP_START = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class PackageAnswer:
    """What a package claims of itself, and what of that holds.

    `signature` is `valid`, `invalid`, `absent`, `untrusted`, or None when nobody could look.
    """

    hash_ok: bool
    signature: str | None
    signer: str | None
    findings: tuple[Finding, ...]

    @property
    def is_disproven(self) -> bool:
        """Whether a claim of the package is false."""
        return any(one.status is Status.FAIL for one in self.findings)

    def to_json(self) -> JsonValue:
        """The answer as the member `package` of a report on a file."""
        return {
            "hash_ok": self.hash_ok,
            "signature": self.signature,
            "signer": self.signer,
            "claims": [finding.to_json() for finding in self.findings],
        }


def verify_package(archive: Archive, path: Path) -> PackageAnswer | None:
    """The answer about a file; None when it is no WACZ.

    A WACZ is what is named so, and a ZIP file with a datapackage.json. Raises InputError when the
    file cannot be read, SettingsError when the pinned authorities cannot.
    """
    source = FileSource(path)
    try:
        is_named = path.name.lower().endswith(".wacz")
        if not is_named and source.read_at(0, len(_ZIP_START)) != _ZIP_START:
            return None
        try:
            if not is_named and DATAPACKAGE not in {entry.name for entry in open_zip(source)}:
                return None
            wacz = read_wacz(source, package_trust(archive))
        except MalformedZip as error:
            return _unreadable(error) if is_named else None
    finally:
        source.close()
    answer = wacz.signature
    return PackageAnswer(wacz.hash_ok, answer.verdict.value, answer.signer, wacz.findings)


def _unreadable(error: MalformedZip) -> PackageAnswer:
    findings = (
        Finding(FORM, "package", Status.FAIL, error.code, str(error)),
        Finding(SIGNATURE, DATAPACKAGE, Status.SKIPPED, "DEPENDS", depends_on=(FORM,)),
    )
    return PackageAnswer(hash_ok=False, signature=None, signer=None, findings=findings)
