# SPDX-License-Identifier: Apache-2.0
"""Gets the tokens of one subject, stores them as a batch, and writes their rows.

A batch holds what could be had in one round. Who is missing is asked again in a later round,
whose tokens are the next batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from archive.catalog import time_tokens
from archive.catalog.time_tokens import TokenRow
from archive.checks.evidence import Absent, StoredBatch
from archive.checks.stamped import JudgedToken, Stampable, Trust, judged_tokens
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence
from archive.model.proof_batch import (
    CRL,
    RENEW,
    RENEWAL,
    RENEWED,
    STAMP,
    TOKEN,
    ProofBatch,
    ProofFile,
    Renewal,
    RenewedFile,
    file_name,
)
from archive.services.context import Archive
from archive.services.stamping.proof_batches import (
    NewBatch,
    adopt_batch,
    digests_of,
    keys_of,
    rows_of,
    store_batch,
    stored_batches,
)
from archive.services.stamping.subject import Subject
from archive.services.stamping.token import GoodToken, Refusal, Tokens

RENEWAL_DUE = "TS_RENEWAL_DUE"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many tokens were got, what was refused, and why there are fewer than were wanted."""

    tokens: int = 0
    refusals: tuple[Refusal, ...] = ()
    left: Refusal | None = None


def stamp_subject(archive: Archive, tokens: Tokens, subject: Subject) -> Outcome:
    """Get what is missing of the tokens that are wanted.

    Raises MalformedEvidence, StorageError, CatalogError.
    """
    good, _ = _good_tokens(archive, tokens, subject)
    given = {one.authority for one in good}
    names = [name for name in tokens.names if name not in given]
    got, refusals = _ask(tokens, names, subject.stampable, subject.wanted - len(given))
    if got:
        _store(archive, subject, _batch(STAMP, subject.stampable, got))
    return _outcome(got, refusals, subject.wanted - len(given))


def renew_subject(archive: Archive, tokens: Tokens, subject: Subject) -> Outcome:
    """Get tokens over all that the subject's earlier tokens rest on, that last longer than they.

    What has no good token gets its first ones instead. Raises as `stamp_subject`.
    """
    good, batches = _good_tokens(archive, tokens, subject)
    ends_at = max((one.verdict.ends_at for one in good if one.verdict.ends_at), default=None)
    if ends_at is None:
        return stamp_subject(archive, tokens, subject)
    files = _files_to_renew(archive, subject, batches)
    if isinstance(files, Refusal):
        return Outcome(refusals=(files,), left=files)
    message = Renewal.of(files).to_bytes()
    wanted = Stampable(message, subject.stampable.made_at, RENEWAL)
    got, refusals = _ask(tokens, tokens.names, wanted, subject.wanted, is_strong=True)
    lasting = [one for one in got if one.verdict.ends_at and one.verdict.ends_at > ends_at]
    refusals += [
        Refusal(
            one.authority, RENEWAL_DUE, f"its certificate ends no later than {ends_at:%Y-%m-%d}"
        )
        for one in got
        if one not in lasting
    ]
    if lasting:
        _store(archive, subject, _batch(RENEW, wanted, lasting))
    return _outcome(lasting, refusals, 1)


def _good_tokens(
    archive: Archive, tokens: Tokens, subject: Subject
) -> tuple[list[JudgedToken], tuple[StoredBatch, ...]]:
    """The good tokens that lie in the store, and their batches; each has its rows afterwards."""
    batches = stored_batches(archive.store, subject.name)
    _take_in_unlisted(archive, subject, batches)
    trust = Trust(tokens.pinned, archive.clock.now())
    found = judged_tokens(batches, subject.stampable, trust)
    return [one for one in found if one.verdict.is_good], batches


def _take_in_unlisted(archive: Archive, subject: Subject, batches: Sequence[StoredBatch]) -> None:
    """Write the rows of batches whose run was broken off before it could."""
    with archive.database.reading() as connection:
        listed = {row.batch for row in time_tokens.tokens_of(connection, subject.name)}
    for batch in batches:
        if batch.number not in listed:
            try:
                rows = adopt_batch(archive.store, subject.name, batch.number)
            except MalformedEvidence:
                continue  # the claims and the audit name it
            _add_rows(archive, rows)


def _ask(
    tokens: Tokens,
    names: Sequence[str],
    stampable: Stampable,
    wanted: int,
    *,
    is_strong: bool = False,
) -> tuple[list[GoodToken], list[Refusal]]:
    """Tokens of so many of the authorities, in order; the next one is asked when one refuses."""
    got: list[GoodToken] = []
    refusals: list[Refusal] = []
    for name in names:
        if len(got) >= wanted:
            break
        answer = tokens.get(name, stampable, is_strong=is_strong)
        if isinstance(answer, GoodToken):
            got.append(answer)
        else:
            refusals.append(answer)
    return got, refusals


def _outcome(got: Sequence[GoodToken], refusals: Sequence[Refusal], wanted: int) -> Outcome:
    left = refusals[-1] if refusals and len(got) < wanted else None
    return Outcome(len(got), tuple(refusals), left)


def _files_to_renew(
    archive: Archive, subject: Subject, batches: Sequence[StoredBatch]
) -> list[RenewedFile] | Refusal:
    keys = {subject.key, *subject.rests_on}
    for batch in batches:
        keys.update(keys_of(subject.name, batch))
    files = []
    for key in sorted(keys):
        found = digests_of(archive.store, key)
        if isinstance(found, Absent):
            return Refusal("", found.code, found.detail)
        files.append(RenewedFile(key, *found))
    return files


def _batch(role: str, over: Stampable, got: Sequence[GoodToken]) -> NewBatch:
    files: dict[str, bytes] = {}
    listed: list[ProofFile] = []

    def add(file: ProofFile, data: bytes) -> None:
        files[file.name] = data
        listed.append(file)

    if role == RENEW:
        file = ProofFile(RENEWAL, RENEWED, sha256_hex(over.message), None, None)
        add(file, over.message)
    for one in got:
        token, authority = one.files.token, one.authority
        place = file_name(TOKEN, authority)
        add(ProofFile(place, TOKEN, sha256_hex(token), authority, one.verdict.at), token)
        for number, data in enumerate(one.files.lists, 1):
            place = file_name(CRL, authority, number)
            add(ProofFile(place, CRL, sha256_hex(data), authority, None), data)
    listed.sort(key=lambda file: file.name)
    listing = ProofBatch(role, over.file, sha256_hex(over.message), tuple(listed))
    return NewBatch(listing, files)


def _store(archive: Archive, subject: Subject, batch: NewBatch) -> None:
    number = store_batch(archive.store, subject.name, batch)
    _add_rows(archive, rows_of(subject.name, number, batch))


def _add_rows(archive: Archive, rows: Sequence[TokenRow]) -> None:
    archive.database.insist(
        archive.database.appending, lambda connection: time_tokens.add_tokens(connection, rows)
    )
