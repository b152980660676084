# SPDX-License-Identifier: Apache-2.0
"""Writes the JSON examples of the specs afresh: `python -m specs.remake_examples`, in `tests/`.

Run it after a format changed, with the package installed; it puts each block in its place, and
the digests and the signature that the text names. The keys are thrown away.
"""

import base64
import datetime as dt
import hashlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from specs.documents import SPECS, spec

from archive import canonical
from archive.bootstrap import Stand, init_archive
from archive.checks.log_evidence import key_of_log
from archive.clock import FixedClock
from archive.digests import sha256_hex
from archive.model.fetch import Exchange, Fetch, FetchEnd
from archive.proofs.checkpoint import SignedCheckpoint, cosignature, cosigned_text
from archive.proofs.dsse import read_envelope
from archive.proofs.keys import public_key
from archive.proofs.keyset import Keyset
from archive.proofs.keyset_trust import Witnesses
from archive.proofs.log_policy import policy_text
from archive.proofs.merkle import leaf_hash
from archive.proofs.note import COSIGNATURE, VerifierKey
from archive.proofs.tlog_proof import LogProof
from archive.services.capturing.capture import capture
from archive.services.log.published import Proven, prove_logged
from archive.services.trust import stored_keysets, trusted_keyset
from archive.services.verifying.verify import verify_record
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
REPORTED_CLAIMS = {
    ("envelope.form", "statement"),
    ("object.digest", "body"),
    ("server.authorship", "server"),
}


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


def examples() -> dict[str, bytes]:
    """Every example by its name, all of one new archive, and the signature of the capture."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(environment={"MUNIMENT_DATA": str(Path(folder) / "data")})
        archive, _ = init_archive(settings, Stand(FixedClock(NOW)))
        archive = replace(archive, fetcher=StandInFetcher())
        signed = capture(archive, "https://policies.example/terms").signed
        observed = capture(archive, "https://policies.example/missing").signed
        (keyset,) = stored_keysets(archive.store)
        envelope = read_envelope(archive.store.get(signed.envelope_key))
        assert signed.look.capture_id is not None
        report = verify_record(archive, signed.look.capture_id).to_json()
        logged = prove_logged(archive, signed.look.capture_id)
        trusted = trusted_keyset(archive)
        found = {
            "keyset content": keyset.content,
            "keyset statement": keyset.envelopes[0].payload,
            "keyset envelope": keyset.envelopes[0].to_bytes(),
            "inventory": archive.store.get(inventory_key(signed.look.capture_id)),
            "capture statement": envelope.payload,
            "observation statement": read_envelope(
                archive.store.get(observed.envelope_key)
            ).payload,
            "report": canonical.dumps(_excerpt(report)),
            "signature": base64.b64encode(envelope.signature),
            **log_examples(trusted, logged),
        }
        archive.close()
    return found


def log_examples(keyset: Keyset, logged: Proven) -> dict[str, bytes]:
    """The capture's leaf, and its proof with a checkpoint that a witness cosigned too."""
    private = Ed25519PrivateKey.generate()
    witness = VerifierKey("witness.example", COSIGNATURE, public_key(private.public_key()))
    proof, at = LogProof.from_bytes(logged.proof), int(NOW.timestamp())
    note = proof.checkpoint.note
    line = cosignature(witness, at, private.sign(cosigned_text(note.text, at)))
    cosigned = SignedCheckpoint(proof.checkpoint.checkpoint, note.with_signatures([line]))
    log = key_of_log(keyset, cosigned.checkpoint.origin)
    assert log is not None
    texts = {
        "leaf hash": leaf_hash(logged.entry).hex(),
        "checkpoint": cosigned.to_bytes().decode(),
        "log key": log.to_text(),
        "witness key": witness.to_text(),
        "policy": policy_text(replace(keyset, witnesses=Witnesses(1, (witness,)))),
        "proof": replace(proof, checkpoint=cosigned).to_bytes().decode(),
    }
    # A block ends with a newline anyway.
    return {"leaf": logged.entry} | {
        name: text.removesuffix("\n").encode() for name, text in texts.items()
    }


def _excerpt(report: dict[str, Any]) -> dict[str, Any]:
    """The report with three of its claims, which add up as if they were all."""
    claims = [
        claim for claim in report["claims"] if (claim["id"], claim["target"]) in REPORTED_CLAIMS
    ]
    counts = Counter(claim["status"] for claim in claims)
    summary = {name: counts[name] for name in ("pass", "fail", "unknown")}
    return {**report, "claims": claims, "summary": {**report["summary"], **summary}}


PLACES = {
    "statement.md": (
        ("json statement", ("capture statement", "observation statement", "keyset statement")),
        ("json keyset", ("keyset content",)),
        ("json envelope", ("keyset envelope",)),
        ("text signature", ("signature",)),
    ),
    "inventory.md": (("json inventory", ("inventory",)),),
    "verify-report.md": (("json report", ("report",)),),
    "log.md": (
        ("json leaf", ("leaf",)),
        ("text leaf-hash", ("leaf hash",)),
        ("text checkpoint", ("checkpoint",)),
        ("text log-key", ("log key",)),
        ("text witness-key", ("witness key",)),
        ("text policy", ("policy",)),
        ("text proof", ("proof",)),
    ),
}
"""Which example stands in which block: spec, heads of blocks, and names in order."""


def rewritten(text: str, head: str, made: Sequence[bytes]) -> str:
    """The spec with these examples in its blocks of this head, their digests in the text too."""
    coming = iter(made)
    digests: dict[str, str] = {}

    def put(match: re.Match[str]) -> str:
        data = next(coming)
        if head.startswith("text"):
            return f"```{head}\n{data.decode()}\n```"
        before = canonical.dumps(canonical.loads(match[1].encode()))
        digests[sha256_hex(before)] = sha256_hex(data)
        pretty = json.dumps(json.loads(data), indent=2, ensure_ascii=False)
        return f"```{head}\n{pretty}\n```"

    text = re.sub(rf"^```{head}\n(.*?)^```$", put, text, flags=re.MULTILINE | re.DOTALL)
    for old, new in digests.items():
        text = text.replace(f"`{old}`", f"`{new}`")
    return text


def main() -> None:
    """Write every example into its spec."""
    made = examples()
    for name, blocks in PLACES.items():
        text = spec(name)
        for head, names in blocks:
            text = rewritten(text, head, [made[each] for each in names])
        (SPECS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
