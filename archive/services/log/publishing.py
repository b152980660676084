# SPDX-License-Identifier: Apache-2.0
"""Publishes what was logged, whenever something was, and never fails those who log.

What cannot be published now is pending: the store is away, a key is not here, or the log stands
still because something contradicts it. The next that can publish does so for all.
"""

import logging
from functools import partial

from archive.catalog import log as rows
from archive.catalog.log import LogHead
from archive.errors import LogForkDetected, LogStopped, MalformedEvidence, MunimentError
from archive.proofs.checkpoint import SignedCheckpoint
from archive.services.context import Archive, log_signing_key
from archive.services.log.transparency import log_of
from archive.services.log.witnesses import cosign_by, lacks_quorum
from archive.services.trust import trusted_keyset
from archive.translog.publish import add_cosignatures, publish

_log = logging.getLogger(__name__)


def publish_log(archive: Archive) -> SignedCheckpoint | None:
    """The newest checkpoint, with all that is logged; None without a log, or an empty one.

    Raises LogForkDetected, LogStopped, LogKeyMissing, SigningError, StorageError, CatalogError,
    MalformedEvidence.
    """
    with archive.database.reading() as connection:
        head = rows.log_head_of(connection)
    if head is None:
        return None
    keyset = trusted_keyset(archive)
    log = log_of(archive, keyset)
    if log is None:
        return None
    key = log_signing_key(archive, keyset)
    if key is None:
        return None
    cosign = cosign_by(archive, log, keyset, head)
    newest = publish(log, key.sign, cosign)
    is_old = newest is not None and newest.to_bytes() == head.published_note
    if newest is None or not is_old or not lacks_quorum(archive, newest, keyset):
        return newest
    lines = cosign(newest)
    return add_cosignatures(log, newest, lines) if lines else newest


def publish_soon(archive: Archive) -> None:
    """Let this process publish in the background what was just logged."""
    archive.publisher.nudge(partial(_publish_quietly, archive))


def publish_pending(archive: Archive) -> bool:
    """Let this process publish what others left, if there is anything; whether there is."""
    with archive.database.reading() as connection:
        head = rows.log_head_of(connection)
    if head is None or head.fault is not None:
        return False
    is_pending = head.published < head.appended
    if is_pending or _wants_witnesses(archive, head):
        publish_soon(archive)
    return is_pending


def _wants_witnesses(archive: Archive, head: LogHead) -> bool:
    if not archive.witnesses.urls or head.published_note is None:
        return False
    try:
        newest = SignedCheckpoint.from_bytes(head.published_note)
        return lacks_quorum(archive, newest, trusted_keyset(archive))
    except MalformedEvidence:
        return False  # the audit names it


def _publish_quietly(archive: Archive) -> None:
    try:
        publish_log(archive)
    except (LogForkDetected, LogStopped) as error:
        _log.error("the log is not published: %s: %s", error.code, error)
    except MunimentError as error:
        _log.warning("the log is not published yet: %s: %s", error.code, error)
    except Exception:  # noqa: BLE001 - its traceback is logged, and the thread goes on
        # Whoever logged something must not fail for it, nor the next publication.
        _log.exception("the log is not published: a fault of the program")
