# SPDX-License-Identifier: Apache-2.0
"""Transfer and content codings: undone exactly, refused when they are not what they say."""

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import InputTooLarge, UndecodableBody
from archive.net.chunked import ChunkScanner
from archive.net.codings import (
    CODINGS_LIMIT,
    MEMBERS_LIMIT,
    RATIO_FREE_BYTES,
    DecodingLimits,
    content_codings,
    undo_content_coding,
    undo_transfer_coding,
)

CHUNKED = (("Transfer-Encoding", "chunked"),)
LIMITS = DecodingLimits(decoded_bytes=32 * 1024 * 1024, ratio=200)
PAGE = b"".join(b"<p>clause %d of the terms</p>\n" % number for number in range(20_000))


def bare_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


CODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "deflate-zlib": ("deflate", zlib.compress),
    "deflate-bare": ("deflate", bare_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.ZstdCompressor().compress),
}
each_coder = pytest.mark.parametrize(("coding", "encode"), CODERS.values(), ids=CODERS.keys())


@each_coder
@pytest.mark.parametrize("data", [b"", b"x", PAGE], ids=["empty", "one-byte", "page"])
def test_round_trip(coding: str, encode: Callable[[bytes], bytes], data: bytes) -> None:
    assert undo_content_coding(encode(data), (coding,), LIMITS) == data
    assert undo_content_coding(encode(encode(data)), (coding, coding), LIMITS) == data


@each_coder
def test_cut_short(coding: str, encode: Callable[[bytes], bytes]) -> None:
    encoded = encode(PAGE)
    for cut in (1, 2, 3, len(encoded) // 2, len(encoded) - 1):
        with pytest.raises(UndecodableBody):
            undo_content_coding(encoded[:cut], (coding,), LIMITS)


@each_coder
def test_goes_on_after_its_end(coding: str, encode: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UndecodableBody):
        undo_content_coding(encode(PAGE) + b"junk and more", (coding,), LIMITS)


@each_coder
def test_not_coded_as_declared(coding: str, encode: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UndecodableBody):
        undo_content_coding(PAGE, (coding,), LIMITS)
    with pytest.raises(UndecodableBody):
        undo_content_coding(encode(PAGE), (coding, coding), LIMITS)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_members_and_frames_follow_one_another(name: str) -> None:
    coding, encode = CODERS[name]
    assert undo_content_coding(encode(PAGE) + encode(b"end"), (coding,), LIMITS) == PAGE + b"end"


def test_gzip_padding_of_zeros_is_no_content() -> None:
    padded = gzip.compress(b"terms") + bytes(512)
    assert undo_content_coding(padded, ("gzip",), LIMITS) == b"terms"


def test_members_without_end_are_refused() -> None:
    with pytest.raises(UndecodableBody):
        undo_content_coding(gzip.compress(b"") * (MEMBERS_LIMIT + 1), ("gzip",), LIMITS)


def test_an_empty_payload_is_empty_whatever_is_declared() -> None:
    assert undo_content_coding(b"", ("gzip",), LIMITS) == b""


@each_coder
def test_limits_count_decoded_bytes(coding: str, encode: Callable[[bytes], bytes]) -> None:
    exact = DecodingLimits(decoded_bytes=len(PAGE), ratio=200)
    assert undo_content_coding(encode(PAGE), (coding,), exact) == PAGE
    short = DecodingLimits(decoded_bytes=len(PAGE) - 1, ratio=200)
    with pytest.raises(InputTooLarge):
        undo_content_coding(encode(PAGE), (coding,), short)


def test_the_ratio_counts_from_its_floor_on() -> None:
    blank = bytes(RATIO_FREE_BYTES)
    assert undo_content_coding(gzip.compress(blank), ("gzip",), LIMITS) == blank
    with pytest.raises(InputTooLarge, match="200 times"):
        undo_content_coding(gzip.compress(blank + b"\0"), ("gzip",), LIMITS)


def test_an_uncoded_payload_has_limits_too() -> None:
    with pytest.raises(InputTooLarge):
        undo_content_coding(b"12345", (), DecodingLimits(decoded_bytes=4, ratio=200))


def test_unknown_and_endless_codings() -> None:
    with pytest.raises(UndecodableBody, match="compress"):
        undo_content_coding(b"x", ("compress",), LIMITS)
    with pytest.raises(UndecodableBody):
        undo_content_coding(b"x", ("gzip",) * (CODINGS_LIMIT + 1), LIMITS)


def test_zstd_windows_over_8_mib_are_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=24, enable_ldm=True)
    encoder = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    encoded = encoder.compress(PAGE) + encoder.flush()
    with pytest.raises(UndecodableBody):
        undo_content_coding(encoded, ("zstd",), LIMITS)


def test_declared_codings_in_the_order_applied() -> None:
    headers = (
        ("content-encoding", "X-GZIP, identity,"),
        ("Vary", "br"),
        ("Content-Encoding", " Br"),
    )
    assert content_codings(headers) == ("gzip", "br")
    assert content_codings(()) == ()


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        (b"0\r\n\r\n", b""),
        (b"5\r\nterms\r\n0\r\n\r\n", b"terms"),
        (b"5 \r\nterms\r\n000;x=y\r\n\r\n", b"terms"),
        (b'5;a="b;c"\r\nterms\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\nY: z\r\n\r\n',
         b"terms0123456789"),
    ],
)  # fmt: skip
def test_chunks(body: bytes, payload: bytes) -> None:
    assert undo_transfer_coding(CHUNKED, body) == payload


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"5\r\nter", id="within-data"),
        pytest.param(b"5\r\nterms\r\n", id="no-last-chunk"),
        pytest.param(b"5\r\nterms\r\n0\r\n", id="no-end-of-trailers"),
        pytest.param(b"5\r\ntermsX\r\n0\r\n\r\n", id="longer-than-its-size"),
        pytest.param(b"5\nterms\n0\n\n", id="bare-lf"),
        pytest.param(b"0x5\r\nterms\r\n0\r\n\r\n", id="prefix"),
        pytest.param(b"+5\r\nterms\r\n0\r\n\r\n", id="sign"),
        pytest.param(b"-5\r\nterms\r\n0\r\n\r\n", id="negative"),
        pytest.param(b"5_0\r\nterms\r\n0\r\n\r\n", id="underscore"),
        pytest.param(b"\r\n5\r\nterms\r\n0\r\n\r\n", id="blank-line-first"),
        pytest.param(b"f" * 16 + b"\r\nterms", id="huge-size"),
        pytest.param(b"5;" + b"x" * 20_000 + b"\r\nterms\r\n0\r\n\r\n", id="long-extension"),
        pytest.param(b"0\r\n\r\nmore", id="goes-on"),
        pytest.param(b"<html>not chunked</html>\r\n", id="not-chunked"),
    ],
)
def test_bad_chunks(body: bytes) -> None:
    with pytest.raises(UndecodableBody):
        undo_transfer_coding(CHUNKED, body)


def test_no_transfer_coding_leaves_the_body_alone() -> None:
    assert undo_transfer_coding((("Content-Length", "5"),), b"terms") == b"terms"


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.integers(1, 7))
def test_chunks_come_in_any_pieces(chunks: list[bytes], size: int) -> None:
    body = b"".join(b"%X\r\n%s\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])
    received = body + b"next"
    scanner = ChunkScanner()
    taken = sum(
        scanner.feed(received[start : start + size]) for start in range(0, len(received), size)
    )
    assert scanner.is_finished
    assert scanner.payload == b"".join(chunks)
    assert taken == len(body)
