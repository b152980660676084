# SPDX-License-Identifier: Apache-2.0
"""Whether the authorities for time answer, are trusted, and agree with the clock.

Each is asked for a token over a few bytes, which is thrown away.
"""

import datetime as dt
from collections.abc import Iterator, Mapping

from archive.catalog import stamps
from archive.checks.evidence import Absent
from archive.errors import (
    CatalogError,
    MalformedEvidence,
    MalformedUrl,
    ObjectMissing,
    TimestampRefused,
    TimestampUnavailable,
)
from archive.proofs.keyset_chain import newest_trusted
from archive.proofs.timestamp import (
    TS_BEFORE_CAPTURE,
    TS_IN_FUTURE,
    TS_REVOCATION_UNKNOWN,
    Expected,
    PinnedAuthority,
    TokenFiles,
    judge_token,
)
from archive.services.context import TimeAnswer, Timestamping
from archive.services.doctor.diagnosis import Diagnosis, fail, ok, unknown, warn
from archive.services.stamping.pinned_authorities import authorities_of
from archive.services.trust import stored_keysets
from archive.services.upkeep.installation import Installation

_CHECK = "authorities.tokens"
_CLOCK = "authorities.clock"
_TOLERANCE = dt.timedelta(seconds=60)
_PROBE_BYTES = 32
_SET = "set the clock and keep it set: `timedatectl set-ntp true`, or chrony"


def examine(installation: Installation) -> Iterator[Diagnosis]:
    """Asks every authority of the settings."""
    asked = installation.timestamping
    if asked is None or not asked.authorities:
        yield ok(_CHECK, "none is asked: when a record was made, the archive alone says")
        return
    try:
        roots = tuple(installation.find_roots())
        store = installation.find_store()
        pinned = authorities_of(store, newest_trusted(stored_keysets(store, roots), roots))
    except (MalformedEvidence, ObjectMissing) as error:
        yield unknown(_CHECK, str(error), "mend the keyset first")
        return
    for name, url in asked.authorities:
        yield from _one(installation, asked, (name, url), pinned)
    yield from _refused(installation)


def _one(
    installation: Installation,
    asked: Timestamping,
    named: tuple[str, str],
    pinned: Mapping[str, PinnedAuthority | Absent],
) -> Iterator[Diagnosis]:
    name, url = named
    authority = pinned.get(name)
    if authority is None:
        mend = f"run `muniment keys authority add {name} --roots FILE`, or take it off the settings"
        yield fail(_CHECK, f"the keyset does not list {name}, whose tokens count for nothing", mend)
        return
    if isinstance(authority, Absent):
        yield fail(_CHECK, authority.detail, "put the file back from a mirror of the store")
        return
    message = installation.random_bytes(_PROBE_BYTES)
    try:
        answer = asked.asker.ask(url, message)
    except TimestampUnavailable as error:
        yield unknown(_CHECK, f"{name}: {error}", "look again later; until then it is pending")
        return
    except (TimestampRefused, MalformedUrl) as error:
        yield fail(_CHECK, f"{name}: {error}", "correct timestamping.urls, or ask its operator")
        return
    yield from _judged(installation, authority, message, answer)


def _judged(
    installation: Installation, authority: PinnedAuthority, message: bytes, answer: TimeAnswer
) -> Iterator[Diagnosis]:
    now = installation.clock.now()
    expected = Expected(message, now, now, nonce=answer.nonce)
    verdict = judge_token(TokenFiles(answer.response), authority, expected)
    if verdict.at is not None and abs(verdict.at - now) > _TOLERANCE:
        found = f"it is {now:%H:%M:%S} by the clock, and {verdict.at:%H:%M:%S} by {authority.name}"
        yield fail(_CLOCK, found, _SET)
    elif verdict.at is not None:
        yield ok(_CLOCK, f"it agrees with {authority.name}")
    if verdict.code in {"", TS_REVOCATION_UNKNOWN}:
        yield ok(_CHECK, f"{authority.name} gives tokens that count")
    elif verdict.code not in {TS_BEFORE_CAPTURE, TS_IN_FUTURE}:
        mend = f"compare its roots and policies with `muniment keys list`, and ask {authority.name}"
        yield fail(_CHECK, f"{authority.name}: {verdict.code}: {verdict.detail}", mend)


def _refused(installation: Installation) -> Iterator[Diagnosis]:
    """What was tried in vain, by the archive's own list."""
    check = "authorities.pending"
    database = installation.open_database()
    try:
        database.check_schema()
        with database.reading() as connection:
            left = stamps.tally(connection)
    except CatalogError as error:
        yield unknown(check, str(error), "mend the catalogue first")
        return
    finally:
        database.close()
    if left.tried:
        why = ", ".join(f"{count} {code}" for code, count in left.codes)
        yield warn(check, f"{left.due} wait for tokens; refused: {why}", "run `muniment stamp`")
    else:
        yield ok(check, f"{left.due} wait for tokens, and none was refused")
