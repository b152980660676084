# SPDX-License-Identifier: Apache-2.0
"""Looks for tests that need a predicate and no capture."""

from archive.ids import Kind, RecordId
from archive.model.look import Look, Previous, Redirect, Signer
from archive.model.outcome import OutcomeKind

GOOD = Look(
    capture_id=RecordId("CA", Kind.CAPTURE, 7),
    previous=Previous(RecordId("CA", Kind.CAPTURE, 6), "a" * 64),
    url="https://a.example/terms",
    final_url="https://a.example/terms/",
    redirects=(Redirect("https://a.example/terms", 301),),
    requested_at="2026-03-06T20:00:36.123456Z",
    received_at="2026-03-06T20:00:37.000000Z",
    http_date="Fri, 06 Mar 2026 20:00:36 GMT",
    status=200,
    remote_address="192.0.2.1",
    tls_leaf_sha256="b" * 64,
    agent="muniment",
    agent_version="0.1.0",
    mode="http",
    vantage="default",
    language="en",
    outcome=OutcomeKind.OK,
    reason="The document was received.",
    signals=("status:200",),
    recipe="text/1",
    text_sha256="c" * 64,
    signer=Signer("d" * 64, 1),
)
REFUSED = Look(
    capture_id=None,
    previous=None,
    url="https://a.example/terms",
    final_url="https://a.example/terms",
    redirects=(),
    requested_at="2026-03-06T20:00:36.123456Z",
    received_at=None,
    http_date=None,
    status=None,
    remote_address=None,
    tls_leaf_sha256=None,
    agent="muniment",
    agent_version="0.1.0",
    mode="http",
    vantage="default",
    language="en",
    outcome=OutcomeKind.UNREACHABLE,
    reason="No connection could be made.",
    signals=("end:unreachable",),
    recipe=None,
    text_sha256=None,
    signer=Signer("d" * 64, 1),
)
