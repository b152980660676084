# SPDX-License-Identifier: Apache-2.0
"""The inventory: written canonically, read back strictly."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from archive import canonical
from archive.errors import MalformedEvidence
from archive.ids import Kind, RecordId
from archive.model.inventory import Container, Derived, Inventory, Part, RecordSpan

OWN, FIRST = "a" * 64, "b" * 64


def part(role: str, container: str = OWN, **changes: Any) -> Part:
    values: dict[str, Any] = {
        "role": role,
        "media_type": "text/html",
        "size": 3,
        "span": RecordSpan(container, 0, 10, "<urn:uuid:1>", "c" * 64),
        "sha256": "d" * 64,
        "sha1": "E" * 32,
        **changes,
    }
    return Part(**values)


SOUND = Inventory(
    capture_id=RecordId("CA", Kind.CAPTURE, 7),
    own_container=OWN,
    containers=(Container(OWN, 10), Container(FIRST, 20)),
    parts=(
        part("body", FIRST),
        part("headers"),
        part("request", sha256=None, sha1=None, commitment="f" * 64),
        part("text", FIRST),
    ),
    derived=Derived("Terms", "en", "utf-8", "header", 0, 2),
    overflow={"url": "https://a.example/"},
)


def test_an_inventory_reads_back_as_itself() -> None:
    assert Inventory.from_bytes(SOUND.to_bytes()) == SOUND


def test_the_inventory_of_a_look_without_exchange_is_empty() -> None:
    empty = Inventory(None, None, (), (), None, {})
    assert Inventory.from_bytes(empty.to_bytes()) == empty


def test_a_private_part_shows_a_commitment_and_no_digest() -> None:
    row = next(item for item in json.loads(SOUND.to_bytes())["parts"] if item["role"] == "request")
    assert "sha256" not in row
    assert "sha1" not in row
    assert row["commitment"] == "f" * 64


def changed(change: Callable[[Any], object]) -> bytes:
    value = json.loads(SOUND.to_bytes())
    change(value)
    return canonical.dumps(value)


FLAWS: dict[str, bytes] = {
    "nothing": b"",
    "no object": b"[]",
    "spaces": SOUND.to_bytes().replace(b":", b": ", 1),
    "another version": changed(lambda v: v.update(v=2)),
    "an unknown member": changed(lambda v: v.update(extra=1)),
    "no parts": changed(lambda v: v.pop("parts")),
    "an ID with wrong check digits": changed(lambda v: v.update(capture_id="CA-C-0000007-00")),
    "an ID that is none": changed(lambda v: v.update(capture_id="../x")),
    "an ID that is a number": changed(lambda v: v.update(capture_id=7)),
    "an unknown role": changed(lambda v: v["parts"][0].update(role="logo")),
    "an unknown member of a part": changed(lambda v: v["parts"][0].update(extra=1)),
    "a negative offset": changed(lambda v: v["parts"][0].update(offset=-1)),
    "a size that is true": changed(lambda v: v["parts"][0].update(bytes=True)),
    "a digest in capitals": changed(lambda v: v["parts"][0].update(sha256="D" * 64)),
    "a digest and a commitment": changed(lambda v: v["parts"][0].update(commitment="f" * 64)),
    "neither digest nor commitment": changed(lambda v: v["parts"][0].pop("sha256")),
    "a part twice": changed(lambda v: v["parts"].append(v["parts"][-1])),
    "parts unsorted": changed(lambda v: v["parts"].reverse()),
    "a container twice": changed(lambda v: v["containers"].append(v["containers"][-1])),
    "containers unsorted": changed(lambda v: v["containers"].reverse()),
    "a container that nothing lies in": changed(
        lambda v: v["containers"].append({"sha256": "c" * 64, "bytes": 1})
    ),
    "a part in a container that is not listed": changed(lambda v: v["containers"].pop()),
    "an unlisted container of its own": changed(lambda v: v.update(own_container="c" * 64)),
    "a derived member that is unknown": changed(lambda v: v["derived"].update(extra=1)),
    "overflow that is a list": changed(lambda v: v.update(overflow=[])),
}


@pytest.mark.parametrize("data", list(FLAWS.values()), ids=list(FLAWS))
def test_any_other_shape_is_refused_as_malformed_evidence(data: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        Inventory.from_bytes(data)


def test_a_nul_out_of_a_pdf_is_signed_as_a_replacement_character() -> None:
    import io

    from pypdf import PdfWriter

    from archive.text import recipes

    paper = PdfWriter()
    paper.add_blank_page(100, 100)
    paper.add_metadata({"/Title": "Terms\0 of Service"})
    data = io.BytesIO()
    paper.write(data)
    extraction = recipes.run(recipes.latest(), data.getvalue(), "application/pdf")
    assert extraction.title is not None
    assert "\0" in extraction.title
    assert Derived.of(extraction).title == "Terms\ufffd of Service"
