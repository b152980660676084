# SPDX-License-Identifier: Apache-2.0
"""What the doctor says of authorities for time: each thing that can be wrong with them."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.archives import minted, new_archive, page, published, settings_at
from support.origin import Origin
from support.stamping import TimeServer, bad_moods, trusting

from archive.bootstrap import Stand, diagnose
from archive.clock import FixedClock
from archive.services.doctor.diagnosis import Diagnosis, State
from archive.services.stamping.stamp import stamp_all
from archive.settings import Settings


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TimeServer]:
    with TimeServer(tmp_path / "tsa") as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, server: TimeServer) -> Settings:
    settings = settings_at(tmp_path / "data", MUNIMENT_TIMESTAMPING_URLS=server.setting)
    archive = new_archive(settings)
    trusting(archive, settings, server)
    archive.close()
    return settings


def says(settings: Settings, clock: dt.datetime | None = None) -> dict[str, Diagnosis]:
    """The lines about time, by their checks."""
    found = diagnose(
        data=settings.data,
        environment={
            "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
            "MUNIMENT_TIMESTAMPING_URLS": " ".join(settings.timestamping.urls),
            "MUNIMENT_TIMESTAMPING_TIMEOUT_SECONDS": "1",
        },
        stand=Stand(FixedClock(clock)) if clock else None,
    )
    return {one.check: one for one in found if one.check.startswith("authorities.")}


def test_authority_that_is_well(settings: Settings) -> None:
    found = says(settings)
    assert {name: one.state for name, one in found.items()} == {
        "authorities.tokens": State.OK,
        "authorities.clock": State.OK,
        "authorities.pending": State.OK,
    }


def test_archive_that_asks_nobody(tmp_path: Path) -> None:
    settings = settings_at(tmp_path / "none")
    new_archive(settings).close()
    found = says(settings)
    assert [(one.state, "alone" in one.found) for one in found.values()] == [(State.OK, True)]


@pytest.mark.parametrize(
    ("mood", "state"),
    [("down", State.UNKNOWN), ("html", State.FAIL), ("other root", State.FAIL)],
)
def test_authority_that_gives_nothing_that_counts(
    settings: Settings, server: TimeServer, mood: str, state: State
) -> None:
    server.mood, _ = bad_moods(server)[mood]
    found = says(settings)["authorities.tokens"]
    assert found.state is state
    assert "own" in found.found or "127.0.0.1" in found.found
    assert found.mend


def test_authority_that_the_keyset_does_not_list(tmp_path: Path, server: TimeServer) -> None:
    settings = settings_at(tmp_path / "none", MUNIMENT_TIMESTAMPING_URLS=server.setting)
    new_archive(settings).close()
    found = says(settings)["authorities.tokens"]
    assert found.state is State.FAIL
    assert "`muniment keys authority add own" in found.mend
    assert server.asked == 0


@pytest.mark.parametrize("minutes", [-90, -3, 3, 90])
def test_clock_that_disagrees_with_the_authority(settings: Settings, minutes: int) -> None:
    clock = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)
    found = says(settings, clock)
    assert found["authorities.clock"].state is State.FAIL
    assert "timedatectl" in found["authorities.clock"].mend


def test_what_was_refused_is_a_warning(
    settings: Settings, server: TimeServer, origin: Origin
) -> None:
    from archive.bootstrap import open_archive

    archive = open_archive(settings)
    try:
        origin.page("/terms", page())
        minted(archive, origin.url("/terms"))
        published(archive)
        server.mood, _ = bad_moods(server)["other policy"]
        stamp_all(archive, lambda: None)
    finally:
        archive.close()
    server.mood = server.good
    found = says(settings)["authorities.pending"]
    assert (found.state, "TS_POLICY" in found.found) == (State.WARN, True)
    assert found.mend == "run `muniment stamp`"
