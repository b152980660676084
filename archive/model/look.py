# SPDX-License-Identifier: Apache-2.0
"""The predicate of a capture or an observation: what was asked, what came, how it was judged.

Both are one look at a URL; only a look whose outcome is *ok* has a capture ID. Texts over 512
bytes and long redirect chains go to the inventory's `overflow`, and the predicate keeps their
digest, so that the signed bytes stay within 4,096.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from archive import canonical
from archive.canonical import JsonValue
from archive.digests import sha256_hex
from archive.errors import MalformedStatement
from archive.ids import RecordId
from archive.model.anchor import Anchor
from archive.model.fields import Fields
from archive.model.outcome import OutcomeKind
from archive.model.statement import LIMITS_V1

TEXT_LIMIT = 512
CHAIN_LIMIT = 512
MODES = ("http", "import")
# Of an import nobody here knows from where and in which language the page was asked for.
IMPORT_VANTAGE = "import"
UNKNOWN_LANGUAGE = "und"

# What a server can fill is cut, so that the signed bytes stay within their limit.
_HTTP_DATE_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Previous:
    """The signed capture before this one, of the same URL and vantage."""

    capture_id: RecordId
    statement_sha256: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """One hop: the URL that answered with a redirect, and its status."""

    url: str
    status: int


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs, and the version of the keyset that lists it."""

    keyid: str
    keyset_version: int


@dataclass(frozen=True, slots=True)
class ImportedFrom:
    """Where an imported capture comes from: the archive was given it and did not see it happen.

    `statement_sha256` is the import statement that lists the record, `source_sha256` the file as
    given, `supplied_by` who gave it, `imported_at` when the record got its ID, `warc_date` the
    record's date as written, with its precision.
    """

    statement_sha256: str
    source_sha256: str
    supplied_by: str
    imported_at: str
    warc_date: str


@dataclass(frozen=True, slots=True)
class Look:
    """All facts of one look at a URL that its statement asserts. Times are RFC 3339 texts."""

    capture_id: RecordId | None
    previous: Previous | None
    url: str
    final_url: str
    redirects: tuple[Redirect, ...]
    requested_at: str
    received_at: str | None
    http_date: str | None
    status: int | None
    remote_address: str | None
    tls_leaf_sha256: str | None
    agent: str
    agent_version: str
    mode: str
    vantage: str
    language: str
    outcome: OutcomeKind
    reason: str
    signals: tuple[str, ...]
    recipe: str | None
    text_sha256: str | None
    signer: Signer
    imported: ImportedFrom | None = None
    anchor: Anchor | None = None

    @property
    def claimed_time(self) -> str:
        """When the archive says that it made this: the end of the look, or of the import."""
        if self.imported is not None:
            return self.imported.imported_at
        return self.received_at or self.requested_at

    def to_predicate(self) -> tuple[JsonValue, dict[str, JsonValue]]:
        """The predicate, and the overflow that belongs into the inventory."""
        overflow: dict[str, JsonValue] = {}

        def bounded(name: str, value: JsonValue, limit: int = TEXT_LIMIT) -> JsonValue:
            data = canonical.dumps(value)
            if len(data) <= limit:
                return value
            overflow[name] = value
            return {"overflow_sha256": sha256_hex(data)}

        chain = [{"url": hop.url, "status": hop.status} for hop in self.redirects]
        predicate: dict[str, JsonValue] = {
            "capture_id": str(self.capture_id) if self.capture_id else None,
            "document": None,
            "previous": self.previous
            and {
                "id": str(self.previous.capture_id),
                "statement_sha256": self.previous.statement_sha256,
            },
            "request": {
                "url": bounded("url", self.url),
                "method": "GET",
                "requested_at": self.requested_at,
            },
            "response": {
                "final_url": bounded("final_url", self.final_url),
                "redirects": bounded("redirects", chain, CHAIN_LIMIT),
                "received_at": self.received_at,
                "http_date": self.http_date,
                "status": self.status,
                "remote_address": self.remote_address,
                "tls_leaf_sha256": self.tls_leaf_sha256,
            },
            "agent": {
                "name": self.agent,
                "version": self.agent_version,
                "mode": self.mode,
                "vantage": self.vantage,
                "language": self.language,
            },
            "outcome": {
                "kind": self.outcome.value,
                "reason": self.reason,
                "signals": list(self.signals),
            },
            "text": self.recipe and {"recipe": self.recipe, "sha256": self.text_sha256},
            "checkpoint": self.anchor and self.anchor.to_json(),
            "signer": {
                "keyid": self.signer.keyid,
                "keyset_version": self.signer.keyset_version,
            },
            "limits": LIMITS_V1,
        }
        if self.imported is not None:
            predicate["import"] = {
                "statement_sha256": self.imported.statement_sha256,
                "source_sha256": self.imported.source_sha256,
                "supplied_by": self.imported.supplied_by,
                "imported_at": self.imported.imported_at,
                "warc_date": self.imported.warc_date,
            }
        return predicate, overflow

    @classmethod
    def from_predicate(cls, predicate: JsonValue) -> Self:
        """The look as its predicate says. Long texts read as their digest until `whole`.

        Raises MalformedStatement.
        """
        fields = Fields(predicate, MalformedStatement, "predicate")
        fields.constant("document", None)
        anchor = Anchor.from_fields(fields.optional_object("checkpoint"))
        fields.constant("limits", LIMITS_V1)
        capture_id = fields.optional_record_id("capture_id")
        request, response = fields.object("request"), fields.object("response")
        request.constant("method", "GET")
        agent, outcome = fields.object("agent"), fields.object("outcome")
        text, signer = fields.optional_object("text"), fields.object("signer")
        look = cls(
            capture_id=capture_id,
            previous=_previous(fields.optional_object("previous")),
            url=_text_or_digest(request.value("url")),
            final_url=_text_or_digest(response.value("final_url")),
            redirects=_redirects(response.value("redirects")),
            requested_at=request.time("requested_at"),
            received_at=response.optional_time("received_at"),
            http_date=response.optional_text("http_date"),
            status=response.optional_count("status"),
            remote_address=response.optional_text("remote_address"),
            tls_leaf_sha256=response.optional_sha256("tls_leaf_sha256"),
            agent=agent.text("name"),
            agent_version=agent.text("version"),
            mode=agent.choice("mode", MODES),
            vantage=agent.text("vantage"),
            language=agent.text("language"),
            outcome=OutcomeKind(outcome.choice("kind", list(OutcomeKind))),
            reason=outcome.text("reason"),
            signals=tuple(_plain_text(item) for item in outcome.items("signals")),
            recipe=text.text("recipe") if text else None,
            text_sha256=text.sha256("sha256") if text else None,
            signer=Signer(signer.sha256("keyid"), signer.count("keyset_version")),
            imported=_imported(fields.object("import")) if fields.has("import") else None,
            anchor=anchor,
        )
        for part in (fields, request, response, agent, outcome, signer, text):
            if part is not None:
                part.end()
        return look

    def whole(self, predicate: JsonValue, overflow: Mapping[str, JsonValue]) -> "Look":
        """The look with its long texts put back from the inventory.

        Raises MalformedStatement when the overflow is not exactly what the predicate's digests
        name.
        """
        named = {
            "url": predicate["request"]["url"],
            "final_url": predicate["response"]["final_url"],
            "redirects": predicate["response"]["redirects"],
        }
        moved = {name for name, value in named.items() if type(value) is dict}
        if moved != set(overflow):
            raise MalformedStatement("the inventory's overflow is not what the statement names")
        for name in moved:
            if sha256_hex(canonical.dumps(overflow[name])) != named[name]["overflow_sha256"]:
                raise MalformedStatement(f"the inventory's overflow {name!r} has another digest")
        return replace(
            self,
            url=_plain_text(overflow.get("url", self.url)),
            final_url=_plain_text(overflow.get("final_url", self.final_url)),
            redirects=_redirects(overflow["redirects"])
            if "redirects" in overflow
            else self.redirects,
        )


def signed_http_date(sent: str | None) -> str | None:
    """The Date header as a statement has it; None when it is none, long or unprintable."""
    if not sent or len(sent) > _HTTP_DATE_LIMIT or not sent.isprintable():
        return None
    return sent


def _plain_text(value: JsonValue) -> str:
    if type(value) is not str:
        raise MalformedStatement("a text of the predicate is of another type")
    return value


def _text_or_digest(value: JsonValue) -> str:
    if type(value) is str:
        return value
    fields = Fields(value, MalformedStatement, "overflow")
    digest = fields.sha256("overflow_sha256")
    fields.end()
    return f"sha256:{digest}"


def _redirects(value: JsonValue) -> tuple[Redirect, ...]:
    if type(value) is dict:
        _text_or_digest(value)
        return ()
    if type(value) is not list:
        raise MalformedStatement("the redirects are no list")
    hops = []
    for item in value:
        fields = Fields(item, MalformedStatement, "redirect")
        hops.append(Redirect(fields.text("url"), fields.count("status")))
        fields.end()
    return tuple(hops)


def _imported(fields: Fields) -> ImportedFrom:
    imported = ImportedFrom(
        statement_sha256=fields.sha256("statement_sha256"),
        source_sha256=fields.sha256("source_sha256"),
        supplied_by=fields.text("supplied_by"),
        imported_at=fields.time("imported_at"),
        warc_date=fields.text("warc_date"),
    )
    fields.end()
    return imported


def _previous(fields: Fields | None) -> Previous | None:
    if fields is None:
        return None
    previous = Previous(fields.record_id("id"), fields.sha256("statement_sha256"))
    fields.end()
    return previous
