# SPDX-License-Identifier: Apache-2.0
"""Makes container, inventory and statement out of one look at a URL. Nothing is stored here."""

from dataclasses import dataclass

from archive import canonical
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.errors import SigningError
from archive.model.inventory import Derived, Inventory, expected_subjects
from archive.model.look import Look, Redirect, signed_http_date
from archive.model.statement import CAPTURE_V1, INVENTORY, OBSERVATION_V1, Statement
from archive.proofs.dsse import check_size
from archive.services.capturing.container import Circumstances, Looked, record_look
from archive.warc.write import ContainerWriter

# What a server can fill is cut, so that the signed bytes stay within their limit.
_REASON_LIMIT = 200
_REASON_BYTES_LIMIT = 400
_SIGNALS_LIMIT = 6
_SIGNAL_LIMIT = 40


@dataclass(frozen=True, slots=True)
class Assembled:
    """Everything that one look will store, its digests already bound together."""

    look: Look
    inventory: Inventory
    inventory_bytes: bytes
    container: bytes | None
    statement: bytes

    @property
    def inventory_sha256(self) -> str:
        """The digest of the inventory file."""
        return sha256_hex(self.inventory_bytes)

    @property
    def statement_sha256(self) -> str:
        """The digest of the statement: the payload that is signed."""
        return sha256_hex(self.statement)


def assemble(looked: Looked, around: Circumstances, writer: ContainerWriter) -> Assembled:
    """Container, inventory and statement of a look.

    Raises SigningError when the clock went back meanwhile; MalformedWarc and StatementTooLarge,
    which only a look beyond all bounds can cause.
    """
    extraction = looked.extraction
    text = extraction.text.encode("utf-8") if extraction and extraction.flaw is None else None
    look = _look(looked, around, text)
    predicate, overflow = look.to_predicate()
    recorded = record_look(looked, around, writer, text)
    own = sha256_hex(recorded.data) if recorded else None
    inventory = Inventory(
        capture_id=around.capture_id,
        own_container=own,
        containers=recorded.containers if recorded else (),
        parts=recorded.parts if recorded else (),
        derived=Derived.of(extraction) if extraction and text is not None else None,
        overflow=overflow,
    )
    inventory_bytes = inventory.to_bytes()
    subjects = {INVENTORY: sha256_hex(inventory_bytes)}
    if around.capture_id is not None:
        subjects = expected_subjects(inventory, subjects[INVENTORY])
    kind = CAPTURE_V1 if around.capture_id is not None else OBSERVATION_V1
    statement = Statement(subjects, kind, predicate).to_bytes()
    check_size(statement)
    return Assembled(
        look, inventory, inventory_bytes, recorded.data if recorded else None, statement
    )


def _look(looked: Looked, around: Circumstances, text: bytes | None) -> Look:
    fetch, outcome, last = looked.fetch, looked.outcome, looked.fetch.last
    answered = last if last and last.status is not None else None
    requested_at = fetch.exchanges[0].requested_at if fetch.exchanges else fetch.started_at
    if answered and answered.received_at < requested_at:
        raise SigningError("the clock was set back during this look: capture it again")
    return Look(
        capture_id=around.capture_id,
        previous=around.previous,
        url=fetch.url,
        final_url=fetch.final_url,
        redirects=tuple(Redirect(hop.url, hop.status or 0) for hop in fetch.exchanges[:-1]),
        requested_at=rfc3339(requested_at),
        received_at=rfc3339(answered.received_at) if answered else None,
        http_date=signed_http_date(last.header("date")) if last else None,
        status=answered.status if answered else None,
        remote_address=last.remote_address if last else None,
        tls_leaf_sha256=last.tls_leaf_sha256 if last else None,
        agent=around.identity.agent,
        agent_version=around.identity.agent_version,
        mode="http",
        vantage=around.identity.vantage,
        language=around.identity.language,
        outcome=outcome.kind,
        reason=bounded_reason(outcome.reason),
        signals=bounded_signals(outcome.signals),
        recipe=looked.extraction.recipe if looked.extraction and text is not None else None,
        text_sha256=sha256_hex(text) if text is not None else None,
        signer=around.signer,
        anchor=around.anchor,
    )


def bounded_reason(reason: str) -> str:
    """The reason as a statement can hold it: servers have a say in it, and bytes have a limit."""
    bounded = reason[:_REASON_LIMIT]
    while len(canonical.dumps(bounded)) > _REASON_BYTES_LIMIT:
        bounded = bounded[:-1]
    return bounded


def bounded_signals(signals: tuple[str, ...]) -> tuple[str, ...]:
    """The signals as a statement can hold them."""
    return tuple(signal[:_SIGNAL_LIMIT] for signal in signals[:_SIGNALS_LIMIT])
