# SPDX-License-Identifier: Apache-2.0
"""Claim text.derives: the named recipe, run again on the body, gives the same text."""

from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, NotFound
from archive.model.claim import Finding
from archive.text.recipes import run as run_recipe
from archive.warc.parts import content_type

CLAIM = Claim(
    "text.derives",
    "Does the named recipe make this text out of this body?",
    ("object.digest", "body.from_warc"),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding about the text."""
    look = evidence.look
    if look.recipe is None:
        yield CLAIM.not_applicable("text", "no text was taken from this body")
        return
    body, head = evidence.inventory.part("body"), evidence.inventory.part("headers")
    listed = evidence.inventory.part("text")
    if listed is None or listed.sha256 != look.text_sha256:
        yield CLAIM.fails("text", "TEXT_NOT_REPRODUCIBLE", "the stored text is another one")
        return
    if body is None and look.capture_id is None:
        yield CLAIM.not_applicable("text", "its body was cut short, so it cannot be made again")
        return
    try:
        opened = evidence.opened(body) if body is not None else None
        headers = evidence.opened(head) if head is not None else None
    except MalformedEvidence as error:
        yield CLAIM.fails("text", error.code, str(error))
        return
    if opened is None or headers is None:
        yield CLAIM.fails("text", "TEXT_NOT_REPRODUCIBLE", "there is no body to take it from")
        return
    try:
        extraction = run_recipe(look.recipe, opened.data, content_type(headers.data))
    except NotFound as error:
        yield CLAIM.unknown("text", "RECIPE_UNAVAILABLE", str(error))
        return
    text = extraction.text.encode("utf-8")
    if sha256_hex(text) != look.text_sha256:
        yield CLAIM.fails(
            "text",
            "TEXT_NOT_REPRODUCIBLE",
            f"recipe {look.recipe} now gives SHA-256 {sha256_hex(text)}",
            ("text", text),
        )
        return
    yield CLAIM.passes("text", f"recipe {look.recipe}, {len(extraction.text)} characters")
