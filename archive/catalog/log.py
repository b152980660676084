# SPDX-License-Identifier: Apache-2.0
"""The transparency log's sequence: which leaf has which index, and how far it is worked up.

An index is given in the transaction that writes the statement's other rows, by a counter whose
row is taken last. So whoever holds it commits next: indexes have no gap, a transaction that is
rolled back gives its own back, and a reader who sees an entry sees all before it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.absent import insert_absent
from archive.catalog.tables import (
    capture,
    keyset,
    log_checkpoint,
    log_entry,
    log_head,
    observation,
    statement,
)
from archive.model.log_entry import KEYSET, LogEntry

_ONLY = log_head.c.id == 1
_KNOWN_AT_ONCE = 500
_ROWS_AT_ONCE = 1000
# As `record_bytes` writes it: reading a million records as JSON would take minutes.
_ANCHOR = re.compile(
    rb'"checkpoint":\{"note_sha256":"([0-9a-f]{64})","origin":"[^"\\]*","root":"[0-9a-f]{64}",'
    rb'"size":([0-9]{1,18})\}'
)


@dataclass(frozen=True, slots=True)
class LogHead:
    """How many entries there are, and how far each step has come with them.

    `integrated` and `root` are of the tree whose tiles are stored; the notes are the last that
    the log's key signed, and the last that was published. `fault` says why the log stands still.
    """

    appended: int
    integrated: int
    root: bytes
    signed: int
    signed_note: bytes | None
    published: int
    published_note: bytes | None
    fault: str | None


def begin(connection: Connection, root: bytes) -> bool:
    """Start the log with an empty tree, whose root this is; False when it has started before.

    In a transaction that runs alone: no other one may record a statement meanwhile.
    """
    if log_head_of(connection) is not None:
        return False
    row = {"id": 1, "appended": 0, "integrated": 0, "root": root, "signed": 0, "published": 0}
    connection.execute(sa.insert(log_head).values(**row))
    return True


def forget(connection: Connection) -> None:
    """Drop sequence and head, for a rebuild to begin the log anew in the same transaction."""
    connection.execute(sa.delete(log_entry))
    connection.execute(sa.delete(log_checkpoint))
    connection.execute(sa.delete(log_head))


def append(connection: Connection, entries: Sequence[LogEntry]) -> None:
    """Give the next indexes to those of these leaves that have none; nothing without a log.

    The last thing that a transaction does: others that append wait from here to its end.
    """
    if not entries:
        return
    end = _counted(connection, len(entries))
    if end is None:
        return
    known = logged_among(connection, [entry.statement_sha256 for entry in entries])
    new = [entry for entry in entries if entry.statement_sha256 not in known]
    if len(new) < len(entries):
        end = _counted(connection, len(new) - len(entries)) or 0
    rows = [
        {"idx": idx, "statement_sha256": entry.statement_sha256, "entry": entry.to_bytes()}
        for idx, entry in enumerate(new, start=end - len(new))
    ]
    if rows:
        connection.execute(sa.insert(log_entry), rows)


def append_logged(connection: Connection, leaves: Sequence[tuple[str, bytes]]) -> None:
    """Put back leaves, with the digests of their statements, in the order that they had."""
    end = _counted(connection, len(leaves)) or 0
    rows = [
        {"idx": idx, "statement_sha256": sha256, "entry": entry}
        for idx, (sha256, entry) in enumerate(leaves, start=end - len(leaves))
    ]
    if rows:
        connection.execute(sa.insert(log_entry), rows)


def _counted(connection: Connection, count: int) -> int | None:
    counting = (
        sa.update(log_head)
        .where(_ONLY)
        .values(appended=log_head.c.appended + count)
        .returning(log_head.c.appended)
    )
    found = connection.execute(counting).scalar()
    return None if found is None else int(found)


def logged_among(connection: Connection, digests: Sequence[str]) -> set[str]:
    """Those of these statements that have a leaf."""
    column = log_entry.c.statement_sha256
    found: set[str] = set()
    for start in range(0, len(digests), _KNOWN_AT_ONCE):
        some = digests[start : start + _KNOWN_AT_ONCE]
        found.update(connection.execute(sa.select(column).where(column.in_(some))).scalars())
    return found


def log_head_of(connection: Connection) -> LogHead | None:
    """How far the log has come, or None when none was started."""
    columns = [column for column in log_head.c if column.name != "id"]
    row = connection.execute(sa.select(*columns).where(_ONLY)).first()
    if row is None:
        return None
    return LogHead(
        appended=row.appended,
        integrated=row.integrated,
        root=_bytes(row.root),
        signed=row.signed,
        signed_note=None if row.signed_note is None else _bytes(row.signed_note),
        published=row.published,
        published_note=None if row.published_note is None else _bytes(row.published_note),
        fault=row.fault,
    )


def published_note(connection: Connection) -> bytes | None:
    """The newest published checkpoint's note, or None."""
    found = connection.execute(sa.select(log_head.c.published_note).where(_ONLY)).scalar()
    return None if found is None else _bytes(found)


def entries_between(connection: Connection, start: int, end: int) -> list[bytes]:
    """The leaves from one index up to another, in order."""
    wanted = (
        sa.select(log_entry.c.entry)
        .where(log_entry.c.idx >= start, log_entry.c.idx < end)
        .order_by(log_entry.c.idx)
    )
    return [_bytes(entry) for entry in connection.execute(wanted).scalars()]


def rows_between(connection: Connection, start: int, end: int) -> list[tuple[int, str, bytes]]:
    """Index, statement's digest and leaf from one index up to another, in order."""
    wanted = (
        sa.select(log_entry.c.idx, log_entry.c.statement_sha256, log_entry.c.entry)
        .where(log_entry.c.idx >= start, log_entry.c.idx < end)
        .order_by(log_entry.c.idx)
    )
    return [
        (row.idx, row.statement_sha256, _bytes(row.entry)) for row in connection.execute(wanted)
    ]


def last_index(connection: Connection) -> int | None:
    """The highest index that is given, or None."""
    return connection.execute(sa.select(sa.func.max(log_entry.c.idx))).scalar()


def entry_of(connection: Connection, statement_sha256: str) -> tuple[int, bytes] | None:
    """The index and the leaf of a statement, or None when it has none."""
    wanted = sa.select(log_entry.c.idx, log_entry.c.entry)
    row = connection.execute(wanted.where(log_entry.c.statement_sha256 == statement_sha256)).first()
    return None if row is None else (row.idx, _bytes(row.entry))


def _bytes(value: object) -> bytes:
    """The bytes of a column; on SQLite whoever edits a row can leave a text there."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def every_anchor(connection: Connection) -> set[tuple[int, str]]:
    """Size and digest of each checkpoint that the record of a capture names."""
    found: set[tuple[int, str]] = set()
    wanted = sa.select(capture.c.number, capture.c.record_json).order_by(capture.c.number)
    last, is_end = -1, False
    while not is_end:
        some = connection.execute(wanted.where(capture.c.number > last).limit(_ROWS_AT_ONCE)).all()
        is_end = len(some) < _ROWS_AT_ONCE
        for number, record in some:
            last = number
            if (match := _ANCHOR.search(_bytes(record))) is not None:
                found.add((int(match[2]), match[1].decode("ascii")))
    return found


def every_due_entry(connection: Connection) -> list[LogEntry]:
    """The leaf that each statement of the catalogue must have, in the order of their digests."""
    return sorted(_due(connection, only_missing=False), key=_digest)


def unlogged(connection: Connection) -> list[LogEntry]:
    """The leaves that statements of the catalogue must have and have not, likewise."""
    return sorted(_due(connection, only_missing=True), key=_digest)


def _digest(entry: LogEntry) -> str:
    return entry.statement_sha256


def _due(connection: Connection, *, only_missing: bool) -> list[LogEntry]:
    found: list[LogEntry] = []
    for table, kind, record_id in (
        (capture, sa.literal("capture"), capture.c.id),
        (observation, sa.literal("observation"), sa.null()),
        (statement, statement.c.kind, sa.null()),
        (keyset, sa.literal(KEYSET), sa.null()),
    ):
        envelope = sa.null() if table is keyset else table.c.envelope_sha256
        wanted: sa.Select[Any] = sa.select(kind, record_id, table.c.statement_sha256, envelope)
        if only_missing:
            same = log_entry.c.statement_sha256 == table.c.statement_sha256
            wanted = wanted.where(~sa.exists().where(same))
        found += [LogEntry(*row) for row in connection.execute(wanted)]
    return found


def note_integrated(connection: Connection, old: int, new: int, root: bytes) -> bool:
    """The tiles of a tree are stored; False when the tree before it is not the last one."""
    changed = connection.execute(
        sa.update(log_head)
        .where(_ONLY, log_head.c.integrated == old, log_head.c.fault.is_(None))
        .values(integrated=new, root=root)
    )
    return changed.rowcount == 1


def note_signed(connection: Connection, old: int, new: int, note: bytes) -> bool:
    """A checkpoint is signed; False when the one before it is not the last one."""
    changed = connection.execute(
        sa.update(log_head)
        .where(_ONLY, log_head.c.signed == old, log_head.c.fault.is_(None))
        .values(signed=new, signed_note=note)
    )
    return changed.rowcount == 1


def note_published(connection: Connection, size: int, note: bytes) -> None:
    """A checkpoint is published; one of a larger tree stays the newest."""
    connection.execute(
        sa.update(log_head)
        .where(_ONLY, log_head.c.published <= size)
        .values(published=size, published_note=note)
    )
    note_checkpoints(connection, [size])


def note_checkpoints(connection: Connection, sizes: Sequence[int]) -> None:
    """List checkpoints that were published, by their sizes."""
    insert_absent(connection, log_checkpoint, [{"size": size} for size in sizes])


def every_checkpoint(connection: Connection) -> list[int]:
    """The sizes of all checkpoints that are listed as published."""
    return list(connection.execute(sa.select(log_checkpoint.c.size)).scalars())


def checkpoints_covering(connection: Connection, index: int, limit: int) -> list[int]:
    """The sizes of the first published checkpoints that have this entry, from the smallest on."""
    column = log_checkpoint.c.size
    wanted = sa.select(column).where(column > index).order_by(column).limit(limit)
    return list(connection.execute(wanted).scalars())


def stop(connection: Connection, fault: str) -> None:
    """Let the log stand still for this reason; the first one stays."""
    connection.execute(
        sa.update(log_head).where(_ONLY, log_head.c.fault.is_(None)).values(fault=fault)
    )
