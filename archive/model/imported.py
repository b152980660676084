# SPDX-License-Identifier: Apache-2.0
"""An import: which records of a foreign file the archive was given, and what was wrong with them.

The content of an `import/v1` statement is one durable group of records. It vouches for the bytes
as they were given, and for nothing that the file says about the crawl.
"""

import hashlib
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self

from archive.canonical import JsonValue
from archive.errors import MalformedStatement
from archive.model.claim import Finding, Status
from archive.model.fields import Fields

FORMS = (
    "warc",  # plain
    "warc.gz",  # one gzip member for each record
    "warc.gz-shared",  # gzip members that hold several records: re-packed
    "arc",  # re-packed as WARC
    "arc.gz",  # re-packed as WARC
    "wacz",  # the WARC files in the package are read where they lie
    "memento",  # a WARC that was written from another archive's answers
    "remote-warc",  # records that were fetched by range out of a remote WARC
)
TYPES = ("response", "revisit", "resource")
SUPPLIER_LIMIT = 100
NAME_LIMIT = 255
FLAWS_LIMIT = 1_000
_DETAIL_LIMIT = 300
_TARGET_LIMIT = 1_000
_STATUS_LIMIT = 999
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[A-Z2-7]{32}")
# What was repaired in reading; every other flaw means that something is false or missing.
REPAIRED = frozenset({"WARC_TARGET_URI"})


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong at a place in a file: the record's number from 1, its offset, a stable code.

    `is_end` says that nothing behind it could be read.
    """

    record: int
    offset: int
    code: str
    detail: str
    is_end: bool = False

    def to_json(self) -> JsonValue:
        """The flaw as a member of an import's content."""
        return {
            "record": self.record,
            "offset": self.offset,
            "code": self.code,
            "detail": self.detail[:_DETAIL_LIMIT],
            "is_end": self.is_end,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The flaw of a content file. Raises MalformedStatement."""
        fields = Fields(value, MalformedStatement, "flaw")
        flaw = cls(
            record=fields.count("record"),
            offset=fields.count("offset"),
            code=fields.text("code"),
            detail=fields.text("detail"),
            is_end=fields.flag("is_end"),
        )
        fields.end()
        return flaw


class FlawList:
    """The flaws of a file that is packed anew, in order: the first FLAWS_LIMIT, and how many more.

    They stand in one signed content, and a file may have any number of them.
    """

    def __init__(self) -> None:
        self._flaws: list[Flaw] = []
        self._more = 0
        self._last: Flaw | None = None

    def add(self, flaw: Flaw) -> None:
        """A flaw that was found."""
        if len(self._flaws) < FLAWS_LIMIT:
            self._flaws.append(flaw)
        else:
            self._more, self._last = self._more + 1, flaw

    def finish(self) -> tuple[Flaw, ...]:
        """The flaws; where there are more, the last one of all, which says so."""
        if self._last is None:
            return tuple(self._flaws)
        detail = f"the last of {self._more} more flaws: {self._last.detail}"
        return (*self._flaws, replace(self._last, detail=detail))


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One response, revisit or resource record: where it lies and what it carries.

    `date` is the WARC-Date as written. `url` is the target, repaired where it was no URI.
    `sha1` (base32) and `sha256` are of the payload with the transfer coding undone; those of a
    revisit are its own word about the record it refers to, and it has no `body_sha256`.
    `body_sha256` is of the payload with its content coding undone as well, where that differs.
    `method` is that of the request, where the file holds it; None where nobody can tell.
    """

    offset: int
    length: int
    type: str
    record_id: str
    url: str
    date: str
    media_type: str | None
    status: int | None
    method: str | None
    size: int
    sha1: str | None
    sha256: str | None
    body_sha256: str | None

    def asked_by(self, method: str) -> "IndexRow":
        """The row of an answer to a request with this method."""
        # Five times as fast as dataclasses.replace, and done once for each response.
        values = list(self._values())
        values[_METHOD_PLACE] = method
        return IndexRow(*values)

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers hand over millions of rows; what dataclasses do by default takes four times as
        # long.
        return IndexRow, self._values()

    def _values(self) -> tuple[Any, ...]:
        return (
            self.offset,
            self.length,
            self.type,
            self.record_id,
            self.url,
            self.date,
            self.media_type,
            self.status,
            self.method,
            self.size,
            self.sha1,
            self.sha256,
            self.body_sha256,
        )

    def to_json(self) -> JsonValue:
        """The row as a member of an import's content."""
        return {
            "offset": self.offset,
            "length": self.length,
            "type": self.type,
            "record_id": self.record_id,
            "url": self.url,
            "date": self.date,
            "media_type": self.media_type,
            "status": self.status,
            "method": self.method,
            "bytes": self.size,
            "sha1": self.sha1,
            "sha256": self.sha256,
            "body_sha256": self.body_sha256,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The row of a content file. Raises MalformedStatement."""
        if _is_plain_row(value):
            return cls(*[value[name] for name in _ROW_MEMBERS])
        fields = Fields(value, MalformedStatement, "index row")
        row = cls(
            offset=fields.count("offset"),
            length=fields.count("length"),
            type=fields.choice("type", TYPES),
            record_id=fields.text("record_id"),
            url=fields.text("url"),
            date=fields.text("date"),
            media_type=fields.optional_text("media_type"),
            status=fields.optional_count("status"),
            method=fields.optional_text("method"),
            size=fields.count("bytes"),
            sha1=fields.optional_text("sha1"),
            sha256=fields.optional_sha256("sha256"),
            body_sha256=fields.optional_sha256("body_sha256"),
        )
        fields.end()
        if row.sha1 is not None and not _SHA1.fullmatch(row.sha1):
            raise MalformedStatement("index row: 'sha1' is no SHA-1 in base32")
        if row.status is not None and row.status > _STATUS_LIMIT:
            raise MalformedStatement("index row: 'status' is none of HTTP")
        return row


_ROW_MEMBERS = (
    "offset",
    "length",
    "type",
    "record_id",
    "url",
    "date",
    "media_type",
    "status",
    "method",
    "bytes",
    "sha1",
    "sha256",
    "body_sha256",
)
_METHOD_PLACE = _ROW_MEMBERS.index("method")
_ROW_TYPES = (
    (int,),
    (int,),
    (str,),
    (str,),
    (str,),
    (str,),
    (str, type(None)),
    (int, type(None)),
    (str, type(None)),
    (int,),
    (str, type(None)),
    (str, type(None)),
    (str, type(None)),
)


def _is_plain_row(value: JsonValue) -> bool:
    """Whether a row is well-formed beyond doubt; the slow reader says what is wrong with others.

    An import is read back before it is signed, row by row.
    """
    if type(value) is not dict or value.keys() != _ROW_NAMES:
        return False
    members = [value[name] for name in _ROW_MEMBERS]
    if not _are_row_types(tuple(map(type, members))):
        return False
    status, sha1, sha256, body_sha256 = members[7], members[10], members[11], members[12]
    return (
        value["type"] in TYPES
        and min(members[0], members[1], members[9]) >= 0
        and (status is None or 0 <= status <= _STATUS_LIMIT)
        and (sha1 is None or _SHA1.fullmatch(sha1) is not None)
        and (sha256 is None or _SHA256.fullmatch(sha256) is not None)
        and (body_sha256 is None or _SHA256.fullmatch(body_sha256) is not None)
    )


@lru_cache(maxsize=1024)
def _are_row_types(types: tuple[type, ...]) -> bool:
    return all(kind in kinds for kind, kinds in zip(types, _ROW_TYPES, strict=True))


_ROW_NAMES = frozenset(_ROW_MEMBERS)


@dataclass(frozen=True, slots=True)
class GivenFile:
    """The file as it was given: its name without a folder, digest, bytes, and form."""

    name: str
    sha256: str
    size: int
    form: str


@dataclass(frozen=True, slots=True)
class ImportGroup:
    """One durable group of records of a container.

    `source` is the file as given; `container` is what the offsets are in: the source itself, or
    what it was re-packed to (then `container_sha256` differs). `member` names the WARC within a
    package. The group covers the container's bytes from `start` to `end`; `is_last` says that
    the file, or the member, ends there, or that nothing behind could be read. `first_record` is
    the number of its first record; `records` counts those of every type, and those passed over
    because they were too large. Flaws of the file
    before it was re-packed are `source_flaws`, with offsets in the source; they stand in the
    last group. So do the `findings` on what a package claims of itself, or on what another
    archive was asked for; `asked` is then the URL that it was asked by.
    """

    source: GivenFile
    container_sha256: str
    container_size: int
    member: str | None
    supplied_by: str
    start: int
    end: int
    first_record: int
    records: int
    is_last: bool
    rows: tuple[IndexRow, ...]
    flaws: tuple[Flaw, ...]
    source_flaws: tuple[Flaw, ...] = ()
    findings: tuple[Finding, ...] = ()
    asked: str | None = None

    def to_json(self) -> JsonValue:
        """The content file's value."""
        return {
            "v": 1,
            "source": {
                "name": self.source.name,
                "sha256": self.source.sha256,
                "bytes": self.source.size,
                "form": self.source.form,
            },
            "container": {"sha256": self.container_sha256, "bytes": self.container_size},
            "member": self.member,
            "supplied_by": self.supplied_by,
            "start": self.start,
            "end": self.end,
            "first_record": self.first_record,
            "records": self.records,
            "is_last": self.is_last,
            "rows": [row.to_json() for row in self.rows],
            "flaws": [flaw.to_json() for flaw in self.flaws],
            "source_flaws": [flaw.to_json() for flaw in self.source_flaws],
            "findings": [_finding_json(finding) for finding in self.findings],
            "asked": self.asked,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The group of a content file. Raises MalformedStatement."""
        fields = Fields(value, MalformedStatement, "import")
        fields.constant("v", 1)
        given, container = fields.object("source"), fields.object("container")
        group = cls(
            source=GivenFile(
                name=given.text("name"),
                sha256=given.sha256("sha256"),
                size=given.count("bytes"),
                form=given.choice("form", FORMS),
            ),
            container_sha256=container.sha256("sha256"),
            container_size=container.count("bytes"),
            member=fields.optional_text("member"),
            supplied_by=fields.text("supplied_by"),
            start=fields.count("start"),
            end=fields.count("end"),
            first_record=fields.count("first_record"),
            records=fields.count("records"),
            is_last=fields.flag("is_last"),
            rows=tuple(IndexRow.from_json(item) for item in fields.items("rows")),
            flaws=tuple(Flaw.from_json(item) for item in fields.items("flaws")),
            source_flaws=tuple(Flaw.from_json(item) for item in fields.items("source_flaws")),
            findings=tuple(_finding(item) for item in fields.items("findings")),
            asked=fields.optional_text("asked"),
        )
        for part in (fields, given, container):
            part.end()
        _check_places(group)
        return group


def bounded_target(target: str) -> str:
    """The target of a finding as it is signed: a long one ends in the SHA-256 of the whole."""
    if len(target) <= _TARGET_LIMIT:
        return target
    digest = hashlib.sha256(target.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{target[: _TARGET_LIMIT - len(digest) - 1]}~{digest}"


def asked_sha256(asked: str) -> str:
    """The name under which the statements of what was asked by a URL are looked up."""
    return hashlib.sha256(asked.encode("utf-8")).hexdigest()


def _finding_json(finding: Finding) -> JsonValue:
    return {
        "claim": finding.claim,
        "target": bounded_target(finding.target),
        "status": finding.status.value,
        "code": finding.code,
        "detail": finding.detail[:_DETAIL_LIMIT],
    }


def _finding(value: JsonValue) -> Finding:
    fields = Fields(value, MalformedStatement, "import finding")
    finding = Finding(
        claim=fields.text("claim"),
        target=fields.text("target"),
        status=Status(fields.choice("status", tuple(Status))),
        code=fields.text("code"),
        detail=fields.text("detail"),
    )
    fields.end()
    return finding


def _check_places(group: ImportGroup) -> None:
    if not group.start <= group.end <= group.container_size:
        raise MalformedStatement("an import's range is not within its container")
    behind = group.start
    for row in group.rows:
        if row.offset < behind or row.length < 1:
            raise MalformedStatement("an import's rows are not in order")
        behind = row.offset + row.length
    if behind > group.end:
        raise MalformedStatement("an import's rows are not within its range")
