# SPDX-License-Identifier: Apache-2.0
"""The application of a witness: `POST /add-checkpoint` (c2sp.org/tlog-witness), and no archive."""

import logging
from collections.abc import Sequence
from pathlib import Path

from flask import Flask, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from archive.errors import MalformedNote
from archive.services.log.witness import BODY_LIMIT, open_witness

_log = logging.getLogger(__name__)


def create_app(folder: str, logs: Sequence[str]) -> Flask:
    """The witness in a folder, for the logs with these verifier keys.

    Raises KeyLocked, InputError.
    """
    app = Flask("witness", static_folder=None)
    # One byte more: a body without a stated length is cut at the limit in silence.
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT + 1
    witness = open_witness(Path(folder), logs)

    @app.get("/")
    def about() -> Response:
        return Response(f"{witness.key.to_text()}\n", content_type="text/plain; charset=utf-8")

    @app.post("/add-checkpoint")
    def add_checkpoint() -> Response:
        body = request.get_data()
        if len(body) > BODY_LIMIT:
            raise RequestEntityTooLarge
        try:
            answer = witness.add_checkpoint(body)
        except (OSError, MalformedNote) as error:
            # What it cosigned last is not known: it must not cosign anything now.
            _log.exception("the memory of the witness cannot be used")
            del error
            return Response("the witness cannot remember\n", 500, content_type="text/plain")
        return Response(answer.body, answer.status, content_type=answer.media_type)

    return app
