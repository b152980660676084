# SPDX-License-Identifier: Apache-2.0
"""HTTP codings undone under limits: what came over the wire becomes what a person would save.

Content codings are undone as a stream of small pieces, so that a bomb is refused after the
limit's worth of output and never held whole. Transfer codings stand in `chunked`, heads in `head`.
"""

import io
import itertools
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from archive.errors import InputTooLarge, UndecodableBody
from archive.libraries import needed
from archive.net.chunked import undo_transfer_coding
from archive.net.head import Headers, ResponseHead, list_members, parse_head

__all__ = [
    "DecodingLimits",
    "ResponseHead",
    "content_codings",
    "parse_head",
    "undo_content_coding",
    "undo_transfer_coding",
]

# Below this much output the ratio says nothing: a short run of blanks compresses a thousandfold.
RATIO_FREE_BYTES = 8 * 1024 * 1024
CODINGS_LIMIT = 5
MEMBERS_LIMIT = 10_000

_PIECE_BYTES = 64 * 1024
# One zstd block of 4 bytes may stand for 128 KiB and the binding has no output limit, so its
# input is cut small: 256 bytes give 8 MiB at most.
_ZSTD_INPUT_BYTES = 256
# RFC 9659 3: the window of the `zstd` content coding is 8 MiB at most.
_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024
_GZIP_BITS = zlib.MAX_WBITS | 16
_ALIASES = {"x-gzip": "gzip"}

_Pieces = Iterator[bytes]


@dataclass(frozen=True, slots=True)
class DecodingLimits:
    """How much a content coding may yield: `decoded_bytes`, and `ratio` times its input.

    The ratio counts only from RATIO_FREE_BYTES of output on.
    """

    decoded_bytes: int
    ratio: int


def content_codings(headers: Headers) -> tuple[str, ...]:
    """The declared content codings in the order applied (RFC 9110 8.4), `identity` dropped."""
    members = list_members(headers, "content-encoding")
    return tuple(_ALIASES.get(member, member) for member in members if member != "identity")


def undo_content_coding(payload: bytes, codings: tuple[str, ...], limits: DecodingLimits) -> bytes:
    """The payload with its codings undone, the last applied first; an empty one stays empty.

    Raises InputTooLarge as soon as any layer yields more than the limits allow, UndecodableBody
    when the payload is not coded as declared, is cut short, goes on after its end, or when a
    coding is unknown.
    """
    if len(codings) > CODINGS_LIMIT:
        raise UndecodableBody(f"the body has more than {CODINGS_LIMIT} content codings")
    unknown = [coding for coding in codings if coding not in _DECODERS]
    if unknown:
        raise UndecodableBody(f"the content coding {unknown[0]!r} is not supported")
    if len(payload) > limits.decoded_bytes:
        raise InputTooLarge(f"the body exceeds the limit of {limits.decoded_bytes} bytes")
    if not codings or not payload:
        return payload
    pieces: _Pieces = _cut(payload, _PIECE_BYTES)
    for coding in reversed(codings):
        pieces = _limited(_DECODERS[coding](pieces), len(payload), limits)
    decoded = io.BytesIO()
    for piece in pieces:
        decoded.write(piece)
    return decoded.getvalue()


def _cut(data: bytes, size: int) -> _Pieces:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def _limited(pieces: _Pieces, payload_bytes: int, limits: DecodingLimits) -> _Pieces:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > limits.decoded_bytes:
            raise InputTooLarge(
                f"the decoded body exceeds the limit of {limits.decoded_bytes} bytes"
            )
        if total > max(RATIO_FREE_BYTES, limits.ratio * payload_bytes):
            raise InputTooLarge(
                f"the decoded body is more than {limits.ratio} times as large as what was sent"
            )
        if piece:
            yield piece


def _inflate(pieces: _Pieces, window_bits: int) -> _Pieces:
    # A gzip member may be followed by a further one (RFC 1952 2.2) and, as gzip(1) allows, by
    # zero padding; anything else after the end is not what was declared.
    decoder = zlib.decompressobj(window_bits)
    members = 1
    is_complete = True
    for piece in pieces:
        rest = piece
        while rest:
            if decoder.eof:
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                members += 1
                if window_bits != _GZIP_BITS or members > MEMBERS_LIMIT:
                    raise UndecodableBody("the compressed body goes on after its end")
                decoder = zlib.decompressobj(window_bits)
            yield decoder.decompress(rest, _PIECE_BYTES)
            rest = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
        while not decoder.eof and (more := decoder.decompress(b"", _PIECE_BYTES)):
            yield more
        is_complete = decoder.eof
    if not is_complete:
        raise UndecodableBody("the compressed body is cut short")


def _gunzip(pieces: _Pieces) -> _Pieces:
    try:
        yield from _inflate(pieces, _GZIP_BITS)
    except zlib.error as error:
        raise UndecodableBody("the body is not gzip, though declared so") from error


def _undo_deflate(pieces: _Pieces) -> _Pieces:
    # RFC 9110 8.4.1.2 says zlib; some servers send the bare stream, and browsers take both.
    start = b""
    for piece in pieces:
        start += piece
        if len(start) > 1:
            break
    has_zlib_header = (
        len(start) > 1 and start[0] & 0x0F == zlib.DEFLATED and (start[0] << 8 | start[1]) % 31 == 0
    )
    whole = itertools.chain([start] if start else [], pieces)
    try:
        yield from _inflate(whole, zlib.MAX_WBITS if has_zlib_header else -zlib.MAX_WBITS)
    except zlib.error as error:
        raise UndecodableBody("the body is not deflate, though declared so") from error


def _undo_brotli(pieces: _Pieces) -> _Pieces:
    brotli = needed("brotli", "to decode a body in the coding br")
    decoder = brotli.Decompressor()
    is_complete = True
    try:
        for piece in pieces:
            yield decoder.process(piece, output_buffer_limit=_PIECE_BYTES)
            # It claims to accept more while output is pending, so only an empty answer counts.
            while more := decoder.process(b"", output_buffer_limit=_PIECE_BYTES):
                yield more
            is_complete = decoder.is_finished()
    except brotli.error as error:
        raise UndecodableBody("the body is not br, though declared so") from error
    if not is_complete:
        raise UndecodableBody("the compressed body is cut short")


def _undo_zstd(pieces: _Pieces) -> _Pieces:
    zstandard = needed("zstandard", "to decode a body in the coding zstd")
    context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    decoder = context.decompressobj()
    is_complete = True
    try:
        for piece in pieces:
            for cut in _cut(piece, _ZSTD_INPUT_BYTES):
                rest = cut
                while rest:
                    # RFC 8878 3.1: frames may follow one another.
                    if decoder.eof:
                        decoder = context.decompressobj()
                    yield decoder.decompress(rest)
                    rest = decoder.unused_data if decoder.eof else b""
            is_complete = decoder.eof
    except zstandard.ZstdError as error:
        raise UndecodableBody("the body is not zstd, though declared so") from error
    if not is_complete:
        raise UndecodableBody("the compressed body is cut short")


_DECODERS: dict[str, Callable[[_Pieces], _Pieces]] = {
    "gzip": _gunzip,
    "deflate": _undo_deflate,
    "br": _undo_brotli,
    "zstd": _undo_zstd,
}
