# SPDX-License-Identifier: Apache-2.0
"""The archive's keys: `/keys` for people, and the files below `/.well-known/` for programs."""

from flask import Blueprint, Response, render_template

from api.negotiation import HTML, JSON, negotiated
from api.responses import bytes_response, json_response, not_acceptable, page_response
from api.state import current_archive
from archive.services.keysets.published import published_keys

blueprint = Blueprint("published_keys", __name__)

_ENVELOPE = "application/vnd.dsse.envelope.v1+json"
_JWKS = "application/jwk-set+json"


@blueprint.get("/keys")
def keys() -> Response:
    """Root keys, signing keys with their states, and every version of the keyset."""
    chosen = negotiated((HTML, JSON))
    if chosen is None:
        raise not_acceptable((HTML, JSON))
    found = published_keys(current_archive())
    told = found.to_json()
    if chosen == JSON:
        return json_response(told, "/keys?format=json")
    return page_response(render_template("keys.html", told=told, rows=found.rows()), "/keys")


@blueprint.get("/.well-known/muniment/keyset.dsse.json")
def newest_keyset() -> Response:
    """The newest keyset with all its signatures."""
    return bytes_response(published_keys(current_archive()).bundle(), _ENVELOPE)


@blueprint.get("/.well-known/muniment/keyset/<int:version>.dsse.json")
def keyset(version: int) -> Response:
    """One version of the keyset with all its signatures."""
    return bytes_response(published_keys(current_archive()).bundle(version), _ENVELOPE)


@blueprint.get("/.well-known/jwks.json")
def jwks() -> Response:
    """The signing keys as a JWK set."""
    data = published_keys(current_archive()).jwks()
    return json_response(data, media_type=_JWKS)
