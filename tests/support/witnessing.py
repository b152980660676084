# SPDX-License-Identifier: Apache-2.0
"""Witnesses in processes of their own, and keysets that trust them."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from support.notes import ORIGIN, log_key, private_key, witness_key
from support.working import MAIN, ROOT

from archive.bootstrap import key_files
from archive.proofs.note import VerifierKey
from archive.services.context import Archive
from archive.services.keysets.amend import Amendment, amend
from archive.services.keysets.changes import with_quorum, with_witness
from archive.settings import Settings
from archive.translog.witness import Memory, Witness


def add_apart(folder: Path, body: bytes) -> int:
    """The status that a witness with its memory in this folder answers."""
    logs = {ORIGIN: [log_key()]}
    witness = Witness(witness_key(2), private_key(2).sign, logs, Memory(folder))
    return int(witness.add_checkpoint(body).status)


def trusted(archive: Archive, settings: Settings, quorum: int, vkeys: Sequence[str]) -> None:
    """Let the keyset list these witnesses, and ask for so many."""
    changes = [with_witness(VerifierKey.from_text(vkey)) for vkey in vkeys]
    amend(archive, key_files(settings), Amendment([*changes, with_quorum(quorum)]))


def witness_command(*arguments: str) -> str:
    """What `muniment witness …` prints."""
    return subprocess.run(
        [sys.executable, "-c", MAIN, "witness", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@contextlib.contextmanager
def witness_process(folder: Path, logs: Sequence[str], port: int = 0) -> Iterator[str]:
    """The address of `muniment witness serve`, for logs by their verifier keys."""
    words = ["witness", "serve", "--folder", str(folder), "--port", str(port)]
    words += [word for log in logs for word in ("--log", log)]
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:([0-9]+)/", line)
        assert found is not None, (line, process.stderr and process.stderr.read())
        yield found[0]
    finally:
        process.terminate()
        process.communicate(timeout=60)
