# SPDX-License-Identifier: Apache-2.0
"""What a check of the doctor says: how it is, what was found, and how to mend it."""

import enum
from dataclasses import dataclass

from archive.canonical import JsonValue


class State(enum.StrEnum):
    """How something is. `unknown` is not `fail`: it could not be looked at."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One answer. `mend` is one line that says what to do; empty when all is well."""

    check: str
    state: State
    found: str
    mend: str = ""

    def to_json(self) -> JsonValue:
        """The answer's members."""
        return {
            "check": self.check,
            "state": self.state.value,
            "found": self.found,
            "mend": self.mend,
        }


def ok(check: str, found: str) -> Diagnosis:
    """All is well."""
    return Diagnosis(check, State.OK, found)


def warn(check: str, found: str, mend: str) -> Diagnosis:
    """It works, and should not stay so."""
    return Diagnosis(check, State.WARN, found, mend)


def fail(check: str, found: str, mend: str) -> Diagnosis:
    """It is wrong, for certain."""
    return Diagnosis(check, State.FAIL, found, mend)


def unknown(check: str, found: str, mend: str) -> Diagnosis:
    """It could not be told."""
    return Diagnosis(check, State.UNKNOWN, found, mend)
