# SPDX-License-Identifier: Apache-2.0
"""Runs every check in an order in which each comes after those that it rests on.

A check is a module of this package that has CLAIM and run(); adding one is adding a file. A
check is skipped when a claim that it rests on is not proven, so that one damage gives one root
finding.
"""

import importlib
import pkgutil
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from functools import cache

import archive.checks
from archive.checks.evidence import Claim, Evidence
from archive.errors import LibraryMissing
from archive.model.claim import Finding, Status


@dataclass(frozen=True, slots=True)
class Check:
    """A claim and the function that answers it."""

    claim: Claim
    run: Callable[[Evidence], Iterator[Finding]]


@cache
def all_checks() -> tuple[Check, ...]:
    """Every check, each after those that it rests on."""
    found: dict[str, Check] = {}
    for info in pkgutil.iter_modules(archive.checks.__path__):
        module = importlib.import_module(f"archive.checks.{info.name}")
        claim = getattr(module, "CLAIM", None)
        if isinstance(claim, Claim):
            found[claim.id] = Check(claim, module.run)
    ordered: dict[str, Check] = {}

    def place(claim_id: str) -> None:
        if claim_id not in ordered:
            for needed in found[claim_id].claim.depends_on:
                place(needed)
            ordered[claim_id] = found[claim_id]

    for claim_id in sorted(found):
        place(claim_id)
    return tuple(ordered.values())


def run_checks(evidence: Evidence, claims: Container[str] | None = None) -> tuple[Finding, ...]:
    """The findings of every check, in order; or of these claims and nothing else."""
    findings: list[Finding] = []
    unsound: dict[str, str] = {}
    for check in all_checks():
        claim = check.claim
        if claims is not None and claim.id not in claims:
            continue
        cause = next((unsound[need] for need in claim.depends_on if need in unsound), None)
        if cause is not None:
            answers = [
                claim.skipped("", "DEPENDS", f"not looked at, because {cause} is not proven")
            ]
        else:
            answers = _answers(check, evidence)
        findings.extend(answers)
        if cause is not None:
            unsound[claim.id] = cause
        elif not _is_sound(answers):
            unsound[claim.id] = claim.id
    return tuple(findings)


def _answers(check: Check, evidence: Evidence) -> list[Finding]:
    try:
        return list(check.run(evidence))
    except LibraryMissing as error:
        return [check.claim.unknown("", error.code, str(error))]


def _is_sound(answers: list[Finding]) -> bool:
    return all(answer.status in {Status.PASS, Status.NOT_APPLICABLE} for answer in answers)
