# SPDX-License-Identifier: Apache-2.0
"""Reads a Containerfile, and does the steps of a stage by hand, below a folder instead of `/`.

No container engine is needed, and none is replaced: what a step does outside of the folders that
the file names (users, packages of the system) is not done here.
"""

import glob
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_ABSOLUTE = re.compile(r"(?<![\w./])/(?=(?:opt|src|var)\b)")


@dataclass(frozen=True)
class Step:
    """One instruction and what stands behind it."""

    word: str
    rest: str


def stages(text: str) -> list[list[Step]]:
    """The instructions of each stage, FROM first; comments and line ends are undone."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    found: list[list[Step]] = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append(Step(word, rest.strip()))
    return found


def run_stage(steps: list[Step], context: Path, root: Path) -> None:
    """COPY, WORKDIR and RUN of a stage, with `/opt`, `/src` and `/var` below the root."""
    folder = root
    for step in steps:
        if step.word == "WORKDIR":
            folder = root / step.rest.lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
        elif step.word == "COPY":
            *sources, target = step.rest.split()
            for source in sources:
                _copy(context / source, folder / target, is_folder=target.endswith("/"))
        elif step.word == "RUN":
            command = _ABSOLUTE.sub(f"{root}/", step.rest)
            subprocess.run(["sh", "-c", command], check=True, cwd=folder, timeout=600)
        elif step.word != "FROM":
            raise AssertionError(f"a step that is not known here: {step}")


def _copy(source: Path, target: Path, *, is_folder: bool) -> None:
    assert glob.escape(str(source)) == str(source)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target / source.name if is_folder else target)
