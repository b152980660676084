# SPDX-License-Identifier: Apache-2.0
"""Passphrases of backups and root keys: the first line of a file, or typed unseen."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from archive.backups.sealed import Passphrase

_BYTES_LIMIT = 4096

passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line is the backup's passphrase; without it you are asked.",
)


def passphrase_of(path: Path | None, *, is_new: bool) -> "Passphrase":
    """The passphrase in the file, or as typed (twice when it is new). Raises BackupLocked."""
    from archive.backups.sealed import Passphrase
    from archive.errors import BackupLocked

    if path is None:
        return Passphrase.of(
            click.prompt(
                "Passphrase of the backup", hide_input=True, confirmation_prompt=is_new, err=True
            )
        )
    try:
        with path.open("rb") as file:
            line = file.read(_BYTES_LIMIT).partition(b"\n")[0].decode("utf-8")
    except OSError as error:
        raise BackupLocked(f"the file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BackupLocked(f"the first line of {path} is not UTF-8") from error
    if not line.strip():
        raise BackupLocked(f"the first line of {path} is empty: write the passphrase there")
    return Passphrase.of(line)


def key_passphrase_of(path: Path | None, *, is_new: bool) -> bytes:
    """What opens a root key: the first line of the file, or as typed. Raises KeyLocked."""
    if path is not None:
        from archive.signing.file import read_passphrase

        return read_passphrase(path)
    typed: str = click.prompt(
        "Passphrase of the root key", hide_input=True, confirmation_prompt=is_new, err=True
    )
    return typed.encode("utf-8")
