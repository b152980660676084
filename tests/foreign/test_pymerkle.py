# SPDX-License-Identifier: Apache-2.0
"""pymerkle, in an environment of its own (its licence is another one), has the same roots."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from archive.proofs.merkle import leaf_hash, root_of

PYMERKLE = "pymerkle==7.0.0"
SIZES = (1, 2, 3, 64, 255, 1000)
PROGRAM = """
from pymerkle import InmemoryTree
tree = InmemoryTree(algorithm="sha256")
for number in range(max(SIZES)):
    tree.append_entry(b"entry %d" % number)
    if number + 1 in SIZES:
        print(tree.get_state().hex())
"""


@pytest.mark.slow
def test_pymerkle_has_the_same_roots(tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=True)
    python = tmp_path / "bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", PYMERKLE], check=True)
    program = f"SIZES = {SIZES!r}\n{PROGRAM}"
    found = subprocess.run(
        [python, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    leaves = [leaf_hash(b"entry %d" % number) for number in range(max(SIZES))]
    assert found == [root_of(leaves[:size]).hex() for size in SIZES], sys.version
