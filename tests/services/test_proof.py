# SPDX-License-Identifier: Apache-2.0
"""The proof run of `tests/proof/kills.py`, small: it must be able to prove something."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--workers", "2", "--postgres", "jobs")])
def test_captures_survive_random_kills(options: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "tests.proof.kills", "--captures", "120", "--pause", "0.8"]
    done = subprocess.run(
        [*command, "--seed", "7", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "captures 120, distinct IDs 120, lost 0, double 0" in done.stdout
    assert "PROVEN" in done.stdout
    assert "killed: " in done.stdout
