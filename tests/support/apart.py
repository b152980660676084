# SPDX-License-Identifier: Apache-2.0
"""What tests have done by processes of their own, which load these functions by name."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

from support.archives import minted

from archive.bootstrap import Stand, init_archive, open_archive, wire
from archive.clock import FixedClock, SystemClock
from archive.services import ownership
from archive.services.recovery.recover import recover
from archive.settings import Settings

LATER = dt.timedelta(seconds=ownership.LEASE_SECONDS + 1)


def init_apart(settings: Settings) -> tuple[str, bool, str | None]:
    """What the process made: the root key ID, whether it is new, the API key."""
    archive, made = init_archive(settings)
    archive.close()
    return made.root_keyid, made.is_new, made.api_key


def recover_apart(settings: Settings) -> list[str]:
    """What the process settled, when every lease has run out."""
    archive = wire(settings, Stand(FixedClock(SystemClock().now() + LATER)))
    found = recover(archive)
    archive.close()
    return [*found.adopted, *found.voided]


def capture_at_once(settings: Settings, url: str, threads: int) -> list[int]:
    """The numbers of captures of one URL by so many threads."""
    archive = open_archive(settings)
    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda _: minted(archive, url).number, range(threads)))
    finally:
        archive.close()
