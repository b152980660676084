# SPDX-License-Identifier: Apache-2.0
"""Claim package.form: an exhibit holds the files that its manifests list, and no others.

It says nothing of who made it: whoever changes a file can change the manifest as well. Files
that are not what the manifests say are not used by any other claim.
"""

from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence
from archive.model.claim import Finding

CLAIM = Claim("package.form", "Is the exhibit complete, and unchanged since it was packed?")


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding when all is well; else one for each file at fault. None outside an exhibit."""
    package = evidence.package
    if package is None:
        return
    for fault in package.faults:
        if fault.is_harmless:
            yield CLAIM.unknown(fault.name, fault.code, fault.detail)
        else:
            yield CLAIM.fails(fault.name, fault.code, fault.detail)
    if not package.faults:
        yield CLAIM.passes("package", f"{package.files} files, each as the manifests have it")
