# SPDX-License-Identifier: Apache-2.0
"""Durable groups out of looks that many threads make at the same time.

While one group is being recorded, the looks that finish wait; together they are the next group.
So an idle worker records each look at once, and a busy one pays one sync for up to sixteen.
"""

import queue
import threading
import time
import types
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Self

from archive.services.capturing.capture import GROUP_SIZE, CaptureResult, record_group
from archive.services.capturing.container import Looked
from archive.services.context import Archive, SigningKey, signing_key
from archive.services.trust import trusted_keyset

_KEY_SECONDS = 60.0

_Waiting = tuple[Looked, "Future[CaptureResult]"]


class GroupCommit:
    """Records looks in a thread of its own, in the order in which they are handed over."""

    def __init__(self, archive: Archive, group_size: int = GROUP_SIZE) -> None:
        self._archive = archive
        self._group_size = group_size
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._key: tuple[float, SigningKey] | None = None
        self._thread = threading.Thread(target=self._record_all, name="group-commit", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.close()

    def record(self, looked: Looked) -> "Future[CaptureResult]":
        """The result to come: durable when it is there. Raises then what `record_group` raises."""
        result: Future[CaptureResult] = Future()
        self._waiting.put((looked, result))
        return result

    def close(self) -> None:
        """Record what was handed over, and end."""
        self._waiting.put(None)
        self._thread.join()

    def _record_all(self) -> None:
        while (first := self._waiting.get()) is not None:
            group, is_last = [first], False
            while len(group) < self._group_size and not is_last:
                try:
                    found = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if found is None:
                    is_last = True
                else:
                    group.append(found)
            self._record(group)
            if is_last:
                return

    def _record(self, group: Sequence[_Waiting]) -> None:
        try:
            key = self._signing_key()
            results = record_group(self._archive, key, [looked for looked, _ in group])
        except BaseException as error:  # noqa: BLE001 - each waiting thread raises it
            for _, waiting in group:
                waiting.set_exception(error)
            return
        for (_, waiting), result in zip(group, results, strict=True):
            waiting.set_result(result)

    def _signing_key(self) -> SigningKey:
        # A long-lived worker must notice within a minute that the key was rotated or has ended.
        if self._key is None or time.monotonic() > self._key[0]:
            key = signing_key(self._archive, trusted_keyset(self._archive))
            self._key = (time.monotonic() + _KEY_SECONDS, key)
        return self._key[1]
