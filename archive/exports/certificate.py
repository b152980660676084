# SPDX-License-Identifier: Apache-2.0
"""Sets a draft certificate as a PDF file, with files attached to it (PDF/A-3).

The same data give the same bytes. Who certifies is a person: the file is a draft until one has
read, corrected and signed it, and says so on every page.
"""

import datetime as dt
import functools
import hashlib
import importlib.resources
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable

import typst

from archive.canonical import JsonValue

_TEMPLATE = "certificate.typ"
FORMS = ("fre", "eidas")
_STRANGE = re.compile(r"[^\x20-\x7e\xa1-\u017f\u0384-\u04ff\u2010-\u2027]")


@dataclass(frozen=True, slots=True)
class Attached:
    """A text file that lies in the PDF: its name, type, and what it is."""

    name: str
    media_type: str
    description: str
    text: str


def certificate_pdf(
    data: Mapping[str, JsonValue], attached: Sequence[Attached], made_at: dt.datetime
) -> bytes:
    """The PDF file. The members of `data` are those that the template reads.

    All text is shown as text, whatever stands in it. The form does not allow a character that no
    font at hand can show, so where there is one it is written as its code point.
    """
    members = {
        **data,
        "made": {
            name: getattr(made_at, name)
            for name in ("year", "month", "day", "hour", "minute", "second")
        },
        "attached": [
            {
                "name": file.name,
                "media_type": file.media_type,
                "description": file.description,
                "text": file.text,
            }
            for file in attached
        ],
    }
    try:
        return _compiled(members, ignore_system_fonts=True)
    except typst.TypstError:
        try:
            return _compiled(members, ignore_system_fonts=False)
        except typst.TypstError:
            return _compiled(_spelled_out(members), ignore_system_fonts=True)


def _compiled(members: JsonValue, *, ignore_system_fonts: bool) -> bytes:
    template = importlib.resources.files("archive.exports").joinpath(_TEMPLATE).read_bytes()
    pdf: bytes = typst.compile(
        template,
        format="pdf",
        sys_inputs={"data": json.dumps(members)},
        pdf_standards=["a-3b"],
        ignore_system_fonts=ignore_system_fonts,
    )
    return pdf


def _spelled_out(value: JsonValue) -> JsonValue:
    """The value with each character beyond Latin, Greek and Cyrillic as its code point."""
    if isinstance(value, str):
        return _STRANGE.sub(lambda found: f"<U+{ord(found[0]):04X}>", value)
    if isinstance(value, list):
        return [_spelled_out(one) for one in value]
    if isinstance(value, dict):
        return {
            name: one if name == "attached" else _spelled_out(one) for name, one in value.items()
        }
    return value


@functools.cache
def build_sha256() -> str:
    """One digest over every file of the installed program: of the lines `<SHA-256>  <path>`."""
    lines = []
    for package in ("archive", "api"):
        root = importlib.resources.files(package)
        lines += [
            f"{hashlib.sha256(data).hexdigest()}  {package}/{path}\n" for path, data in _files(root)
        ]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def _files(folder: Traversable, above: str = "") -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for item in folder.iterdir():
        if item.is_dir() and item.name != "__pycache__":
            found += _files(item, f"{above}{item.name}/")
        elif item.is_file():
            found.append((f"{above}{item.name}", item.read_bytes()))
    return found
