# SPDX-License-Identifier: Apache-2.0
"""The catalogue's rows of an import statement. They follow from its content alone."""

from collections.abc import Sequence
from typing import Any

from archive.catalog.imports import CdxRow, GroupRow, ImportRows
from archive.model.imported import ImportGroup, IndexRow
from archive.net.surt import url_key
from archive.warc.dates import cdx_stamp


def import_rows(group: ImportGroup, statement_sha256: str) -> ImportRows:
    """The group's row, and an index row for each record that has one."""
    return ImportRows(
        group={
            "statement_sha256": statement_sha256,
            "source_sha256": group.source.sha256,
            "source_name": group.source.name,
            "source_size": group.source.size,
            "form": group.source.form,
            "container_sha256": group.container_sha256,
            "member": group.member,
            "supplied_by": group.supplied_by,
            "range_start": group.start,
            "range_end": group.end,
            "first_record": group.first_record,
            "records": group.records,
            "is_last": int(group.is_last),
            "flaws": len(group.flaws) + len(group.source_flaws),
        },
        cdx=[_cdx_row(row, group.container_sha256, statement_sha256) for row in group.rows],
    )


def import_containers(group: ImportGroup) -> list[dict[str, Any]]:
    """The files that an import speaks of: the one that was given, and the one it is read from."""
    sizes = {group.source.sha256: group.source.size, group.container_sha256: group.container_size}
    return [{"sha256": sha256, "size": size} for sha256, size in sorted(sizes.items())]


def differing_rows(
    expected: ImportRows, listed: GroupRow | None, indexed: Sequence[CdxRow]
) -> list[str]:
    """What the catalogue says otherwise than the statement, in words."""
    if listed is None:
        return ["its row of the import"]
    differing = [
        f"import.{name}" for name, value in expected.group.items() if getattr(listed, name) != value
    ]
    found = {row.offset: row for row in indexed}
    mine = expected.group["statement_sha256"]
    for row in expected.cdx:
        there = found.pop(row["offset"], None)
        if there is None:
            differing.append(f"the index row at {row['offset']}")
        elif there.statement_sha256 == mine:
            differing += [
                f"{name} of the index row at {row['offset']}"
                for name, value in row.items()
                if getattr(there, name) != value
            ]
    differing += [
        f"the index row at {offset} (not signed)"
        for offset, row in sorted(found.items())
        if row.statement_sha256 == mine
    ]
    return differing


def _cdx_row(row: IndexRow, container_sha256: str, statement_sha256: str) -> dict[str, Any]:
    return {
        "container_sha256": container_sha256,
        "offset": row.offset,
        "length": row.length,
        "record_type": row.type,
        "record_id": row.record_id,
        "urlkey": url_key(row.url),
        "timestamp": cdx_stamp(row.date),
        "date": row.date,
        "url": row.url,
        "media_type": row.media_type,
        "status": row.status,
        "method": row.method,
        "size": row.size,
        "sha1": row.sha1,
        "sha256": row.sha256,
        "body_sha256": row.body_sha256,
        "statement_sha256": statement_sha256,
        "capture_number": None,
    }
