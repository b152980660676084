# SPDX-License-Identifier: Apache-2.0
"""Small files that a command reads whole, or makes anew."""

from pathlib import Path

from archive.errors import InputError

_LIMIT = 1 << 20


def read_small(path: Path) -> bytes:
    """The file. Raises InputError when it cannot be read, or is larger than such a file can be."""
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _LIMIT:
        raise InputError(f"{path} is larger than {_LIMIT} bytes: it is not such a file")
    return data


def write_new(path: Path, data: bytes) -> None:
    """Make the file. Raises InputError when something lies there, or it cannot be written."""
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise InputError(f"{path} is there already: name another file") from error
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
