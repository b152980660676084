# SPDX-License-Identifier: Apache-2.0
"""The findings about a WACZ: claims `wacz.form` and `wacz.signature`, with stable codes."""

from collections import Counter

from archive.model.claim import Finding, Status
from archive.proofs.wacz_auth import SignatureAnswer, Verdict

FORM, SIGNATURE = "wacz.form", "wacz.signature"
DATAPACKAGE, DIGEST_FILE = "datapackage.json", "datapackage-digest.json"

HASH = "WACZ_HASH"
HASH_ALGORITHM = "WACZ_HASH_ALGORITHM"
MISSING = "WACZ_FILE_MISSING"
UNLISTED = "FILE_UNLISTED"
LAYOUT = "WACZ_LAYOUT"
PAGES = "WACZ_PAGES"
VERSION = "WACZ_VERSION"

# They stand in a signed statement, and a package may have any number of files.
_FINDINGS_LIMIT = 100
_STATUSES = {
    Verdict.VALID: Status.PASS,
    Verdict.INVALID: Status.FAIL,
    Verdict.ABSENT: Status.UNKNOWN,
    Verdict.UNTRUSTED: Status.UNKNOWN,
}


class FormFindings:
    """What is wrong with a package's form, in the order found; the first hundred by name."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self._more: Counter[tuple[Status, str]] = Counter()

    def add(self, path: str, code: str, detail: str) -> None:
        """A file that is not as it should be."""
        self._add(Finding(FORM, path, Status.FAIL, code, detail))

    def doubt(self, path: str, code: str, detail: str) -> None:
        """A file of which nobody here can tell."""
        self._add(Finding(FORM, path, Status.UNKNOWN, code, detail))

    def finish(self, sha256: str | None) -> tuple[Finding, ...]:
        """All findings, at least one; `sha256` is that of datapackage.json."""
        if not self._found:
            detail = "every file is declared, and is what is declared"
            evidence = ((DATAPACKAGE, sha256),) if sha256 else ()
            return (Finding(FORM, "package", Status.PASS, "", detail, evidence),)
        more = (
            Finding(FORM, "package", status, code, f"so are {count} more files")
            for (status, code), count in self._more.items()
        )
        return (*self._found, *more)

    def _add(self, finding: Finding) -> None:
        if len(self._found) < _FINDINGS_LIMIT:
            self._found.append(finding)
        else:
            self._more[finding.status, finding.code] += 1


def signature_finding(answer: SignatureAnswer, sha256: str | None) -> Finding:
    """The finding that a signature's verdict gives."""
    evidence = ((DATAPACKAGE, sha256),) if sha256 else ()
    status = _STATUSES[answer.verdict]
    return Finding(SIGNATURE, DATAPACKAGE, status, answer.code, answer.detail, evidence)
