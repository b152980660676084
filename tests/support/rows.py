# SPDX-License-Identifier: Apache-2.0
"""Rows for the catalogue as captures give them, without a store behind them."""

from support.reserving import NOW

from archive.catalog.evidence import CaptureRows

FIRST = "CA-C-0000001-39"


def digest(name: str) -> str:
    return (name * 64)[:64]


def rows(number: int, **more: object) -> CaptureRows:
    """The rows of a capture that is the same but for its number and what else is given."""
    sha256 = f"{number:064x}"
    return CaptureRows(
        capture={
            "number": number,
            "id": f"CA-C-{number:07}-39",
            "url": "https://example.org/terms",
            "final_url": "https://example.org/terms",
            "vantage": "default",
            "status": 200,
            "captured_at": NOW,
            "title": "Terms",
            "body_record_id": "<urn:uuid:0>",
            "container_sha256": sha256,
            "inventory_sha256": sha256,
            "statement_sha256": sha256,
            "envelope_key": f"captures/{number}",
            "envelope_sha256": sha256,
            "record_json": b'{"id":1}',
            "record_sha256": sha256,
            **more,
        },
        parts=[part_row(number, "body", sha256)],
        containers=[{"sha256": sha256, "size": 10}],
        cdx=None,
    )


def part_row(number: int, role: str, sha256: str, **more: object) -> dict[str, object]:
    return {
        "capture_number": number,
        "role": role,
        "media_type": "text/html",
        "size": 1,
        "sha256": sha256,
        "sha1": "A" * 32,
        "commitment": None,
        "container_sha256": digest("c"),
        "offset": 0,
        "length": 1,
        "record_id": "<urn:uuid:0>",
        "record_sha256": digest("d"),
        **more,
    }
