# SPDX-License-Identifier: Apache-2.0
"""The row that a verification on record gives."""

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from archive.catalog.verifications import VerificationRow, add_verification, verification_by
from archive.model.verification import Verification


def verification_concerns(said: Verification) -> Sequence[str]:
    """The record ID by which its statement is looked up."""
    return [str(said.record)]


def add_verification_row(connection: Connection, said: Verification, statement_sha256: str) -> None:
    """Insert the row of a verification."""
    add_verification(connection, _row(said, statement_sha256))


def verification_differing(
    connection: Connection, said: Verification, statement_sha256: str
) -> list[str]:
    """Whether its row is not what the verification gives."""
    is_same = verification_by(connection, statement_sha256) == _row(said, statement_sha256)
    return [] if is_same else ["its row of the verifications"]


def _row(said: Verification, statement_sha256: str) -> VerificationRow:
    return VerificationRow(
        statement_sha256=statement_sha256,
        record_id=str(said.record),
        verified_at=said.verified_at,
        policy=said.policy,
        result=said.result,
        actor=said.actor,
    )
