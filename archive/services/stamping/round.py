# SPDX-License-Identifier: Apache-2.0
"""Stamps what is due again and again, as a worker does beside its jobs.

It remembers between two rounds which authority is silent, so that it is not asked at each beat.
"""

import threading

from archive.errors import MalformedEvidence
from archive.services.context import Archive
from archive.services.stamping.stamp import is_any_due, stamp_all
from archive.services.stamping.token import Tokens

# Under load a checkpoint is published each second; one in a minute covers the others.
_CHECKPOINT_PAUSE_SECONDS = 60


class _Ended(Exception):
    """The worker is told to stop. Never leaves this module."""


class StampRound:
    """One worker's rounds. Without an authority in the settings a round does nothing."""

    def __init__(self, archive: Archive, stop: threading.Event) -> None:
        self._archive = archive
        self._stop = stop
        self._tokens: Tokens | None = None

    def go(self) -> None:
        """One round. Raises StorageError, CatalogError."""
        if not self._archive.timestamping.authorities or self._stop.is_set():
            return
        if self._tokens is not None and not self._tokens.is_any_left:
            return
        if not is_any_due(self._archive, _CHECKPOINT_PAUSE_SECONDS):
            return
        try:
            if self._tokens is None:
                self._tokens = Tokens(self._archive)
            self._tokens.refresh()
            stamp_all(self._archive, self._check, self._tokens, _CHECKPOINT_PAUSE_SECONDS)
        except (_Ended, MalformedEvidence):
            return  # what is wrong with the keyset, others name

    def _check(self) -> None:
        if self._stop.is_set():
            raise _Ended
