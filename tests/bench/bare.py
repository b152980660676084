# SPDX-License-Identifier: Apache-2.0
"""The resolver bench's bases: a Flask app that answers every ID with the same 2 kB of JSON, and
one that selects the record and does nothing else with it."""

import os
import sqlite3
import threading
from collections.abc import Callable

import psycopg
from flask import Flask, Response

_BODY = b'{"id":"CA-C-0000001-39","text":"' + b"x" * 2000 + b'"}'
_SELECT = "select record_json from capture where id = "


def create_app() -> Flask:
    app = Flask(__name__)

    @app.get("/<record_id>")
    def record(record_id: str) -> Response:
        return Response(_BODY, mimetype="application/json", headers={"X-Asked": record_id})

    return app


def create_selecting_app() -> Flask:
    """Over `BARE_DATABASE`: the path of a SQLite file, or a PostgreSQL URL."""
    app = Flask(__name__)
    local = threading.local()
    connect = _connector(os.environ["BARE_DATABASE"])

    @app.get("/<record_id>")
    def record(record_id: str) -> Response:
        select = getattr(local, "select", None)
        if select is None:
            select = local.select = connect()
        return Response(select(record_id), mimetype="application/json")

    return app


def _connector(place: str) -> Callable[[], Callable[[str], bytes]]:
    def sqlite() -> Callable[[str], bytes]:
        connection = sqlite3.connect(f"file:{place}?mode=ro", uri=True)
        return lambda name: connection.execute(f"{_SELECT}?", (name,)).fetchone()[0]

    def postgres() -> Callable[[str], bytes]:
        cursor = psycopg.connect(place, autocommit=True).cursor()

        def select(name: str) -> bytes:
            row = cursor.execute(f"{_SELECT}%s", (name,), prepare=True, binary=True).fetchone()
            return bytes(row[0]) if row else b""

        return select

    return postgres if place.startswith("postgresql:") else sqlite
