# SPDX-License-Identifier: Apache-2.0
"""Gets trusted time for what was signed, after it was signed and never in its way.

What is due is a list in the catalogue. A token is judged in full before it is stored; of what is
refused the list keeps the reason, and it is tried again later, the next authority at once.
"""

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.engine import Connection

from archive.canonical import JsonValue
from archive.catalog import log, stamps, time_tokens
from archive.catalog.sequence import Reservation
from archive.catalog.stamps import Due, Tally
from archive.clock import parse_rfc3339, rfc3339
from archive.errors import MalformedEvidence, NotFound, SettingsError, StorageError
from archive.model.proof_batch import RENEW, STAMP
from archive.services.context import Archive
from archive.services.ownership import ASSERTION, is_gone, this_process
from archive.services.stamping.subject import subject_of
from archive.services.stamping.token import Refusal, Tokens
from archive.services.stamping.work import Outcome, renew_subject, stamp_subject

_WRITTEN_AT_ONCE = 1000
_LOOKED_AT = 50
_FIRST_WAIT = dt.timedelta(minutes=1)
_WAIT_LIMIT = dt.timedelta(hours=6)
_DOUBLINGS_LIMIT = 20

_log = logging.getLogger(__name__)


@dataclass
class StampRun:
    """What came of a run: subjects that have all that was wanted, tokens got, and refusals.

    `wanting` counts the subjects that have less than was wanted.
    """

    done: list[str] = field(default_factory=list)
    wanting: int = 0
    tokens: int = 0
    refusals: list[tuple[str, Refusal]] = field(default_factory=list)

    def add(self, subject: str, outcome: Outcome) -> None:
        """Count what came of one subject."""
        self.tokens += outcome.tokens
        self.refusals += [(subject, one) for one in outcome.refusals]
        if outcome.left is None:
            self.done.append(subject)
        else:
            self.wanting += 1

    def to_json(self, left: Tally) -> JsonValue:
        """The run as the outside sees it, and what is left to do."""
        return {
            "stamped": self.done,
            "tokens": self.tokens,
            "refused": [
                {
                    "subject": subject,
                    "authority": one.authority,
                    "code": one.code,
                    "detail": one.detail,
                }
                for subject, one in self.refusals
            ],
            "pending": pending_json(left),
        }


def pending_json(left: Tally) -> JsonValue:
    """What is due, counted, as the outside sees it."""
    return {"due": left.due, "tried": left.tried, "codes": dict(left.codes)}


def pending(archive: Archive) -> Tally:
    """What is due, counted; what was captured since the last run included."""
    if not archive.database.is_read_only:
        _write_down(archive)
    with archive.database.reading() as connection:
        return stamps.tally(connection)


def stamp(archive: Archive, names: Sequence[str], role: str = STAMP) -> StampRun:
    """Get tokens for these captures now, or renew those that they have.

    Raises NotFound for an ID that is none here, SettingsError when no authority is named,
    MalformedEvidence, StorageError, CatalogError.
    """
    tokens = tokens_for(archive)
    for name in names:
        subject_of(archive, name)
    now = rfc3339(archive.clock.now())
    with archive.database.writing() as connection:
        stamps.put_due(connection, names, role, now)
    run = StampRun()
    for name in names:
        due = _claimed(archive, name)
        if due is not None:
            _work(archive, tokens, due, run)
    return run


def stamp_all(
    archive: Archive,
    check: Callable[[], None],
    tokens: Tokens | None = None,
    checkpoint_pause_seconds: int = 0,
) -> StampRun:
    """Get tokens for everything that is due, until nothing is or no authority answers.

    `check` is called before each subject, and may raise to end the run. A checkpoint is taken up
    so long after the last one at the earliest. Raises SettingsError when no authority is named,
    MalformedEvidence, StorageError, CatalogError.
    """
    tokens = tokens or tokens_for(archive)
    _write_down(archive, checkpoint_pause_seconds)
    run = StampRun()
    while tokens.is_any_left:
        check()
        due = _claimed(archive)
        if due is None:
            break
        _work(archive, tokens, due, run)
    return run


def is_any_due(archive: Archive, checkpoint_pause_seconds: int) -> bool:
    """Whether there is something to ask for now; no authority and no store is asked."""
    _write_down(archive, checkpoint_pause_seconds)
    with archive.database.reading() as connection:
        return bool(stamps.next_due(connection, rfc3339(archive.clock.now()), 1))


def make_all_due(archive: Archive) -> None:
    """Let everything on the list be tried at the next run, however short ago it was refused."""
    with archive.database.writing() as connection:
        stamps.make_due_now(connection, rfc3339(archive.clock.now()))


def tokens_for(archive: Archive) -> Tokens:
    """The authorities to ask. Raises SettingsError when the settings name none."""
    if not archive.timestamping.authorities:
        raise SettingsError("no authority for time is named: set timestamping.urls")
    return Tokens(archive)


def _write_down(archive: Archive, checkpoint_pause_seconds: int = 0) -> None:
    """Note what was recorded since, and what is to be renewed by now."""
    wanted, now = archive.timestamping, archive.clock.now()
    if not wanted.authorities:
        return
    count = _WRITTEN_AT_ONCE if wanted.tokens else 0
    while count == _WRITTEN_AT_ONCE:
        with archive.database.writing() as connection:
            count = stamps.add_due_captures(
                connection, rfc3339(now), wanted.tokens, _WRITTEN_AT_ONCE
            )
    _write_down_checkpoint(archive, now, checkpoint_pause_seconds)
    before = rfc3339(now + wanted.renew_before)
    with archive.database.reading() as connection:
        found = time_tokens.subjects_to_renew(connection, rfc3339(now), before, _WRITTEN_AT_ONCE)
    if found:
        with archive.database.writing() as connection:
            stamps.add_due(connection, found, RENEW, rfc3339(now))


def _write_down_checkpoint(archive: Archive, now: dt.datetime, pause_seconds: int) -> None:
    """Note the newest checkpoint, when its turn has come since the last one that was stamped."""
    seconds = archive.timestamping.checkpoint_seconds
    if seconds is None:
        return
    with archive.database.reading() as connection:
        head = log.log_head_of(connection)
        last = time_tokens.last_stamped(connection)
    if head is None or not head.published or (last and last.checkpoint_size == head.published):
        return
    if last and (now - parse_rfc3339(last.gen_time)).total_seconds() < max(seconds, pause_seconds):
        return
    with archive.database.writing() as connection:
        stamps.add_due_checkpoint(connection, head.published, rfc3339(now))


def _claimed(archive: Archive, subject: str | None = None) -> Due | None:
    """A subject that is due and in nobody's hands, taken in hand; None when there is none."""
    now = archive.clock.now()
    with archive.database.writing() as connection:
        for due in stamps.next_due(connection, rfc3339(now), _LOOKED_AT, subject):
            is_free = due.owner is None or _is_left(due, now)
            if is_free and stamps.claim(connection, due, this_process(), rfc3339(now)):
                return due
    return None


def _is_left(due: Due, now: dt.datetime) -> bool:
    claim = Reservation(ASSERTION, 0, due.owner or "", due.claimed_at or due.next_at)
    return is_gone(claim, now)


def _work(archive: Archive, tokens: Tokens, due: Due, run: StampRun) -> None:
    """Get what can be had for a subject, and write down what is left to do."""
    try:
        outcome = _outcome(archive, tokens, due)
    except BaseException:
        archive.owed.give_back(archive.database, lambda connection: stamps.put_off(connection, due))
        raise
    _write_off(archive, due, outcome.left)
    run.add(due.subject, outcome)


def _outcome(archive: Archive, tokens: Tokens, due: Due) -> Outcome:
    try:
        subject = subject_of(archive, due.subject)
        deed = renew_subject if due.role == RENEW else stamp_subject
        return deed(archive, tokens, subject)
    except NotFound as error:
        _log.warning("%s was to be stamped and is no record: %s", due.subject, error)
        return Outcome()
    except (MalformedEvidence, StorageError) as error:
        refusal = Refusal("", error.code, str(error))
        return Outcome(refusals=(refusal,), left=refusal)


def _write_off(archive: Archive, due: Due, left: Refusal | None) -> None:
    def note(connection: Connection) -> None:
        if left is None:
            stamps.settle(connection, due.subject)
        else:
            stamps.put_off(connection, _later(due, left, archive.clock.now()))

    archive.database.insist(archive.database.appending, note)


def _later(due: Due, refusal: Refusal, now: dt.datetime) -> Due:
    name = f"{refusal.authority}: " if refusal.authority else ""
    wait = min(_WAIT_LIMIT, _FIRST_WAIT * 2 ** min(due.tries, _DOUBLINGS_LIMIT))
    return replace(
        due,
        tries=due.tries + 1,
        next_at=rfc3339(now + wait),
        code=refusal.code,
        detail=f"{name}{refusal.detail}",
    )
