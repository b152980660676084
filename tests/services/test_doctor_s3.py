# SPDX-License-Identifier: Apache-2.0
"""The doctor at a store in S3: a real server, and one with the faults that real ones have."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import boto3.session
import pytest
from support.archives import closed_port
from support.s3_fault import faulty_s3

from archive.bootstrap import Stand, diagnose, init_archive, open_archive
from archive.clock import UTC, FixedClock
from archive.errors import StorageRefused, StorageUnavailable
from archive.services.doctor.diagnosis import Diagnosis, State
from archive.services.upkeep.probe import probe
from archive.settings import load_settings
from archive.storage.base import Examinable, Writing
from archive.storage.memory import MemoryStore
from archive.storage.s3 import S3Store

pytest_plugins = ("support.seaweed",)

KEY = "trust/keyset/1.00000000.dsse.json"


def looked_at(
    environment: dict[str, str], clock: dt.datetime | None = None
) -> dict[str, Diagnosis]:
    found = diagnose(None, None, environment, Stand(FixedClock(clock)) if clock else None)
    return {item.check: item for item in found}


@pytest.fixture
def environment(tmp_path: Path, s3_endpoint: str, new_bucket: Callable[..., str]) -> dict[str, str]:
    chosen = {
        "MUNIMENT_DATA": str(tmp_path / "data"),
        "MUNIMENT_STORE_URL": f"s3://{new_bucket(versioned=True)}/archive",
        "MUNIMENT_STORE_ENDPOINT": s3_endpoint,
    }
    init_archive(load_settings(environment=chosen))[0].close()
    return chosen


def versions(environment: dict[str, str]) -> list[tuple[str, str]]:
    client = boto3.session.Session().client(
        "s3", endpoint_url=environment["MUNIMENT_STORE_ENDPOINT"], region_name="us-east-1"
    )
    bucket = environment["MUNIMENT_STORE_URL"].split("/")[2]
    answer = client.list_object_versions(Bucket=bucket)
    client.close()
    return sorted((item["Key"], item["VersionId"]) for item in answer["Versions"])


def test_a_store_that_is_well_is_asked_without_a_trace(environment: dict[str, str]) -> None:
    before = versions(environment)
    found = looked_at(environment)
    assert {
        name: found[name].state for name in ("store.reachable", "store.writable", "clock.store")
    } == dict.fromkeys(("store.reachable", "store.writable", "clock.store"), State.OK)
    assert versions(environment) == before


def test_a_clock_that_differs_from_the_servers(environment: dict[str, str]) -> None:
    later = dt.datetime.now(UTC) + dt.timedelta(minutes=5)
    found = looked_at(environment, clock=later)["clock.store"]
    assert found.state is State.FAIL
    assert "timedatectl" in found.mend
    assert looked_at(environment, dt.datetime.now(UTC))["clock.store"].state is State.OK


def test_a_server_that_is_away_and_credentials_that_are_wrong(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {**environment, "MUNIMENT_STORE_ENDPOINT": f"http://127.0.0.1:{closed_port()}"}
    found = looked_at(away)
    assert found["store.reachable"].state is State.FAIL
    assert "start the server" in found["store.reachable"].mend
    assert found["clock.store"].state is State.UNKNOWN
    with monkeypatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        found = looked_at(environment)
        assert found["store.reachable"].state is State.FAIL
        assert "right to list and read" in found["store.reachable"].mend
        # The refusal carries the server's time all the same.
        assert found["clock.store"].state is State.OK
    assert looked_at(environment)["store.reachable"].state is State.OK


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.mark.parametrize(
    ("conditional", "seen"),
    [
        ("honoured", Writing.CREATES_ONLY),
        ("ignored", Writing.OVERWRITES),
        ("unsupported", Writing.UNKNOWN),
    ],
)
def test_what_a_server_does_with_a_conditional_write_is_seen(
    credentials: None, conditional: str, seen: Writing
) -> None:
    with faulty_s3() as server:
        server.objects[f"bucket/{KEY}"] = b"keyset"
        server.conditional = conditional
        store = S3Store("bucket", "", server.endpoint)
        assert store.check_writable(KEY) is seen
        assert server.objects == {f"bucket/{KEY}": b"keyset"}
        store.close()


def test_a_store_that_may_only_be_read_is_told_apart(credentials: None) -> None:
    with faulty_s3() as server:
        server.objects[f"bucket/{KEY}"] = b"keyset"
        server.refused_methods = {"PUT": (403, "AccessDenied")}
        store = S3Store("bucket", "", server.endpoint)
        with pytest.raises(StorageRefused):
            store.check_writable(KEY)
        server.refused_methods = {"PUT": (503, "SlowDown")}
        with pytest.raises(StorageUnavailable):
            store.check_writable(KEY)
        store.close()


def test_a_server_without_a_date_has_no_clock(credentials: None) -> None:
    with faulty_s3() as server:
        store = S3Store("bucket", "", server.endpoint)
        # The head of the bucket itself is answered 404, with a date as every answer has one.
        stated = store.server_time()
        assert stated is not None
        assert abs(stated - dt.datetime.now(UTC)) < dt.timedelta(minutes=1)
        server.date = ""
        assert store.server_time() is None
        server.date = "the day before yesterday"
        assert store.server_time() is None
        store.close()


def test_which_stores_can_be_asked(tmp_path: Path) -> None:
    assert not isinstance(MemoryStore(), Examinable)


def test_a_lock_that_is_set_and_not_promised_is_said_and_a_probe_mends_it(
    tmp_path: Path, s3_endpoint: str, new_bucket: Callable[..., str]
) -> None:
    free = {
        "MUNIMENT_DATA": str(tmp_path / "data"),
        "MUNIMENT_STORE_URL": f"s3://{new_bucket(locked=True)}/archive",
        "MUNIMENT_STORE_ENDPOINT": s3_endpoint,
    }
    locked = {**free, "MUNIMENT_STORE_LOCK": "governance", "MUNIMENT_STORE_LOCK_DAYS": "1"}
    init_archive(load_settings(environment=free))[0].close()
    assert looked_at(free)["lock.promise"].state is State.OK
    for settings, other in ((locked, free), (free, locked)):
        found = looked_at(settings)["lock.promise"]
        assert (found.state, "muniment probe" in found.mend) == (State.FAIL, True)
        archive = open_archive(load_settings(environment=settings))
        probe(archive)
        archive.close()
        assert looked_at(settings)["lock.promise"].state is State.OK
        assert looked_at(other)["lock.promise"].state is State.FAIL
