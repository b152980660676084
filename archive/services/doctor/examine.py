# SPDX-License-Identifier: Apache-2.0
"""Runs every check of the doctor: each module of this package that has `examine`.

A check changes nothing. What keeps one from answering is an answer of its own, `unknown`, and
never ends the others.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import archive.services.doctor
from archive.errors import MunimentError
from archive.services.doctor.diagnosis import Diagnosis, State, unknown
from archive.services.upkeep.installation import Installation

Check = Callable[[Installation], Iterator[Diagnosis]]


@cache
def all_checks() -> dict[str, Check]:
    """Every check by the name of its file."""
    found = {}
    for info in pkgutil.iter_modules(archive.services.doctor.__path__):
        module = importlib.import_module(f"archive.services.doctor.{info.name}")
        if module.__name__ != __name__ and hasattr(module, "examine"):
            found[info.name] = module.examine
    return found


def examine(installation: Installation) -> tuple[Diagnosis, ...]:
    """What every check says, by the names of the checks."""
    return tuple(
        diagnosis
        for name, check in all_checks().items()
        for diagnosis in _answers(name, check, installation)
    )


def exit_code(diagnoses: Sequence[Diagnosis]) -> int:
    """0 nothing is wrong (there may be warnings), 1 something is, 2 something could not be told."""
    states = {diagnosis.state for diagnosis in diagnoses}
    if State.FAIL in states:
        return 1
    return 2 if State.UNKNOWN in states or not diagnoses else 0


def _answers(name: str, check: Check, installation: Installation) -> Iterator[Diagnosis]:
    try:
        yield from check(installation)
    except MunimentError as error:
        yield unknown(name, str(error), "mend what the other lines name first, then look again")
    except OSError as error:
        found = f"{error.filename or 'a file'}: {error.strerror or error}"
        yield unknown(name, found, "run this as the user that runs the archive")
