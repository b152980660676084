# SPDX-License-Identifier: Apache-2.0
"""Works: every kind of job, over one archive, until it is told to stop."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from archive.catalog import requests
from archive.errors import MunimentError, SettingsError
from archive.jobs.base import Queue
from archive.jobs.durable import DurableJobs
from archive.jobs.worker import Worker, WorkerSettings
from archive.services.capturing.desk import CaptureDesk, Patience
from archive.services.context import Archive
from archive.services.custody import sign_waiting
from archive.services.jobs.handlers import Workshop, all_handlers
from archive.services.jobs.schedule import Scheduled, keep_schedule
from archive.services.log.publishing import publish_pending
from archive.services.stamping.round import StampRound

_PATIENCE_SECONDS = 2.0

_log = logging.getLogger(__name__)


class JobsWorker:
    """The worker of one process, for the queues that it is given."""

    def __init__(
        self,
        archive: Archive,
        stop: threading.Event,
        settings: WorkerSettings,
        queues: Sequence[Queue],
        schedule: Sequence[Scheduled] = (),
    ) -> None:
        self._schedule = schedule
        self._archive = archive
        self._stop = stop
        self._settings = settings
        self._queues = queues

    def run(self) -> bool:
        """Work until told to stop; whether all that ran had ended within the grace time.

        Raises SettingsError, JobsError; what goes wrong with a job is that job's own problem.
        """
        jobs = self._archive.jobs
        if not isinstance(jobs, DurableJobs):
            raise SettingsError("the archive has no jobs database")
        keep_schedule(jobs, self._archive.clock, self._schedule)
        worker = Worker(jobs, self._archive.clock, self._settings, self._forget_requests)
        with (
            CaptureDesk(self._archive) as desk,
            self._beside("custody", self._sign_custody),
            self._beside("log", self._publish_pending),
            self._beside("stamps", StampRound(self._archive, self._stop).go),
        ):
            shop = Workshop(self._archive, desk, Patience(_PATIENCE_SECONDS, self._stop))
            handlers = {
                kind: partial(handler.run, shop) for kind, handler in all_handlers().items()
            }
            return worker.run(self._queues, handlers, self._stop)

    @contextlib.contextmanager
    def _beside(self, name: str, deed: Callable[[], None]) -> Iterator[None]:
        """While the block runs, do a small deed again and again, in a thread of its own."""
        ended = threading.Event()

        def work() -> None:
            while not ended.wait(self._settings.beat_seconds):
                try:
                    deed()
                except MunimentError as error:
                    # Nothing is lost: what there is to do waits for the next time, or for others.
                    _log.warning("%s: %s: %s", name, error.code, error)

        thread = threading.Thread(target=work, name=name)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _sign_custody(self) -> None:
        """Custody events that wait for a process with the signing key are signed."""
        sign_waiting(self._archive)

    def _publish_pending(self) -> None:
        """What processes without the log's key logged, or died before they published it."""
        publish_pending(self._archive)

    def _forget_requests(self, job_ids: Sequence[str]) -> None:
        with self._archive.database.writing() as connection:
            for job_id in job_ids:
                requests.forget_under(connection, f"{job_id}/")
