# SPDX-License-Identifier: Apache-2.0
"""DBOS behind two small classes: the one file that knows it.

A workflow of DBOS is one run of a job, and is named `<job ID>.<run>`; its only input is that name.
Everything else about a job is in our own tables, so that DBOS is asked for one thing: that a run
which was begun is begun again until it has ended. What we hold fixed, since its defaults differ:
the version (it recovers runs of the same version only, and defaults to a hash of the code), the
executor's ID, JSON instead of pickles, and silence (no console, no open port, no advertisement).
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence

import dbos
from sqlalchemy.engine import Connection

from archive.errors import JobsError
from archive.jobs.base import Queue
from archive.jobs.database import JobsDatabase, plain_engine, translated
from archive.jobs.tables import SCHEMA

_APPLICATION = "muniment"
_VERSION = "1"  # of what a workflow's input means; a new one never runs what an older one asked
_WORKFLOW = "job"
_POLLING_SECONDS = 0.05
_SERIALIZER = dbos.DBOSPortableJSONSerializer()
_UNFINISHED = ["PENDING", "ENQUEUED", "DELAYED"]
_PAGE = 500

logging.getLogger("dbos").setLevel(logging.WARNING)
# With a handler of its own it prints nothing by itself; ours get what it logs.
logging.getLogger("dbos").addHandler(logging.NullHandler())


class DbosClient:
    """Asks for runs, calls them off, and tells what became of them; runs nothing itself."""

    def __init__(self, database: JobsDatabase) -> None:
        _ = database.durable  # makes the file or the schema
        _migrate(database)
        self._engine = plain_engine(database.url, is_durable=False)
        self._client = dbos.DBOSClient(
            system_database_engine=self._engine,
            dbos_system_schema=SCHEMA,
            serializer=_SERIALIZER,
            application_name=_APPLICATION,
            retry_connection_errors=False,
        )

    def enqueue(
        self, connection: Connection, run_name: str, queue: str, delay_seconds: float
    ) -> None:
        """Ask for a run in the caller's transaction; asked for again it changes nothing."""
        options: dbos.EnqueueOptions = {
            "workflow_name": _WORKFLOW,
            "queue_name": queue,
            "workflow_id": run_name,
            "app_version": _VERSION,
        }
        if delay_seconds > 0:
            options["delay_seconds"] = delay_seconds
        self._client.enqueue_in_transaction(connection, options, run_name)

    def cancel(self, run_name: str) -> None:
        """Have a run not begun, or not begun again."""
        with translated():
            self._client.cancel_workflow(run_name)

    def unfinished(self, run_names: Sequence[str]) -> set[str]:
        """Those of the runs that DBOS still means to begin or to see ended."""
        with translated():
            found = self._client.list_workflows(
                workflow_ids=list(run_names),
                status=_UNFINISHED,
                load_input=False,
                load_output=False,
            )
        return {item.workflow_id for item in found}

    def begun(self) -> Iterator[tuple[str, str, str]]:
        """Name, queue and executor of every run that was begun and has not ended."""
        with translated():
            found = self._client.list_workflows(
                status="PENDING", load_input=False, load_output=False
            )
        for item in found:
            yield item.workflow_id, item.queue_name or "", item.executor_id or ""

    def resume(self, run_names: Sequence[str], queue: str) -> None:
        """Have runs begun again, by whichever executor comes first."""
        with translated():
            self._client.resume_workflows(list(run_names), queue_name=queue)

    def forget(self, run_names: Sequence[str]) -> None:
        """Drop what is kept about runs that have ended."""
        with translated():
            for start in range(0, len(run_names), _PAGE):
                self._client.delete_workflows(list(run_names[start : start + _PAGE]))

    def close(self) -> None:
        """Let go of connections."""
        self._client.destroy()
        self._engine.dispose()


class DbosExecutor:
    """Begins runs in this process. There can be one in a process at a time."""

    def __init__(self, database: JobsDatabase, executor_id: str, threads: int) -> None:
        _ = database.durable
        _migrate(database)
        self._engine = plain_engine(database.url, is_durable=False)
        dbos.DBOS(
            config={
                "name": _APPLICATION,
                "system_database_url": database.url.render_as_string(hide_password=False),
                "system_database_engine": self._engine,
                "dbos_system_schema": SCHEMA,
                "application_version": _VERSION,
                "executor_id": executor_id,
                "serializer": _SERIALIZER,
                "use_listen_notify": False,
                "run_migrations": False,
                "enable_otlp": False,
                "log_level": "WARNING",
                "max_executor_threads": threads,
            }
        )

    def start(self, queues: Collection[Queue], run: Callable[[str], None]) -> None:
        """Begin what the queues hold, and what this executor left unfinished when it died."""

        @dbos.DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=None)
        def job(run_name: str) -> None:
            run(run_name)

        dbos.DBOS.listen_queues([queue.name for queue in queues])
        with translated():
            dbos.DBOS.launch()
            for queue in queues:
                dbos.DBOS.register_queue(
                    queue.name,
                    worker_concurrency=queue.slots,
                    limiter=_limiter(queue),
                    polling_interval_sec=_POLLING_SECONDS,
                    on_conflict="always_update",
                )

    def stop(self, seconds: int) -> None:
        """Begin nothing more, and wait at most so long for what runs."""
        dbos.DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=seconds)
        self._engine.dispose()


def _limiter(queue: Queue) -> dbos._queue.QueueRateLimit | None:
    if queue.started_limit is None:
        return None
    return {"limit": queue.started_limit, "period": queue.period_seconds}


def _migrate(database: JobsDatabase) -> None:
    try:
        with translated():
            dbos.DBOS.migrate(database.url.render_as_string(hide_password=False), schema=SCHEMA)
    except dbos.error.DBOSException as error:
        raise JobsError(f"the jobs database cannot be prepared: {error}") from error
