# SPDX-License-Identifier: Apache-2.0
"""The inventory: every part of a capture, where it lies, and its digests.

An observation (a look that was not *ok*) has one too, with no capture ID. The JSON form is
`archive/specs/inventory.md`; it is read back strictly, unknown members refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from archive import canonical
from archive.canonical import JsonValue
from archive.errors import MalformedInventory
from archive.ids import RecordId
from archive.model.fields import Fields
from archive.model.statement import CONTAINER, INVENTORY
from archive.model.text import Extraction

ROLES = ("body", "body-raw", "headers", "request", "text")
# The body is what its server calls it; the other parts are always of one type.
FIXED_MEDIA_TYPES = {
    "headers": "message/http",
    "request": "message/http",
    "text": "text/plain; charset=utf-8",
}

# What a page can fill is cut, so that the list stays readable.
_TITLE_LIMIT = 300
_LANGUAGE_LIMIT = 35


@dataclass(frozen=True, slots=True)
class RecordSpan:
    """Where a WARC record lies: container digest, byte offset and length, and its own digest."""

    container_sha256: str
    offset: int
    length: int
    record_id: str
    record_sha256: str


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a capture. Private parts have a salted commitment instead of digests."""

    role: str
    media_type: str
    size: int
    span: RecordSpan
    sha256: str | None
    sha1: str | None
    commitment: str | None = None

    def to_json(self) -> JsonValue:
        """The part as a row of the inventory."""
        digests: dict[str, JsonValue] = (
            {"commitment": self.commitment}
            if self.commitment
            else {"sha256": self.sha256, "sha1": self.sha1}
        )
        return {
            "role": self.role,
            "media_type": self.media_type,
            "bytes": self.size,
            "container_sha256": self.span.container_sha256,
            "offset": self.span.offset,
            "length": self.span.length,
            "record_id": self.span.record_id,
            "record_sha256": self.span.record_sha256,
            **digests,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The part of an inventory row. Raises MalformedInventory."""
        fields = Fields(value, MalformedInventory, "part")
        private = fields.has("commitment")
        part = cls(
            role=fields.choice("role", ROLES),
            media_type=fields.text("media_type"),
            size=fields.count("bytes"),
            span=RecordSpan(
                container_sha256=fields.sha256("container_sha256"),
                offset=fields.count("offset"),
                length=fields.count("length"),
                record_id=fields.text("record_id"),
                record_sha256=fields.sha256("record_sha256"),
            ),
            sha256=None if private else fields.sha256("sha256"),
            sha1=None if private else fields.text("sha1"),
            commitment=fields.sha256("commitment") if private else None,
        )
        fields.end()
        return part


@dataclass(frozen=True, slots=True)
class Container:
    """A WARC file by digest and size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Derived:
    """What the text recipe found beside the text; all of it can be derived again."""

    title: str | None
    language: str | None
    charset: str | None
    charset_source: str | None
    replacements: int
    hidden_chars: int

    def to_json(self) -> JsonValue:
        """The facts as the inventory's `derived` member."""
        return {
            "title": self.title,
            "language": self.language,
            "charset": self.charset,
            "charset_source": self.charset_source,
            "replacements": self.replacements,
            "hidden_chars": self.hidden_chars,
        }

    @classmethod
    def of(cls, extraction: Extraction) -> Self:
        """The facts that an extraction gives."""
        charset = extraction.charset
        return cls(
            title=_shown(extraction.title, _TITLE_LIMIT),
            language=_shown(extraction.language, _LANGUAGE_LIMIT),
            charset=charset.encoding if charset else None,
            charset_source=charset.source if charset else None,
            replacements=charset.replacements if charset else 0,
            hidden_chars=extraction.hidden_chars,
        )

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The facts of a `derived` member. Raises MalformedInventory."""
        fields = Fields(value, MalformedInventory, "derived")
        derived = cls(
            title=fields.optional_text("title"),
            language=fields.optional_text("language"),
            charset=fields.optional_text("charset"),
            charset_source=fields.optional_text("charset_source"),
            replacements=fields.count("replacements"),
            hidden_chars=fields.count("hidden_chars"),
        )
        fields.end()
        return derived


@dataclass(frozen=True, slots=True)
class Inventory:
    """All parts of one capture or observation, sorted by role, and the containers they lie in.

    `own_container` is the container written for this look; parts of an unchanged body may lie in
    an earlier one. `overflow` holds texts too long for the statement, by the name that the
    statement gives their digest under.
    """

    capture_id: RecordId | None
    own_container: str | None
    containers: tuple[Container, ...]
    parts: tuple[Part, ...]
    derived: Derived | None
    overflow: Mapping[str, JsonValue]

    def part(self, role: str) -> Part | None:
        """The part with this role, or None."""
        return next((part for part in self.parts if part.role == role), None)

    def to_bytes(self) -> bytes:
        """The canonical bytes of the inventory."""
        return canonical.dumps(
            {
                "v": 1,
                "capture_id": str(self.capture_id) if self.capture_id else None,
                "own_container": self.own_container,
                "containers": [
                    {"sha256": item.sha256, "bytes": item.size} for item in self.containers
                ],
                "parts": [part.to_json() for part in self.parts],
                "derived": self.derived.to_json() if self.derived else None,
                "overflow": dict(self.overflow),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The inventory in canonical bytes. Raises MalformedJson, MalformedInventory."""
        value = canonical.loads_canonical(data, canonical.CONTENT_LIMIT)
        fields = Fields(value, MalformedInventory, "inventory")
        fields.constant("v", 1)
        capture_id = fields.optional_record_id("capture_id")
        derived = fields.value("derived")
        inventory = cls(
            capture_id=capture_id,
            own_container=fields.optional_sha256("own_container"),
            containers=tuple(_container(item) for item in fields.items("containers")),
            parts=tuple(Part.from_json(item) for item in fields.items("parts")),
            derived=None if derived is None else Derived.from_json(derived),
            overflow=fields.members("overflow"),
        )
        fields.end()
        _check_whole(inventory)
        return inventory


def _shown(text: str | None, limit: int) -> str | None:
    # Signed text holds no NUL; one can come out of a PDF's metadata.
    return text[:limit].replace("\0", "\ufffd") if text else None


def _container(value: JsonValue) -> Container:
    fields = Fields(value, MalformedInventory, "container")
    container = Container(fields.sha256("sha256"), fields.count("bytes"))
    fields.end()
    return container


def _check_whole(inventory: Inventory) -> None:
    roles = [part.role for part in inventory.parts]
    if roles != sorted(set(roles)):
        raise MalformedInventory("inventory parts are not sorted by role, one each")
    digests = [container.sha256 for container in inventory.containers]
    if digests != sorted(set(digests)):
        raise MalformedInventory("inventory containers are not sorted by digest, one each")
    named = {part.span.container_sha256 for part in inventory.parts}
    if inventory.own_container:
        named.add(inventory.own_container)
    if named != set(digests):
        raise MalformedInventory("inventory containers are not those that its parts lie in")


def expected_subjects(inventory: Inventory, inventory_sha256: str) -> dict[str, str]:
    """The subjects that the statement must have.

    An observation's is its inventory; a capture's are inventory, container, body and text.
    """
    subjects = {INVENTORY: inventory_sha256}
    if inventory.capture_id is None:
        return subjects
    if inventory.own_container:
        subjects[CONTAINER] = inventory.own_container
    for role in ("body", "text"):
        part = inventory.part(role)
        if part is not None and part.sha256 is not None:
            subjects[role] = part.sha256
    return subjects
