# SPDX-License-Identifier: Apache-2.0
"""Prints the JSON examples of the specs afresh: `python tests/specs/remake_examples.py`.

Run it after a format changed, and paste each block under its heading. The keys are thrown away.
"""

import datetime as dt
import hashlib
import json
import tempfile
from dataclasses import replace
from pathlib import Path

from archive import canonical
from archive.bootstrap import Stand, init_archive
from archive.clock import FixedClock
from archive.model.fetch import Exchange, Fetch, FetchEnd
from archive.services.capture import capture
from archive.services.trust import stored_keysets
from archive.services.verify import verify_record
from archive.settings import load_settings
from archive.storage.layout import inventory_key

NOW = dt.datetime(2026, 3, 6, 20, 0, 36, 123456, tzinfo=dt.UTC)
CLAUSES = "".join(
    f"<p>{number}. The service may be used by anyone who agrees to these terms in writing.</p>"
    for number in range(1, 21)
)
PAGE = (
    '<!doctype html><html lang="en"><head><title>Terms of Use</title></head>'
    f"<body><main><h1>Terms of Use</h1>{CLAUSES}</main></body></html>"
).encode()
MISSING = b"<!doctype html><title>Not found</title><p>There is no such page.</p>"


class StandInFetcher:
    """Answers every URL as one example origin would, without a network."""

    def fetch(self, url: str) -> Fetch:
        """One exchange over TLS: the page, or a 404 where the path says so."""
        is_missing = url.endswith("/missing")
        status, words = (404, "Not Found") if is_missing else (200, "OK")
        body = MISSING if is_missing else PAGE
        headers = (
            ("Date", "Fri, 06 Mar 2026 20:00:36 GMT"),
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
        )
        lines = [f"HTTP/1.1 {status} {words}", *(f"{name}: {value}" for name, value in headers)]
        exchange = Exchange(
            url=url,
            requested_at=NOW,
            received_at=NOW + dt.timedelta(milliseconds=212),
            remote_address="192.0.2.10",
            tls_leaf_sha256=hashlib.sha256(b"the leaf certificate of the example").hexdigest(),
            request=b"GET /terms HTTP/1.1\r\nHost: policies.example\r\n\r\n",
            response_head="\r\n".join([*lines, "", ""]).encode(),
            response_body=body,
            payload=body,
            status=status,
            headers=headers,
        )
        return Fetch(url, NOW, (exchange,), FetchEnd.COMPLETE, "", body, (), None)

    def close(self) -> None:
        """Nothing is open."""


def main() -> None:
    """Print every example."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(environment={"MUNIMENT_DATA": str(Path(folder) / "data")})
        archive, _ = init_archive(settings, Stand(FixedClock(NOW)))
        archive = replace(archive, fetcher=StandInFetcher())
        signed = capture(archive, "https://policies.example/terms").signed
        observed = capture(archive, "https://policies.example/missing").signed
        (keyset,) = stored_keysets(archive.store)
        envelope = canonical.loads(archive.store.get(signed.envelope_key))
        assert signed.look.capture_id is not None
        _show("keyset content", keyset.content)
        _show("keyset statement", keyset.envelopes[0].payload)
        _show("keyset envelope", keyset.envelopes[0].to_bytes())
        _show("inventory", archive.store.get(inventory_key(signed.look.capture_id)))
        _show("capture statement", _payload(archive.store.get(signed.envelope_key)))
        _show("observation statement", _payload(archive.store.get(observed.envelope_key)))
        report = verify_record(archive, signed.look.capture_id).to_json()
        _show("report", canonical.dumps(report))
        print("\ncapture statement:", signed.statement_sha256)
        print("signature:", envelope["signatures"][0]["sig"])
        archive.close()


def _payload(envelope: bytes) -> bytes:
    from archive.proofs.dsse import read_envelope

    return read_envelope(envelope).payload


def _show(name: str, data: bytes) -> None:
    pretty = json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    print(f"\n{name}, sha256 {hashlib.sha256(data).hexdigest()}\n{pretty}")


if __name__ == "__main__":
    main()
