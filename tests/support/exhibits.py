# SPDX-License-Identifier: Apache-2.0
"""Exhibits for tests: taken apart, put together anew with right manifests, and verified."""

import datetime as dt
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from archive.exports.bag import content, pack
from archive.model import exhibit as names
from archive.model.claim import Report
from archive.services.exhibits.verify import Circumstances, ExhibitTrust, verify_exhibit

_MADE_ANEW = {names.BAGIT, names.BAG_INFO, names.MANIFEST, names.TAG_MANIFEST}
LATER = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)


def files_of(data: bytes) -> tuple[str, dict[str, bytes]]:
    """The folder of an exhibit, and its files by path."""
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        folders = {name.partition("/")[0] for name in opened.namelist()}
        (folder,) = folders
        return folder, {name.partition("/")[2]: opened.read(name) for name in opened.namelist()}


def packed(folder: str, files: Mapping[str, bytes]) -> bytes:
    """The exhibit with these files: manifests and sizes are made to fit them."""
    elements = files[names.BAG_INFO].decode().splitlines()
    info = [(label, value) for label, _, value in (line.partition(": ") for line in elements)]
    kept = [(label, value) for label, value in info if label != "Payload-Oxum"]
    contents = [content(name, data) for name, data in files.items() if name not in _MADE_ANEW]
    return b"".join(pack(folder, kept, contents).pieces())


def verified(
    path: Path, roots: Sequence[str], policy: str = "standard", now: dt.datetime = LATER
) -> Report:
    """Our verifier's report, under roots that were given from outside (none: the package's)."""
    return verify_exhibit(path, ExhibitTrust(tuple(roots)), policy, Circumstances(now, os.urandom))


def by_hand(folder: Path) -> str:
    """The commands of an exhibit's README, in order."""
    text = (folder / names.README).read_text().partition("TO CHECK IT BY HAND")[2]
    steps = text.partition("WHAT IT DOES NOT PROVE")[0]
    return "\n".join(line[4:] for line in steps.splitlines() if line.startswith("    "))


def follow_readme(folder: Path, roots: str) -> subprocess.CompletedProcess[str]:
    """Run the commands of an exhibit's README under these roots, without network."""
    closed, _ = without_network()
    script = f"ROOT='{roots}'\n{by_hand(folder)}\necho every command held\n"
    return subprocess.run(
        [*closed, "bash", "-c", script], cwd=folder, check=False, capture_output=True, text=True
    )


def without_network() -> tuple[list[str], str]:
    """What to put before a command so that it has no network, and how that is called."""
    command = ["unshare", "--net"]
    tried = subprocess.run([*command, "true"], check=False, capture_output=True)
    if tried.returncode == 0:
        return command, "a network namespace without interfaces"
    return [], "a guard of Python's sockets, for no namespace is to be had"


def bare_python(folder: Path) -> list[str]:
    """A command for a Python that has the standard library and cryptography, and nothing else."""
    import cryptography

    site = Path(cryptography.__file__).parent.parent
    place = folder / "site"
    place.mkdir(exist_ok=True)
    for name in ("cryptography", "cffi", *(path.name for path in site.glob("_cffi_backend*"))):
        if (site / name).exists() and not (place / name).exists():
            (place / name).symlink_to(site / name)
    python = shutil.which("python3", path=str(Path(sys.executable).parent)) or sys.executable
    guard = (
        "import sys, runpy, socket\n"
        f"sys.path.insert(0, {str(place)!r})\n"
        "def refuse(*_given, **_named): raise OSError('the network is closed')\n"
        "socket.socket = socket.create_connection = refuse\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    return [python, "-I", "-S", "-c", guard]
