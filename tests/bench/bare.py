# SPDX-License-Identifier: Apache-2.0
"""The resolver bench's base: a Flask app that answers every ID with the same 2 kB of JSON."""

from flask import Flask, Response

_BODY = b'{"id":"CA-C-0000001-39","text":"' + b"x" * 2000 + b'"}'


def create_app() -> Flask:
    app = Flask(__name__)

    @app.get("/<record_id>")
    def record(record_id: str) -> Response:
        return Response(_BODY, mimetype="application/json", headers={"X-Asked": record_id})

    return app
