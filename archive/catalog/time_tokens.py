# SPDX-License-Identifier: Apache-2.0
"""Rows of tokens: which captures and checkpoints have trusted time, of whom, and until when."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.absent import insert_absent
from archive.catalog.tables import ops_stamp, time_token


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token: its subject, batch and authority, its times (RFC 3339), and its files' digests.

    `subject` is a capture's ID or the size of a checkpoint, which `checkpoint_size` is then too;
    `ends_at` is when the certificate behind the token ends, and `half_at` the middle between the
    token's time and that.
    """

    subject: str
    batch: int
    authority: str
    role: str
    gen_time: str
    half_at: str
    ends_at: str
    token_sha256: str
    proofs_sha256: str
    checkpoint_size: int | None = None


def add_tokens(connection: Connection, rows: Sequence[TokenRow]) -> None:
    """Insert those tokens that are not listed yet."""
    insert_absent(connection, time_token, [asdict(row) for row in rows])


def tokens_of(connection: Connection, subject: str) -> list[TokenRow]:
    """The tokens about a subject, by batch and authority."""
    rows = connection.execute(
        sa.select(time_token)
        .where(time_token.c.subject == subject)
        .order_by(time_token.c.batch, time_token.c.authority)
    )
    return [TokenRow(*row) for row in rows]


def every_token(connection: Connection) -> list[TokenRow]:
    """Every token, by subject, batch and authority."""
    rows = connection.execute(sa.select(time_token).order_by(*time_token.primary_key.columns))
    return [TokenRow(*row) for row in rows]


def subjects_to_renew(
    connection: Connection, now: str, ending_before: str, limit: int
) -> list[str]:
    """The subjects of which every token is past its middle and ends before that time."""
    later = time_token.alias()
    is_lasting = (later.c.ends_at >= ending_before) | (later.c.half_at > now)
    rows = connection.execute(
        sa.select(time_token.c.subject)
        .where(
            time_token.c.ends_at < ending_before,
            ~sa.exists().where(later.c.subject == time_token.c.subject, is_lasting),
            ~sa.exists().where(ops_stamp.c.subject == time_token.c.subject),
        )
        .group_by(time_token.c.subject)
        .order_by(time_token.c.subject)
        .limit(limit)
    )
    return list(rows.scalars())


def stamped_covering(connection: Connection, index: int) -> int | None:
    """The size of the first checkpoint that has this entry of the log and a token, or None."""
    wanted = sa.select(sa.func.min(time_token.c.checkpoint_size))
    return connection.execute(wanted.where(time_token.c.checkpoint_size > index)).scalar()


def last_stamped(connection: Connection) -> TokenRow | None:
    """The newest token of the largest checkpoint that has one, or None."""
    row = connection.execute(
        sa.select(time_token)
        .where(time_token.c.checkpoint_size.is_not(None))
        .order_by(time_token.c.checkpoint_size.desc(), time_token.c.batch.desc())
        .limit(1)
    ).first()
    return None if row is None else TokenRow(*row)
