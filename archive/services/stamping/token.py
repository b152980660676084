# SPDX-License-Identifier: Apache-2.0
"""Gets one good token of one authority: asked for, judged in full, with its revocation lists.

An authority that is silent, or refuses three things in a row, is left alone for a while, so that
a list of ten thousand captures does not wait for it ten thousand times.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from archive.checks.evidence import Absent
from archive.checks.stamped import Stampable
from archive.errors import MalformedEvidence, TimestampError
from archive.proofs.timestamp import (
    TS_REVOCATION_UNKNOWN,
    Expected,
    PinnedAuthority,
    TokenFiles,
    TokenVerdict,
    chain_of,
    judge_token,
)
from archive.services.context import Archive
from archive.services.stamping.pinned_authorities import authorities_of
from archive.services.stamping.revocation_lists import RevocationLists
from archive.services.trust import trusted_keyset

_STRIKES = 3
_SILENT_FIRST = dt.timedelta(minutes=1)
_SILENT_LIMIT = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class GoodToken:
    """A token that was judged good, with the lists that it was judged by."""

    authority: str
    files: TokenFiles
    verdict: TokenVerdict


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an authority gave nothing that counts, by a stable code."""

    authority: str
    code: str
    detail: str


@dataclass
class _Quiet:
    """How often in a row an authority gave nothing, and until when it is left alone."""

    strikes: int = 0
    until: dt.datetime | None = None
    last: Refusal | None = None


class Tokens:
    """The authorities of the settings, each judged by what the trusted keyset says of it.

    Raises MalformedEvidence when there is no trusted keyset, StorageError.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._lists = RevocationLists(archive)
        self._quiet: dict[str, _Quiet] = {}
        self._pinned: Mapping[str, PinnedAuthority | Absent] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take in what a newer keyset says of the authorities."""
        archive = self._archive
        self._pinned = authorities_of(archive.store, trusted_keyset(archive))

    @property
    def pinned(self) -> Mapping[str, PinnedAuthority | Absent]:
        """The authorities whose tokens count, by name."""
        return self._pinned

    @property
    def names(self) -> tuple[str, ...]:
        """The authorities that the settings name, in the order to ask."""
        return tuple(name for name, _ in self._archive.timestamping.authorities)

    @property
    def is_any_left(self) -> bool:
        """Whether one of them may be asked now."""
        return any(not self._is_quiet(name) for name in self.names)

    def get(self, name: str, stampable: Stampable, *, is_strong: bool) -> GoodToken | Refusal:
        """A token of this authority over what is to be stamped, or why there is none."""
        quiet = self._quiet.setdefault(name, _Quiet())
        if self._is_quiet(name) and quiet.last is not None:
            return quiet.last
        got = self._get(name, stampable, is_strong=is_strong)
        if isinstance(got, GoodToken):
            self._quiet[name] = _Quiet()
            return got
        quiet.strikes += 1
        quiet.last = got
        if quiet.strikes >= _STRIKES:
            longer = 2 ** (quiet.strikes - _STRIKES)
            wait = min(_SILENT_LIMIT, _SILENT_FIRST * longer)
            quiet.until = self._archive.clock.now() + wait
        return got

    def _is_quiet(self, name: str) -> bool:
        quiet = self._quiet.get(name)
        return bool(quiet and quiet.until and self._archive.clock.now() < quiet.until)

    def _get(self, name: str, stampable: Stampable, *, is_strong: bool) -> GoodToken | Refusal:
        authority = self._pinned.get(name)
        if authority is None:
            detail = (
                f"the keyset lists no authority {name}: run `muniment keys authority add {name} "
                "--roots FILE`"
            )
            return Refusal(name, "TS_AUTHORITY_UNKNOWN", detail)
        if isinstance(authority, Absent):
            return Refusal(name, authority.code, authority.detail)
        url = dict(self._archive.timestamping.authorities)[name]
        try:
            answer = self._archive.timestamping.asker.ask(
                url, stampable.message, is_strong=is_strong
            )
        except TimestampError as error:
            return Refusal(name, error.code, str(error))
        now = self._archive.clock.now()
        # What was made before this was asked was made by now.
        made_at = stampable.made_at or now
        expected = Expected(stampable.message, now, made_at, nonce=answer.nonce)
        return self._judged(authority, TokenFiles(answer.response), expected)

    def _judged(
        self, authority: PinnedAuthority, bare: TokenFiles, expected: Expected
    ) -> GoodToken | Refusal:
        verdict, files = judge_token(bare, authority, expected), bare
        if verdict.is_good or verdict.code == TS_REVOCATION_UNKNOWN:
            try:
                lists = self._lists.of(chain_of(bare, authority))
            except MalformedEvidence as error:
                return Refusal(authority.name, error.code, str(error))
            files = TokenFiles(bare.token, lists=lists)
            verdict = judge_token(files, authority, expected)
        if not verdict.is_good:
            return Refusal(authority.name, verdict.code, verdict.detail)
        return GoodToken(authority.name, files, verdict)
