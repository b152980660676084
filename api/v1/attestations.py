# SPDX-License-Identifier: Apache-2.0
"""Verifications that are on record: one by its statement, and the newest of a record."""

from flask import Response

from api.identified import record_named
from api.openapi import ApiBlueprint
from api.permission import require_metadata
from api.record_row import required_row
from api.responses import json_response
from api.schemas import AttestationSchema, AttestationsSchema
from api.state import current_archive
from archive.ids import parse_id
from archive.services.acts.attest import attestations, read_attestation, row_json

blueprint = ApiBlueprint("attestations", __name__, description="Verifications that are on record")


@blueprint.at("/verifications/<sha256>")
@blueprint.answers(200, AttestationSchema, "What was found then, claim by claim, as it was signed")
@blueprint.refuses(401, 403, 404, 429, 500, 503)
def read_verification(sha256: str) -> Response:
    """Read a verification that is on record, by the digest of its statement."""
    told = read_attestation(current_archive(), sha256)
    row = required_row(parse_id(told["record"]))
    require_metadata(row)
    return json_response({**told, "standing": (row.standing and row.standing.members()) or None})


@blueprint.at("/records/<text>/verifications")
@blueprint.answers(200, AttestationsSchema, "How many are on record, and the newest of them")
@blueprint.moves()
@blueprint.refuses(401, 403, 404, 429)
def list_verifications(text: str) -> Response:
    """List the newest verifications of a record that are on record."""
    record_id = record_named(text, before="/api/v1/records/", after="/verifications")
    require_metadata(required_row(record_id))
    found = attestations(current_archive(), str(record_id))
    newest = [row_json(row) for row in found.newest]
    return json_response({"id": str(record_id), "count": found.count, "verifications": newest})
