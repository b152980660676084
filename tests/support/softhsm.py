# SPDX-License-Identifier: Apache-2.0
"""A token of SoftHSM, a PKCS#11 module in software, with keys that pkcs11-tool makes in it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

MODULE = next(
    (
        str(path)
        for folder in (Path("/usr/lib"), Path("/usr/lib64"))
        for path in sorted(folder.glob("**/libsofthsm2.so"))
    ),
    "/usr/lib/softhsm/libsofthsm2.so",
)
PIN, TOKEN = "4711", "muniment-tests"


@dataclass(frozen=True)
class Token:
    """A token that is set up, and the file with its PIN."""

    pin_file: Path

    def make_key(self, label: str, kind: str = "EC:edwards25519", key_id: str = "") -> None:
        """A key pair that cannot be taken out of the token."""
        command = ["pkcs11-tool", "--module", MODULE, "--token-label", TOKEN]
        command += ["--login", "--pin", PIN, "--keypairgen", "--key-type", kind, "--label", label]
        command += ["--id", key_id] if key_id else []
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def uri(self, label: str, **changes: str) -> str:
        """The URI of a key; changes replace attributes, and an empty one takes it away."""
        path = {"token": TOKEN, "object": label}
        query = {"module-path": MODULE, "pin-source": f"file:{self.pin_file}"}
        for name, value in changes.items():
            attribute = name.replace("_", "-")
            (query if attribute in query else path)[attribute] = value
        paths, queries = (
            between.join(f"{name}={value}" for name, value in part.items() if value)
            for between, part in ((";", path), ("&", query))
        )
        return f"pkcs11:{paths}?{queries}"


def new_token(folder: Path, label: str = TOKEN) -> Token:
    """A token in a new folder. The process that loads the module first decides on the folder."""
    tokens = folder / "tokens"
    tokens.mkdir(parents=True)
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n", encoding="ascii")
    os.environ["SOFTHSM2_CONF"] = str(config)
    command = ["softhsm2-util", "--init-token", "--free", "--label", label]
    command += ["--so-pin", "12345678", "--pin", PIN]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    pin_file = folder / "pin"
    pin_file.write_text(f"{PIN}\n", encoding="ascii")
    pin_file.chmod(0o600)
    return Token(pin_file)
