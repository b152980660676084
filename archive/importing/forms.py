# SPDX-License-Identifier: Apache-2.0
"""Tells what a file is by its first bytes, never by its name."""

from archive.errors import InputError, MalformedWarc, SharedMember
from archive.importing.arc import ARC_START
from archive.importing.base import IMPORT_LIMITS, Source
from archive.importing.inflate import InflatedStream
from archive.importing.window import Window
from archive.warc.members import GZIP_MAGIC, MemberReader
from archive.warc.read import read_at

_WARC_START = b"WARC/"
_ZIP_START = b"PK\x03\x04"
_LOOK_BYTES = 64
# These are read where they lie; the others are packed anew, one gzip member for each record.
READ_IN_PLACE = frozenset({"warc", "warc.gz"})


def form_of(source: Source) -> str:
    """`warc`, `warc.gz`, `warc.gz-shared`, `arc`, `arc.gz` or `wacz`. Raises InputError else."""
    view = Window(source)
    start = bytes(view[0:_LOOK_BYTES])
    if start.startswith(_WARC_START):
        return "warc"
    if start.startswith(ARC_START):
        return "arc"
    if start.startswith(_ZIP_START):
        return "wacz"
    if start.startswith(GZIP_MAGIC):
        try:
            inside = MemberReader(view, 0).read(_LOOK_BYTES)
        except MalformedWarc as error:
            raise InputError(f"it is no gzip file that can be read: {error}") from error
        if inside.startswith(ARC_START):
            return "arc.gz"
        if inside.startswith(_WARC_START):
            return _form_of_members(source)
    raise InputError("it is no WARC, ARC or WACZ file")


def _form_of_members(source: Source) -> str:
    try:
        read_at(Window(source), 0, IMPORT_LIMITS)
    except SharedMember:
        return "warc.gz-shared"
    except MalformedWarc:
        # A damaged member may still hold whole records before the damage.
        return "warc.gz-shared" if _holds_record(source) else "warc.gz"
    return "warc.gz"


def _holds_record(source: Source) -> bool:
    try:
        read_at(InflatedStream(source).view, 0, IMPORT_LIMITS)
    except MalformedWarc:
        return False
    return True
