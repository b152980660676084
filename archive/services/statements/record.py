# SPDX-License-Identifier: Apache-2.0
"""A capture or observation as the outside sees it (JSON), and as the catalogue keeps it (rows).

Both follow from statement and inventory alone, so that a rebuild gives the same bytes.
"""

import json
from dataclasses import dataclass
from typing import Any

from archive.canonical import JsonValue
from archive.catalog.evidence import CaptureRows
from archive.digests import sha256_hex
from archive.model.inventory import Container, Inventory, Part
from archive.model.log_entry import KEYSET, LogEntry
from archive.model.look import ImportedFrom, Look
from archive.net.surt import url_key
from archive.proofs.keyset_chain import SignedKeyset
from archive.warc.dates import cdx_stamp


@dataclass(frozen=True, slots=True)
class SignedLook:
    """A look whose statement is signed, with the digests of its files.

    `envelope_key` is the envelope's key in the store.
    """

    look: Look
    inventory: Inventory
    inventory_sha256: str
    statement_sha256: str
    envelope_sha256: str
    envelope_key: str

    @property
    def observed_at(self) -> str:
        """When the response was complete, or the request begun when none came."""
        return self.look.received_at or self.look.requested_at


def record_json(signed: SignedLook) -> dict[str, JsonValue]:
    """The record of a capture or observation; an observation's `id` is null."""
    look, inventory = signed.look, signed.inventory
    derived = inventory.derived
    shown: dict[str, JsonValue] = {
        "id": str(look.capture_id) if look.capture_id else None,
        "kind": "capture" if look.capture_id else "observation",
        "state": "signed",
        "outcome": look.outcome.value,
        "reason": look.reason,
        "signals": list(look.signals),
        "url": look.url,
        "final_url": look.final_url,
        "redirects": [{"url": hop.url, "status": hop.status} for hop in look.redirects],
        "status": look.status,
        "captured_at": signed.observed_at,
        "requested_at": look.requested_at,
        "http_date": look.http_date,
        "remote_address": look.remote_address,
        "tls_leaf_sha256": look.tls_leaf_sha256,
        "mode": look.mode,
        "vantage": look.vantage,
        "language": look.language,
        "agent": f"{look.agent}/{look.agent_version}",
        "document_id": None,
        "title": derived.title if derived else None,
        "document_language": derived.language if derived else None,
        "charset": derived.charset if derived else None,
        "recipe": look.recipe,
        "previous_id": str(look.previous.capture_id) if look.previous else None,
        "parts": [_part_json(part) for part in inventory.parts],
        "container_sha256": inventory.own_container,
        "inventory_sha256": signed.inventory_sha256,
        "statement_sha256": signed.statement_sha256,
        "envelope_sha256": signed.envelope_sha256,
        "signer": {"keyid": look.signer.keyid, "keyset_version": look.signer.keyset_version},
        "checkpoint": look.anchor and look.anchor.to_json(),
        "limits": "/limits",
    }
    if look.imported is not None:
        shown["import"] = _import_json(look.imported)
    return shown


def record_bytes(signed: SignedLook) -> bytes:
    """The record as it is served: compact JSON with sorted members."""
    return json.dumps(
        record_json(signed), ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ).encode("utf-8")


def capture_rows(signed: SignedLook, number: int) -> CaptureRows:
    """The catalogue rows of a capture."""
    look, inventory = signed.look, signed.inventory
    served = record_bytes(signed)
    body = inventory.part("body")
    return CaptureRows(
        capture={
            "number": number,
            "id": str(look.capture_id),
            "url": look.url,
            "final_url": look.final_url,
            "vantage": look.vantage,
            "status": look.status,
            "captured_at": signed.observed_at,
            "title": inventory.derived.title if inventory.derived else None,
            "body_record_id": body.span.record_id if body else None,
            "container_sha256": inventory.own_container,
            "inventory_sha256": signed.inventory_sha256,
            "statement_sha256": signed.statement_sha256,
            "envelope_key": signed.envelope_key,
            "envelope_sha256": signed.envelope_sha256,
            "record_json": served,
            "record_sha256": sha256_hex(served),
        },
        parts=[_part_row(part, number) for part in inventory.parts],
        containers=container_rows(inventory.containers),
        cdx=_cdx_row(signed, number),
    )


def _cdx_row(signed: SignedLook, number: int) -> dict[str, Any] | None:
    """The index row of the final response; None where an import's row stands for it."""
    look, inventory = signed.look, signed.inventory
    body, head = inventory.part("body"), inventory.part("headers")
    if look.imported is not None or body is None or head is None:
        return None
    raw = inventory.part("body-raw")
    payload = raw or body
    is_revisit = head.span != body.span
    return {
        "container_sha256": head.span.container_sha256,
        "offset": head.span.offset,
        "length": head.span.length,
        "record_type": "revisit" if is_revisit else "response",
        "record_id": head.span.record_id,
        "urlkey": url_key(look.final_url),
        "timestamp": cdx_stamp(look.requested_at),
        "date": look.requested_at,
        "url": look.final_url,
        "media_type": body.media_type,
        "status": look.status,
        "method": "GET",
        "size": 0 if is_revisit else payload.size,
        "sha1": payload.sha1,
        "sha256": payload.sha256,
        "body_sha256": body.sha256 if raw is not None else None,
        "statement_sha256": signed.statement_sha256,
        "capture_number": number,
    }


def observation_row(signed: SignedLook) -> dict[str, Any]:
    """The catalogue row of an observation."""
    look = signed.look
    return {
        "statement_sha256": signed.statement_sha256,
        "url": look.url,
        "vantage": look.vantage,
        "outcome": look.outcome.value,
        "reason": look.reason,
        "observed_at": signed.observed_at,
        "inventory_sha256": signed.inventory_sha256,
        "envelope_key": signed.envelope_key,
        "envelope_sha256": signed.envelope_sha256,
    }


def keyset_row(signed: SignedKeyset) -> dict[str, Any]:
    """The catalogue row of a keyset version. Raises MalformedEvidence when it cannot be read."""
    return {
        "version": signed.open().version,
        "statement_sha256": signed.statement_sha256,
        "content_sha256": sha256_hex(signed.content),
    }


def look_entry(signed: SignedLook) -> LogEntry:
    """The leaf of a capture or observation in the log."""
    capture_id = signed.look.capture_id
    return LogEntry(
        "capture" if capture_id else "observation",
        str(capture_id) if capture_id else None,
        signed.statement_sha256,
        signed.envelope_sha256,
    )


def keyset_entry(signed: SignedKeyset) -> LogEntry:
    """The leaf of a keyset in the log."""
    return LogEntry(KEYSET, None, signed.statement_sha256, None)


def container_rows(containers: tuple[Container, ...]) -> list[dict[str, Any]]:
    """The catalogue rows of containers."""
    return [{"sha256": item.sha256, "size": item.size} for item in containers]


def _import_json(imported: ImportedFrom) -> JsonValue:
    return {
        "supplied_by": imported.supplied_by,
        "statement_sha256": imported.statement_sha256,
        "source_sha256": imported.source_sha256,
        "imported_at": imported.imported_at,
        "warc_date": imported.warc_date,
    }


def _part_json(part: Part) -> JsonValue:
    shown: dict[str, JsonValue] = {
        "role": part.role,
        "media_type": part.media_type,
        "bytes": part.size,
        "sha256": part.sha256,
    }
    if part.commitment is not None:
        shown["commitment"] = part.commitment
    return shown


def _part_row(part: Part, number: int) -> dict[str, Any]:
    return {
        "capture_number": number,
        "role": part.role,
        "media_type": part.media_type,
        "size": part.size,
        "sha256": part.sha256,
        "sha1": part.sha1,
        "commitment": part.commitment,
        "container_sha256": part.span.container_sha256,
        "offset": part.span.offset,
        "length": part.span.length,
        "record_id": part.span.record_id,
        "record_sha256": part.span.record_sha256,
    }
