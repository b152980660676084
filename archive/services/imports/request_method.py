# SPDX-License-Identifier: Apache-2.0
"""Tells by which method a record was asked for whose request lies in the group beside its own.

An index row has the method of a request of its own group. The border between two groups may part
an answer from its request, and an answer to a POST is no look at its URL.
"""

from collections.abc import Iterator
from itertools import islice

from archive.catalog.imports import CdxRow, group_by_digest, group_that_ends, is_within
from archive.importing.base import Begin, Numbered
from archive.importing.index import request_method
from archive.importing.pool import StoredSource
from archive.importing.warc import read_warc
from archive.model.imported import Flaw
from archive.model.inventory import Container
from archive.services.context import Archive
from archive.storage.layout import blob_key
from archive.warc.read import WarcRecord

# What belongs to one answer stands together: its request, and a note or two.
_BEHIND_RECORDS = 4


def method_across(
    archive: Archive, container: Container, row: CdxRow, record: WarcRecord
) -> str | None:
    """The method of the request for an imported record without one in its row, if there is one.

    Only a record at the border of its group is looked at. Raises StorageError, CatalogError.
    """
    names = {record.record_id, record.header("WARC-Concurrent-To")} - {None}
    for item in _beside(archive, container, row):
        if isinstance(item, Flaw) or item.record.type != "request":
            continue
        if names & {item.record.record_id, item.record.header("WARC-Concurrent-To")}:
            return request_method(item.record)
    return None


def _beside(archive: Archive, container: Container, row: CdxRow) -> Iterator[Numbered | Flaw]:
    key = blob_key(container.sha256)
    with archive.database.reading() as connection:
        group = group_by_digest(connection, row.statement_sha256)
        if group is None:
            return
        start, end = group.range_start, group.range_end
        is_first = not is_within(connection, container.sha256, start, row.offset)
        is_last = not is_within(connection, container.sha256, row.offset + 1, end)
        before = group_that_ends(connection, container.sha256, start) if is_first else None
    if before is not None:
        yield from read_warc(StoredSource(archive.store, key, start), Begin(before.range_start))
    if is_last:
        behind = read_warc(StoredSource(archive.store, key, container.size), Begin(end))
        yield from islice(behind, _BEHIND_RECORDS)
