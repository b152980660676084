# SPDX-License-Identifier: Apache-2.0
"""Go's checksum database code as a judge of what is ours: `sumdb/main.go`, built once a session."""

import base64
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("sumdb")
# Where Debian's golang-golang-x-mod-dev lies; nothing is fetched.
GOPATH = "/usr/share/gocode"


def build_sumdb(folder: Path) -> Path:
    """The program, built into a folder."""
    program = folder / "sumdb"
    subprocess.run(
        ["go", "build", "-o", str(program), "main.go"],
        cwd=SOURCE,
        env={
            **os.environ,
            "GO111MODULE": "off",
            "GOPATH": GOPATH,
            "GOFLAGS": "",
            "GOCACHE": str(folder / "cache"),
        },
        check=True,
    )
    return program


def sumdb_says(program: Path, questions: Sequence[dict[str, Any]]) -> list[bool]:
    """Whether it accepts each; bytes in a question are sent as base64."""
    lines = "".join(json.dumps({k: _sent(v) for k, v in q.items()}) + "\n" for q in questions)
    answered = subprocess.run(
        [str(program)], input=lines, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(answered) == len(questions)
    assert all(line == "yes" or line.startswith("no: ") for line in answered)
    return [line == "yes" for line in answered]


def _sent(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list | tuple):
        return [_sent(item) for item in value]
    return value
