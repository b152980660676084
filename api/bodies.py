# SPDX-License-Identifier: Apache-2.0
"""Reads request bodies: strict JSON against a schema, and files as streams that are never kept.

A file is handed on in chunks as it arrives; nothing of it touches a disk, and nothing looks
into it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from flask import request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from api.problems import FieldError, Problem, ProblemRaised, of_error, title_of
from api.state import current_archive, current_bounds
from archive import canonical
from archive.canonical import JsonValue
from archive.errors import InputError, MalformedJson

JSON_BYTES_LIMIT = 64 * 1024
FILE_FIELD = "file"
_CHUNK_BYTES = 256 * 1024
_FORM_OVERHEAD_BYTES = 64 * 1024
_PARTS_LIMIT = 8


def read_json(schema: Schema, bytes_limit: int = JSON_BYTES_LIMIT) -> dict[str, JsonValue]:
    """The request's JSON, checked against the schema.

    Raises the problems 400, 408, 413, 415, 422, and 503 while too many bodies arrive.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Send JSON, with Content-Type: application/json.")
    data = read_body(bytes_limit)
    try:
        value = canonical.loads(data, bytes_limit)
    except MalformedJson as error:
        raise ProblemRaised(Problem(400, error.code, "Not JSON", str(error))) from error
    try:
        loaded: dict[str, JsonValue] = schema.load(value)
    except ValidationError as error:
        raise invalid(tuple(_field_errors(error.messages, "#"))) from error
    return loaded


def read_body(bytes_limit: int = JSON_BYTES_LIMIT) -> bytes:
    """The request's body, of JSON's size at most; asked for again, the same bytes.

    Raises the problems 408, 413, and 503 while too many bodies arrive.
    """
    # One byte more: a body without a stated length is cut at the limit in silence.
    request.max_content_length = bytes_limit + 1
    with current_bounds().bodies.place():
        data = request.get_data()
    if len(data) > bytes_limit:
        raise RequestEntityTooLarge
    return data


def file_chunks() -> Iterator[bytes]:
    """The bytes of the uploaded file as they arrive: a raw body, or the form's field `file`.

    Raises the problem 413 above the archive's limit, 400 when the upload breaks off, 408 when
    it is too slow, 415 and 422 for a body that carries no file.
    """
    limit = current_archive().upload_bytes_limit
    if request.mimetype == "application/octet-stream":
        request.max_content_length = limit
        return _raw_chunks()
    if request.mimetype == "multipart/form-data":
        request.max_content_length = limit + _FORM_OVERHEAD_BYTES
        return _form_file(limit)
    raise UnsupportedMediaType(
        "Send a file as application/octet-stream, or as the field `file` of multipart/form-data."
    )


def invalid(errors: tuple[FieldError, ...]) -> ProblemRaised:
    """The problem 422 that names each member at fault."""
    detail = "; ".join(f"{error.pointer}: {error.detail}" for error in errors)
    return ProblemRaised(Problem(422, InputError.code, title_of(InputError), detail, errors))


@contextmanager
def blamed_on(member: str) -> Iterator[None]:
    """Within this, an input error of the archive is the fault of that member of the request."""
    try:
        yield
    except InputError as error:
        detail = str(error).removeprefix(f"{member}: ")
        raise ProblemRaised(of_error(error, (FieldError(f"#/{member}", detail),))) from error


def _field_errors(messages: object, pointer: str) -> Iterator[FieldError]:
    if isinstance(messages, Mapping):
        for name, below in messages.items():
            yield from _field_errors(below, pointer if name == "_schema" else f"{pointer}/{name}")
    elif isinstance(messages, list):
        for message in messages:
            yield FieldError(pointer, str(message))


def _raw_chunks() -> Iterator[bytes]:
    seen = 0
    while chunk := request.stream.read(_CHUNK_BYTES):
        seen += len(chunk)
        yield chunk
    # The server hands on what came before a connection broke as if it were the whole.
    if request.content_length is not None and seen != request.content_length:
        raise BadRequest("The upload broke off before its end.")


def _form_file(limit: int) -> Iterator[bytes]:
    boundary = request.mimetype_params.get("boundary", "").encode("latin-1", "replace")
    if not boundary:
        raise BadRequest("The multipart body names no boundary.")
    decoder = MultipartDecoder(
        boundary, max_form_memory_size=_CHUNK_BYTES + _FORM_OVERHEAD_BYTES, max_parts=_PARTS_LIMIT
    )
    seen = 0
    is_file_found = False
    is_in_file = False
    for event in _form_events(decoder):
        if isinstance(event, Field | File):
            is_in_file = isinstance(event, File) and event.name == FILE_FIELD
            if not is_in_file or is_file_found:
                name = str(event.name)[:40]
                raise invalid((FieldError(f"#/{name}", "only one field `file` is expected"),))
            is_file_found = True
        elif is_in_file:
            seen += len(event.data)
            if seen > limit:
                raise RequestEntityTooLarge
            if event.data:
                yield event.data
    if not is_file_found:
        raise invalid((FieldError(f"#/{FILE_FIELD}", "the form carries no file"),))


def _form_events(decoder: MultipartDecoder) -> Iterator[Field | File | Data]:
    try:
        while True:
            data = request.stream.read(_CHUNK_BYTES)
            decoder.receive_data(data or None)
            event = decoder.next_event()
            while not isinstance(event, NeedData | Epilogue):
                if isinstance(event, Field | File | Data):
                    yield event
                event = decoder.next_event()
            if isinstance(event, Epilogue):
                return
    except ValueError as error:
        raise BadRequest("The multipart body breaks off or cannot be read.") from error
