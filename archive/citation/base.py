# SPDX-License-Identifier: Apache-2.0
"""What is cited: the same facts for every style. A style is a module here with NAME and cite()."""

import datetime as dt
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import archive.citation
from archive.errors import InputError


@dataclass(frozen=True, slots=True)
class Cited:
    """One capture as a citation names it.

    `author` is the host name while the archive knows no entity; `permalink` is of the fixed
    version. `warc_date` is set of an imported capture: what the file that was given says of the
    time, which the archive did not see.
    """

    author: str
    title: str
    url: str
    captured_at: dt.datetime
    archive_name: str
    permalink: str
    sha256: str
    warc_date: str | None = None


def style(name: str) -> Callable[[Cited], str]:
    """The function that cites in a style. Raises InputError, listing the styles there are."""
    names = [info.name for info in pkgutil.iter_modules(archive.citation.__path__)]
    styles = sorted(set(names) - {"base"})
    if name not in styles:
        raise InputError(f"unknown citation style {name!r}: there are {', '.join(styles)}")
    found: Callable[[Cited], str] = importlib.import_module(f"archive.citation.{name}").cite
    return found
