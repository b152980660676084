# SPDX-License-Identifier: Apache-2.0
"""Asks the service what this reader may see of a record, and acts on the answer.

Whatever is said about a restricted record is for this reader alone: no shared cache may keep it.
That a key was shown one is noted before it is.
"""

from flask import request

from api.access import current_reader, keep_private
from api.problems import Problem, ProblemRaised, title_of
from api.record_json import RecordRow
from api.state import current_archive, current_aside
from archive.canonical import JsonValue
from archive.errors import RecordRestricted, RecordWithdrawn
from archive.ids import parse_id
from archive.services.access.keys import Reader
from archive.services.access.permission import OPEN, Permission, Sight, permission, tells_actors
from archive.services.custody import note_access, sign_waiting


def seen(row: RecordRow) -> Permission:
    """What this reader may see of the record. Raises the problem 401 for a key that is none."""
    if row.metadata_policy is None:
        return OPEN
    archive, reader = current_archive(), current_reader()
    found = permission(archive, reader, row.id, row.metadata_policy, row.until)
    if found.is_restricted:
        keep_private()
        if found.sight is Sight.WHOLE and reader.key_id is not None:
            _note_access(row, reader.key_id)
    return found


def _note_access(row: RecordRow, key_id: str) -> None:
    archive = current_archive()
    is_shown = request.method != "HEAD"
    if is_shown and note_access(archive, parse_id(row.id), key_id):
        current_aside().do("custody", lambda: sign_waiting(archive))


def is_told_actors(reader: Reader, found: Permission) -> bool:
    """Whether this reader is told which keys read the record; then the answer is for it alone."""
    is_told = tells_actors(reader, found)
    if is_told:
        keep_private()
    return is_told


def require_whole(row: RecordRow) -> Permission:
    """The permission, when the whole record may be seen. Raises the problem 403 else."""
    found = seen(row)
    if found.sight is not Sight.WHOLE:
        raise refused(row, found)
    return found


def require_metadata(row: RecordRow) -> Permission:
    """The permission, when at least the metadata may be seen. Raises the problem 403 else."""
    found = seen(row)
    if found.sight is Sight.NOTHING:
        raise refused(row, found)
    return found


def require_standing(row: RecordRow) -> None:
    """Raise the problem 410 of a record that was withdrawn."""
    if row.is_withdrawn:
        raise withdrawn(row)


def require_content(row: RecordRow) -> Permission:
    """The permission, when the content may be handed out. Raises the problems 403 and 410 else."""
    require_metadata(row)
    require_standing(row)
    return require_whole(row)


def require_told(row: RecordRow) -> Permission:
    """The permission, when the record's JSON may be told: of a withdrawn one its metadata may.

    Raises the problem 403 else.
    """
    return require_metadata(row) if row.is_withdrawn else require_whole(row)


def withdrawn(row: RecordRow) -> ProblemRaised:
    """The problem 410 of a withdrawn record, with its tombstone."""
    members: dict[str, JsonValue] = {"withdrawal": row.record["withdrawal"], "record": row.record}
    replacement = row.record["withdrawal"]["replacement"]
    instead = f" {replacement} stands in its place." if replacement else ""
    detail = f"{row.id} was withdrawn: {row.record['withdrawal']['reason']}.{instead}"
    return ProblemRaised(
        Problem(410, RecordWithdrawn.code, title_of(RecordWithdrawn), detail, members=members)
    )


def refused(row: RecordRow, found: Permission) -> ProblemRaised:
    """The problem 403 of a restricted record, with its metadata where the policy allows."""
    members: dict[str, JsonValue] = {
        "restriction": {"until": found.until, "metadata": row.metadata_policy}
    }
    if found.sight is Sight.METADATA:
        members["record"] = row.record
    ends = f" The restriction ends on {found.until}." if found.until else ""
    detail = f"{row.id} is restricted: its content is for API keys that were granted it.{ends}"
    return ProblemRaised(
        Problem(403, RecordRestricted.code, title_of(RecordRestricted), detail, members=members)
    )
