# SPDX-License-Identifier: Apache-2.0
"""Where records lie after redactions: by the catalogue for reading, by signed files for judging."""

from collections.abc import Callable
from functools import cache

from sqlalchemy.engine import Connection

from archive import canonical
from archive.catalog.replacements import act_content, every_replacement, replacement_of
from archive.catalog.statements import statement_by_digest
from archive.checks.evidence import Replaced
from archive.errors import CatalogError, InputError, MalformedEvidence, PartRedacted
from archive.model.inventory import RecordSpan
from archive.model.redaction import Redaction, Replacement
from archive.proofs.keyset_chain import KeysetChain
from archive.services.context import Archive
from archive.services.statements.adopt import adopt_assertion


def place_now(connection: Connection, span: RecordSpan) -> RecordSpan:
    """Where a record lies now, by the catalogue. Raises PartRedacted when it was removed."""
    found = span
    while (row := replacement_of(connection, found.container_sha256)) is not None:
        content = act_content(connection, row.statement_sha256)
        if content is None:
            raise CatalogError("a redaction has lost its rows: run `muniment rebuild`")
        said = Redaction.from_json(canonical.loads(content, canonical.CONTENT_LIMIT))
        item = _of(said, row.old_sha256)
        if item is None:
            raise CatalogError("a redaction does not name the file that it is listed for")
        placed = item.place(found)
        if placed is None:
            raise PartRedacted(f"these bytes were removed on {said.at[:10]}: {said.reason}")
        found = placed
    return found


def is_removed(connection: Connection, span: RecordSpan) -> bool:
    """Whether a redaction removed the record, by the catalogue."""
    try:
        place_now(connection, span)
    except PartRedacted:
        return True
    return False


def signed_replacements(archive: Archive, chain: KeysetChain) -> Callable[[str], Replaced | None]:
    """What became of a container, by the signed statement that the catalogue points to.

    A redaction that cannot be read, or is not signed, is none: then its container is missing.
    """

    @cache
    def read(statement_sha256: str) -> Redaction | None:
        with archive.database.reading() as connection:
            row = statement_by_digest(connection, statement_sha256)
        if row is None or row.kind != "redaction":
            return None
        try:
            content = adopt_assertion(archive.store, chain.newest, row.envelope_key).content
        except MalformedEvidence:
            return None
        return content if isinstance(content, Redaction) else None

    @cache
    def replaced(sha256: str) -> Replaced | None:
        with archive.database.reading() as connection:
            row = replacement_of(connection, sha256)
        said = None if row is None else read(row.statement_sha256)
        item = None if said is None else _of(said, sha256)
        return None if row is None or item is None else Replaced(item, row.statement_sha256)

    return replaced


def erased_files(archive: Archive) -> dict[str, str]:
    """Every file that a redaction erased, by digest, and the statement that says so."""
    with archive.database.reading() as connection:
        return {row.old_sha256: row.statement_sha256 for row in every_replacement(connection)}


def refuse_erased(archive: Archive, sha256: str) -> None:
    """Raise InputError when a file with this digest was erased: it is not taken in again."""
    with archive.database.reading() as connection:
        row = replacement_of(connection, sha256)
    if row is not None:
        raise InputError(
            f"this file was taken out of the archive by statement {row.statement_sha256}, and is "
            "not taken in again"
        )


def _of(said: Redaction, old_sha256: str) -> Replacement | None:
    return next((item for item in said.replaced if item.old.sha256 == old_sha256), None)
