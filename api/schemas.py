# SPDX-License-Identifier: Apache-2.0
"""What requests may hold (anything else is refused) and what answers hold (more may follow)."""

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, validate, validates_schema

from archive.canonical import JsonValue
from archive.model.correction import TEXT_LIMIT, VALUE_LIMIT
from archive.model.inventory import ROLES
from archive.model.restriction import METADATA_POLICIES, REASON_LIMIT
from archive.model.withdrawal import REASON_CODES
from archive.services.verifying.judge import POLICIES

_URL_LIMIT = 8192
_DIGEST_LIMIT = 8192
_ID_LIMIT = 256
_BATCH_LIMIT = 1000


def reason_parameter(why: str) -> dict[str, JsonValue]:
    """The query parameter `reason` of a request that takes something back."""
    return {
        "name": "reason",
        "in": "query",
        "required": True,
        "description": f"{why}: one line, signed and kept for good",
        "schema": {"type": "string", "minLength": 1, "maxLength": REASON_LIMIT},
    }


class RequestSchema(Schema):
    """Members of a request; an unknown one is an error, so that a typing mistake shows."""

    class Meta:
        """Refuse what is not listed."""

        unknown = RAISE


class AnswerSchema(Schema):
    """Members of an answer, for the document; later versions may add some."""

    class Meta:
        """Allow more members than are listed."""

        unknown = INCLUDE


class CaptureRequest(RequestSchema):
    """A page to look at."""

    url = fields.String(
        required=True,
        validate=validate.Length(min=1, max=_URL_LIMIT),
        metadata={"description": "http or https, without credentials", "format": "uri"},
    )


class RestrictionRequest(RequestSchema):
    """How a record is to be restricted."""

    until = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(min=1, max=64),
        metadata={"description": "A date or a moment with zone; null for good"},
    )
    metadata = fields.String(
        required=True,
        validate=validate.OneOf(METADATA_POLICIES),
        metadata={"description": "public: all but the content is told; hidden: nothing is"},
    )
    reason = fields.String(
        required=True,
        validate=validate.Length(min=1, max=REASON_LIMIT),
        metadata={"description": "One line, signed and kept for good"},
    )


class WithdrawalRequest(RequestSchema):
    """Why a record is to be withdrawn."""

    reason_code = fields.String(required=True, validate=validate.OneOf(REASON_CODES))
    reason = fields.String(
        required=True,
        validate=validate.Length(min=1, max=REASON_LIMIT),
        metadata={"description": "One line, signed and kept for good"},
    )
    replacement = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(min=1, max=_ID_LIMIT),
        metadata={"description": "The record that stands in its place"},
    )


class SupersessionRequest(RequestSchema):
    """Which record is to be read in place of one, and why."""

    newer = fields.String(required=True, validate=validate.Length(min=1, max=_ID_LIMIT))
    reason = fields.String(
        required=True,
        validate=validate.Length(min=1, max=REASON_LIMIT),
        metadata={"description": "One line, signed and kept for good"},
    )


class CorrectionRequest(RequestSchema):
    """What is wrong, and what is right; of one member of the record with its name."""

    text = fields.String(required=True, validate=validate.Length(min=1, max=TEXT_LIMIT))
    field = fields.String(
        load_default=None, allow_none=True, validate=validate.Length(min=1, max=40)
    )
    old = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=VALUE_LIMIT),
        metadata={"description": "What the record says there; refused when it says otherwise"},
    )
    new = fields.String(
        load_default=None, allow_none=True, validate=validate.Length(max=VALUE_LIMIT)
    )


class RedactionRequest(RequestSchema):
    """Which parts are to be removed for good, and why."""

    parts = fields.List(
        fields.String(validate=validate.OneOf(ROLES)),
        required=True,
        validate=validate.Length(min=1, max=len(ROLES)),
    )
    reason_code = fields.String(required=True, validate=validate.OneOf(REASON_CODES))
    reason = fields.String(
        required=True,
        validate=validate.Length(min=1, max=REASON_LIMIT),
        metadata={"description": "One line, signed and kept for good"},
    )
    same_words = fields.Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={"description": "Also of records with the same text"},
    )
    confirm = fields.Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={"description": "Without it nothing is done, and the answer is the plan"},
    )


class BatchRequest(RequestSchema):
    """Pages to look at, as one job."""

    urls = fields.List(
        fields.String(validate=validate.Length(min=1, max=_URL_LIMIT)),
        required=True,
        validate=validate.Length(min=1, max=_BATCH_LIMIT),
        metadata={"description": "http or https, without credentials"},
    )


class VerificationRequest(RequestSchema):
    """A record, or the digest of some bytes, to verify."""

    id = fields.String(
        validate=validate.Length(min=1, max=_ID_LIMIT),
        metadata={"description": "A record ID in any spelling"},
    )
    sha256 = fields.String(
        validate=validate.Length(min=1, max=_DIGEST_LIMIT),
        metadata={
            "description": "A SHA-256 in any spelling; a truncated one is only searched for, and "
            "so is a SHA-1 as CDX files print it"
        },
    )
    policy = fields.String(load_default="standard", validate=validate.OneOf(tuple(POLICIES)))
    record = fields.Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={"description": "Put it on record: signed, dated, for everybody to read"},
    )

    @validates_schema
    def _one_subject(self, data: dict[str, object], **_: object) -> None:
        if ("id" in data) == ("sha256" in data):
            raise ValidationError("give either id or sha256", "_schema")
        if data.get("record") and "id" not in data:
            raise ValidationError("only a record by its id", "record")


class BatchVerificationRequest(RequestSchema):
    """Record IDs and digests, each in any spelling."""

    items = fields.List(
        fields.Raw(metadata={"description": "Text; anything else is answered as malformed"}),
        required=True,
        validate=validate.Length(min=1, max=_BATCH_LIMIT),
    )
    policy = fields.String(load_default="standard", validate=validate.OneOf(tuple(POLICIES)))


class PartSchema(AnswerSchema):
    """One piece of a capture."""

    role = fields.String(required=True)
    media_type = fields.String(required=True)
    bytes = fields.Integer(required=True)
    sha256 = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "64 hex digits; null for a private part"},
    )
    commitment = fields.String(metadata={"description": "Salted digest of a private part"})
    redacted = fields.Boolean(metadata={"description": "It was removed for good"})


class RecordSchema(AnswerSchema):
    """A capture, or an observation that was not minted as one (its id is null)."""

    id = fields.String(required=True, allow_none=True)
    kind = fields.String(required=True, validate=validate.OneOf(["capture", "observation"]))
    state = fields.String(required=True)
    outcome = fields.String(required=True)
    reason = fields.String(required=True)
    url = fields.String(required=True)
    final_url = fields.String(required=True)
    status = fields.Integer(required=True, allow_none=True)
    captured_at = fields.String(required=True)
    document_id = fields.String(required=True, allow_none=True)
    title = fields.String(required=True, allow_none=True)
    parts = fields.List(fields.Nested(PartSchema), required=True)
    inventory_sha256 = fields.String(required=True)
    statement_sha256 = fields.String(required=True)


class RestrictionSchema(AnswerSchema):
    """Whether a record is restricted now, and the statement that says so."""

    id = fields.String(required=True)
    is_restricted = fields.Boolean(required=True)
    until = fields.String(required=True, allow_none=True)
    metadata = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    since = fields.String(required=True, allow_none=True)
    statement_sha256 = fields.String(required=True, allow_none=True)


class WithdrawalSchema(AnswerSchema):
    """Whether a record is withdrawn, and the latest statement about that."""

    id = fields.String(required=True)
    is_withdrawn = fields.Boolean(required=True)
    reason_code = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    replacement = fields.String(required=True, allow_none=True)
    remains = fields.List(
        fields.String(),
        required=True,
        allow_none=True,
        metadata={"description": "Claims that were proven when it was withdrawn"},
    )
    at = fields.String(required=True, allow_none=True)
    actor = fields.String(required=True, allow_none=True)
    statement_sha256 = fields.String(required=True, allow_none=True)


class SupersessionSchema(AnswerSchema):
    """What is to be read in place of a record, and what it stands in place of."""

    id = fields.String(required=True)
    is_superseded = fields.Boolean(required=True)
    newer = fields.String(required=True, allow_none=True)
    latest = fields.String(required=True, allow_none=True)
    supersedes = fields.List(fields.String(), required=True)
    reason = fields.String(required=True, allow_none=True)
    at = fields.String(required=True, allow_none=True)
    actor = fields.String(required=True, allow_none=True)
    statement_sha256 = fields.String(required=True, allow_none=True)


class CorrectionSchema(AnswerSchema):
    """One correction; of no single member where field is null."""

    text = fields.String(required=True)
    field = fields.String(required=True, allow_none=True)
    old = fields.String(required=True, allow_none=True)
    new = fields.String(required=True, allow_none=True)
    at = fields.String(required=True)
    actor = fields.String(required=True)
    statement_sha256 = fields.String(required=True)


class CorrectionsSchema(AnswerSchema):
    """The corrections of one record."""

    id = fields.String(required=True)
    corrections = fields.List(fields.Nested(CorrectionSchema), required=True)


class RemovedPartSchema(AnswerSchema):
    """A part that was, or would be, removed; its digest or commitment stays on record."""

    record = fields.String(required=True)
    role = fields.String(required=True)
    bytes = fields.Integer(required=True)
    sha256 = fields.String()
    commitment = fields.String()


class RedactionSchema(AnswerSchema):
    """What a redaction removed, or would remove."""

    id = fields.String(required=True)
    is_done = fields.Boolean(required=True)
    removed = fields.List(fields.Nested(RemovedPartSchema), required=True)
    moved = fields.List(fields.String(), required=True)
    statement_sha256 = fields.String()
    same_words = fields.List(fields.String())


class ToldRedactionSchema(AnswerSchema):
    """What one redaction removed of a record."""

    parts = fields.List(fields.String(), required=True)
    reason_code = fields.String(required=True)
    reason = fields.String(required=True)
    at = fields.String(required=True)
    actor = fields.String(required=True)
    statement_sha256 = fields.String(required=True)


class RedactionsSchema(AnswerSchema):
    """What was removed of one record."""

    id = fields.String(required=True)
    redactions = fields.List(fields.Nested(ToldRedactionSchema), required=True)


class GrantSchema(AnswerSchema):
    """That a key may see a record (`*`: every one) while it is restricted."""

    key_id = fields.String(required=True)
    record_id = fields.String(required=True)
    granted_at = fields.String(required=True)


class GrantsSchema(AnswerSchema):
    """The grants by which one record may be seen."""

    id = fields.String(required=True)
    grants = fields.List(fields.Nested(GrantSchema), required=True)


class KeySchema(AnswerSchema):
    """An API key, without its secret."""

    key_id = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)
    state = fields.String(required=True, validate=validate.OneOf(["good", "expired", "revoked"]))
    created_at = fields.String(required=True)
    expires_at = fields.String(required=True, allow_none=True)
    revoked_at = fields.String(required=True, allow_none=True)
    last_used_at = fields.String(required=True, allow_none=True)
    note = fields.String(required=True)


class KeysSchema(AnswerSchema):
    """A page of API keys; `next` is null on the last one."""

    keys = fields.List(fields.Nested(KeySchema), required=True)
    next = fields.String(required=True, allow_none=True)


class EventSchema(AnswerSchema):
    """One thing that was done with a record."""

    event = fields.String(required=True)
    at = fields.String(required=True)
    actor = fields.String(required=True)
    detail = fields.String(required=True)
    statement_sha256 = fields.String(required=True)


class CustodySchema(AnswerSchema):
    """What was done with a record, its making first."""

    id = fields.String(required=True)
    events = fields.List(fields.Nested(EventSchema), required=True)
    unsigned = fields.Integer(
        required=True, metadata={"description": "Events that wait for the signing key"}
    )


class ProgressSchema(AnswerSchema):
    """How far a job is, in units of its own; total is null while it is not known."""

    done = fields.Integer(required=True)
    total = fields.Integer(required=True, allow_none=True)


class JobProblemSchema(AnswerSchema):
    """Why a job failed, or why it waits."""

    code = fields.String(required=True, metadata={"description": "Stable; decide by this"})
    detail = fields.String(required=True)


class JobSchema(AnswerSchema):
    """Work that was asked for."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    state = fields.String(
        required=True,
        validate=validate.OneOf(["queued", "running", "waiting", "done", "failed", "cancelled"]),
    )
    created_at = fields.String(required=True)
    updated_at = fields.String(required=True)
    not_before = fields.String(required=True, allow_none=True)
    progress = fields.Nested(ProgressSchema, required=True)
    runs = fields.Integer(required=True)
    result = fields.Dict(
        required=True,
        allow_none=True,
        metadata={"description": "By kind: of a capture `record`, of a batch `items`"},
    )
    problem = fields.Nested(JobProblemSchema, required=True, allow_none=True)


class FindingSchema(AnswerSchema):
    """The answer to one claim about one target."""

    id = fields.String(required=True)
    target = fields.String(required=True)
    status = fields.String(
        required=True,
        validate=validate.OneOf(["pass", "fail", "unknown", "not_applicable", "skipped"]),
    )
    code = fields.String(required=True)
    detail = fields.String(required=True)


class HashMatchSchema(AnswerSchema):
    """A part whose digest begins with the prefix."""

    suffix = fields.String(required=True, metadata={"description": "The digits behind the prefix"})
    id = fields.String(required=True)
    part = fields.String(required=True)


class HashRangeSchema(AnswerSchema):
    """Every digest that begins with a prefix; of more than 10,000 the first ones."""

    prefix = fields.String(required=True)
    is_complete = fields.Boolean(required=True)
    matches = fields.List(fields.Nested(HashMatchSchema), required=True)


class ReportSchema(AnswerSchema):
    """What verification found, claim by claim; without claims nothing is verified."""

    result = fields.String(
        required=True,
        validate=validate.OneOf(["verified", "failed", "incomplete", "malformed"]),
    )
    exit_code = fields.Integer(required=True)
    claims = fields.List(fields.Nested(FindingSchema))
    note = fields.String()


class AttestedSchema(AnswerSchema):
    """A verification that is on record, in short."""

    statement_sha256 = fields.String(required=True)
    url = fields.String(required=True)
    verified_at = fields.String(required=True)
    policy = fields.String(required=True)
    result = fields.String(required=True)
    actor = fields.String(required=True)


class AttestationsSchema(AnswerSchema):
    """How many verifications of a record are on record, and the newest of them."""

    id = fields.String(required=True)
    count = fields.Integer(required=True)
    verifications = fields.List(fields.Nested(AttestedSchema), required=True)


class AttestedClaimSchema(AnswerSchema):
    """What was found of one claim about one target."""

    id = fields.String(required=True)
    target = fields.String(required=True)
    status = fields.String(required=True)
    code = fields.String(required=True)


class AttestationSchema(AnswerSchema):
    """A verification as it was signed."""

    record = fields.String(required=True)
    subject_sha256 = fields.String(required=True)
    policy = fields.String(required=True)
    result = fields.String(required=True)
    claims = fields.List(fields.Nested(AttestedClaimSchema), required=True)
    verified_at = fields.String(required=True)
    statement_sha256 = fields.String(required=True)
    standing = fields.Raw(
        required=True,
        allow_none=True,
        metadata={"description": "What was done with the record until now, as in a report"},
    )


class HealthSchema(AnswerSchema):
    """The service answers and its catalogue can be read."""

    status = fields.String(required=True)
    version = fields.String(required=True)


class FieldErrorSchema(AnswerSchema):
    """What is wrong with one member of the request."""

    pointer = fields.String(required=True, metadata={"description": "JSON Pointer, as #/url"})
    detail = fields.String(required=True)


class ProblemSchema(AnswerSchema):
    """An RFC 9457 problem."""

    type = fields.String(required=True, metadata={"format": "uri-reference"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "Stable; decide by this"})
    instance = fields.String(required=True, metadata={"format": "uri-reference"})
    request_id = fields.String(required=True)
    errors = fields.List(fields.Nested(FieldErrorSchema))
