# SPDX-License-Identifier: Apache-2.0
"""`muniment --help` against importing click, whole processes, bytecode compiled."""

import compileall
import statistics
import subprocess
import sys
import time
from pathlib import Path

import archive
from tests.bench.peers import show

_ROUNDS = 15
_HELP = "from archive.cli import main; main()"


def main(argv: list[str]) -> int:
    del argv
    compileall.compile_dir(str(Path(archive.__file__).parent), quiet=2)
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import click' (base)": [sys.executable, "-c", "import click"],
        "muniment --help": [sys.executable, "-c", _HELP, "--help"],
        "muniment verify --help": [sys.executable, "-c", _HELP, "verify", "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(_ROUNDS):
        for name, command in commands.items():
            begun = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times[name].append((time.perf_counter() - begun) * 1000)
    base = times["python -c 'import click' (base)"]
    for name, values in times.items():
        budget = "budget 2, stretch 1.3" if name == "muniment --help" else ""
        show(name, values, base, "ms", budget)
    print(f"  rounds {_ROUNDS}, click's import {statistics.median(base):.0f} ms")
    return 0
