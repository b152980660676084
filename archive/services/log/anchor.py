# SPDX-License-Identifier: Apache-2.0
"""The newest published checkpoint, for a statement to name."""

from sqlalchemy.engine import Connection

from archive.catalog import log
from archive.digests import sha256_hex
from archive.errors import MalformedNote
from archive.model.anchor import Anchor
from archive.proofs.checkpoint import SignedCheckpoint


def newest_anchor(connection: Connection) -> Anchor | None:
    """What a statement that is signed now says of the log; None while nothing is published."""
    note = log.published_note(connection)
    if note is None:
        return None
    try:
        checkpoint = SignedCheckpoint.from_bytes(note).checkpoint
    except MalformedNote:
        # The log's own damage is named by its publisher and the audit; a statement needs no anchor.
        return None
    head = checkpoint.head
    return Anchor(checkpoint.origin, head.size, head.root.hex(), sha256_hex(note))
