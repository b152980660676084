# SPDX-License-Identifier: Apache-2.0
"""The predicate of a look: complete, strict, and small enough to be signed whatever came."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.looks import GOOD

from archive import canonical
from archive.errors import MalformedEvidence, MalformedStatement
from archive.model.look import TEXT_LIMIT, Look, Redirect
from archive.model.outcome import OutcomeKind
from archive.model.statement import CAPTURE_V1, OBSERVATION_V1, PAYLOAD_TYPE, Statement
from archive.proofs.dsse import SIGNED_BYTES_LIMIT, pae

URLS = st.integers(1, 3000).map(lambda length: "https://a.example/" + "x" * length)


def read_back(look: Look) -> Look:
    predicate, overflow = look.to_predicate()
    predicate = json.loads(canonical.dumps(predicate))
    return Look.from_predicate(predicate).whole(predicate, overflow)


def test_a_look_reads_back_as_itself() -> None:
    assert read_back(GOOD) == GOOD


@given(URLS, URLS, st.lists(URLS, max_size=25))
def test_long_addresses_and_chains_overflow_and_come_back(
    url: str, final_url: str, hops: list[str]
) -> None:
    look = replace(
        GOOD, url=url, final_url=final_url, redirects=tuple(Redirect(hop, 302) for hop in hops)
    )
    assert read_back(look) == look
    predicate, overflow = look.to_predicate()
    assert ("url" in overflow) == (len(url) + 2 > TEXT_LIMIT)
    subjects = dict.fromkeys(("inventory.json", "capture.warc.gz", "body", "text"), "e" * 64)
    payload = Statement(subjects, CAPTURE_V1, predicate).to_bytes()
    assert len(pae(PAYLOAD_TYPE, payload)) <= SIGNED_BYTES_LIMIT


def test_the_worst_observation_still_fits_into_what_can_be_signed() -> None:
    # The limits on what the server has a say in are those of services/assemble.py.
    worst = replace(
        GOOD,
        url="https://a.example/".ljust(TEXT_LIMIT - 2, "x"),
        final_url="https://a.example/".ljust(TEXT_LIMIT - 2, "y"),
        redirects=tuple(Redirect("https://a.example/".ljust(300, "z"), 302) for _ in range(2)),
        http_date="\xff" * 64,
        remote_address="2001:0db8:0000:0000:0000:0000:0000:0001",
        outcome=OutcomeKind.TOO_MANY_REDIRECTS,
        reason="\xff" * 200,
        signals=tuple("s" * 48 for _ in range(8)),
        vantage="v" * 64,
        language="l" * 64,
    )
    subjects = dict.fromkeys(("inventory.json", "capture.warc.gz", "body", "text"), "e" * 64)
    predicate, _ = worst.to_predicate()
    payload = Statement(subjects, OBSERVATION_V1, predicate).to_bytes()
    assert len(pae(PAYLOAD_TYPE, payload)) <= SIGNED_BYTES_LIMIT


LONG = replace(GOOD, url="https://a.example/" + "x" * 600)


@pytest.mark.parametrize(
    "overflow",
    [
        {},
        {"url": LONG.url + "x"},
        {"url": LONG.url, "final_url": "https://b.example/"},
        {"final_url": LONG.url},
        {"url": [LONG.url]},
        {"url": None},
    ],
    ids=repr,
)
def test_an_overflow_that_the_statement_does_not_name_is_refused(overflow: Any) -> None:
    predicate, _ = LONG.to_predicate()
    with pytest.raises(MalformedStatement):
        Look.from_predicate(predicate).whole(predicate, overflow)


def changed(change: Callable[[Any], object]) -> Any:
    predicate = json.loads(canonical.dumps(GOOD.to_predicate()[0]))
    change(predicate)
    return predicate


FLAWS: dict[str, Any] = {
    "no object": [],
    "an unknown member": changed(lambda p: p.update(extra=1)),
    "an unknown member inside": changed(lambda p: p["agent"].update(extra=1)),
    "a missing member": changed(lambda p: p.pop("outcome")),
    "an ID with wrong check digits": changed(lambda p: p.update(capture_id="CA-C-0000007-00")),
    "a previous ID that is none": changed(lambda p: p["previous"].update(id="x")),
    "a document, which this version does not know": changed(lambda p: p.update(document="x")),
    "a checkpoint, which this version does not know": changed(lambda p: p.update(checkpoint={})),
    "another method": changed(lambda p: p["request"].update(method="POST")),
    "a time without zone": changed(lambda p: p["request"].update(requested_at="2026-03-06")),
    "a status that is text": changed(lambda p: p["response"].update(status="200")),
    "an unknown outcome": changed(lambda p: p["outcome"].update(kind="fine")),
    "an unknown mode": changed(lambda p: p["agent"].update(mode="guess")),
    "signals that are no texts": changed(lambda p: p["outcome"].update(signals=[1])),
    "a redirect without status": changed(lambda p: p["response"]["redirects"][0].pop("status")),
    "a text without its digest": changed(lambda p: p["text"].pop("sha256")),
    "a short key ID": changed(lambda p: p["signer"].update(keyid="ab")),
    "a URL that is a number": changed(lambda p: p["request"].update(url=1)),
    "an overflow with more than a digest": changed(
        lambda p: p["request"].update(url={"overflow_sha256": "a" * 64, "url": "x"})
    ),
}


@pytest.mark.parametrize("predicate", list(FLAWS.values()), ids=list(FLAWS))
def test_any_other_predicate_is_refused_as_malformed_evidence(predicate: Any) -> None:
    with pytest.raises(MalformedEvidence):
        Look.from_predicate(predicate)
