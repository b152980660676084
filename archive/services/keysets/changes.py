# SPDX-License-Identifier: Apache-2.0
"""What may change from one keyset version to the next: each change is a function of its own.

A change takes a keyset and gives another one; who signs it, and when, is not its matter. Each
raises InputError when what it asks for is already so, or cannot be.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace

from archive.errors import InputError, MalformedKeyset
from archive.proofs.keys import PublicKey
from archive.proofs.keyset import (
    ACTIVE,
    LOG,
    MANIFEST,
    RETIRED,
    REVOKED,
    Keyset,
    KeysetKey,
)
from archive.proofs.keyset_trust import Authority, TrustedLog, Witnesses
from archive.proofs.note import VerifierKey
from archive.services.keysets.make import (
    LOG_DAYS,
    MANIFEST_DAYS,
    TRIAL_DAYS,
    UNDER_WAY,
    new_keyset_key,
)

Change = Callable[[Keyset, dt.datetime], Keyset]
"""A keyset and the time now, to the keyset that is wanted."""


def rotated(key: PublicKey, days: int | None = None) -> Change:
    """Another manifest key signs, for so many days, and those before it are retired."""
    if days is not None and not 1 <= days <= TRIAL_DAYS:
        raise InputError(f"a key signs for 1 to {TRIAL_DAYS} days")

    def change(keyset: Keyset, now: dt.datetime) -> Keyset:
        span = days or (TRIAL_DAYS if keyset.is_development else MANIFEST_DAYS)
        if key.keyid in keyset.keys:
            raise InputError(f"key {key.keyid} stands in the keyset already")
        keys = {
            keyid: _ended(item, RETIRED, now, "replaced")
            if item.role == MANIFEST and item.state == ACTIVE
            else item
            for keyid, item in keyset.keys.items()
        }
        return replace(keyset, keys={**keys, key.keyid: new_keyset_key(key, MANIFEST, now, span)})

    return change


def with_log(log: TrustedLog, key: PublicKey) -> Change:
    """The archive has this log from now on: it has one, whose files lie under one prefix."""

    def change(keyset: Keyset, now: dt.datetime) -> Keyset:
        if keyset.logs:
            raise InputError("the archive has its log already")
        keys = {**keyset.keys, key.keyid: new_keyset_key(key, LOG, now, LOG_DAYS)}
        return replace(keyset, keys=keys, logs=(*keyset.logs, log))

    return change


def retired(keyid: str, reason: str, *, ends_log: bool = False) -> Change:
    """The key signs nothing more; what it signed stays good. That of the log ends the log."""

    def change(keyset: Keyset, now: dt.datetime) -> Keyset:
        item = _endable(keyset, keyid, ends_log=ends_log)
        if item.state != ACTIVE:
            raise InputError(f"key {keyid} is {item.state} already")
        return _with_key(keyset, _ended(item, RETIRED, now, reason))

    return change


def revoked(keyid: str, since: dt.datetime, reason: str, *, ends_log: bool = False) -> Change:
    """What the key signed from then on is good for nothing, and what others cannot date before.

    A revocation may be dated back further by another one, and never forward. That of the key of
    the log ends the log, and takes all its checkpoints with it.
    """

    def change(keyset: Keyset, now: dt.datetime) -> Keyset:
        item = _endable(keyset, keyid, ends_log=ends_log)
        if item.invalid_since is not None and since >= item.invalid_since:
            raise InputError(
                f"key {keyid} is revoked as of {item.invalid_since:%Y-%m-%d %H:%M:%S} UTC "
                "already: only an earlier time changes that"
            )
        if since > now + UNDER_WAY:
            raise InputError("a key is revoked as of a time that has come, not of one to come")
        ended = _ended(item, REVOKED, now, reason)
        return _with_key(keyset, replace(ended, invalid_since=since))

    return change


def with_roots(roots: Sequence[PublicKey], threshold: int, *, is_development: bool) -> Change:
    """These root keys sign keysets from now on, so many of them each time."""
    check_threshold(len(roots), threshold)

    def change(keyset: Keyset, _now: dt.datetime) -> Keyset:
        chosen = {key.keyid: key for key in roots}
        if (chosen.keys(), threshold) == (keyset.roots.keys(), keyset.threshold):
            raise InputError("these are the root keys already")
        return replace(keyset, roots=chosen, threshold=threshold, is_development=is_development)

    return change


def check_threshold(roots: int, threshold: int) -> None:
    """Raise InputError unless that many of so many root keys are a majority of them.

    With less, two groups that share nobody could each sign a keyset of the same number.
    """
    if not roots // 2 < threshold <= roots:
        raise InputError(
            f"{threshold} of {roots} root keys will not do: name more than half of them, such as "
            "2 of 3"
        )


def with_witness(witness: VerifierKey) -> Change:
    """This witness is listed too."""

    def change(keyset: Keyset, _now: dt.datetime) -> Keyset:
        witnesses = keyset.witnesses
        if witness in witnesses.keys:
            raise InputError(f"witness {witness.name} is listed already")
        more = Witnesses(witnesses.quorum, (*witnesses.keys, witness))
        return replace(keyset, witnesses=more)

    return change


def without_witness(name: str) -> Change:
    """This witness is listed no more; a quorum that cannot be reached then is refused."""

    def change(keyset: Keyset, _now: dt.datetime) -> Keyset:
        witnesses = keyset.witnesses
        left = tuple(witness for witness in witnesses.keys if witness.name != name)
        if left == witnesses.keys:
            raise InputError(f"no witness {name} is listed")
        if witnesses.quorum > len(left):
            raise InputError(
                f"{witnesses.quorum} witnesses are asked for, and {len(left)} would be left: set "
                "the quorum first"
            )
        return replace(keyset, witnesses=replace(witnesses, keys=left))

    return change


def with_quorum(quorum: int) -> Change:
    """So many witnesses must have cosigned a checkpoint."""

    def change(keyset: Keyset, _now: dt.datetime) -> Keyset:
        witnesses = keyset.witnesses
        if not 0 <= quorum <= len(witnesses.keys):
            raise InputError(f"{quorum} cannot be asked of {len(witnesses.keys)} witnesses")
        if quorum == witnesses.quorum:
            raise InputError(f"the quorum is {quorum} already")
        return replace(keyset, witnesses=replace(witnesses, quorum=quorum))

    return change


def with_authority(authority: Authority) -> Change:
    """This authority is believed, by these roots and policies; one of that name is replaced."""

    def change(keyset: Keyset, _now: dt.datetime) -> Keyset:
        if authority in keyset.authorities:
            raise InputError(f"authority {authority.name} is listed so already")
        others = (item for item in keyset.authorities if item.name != authority.name)
        return replace(keyset, authorities=(*others, authority))

    return change


def without_authority(name: str) -> Change:
    """This authority's tokens are believed no more, those of the past neither."""

    def change(keyset: Keyset, _now: dt.datetime) -> Keyset:
        left = tuple(item for item in keyset.authorities if item.name != name)
        if left == keyset.authorities:
            raise InputError(f"no authority {name} is listed")
        return replace(keyset, authorities=left)

    return change


def changed(keyset: Keyset, now: dt.datetime, changes: Sequence[Change]) -> Keyset:
    """All changes, one after the other. Raises InputError."""
    for change in changes:
        keyset = change(keyset, now)
    try:
        keyset.check()
        for item in keyset.keys.values():
            item.check()
    except MalformedKeyset as error:
        raise InputError(str(error)) from error
    return keyset


def _listed(keyset: Keyset, keyid: str) -> KeysetKey:
    found = [item for item in keyset.keys.values() if item.key.keyid.startswith(keyid)]
    if len(found) != 1:
        raise InputError(f"{keyid} is the ID of {len(found)} keys: see `muniment keys list`")
    return found[0]


def _endable(keyset: Keyset, keyid: str, *, ends_log: bool) -> KeysetKey:
    item = _listed(keyset, keyid)
    if item.role == LOG and not ends_log:
        raise InputError(
            f"{item.key.keyid} is the key of the log, which ends with it, and there is no second "
            "one: say --ends-log if that is meant"
        )
    return item


def _with_key(keyset: Keyset, item: KeysetKey) -> Keyset:
    return replace(keyset, keys={**keyset.keys, item.key.keyid: item})


def _ended(item: KeysetKey, state: str, now: dt.datetime, reason: str) -> KeysetKey:
    until = min(item.valid_until, now + UNDER_WAY)
    return replace(
        item,
        state=state,
        state_at=item.state_at or now,
        reason=reason,
        valid_until=max(until, item.valid_from),
    )
