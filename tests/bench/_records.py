# SPDX-License-Identifier: Apache-2.0
"""Catalogues with many records for benches: copies of a real capture's row under other IDs."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg

from archive.bootstrap import init_archive
from archive.digests import sha256_hex
from archive.ids import Kind, RecordId
from archive.services.capturing.capture import capture
from archive.settings import load_settings
from tests.bench.peers import nginx, ok_pages

Row = tuple[object, ...]


def fill_sqlite(data: Path, size: int) -> None:
    """A new archive whose SQLite catalogue lists this many captures."""
    site = data.with_name(f"{data.name}-site")
    site.mkdir()
    (site / "page.html").write_bytes(ok_pages()[0])
    environment = {"MUNIMENT_DATA": str(data), "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8"}
    archive, _ = init_archive(load_settings(environment=environment))
    with nginx(site) as base:
        capture(archive, f"{base}/page.html")
    archive.close()
    connection = sqlite3.connect(data / "catalog.sqlite", isolation_level=None)
    columns = [row[1] for row in connection.execute("pragma table_info(capture)")]
    first = connection.execute("select * from capture").fetchone()
    insert = f"insert into capture values ({','.join('?' * len(columns))})"
    connection.execute("begin")
    connection.executemany(insert, _copies(columns, first, size))
    connection.execute("commit")
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()


def copy_to_postgres(data: Path, url: str) -> None:
    """The captures of `fill_sqlite` in a new catalogue in an empty PostgreSQL database."""
    environment = {"MUNIMENT_DATA": str(data), "MUNIMENT_DATABASE_URL": url}
    archive, _ = init_archive(load_settings(environment=environment))
    archive.close()
    source = sqlite3.connect(data / "catalog.sqlite")
    columns = [row[1] for row in source.execute("pragma table_info(capture)")]
    with (
        psycopg.connect(url.replace("+psycopg", "")) as connection,
        connection.cursor() as cursor,
    ):
        statement = f"copy capture ({','.join(columns)}) from stdin"
        with cursor.copy(statement.encode()) as copy:
            for row in source.execute("select * from capture"):
                copy.write_row(row)
        connection.commit()
        connection.autocommit = True
        connection.execute("vacuum analyze capture")
    source.close()


def _copies(columns: list[str], first: Row, size: int) -> Iterator[Row]:
    row = dict(zip(columns, first, strict=True))
    record = json.loads(str(row["record_json"], "utf-8"))  # type: ignore[call-overload]
    for number in range(2, size + 1):
        record["id"] = row["id"] = str(RecordId("CA", Kind.CAPTURE, number))
        row["number"] = number
        row["statement_sha256"] = record["statement_sha256"] = f"{number:064x}"
        served = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
        row["record_json"], row["record_sha256"] = served, sha256_hex(served)
        yield tuple(row[column] for column in columns)
