# SPDX-License-Identifier: Apache-2.0
"""The content of a probe statement: what is written is read, and nothing else is."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from archive.errors import MalformedStatement, SettingsError
from archive.model.lock import LockPromise
from archive.model.probe import LockCapabilities, ProbeResult, StoreCapabilities
from archive.settings import load_settings

EVERY = LockCapabilities(
    retention_kept=True,
    delete_refused=True,
    shorten_refused=True,
    governance_kept=True,
    hold_kept=True,
)
SEEN = StoreCapabilities(
    create_only=True, checksum_refused=False, versioned=True, parts_create_only=False, lock=EVERY
)
PROBE = ProbeResult(
    "s3://bucket/archive",
    "2026-11-27T10:00:00.000000Z",
    LockPromise("compliance", 3650),
    SEEN,
)


@pytest.mark.parametrize(
    "probe",
    [
        PROBE,
        replace(PROBE, promise=None),
        replace(PROBE, seen=replace(SEEN, lock=None)),
        replace(PROBE, seen=replace(SEEN, lock=replace(EVERY, hold_kept=False))),
        replace(PROBE, seen=replace(SEEN, lock=replace(EVERY, delete_refused=None))),
    ],
)
def test_what_is_written_is_read(probe: ProbeResult) -> None:
    assert ProbeResult.from_json(probe.to_json()) == probe


def without(path: str) -> dict[str, Any]:
    value: dict[str, Any] = copy.deepcopy(PROBE.to_json())
    *folders, last = path.split(".")
    inner = value
    for folder in folders:
        inner = inner[folder]
    del inner[last]
    return value


def having(path: str, changed: Any) -> dict[str, Any]:
    value: dict[str, Any] = copy.deepcopy(PROBE.to_json())
    *folders, last = path.split(".")
    inner = value
    for folder in folders:
        inner = inner[folder]
    inner[last] = changed
    return value


BAD = {
    "no promise": without("promise"),
    "no lock": without("observed.lock"),
    "no hold": without("observed.lock.hold_kept"),
    "another version": having("v", 2),
    "unknown member": having("more", 1),
    "unknown observation": having("observed.more", True),
    "unknown lock": having("observed.lock.more", True),
    "unknown in promise": having("promise.more", True),
    "retention not told": having("observed.lock.retention_kept", None),
    "number for a flag": having("observed.create_only", 1),
    "unknown level": having("promise.level", "none"),
    "no days": having("promise.days", 0),
    "too many days": having("promise.days", 36_501),
    "days as a flag": having("promise.days", True),
    "no time": having("at", "yesterday"),
    "store as a number": having("store", 1),
}


@pytest.mark.parametrize("value", list(BAD.values()), ids=list(BAD))
def test_anything_else_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(MalformedStatement):
        ProbeResult.from_json(value)


@pytest.mark.parametrize("lacking", ["retention_kept", "governance_kept", "hold_kept"])
@pytest.mark.parametrize("level", ["governance", "compliance"])
def test_a_promise_is_not_kept_by_a_store_that_lacks_what_every_level_needs(
    level: str, lacking: str
) -> None:
    lock = replace(EVERY, **{lacking: False})
    probe = ProbeResult("s3://b", PROBE.at, LockPromise(level, 1), replace(SEEN, lock=lock))
    assert probe.is_kept is False


@pytest.mark.parametrize("lacking", ["delete_refused", "shorten_refused"])
def test_compliance_needs_more_than_governance(lacking: str) -> None:
    seen = replace(SEEN, lock=replace(EVERY, **{lacking: False}))
    assert not replace(PROBE, seen=seen).is_kept
    assert replace(PROBE, seen=seen, promise=LockPromise("governance", 1)).is_kept


@pytest.mark.parametrize("untold", ["delete_refused", "governance_kept", "hold_kept"])
def test_what_could_not_be_told_is_no_kept_promise_and_no_broken_one(untold: str) -> None:
    lock = replace(EVERY, **{untold: None})
    assert replace(PROBE, seen=replace(SEEN, lock=lock)).is_kept is None
    worse = replace(lock, retention_kept=False)
    assert replace(PROBE, seen=replace(SEEN, lock=worse)).is_kept is False


def test_no_promise_is_kept_by_any_store() -> None:
    probe = replace(PROBE, promise=None, seen=StoreCapabilities(False, False, False))
    assert probe.is_kept
    assert PROBE.is_kept
    assert not replace(PROBE, seen=replace(SEEN, lock=None)).is_kept


@pytest.mark.parametrize(
    ("name", "value"),
    [("LOCK", "yes"), ("LOCK", "COMPLIANCE"), ("LOCK_DAYS", "0"), ("LOCK_DAYS", "36501")],
)
def test_a_lock_that_cannot_be_meant_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=r"store\.lock"):
        load_settings(environment={f"MUNIMENT_STORE_{name}": value})


def test_the_lock_of_the_settings_is_the_promise() -> None:
    assert load_settings(environment={}).store.promise is None
    env = {"MUNIMENT_STORE_LOCK": "governance", "MUNIMENT_STORE_LOCK_DAYS": "30"}
    assert load_settings(environment=env).store.promise == LockPromise("governance", 30)
