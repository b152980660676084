# SPDX-License-Identifier: Apache-2.0
"""Compares the exchanges that a statement tells of with those that its own container holds.

The statement signs the container's digest and, beside it, what happened in words and numbers.
Unless both are held against each other, a record could say one thing and hold another.
"""

import ipaddress
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from archive.errors import MalformedEvidence
from archive.model.inventory import Inventory
from archive.model.look import Look, signed_http_date
from archive.net.head import header_values, parse_head
from archive.warc.http import HTTP_RESPONSE_TYPES
from archive.warc.read import WarcRecord

_SHOWN_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Exchanges:
    """The requests and the responses of one container, each in order.

    `removed` has the IDs of records that a redaction removed: of these nothing is compared.
    """

    requests: tuple[WarcRecord, ...]
    responses: tuple[WarcRecord, ...]
    removed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, records: Sequence[WarcRecord], removed: frozenset[str] = frozenset()) -> Self:
        """The exchanges among these records."""
        return cls(
            tuple(record for record in records if record.type == "request"),
            tuple(record for record in records if record.type in HTTP_RESPONSE_TYPES),
            removed,
        )

    def is_removed(self, inventory: Inventory, role: str) -> bool:
        """Whether the record of this part of the final exchange was removed."""
        part = inventory.part(role)
        return part is not None and part.span.record_id in self.removed


def contradiction(look: Look, inventory: Inventory, held: Exchanges) -> str | None:
    """Where the look and the container written for it differ, or None when they agree.

    A look at which nobody could be asked has no container, and no exchanges.
    """
    try:
        return (
            _of_responses(look, held, is_last_gone=held.is_removed(inventory, "headers"))
            or _of_requests(look, held, is_last_gone=held.is_removed(inventory, "request"))
            or _of_places(inventory, look, held)
        )
    except MalformedEvidence as error:
        return f"a stored response cannot be read: {error}"


def _of_responses(look: Look, held: Exchanges, *, is_last_gone: bool) -> str | None:
    told = [f"{hop.status} of {hop.url}" for hop in look.redirects]
    if look.status is not None and not is_last_gone:
        told.append(f"{look.status} of {look.final_url}")
    heads = [parse_head(record.block[: record.http_body_start]) for record in held.responses]
    stored = [
        f"{head.status} of {record.target_uri}"
        for head, record in zip(heads, held.responses, strict=True)
    ]
    if told != stored:
        return _first_difference("answer", told, stored)
    if is_last_gone:
        return None
    sent = header_values(heads[-1].headers, "date") if look.status is not None else ()
    http_date = signed_http_date(sent[0] if sent else None)
    if look.http_date != http_date:
        return f"the Date header {look.http_date!r} is told of, {http_date!r} is stored"
    return None


def _of_requests(look: Look, held: Exchanges, *, is_last_gone: bool) -> str | None:
    told = [*(hop.url for hop in look.redirects), look.final_url]
    if told[0] != look.url:
        return f"the URL asked for is not the first one, {told[0][:_SHOWN_LIMIT]}"
    if is_last_gone:
        told = told[:-1]
    # Where no connection was made, nothing was sent.
    if not held.requests and look.remote_address is None and not look.redirects:
        return None
    stored = [str(record.target_uri) for record in held.requests]
    if told != stored:
        return _first_difference("request", told, stored)
    if is_last_gone:
        return None
    if held.requests[0].date != look.requested_at:
        return f"the first request is of {look.requested_at}, {held.requests[0].date} is stored"
    address = held.requests[-1].header("WARC-IP-Address")
    if address != _plain_address(look.remote_address):
        return f"the address {look.remote_address} is told of, {address} is stored"
    return None


def _of_places(inventory: Inventory, look: Look, held: Exchanges) -> str | None:
    is_answered = look.status is not None and bool(held.responses)
    finals = {
        "headers": held.responses[-1] if is_answered else None,
        "request": held.requests[-1] if held.requests else None,
    }
    for role, record in finals.items():
        part = inventory.part(role)
        if held.is_removed(inventory, role):
            continue
        if (part is None) != (record is None):
            return f"the {role} of the final exchange is either listed or stored, not both"
        if part is None or record is None:
            continue
        if part.span.record_id != record.record_id:
            return f"the {role} listed is not that of the final exchange"
        if part.span.container_sha256 != inventory.own_container:
            return f"the {role} listed lies in another container"
    return None


def _first_difference(noun: str, told: Sequence[str], stored: Sequence[str]) -> str:
    pairs = itertools.zip_longest(told, stored, fillvalue="none")
    number, (one, other) = next((n, pair) for n, pair in enumerate(pairs, 1) if len(set(pair)) > 1)
    return f"{noun} {number} is {one[:_SHOWN_LIMIT]}, {other[:_SHOWN_LIMIT]} is stored"


def _plain_address(address: str | None) -> str | None:
    try:
        return str(ipaddress.ip_address(address.partition("%")[0])) if address else None
    except ValueError:
        return address
