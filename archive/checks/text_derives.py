# SPDX-License-Identifier: Apache-2.0
"""Claim text.derives: the recipe, run again on the body, gives the same text and facts."""

from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, NotFound
from archive.model.claim import Finding
from archive.model.inventory import Derived, Part
from archive.text.recipes import run as run_recipe
from archive.warc.parts import content_type

CLAIM = Claim(
    "text.derives",
    "Does the named recipe make this text out of this body?",
    ("object.digest", "body.from_warc"),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding about the text and the facts found beside it."""
    look = evidence.look
    if look.recipe is None and evidence.inventory.derived is not None:
        yield CLAIM.fails("text", "DERIVED_NOT_REPRODUCIBLE", "facts are listed without a text")
        return
    if look.recipe is None:
        yield CLAIM.not_applicable("text", "no text was taken from this body")
        return
    listed = evidence.inventory.part("text")
    if listed is None or listed.sha256 != look.text_sha256:
        yield CLAIM.fails("text", "TEXT_NOT_REPRODUCIBLE", "the stored text is another one")
        return
    removed_by = _removal(evidence, listed)
    if removed_by is not None:
        yield CLAIM.redacted("text", removed_by, "the text, or what it was taken from, was removed")
        return
    if evidence.inventory.part("body") is None and look.capture_id is None:
        yield CLAIM.not_applicable("text", "its body was cut short, so it cannot be made again")
        return
    try:
        yield _made_again(evidence, look.recipe, listed)
    except NotFound as error:
        yield CLAIM.unknown("text", "RECIPE_UNAVAILABLE", str(error))
    except MalformedEvidence as error:
        yield CLAIM.fails("text", error.code, str(error))


def _removal(evidence: Evidence, listed: Part) -> str | None:
    parts = (listed, evidence.inventory.part("body"), evidence.inventory.part("headers"))
    removed = (evidence.removal(part.span) for part in parts if part is not None)
    return next((statement for statement in removed if statement is not None), None)


def _made_again(evidence: Evidence, recipe: str, listed: Part) -> Finding:
    body, head = evidence.inventory.part("body"), evidence.inventory.part("headers")
    opened = evidence.opened(body) if body is not None else None
    headers = evidence.opened(head) if head is not None else None
    record = evidence.record_of(listed)
    if body is None or head is None or opened is None or headers is None or record is None:
        return CLAIM.fails("text", "TEXT_NOT_REPRODUCIBLE", "there is no body to take it from")
    source = record.header("WARC-Refers-To")
    if source not in {body.span.record_id, head.span.record_id}:
        return CLAIM.fails("text", "TEXT_OF_ANOTHER_BODY", f"its record is a text of {source}")
    extraction = run_recipe(recipe, opened.data, content_type(headers.data))
    text = extraction.text.encode("utf-8")
    if sha256_hex(text) != listed.sha256:
        return CLAIM.fails(
            "text",
            "TEXT_NOT_REPRODUCIBLE",
            f"recipe {recipe} now gives SHA-256 {sha256_hex(text)}",
            ("text", text),
        )
    derived = Derived.of(extraction)
    if evidence.inventory.derived != derived:
        return CLAIM.fails(
            "text", "DERIVED_NOT_REPRODUCIBLE", f"recipe {recipe} now gives {derived.to_json()}"
        )
    return CLAIM.passes("text", f"recipe {recipe}, {len(extraction.text)} characters")
