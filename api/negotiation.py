# SPDX-License-Identifier: Apache-2.0
"""Chooses the representation: `?format=` first, then Accept as RFC 9110 12.5.1 has it.

The most specific range that matches an offer gives its quality, so that `text/html;q=0, */*`
refuses HTML. Ties go to the first offer: a browser and `*/*` get the page.
"""

from collections.abc import Sequence

from flask import request
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import BadHost

HTML = "text/html"
JSON = "application/json"
PLAIN = "text/plain"
PROBLEM = "application/problem+json"

_PROBES = {"/healthz", "/readyz", "/metrics"}
_FORMATS = {"html": HTML, "json": JSON}


def negotiated(offers: Sequence[str] = (HTML, JSON)) -> str | None:
    """The offer that the client wants most, or None when it wants none of them."""
    named = request.args.get("format")
    if named is not None:
        offer = _FORMATS.get(named)
        return offer if offer in offers else None
    return best_offer(request.accept_mimetypes, offers)


def best_offer(accepted: MIMEAccept, offers: Sequence[str]) -> str | None:
    """The offer with the highest quality, the first of them on a tie, or None."""
    if not accepted:
        return offers[0]
    qualities = {offer: _quality(accepted, offer) for offer in offers}
    best = max(offers, key=qualities.__getitem__)
    return best if qualities[best] > 0 else None


def prefers_html() -> bool:
    """Whether an error is told to this client as a page rather than as JSON."""
    is_for_machines = request.path.startswith("/api/") or request.path in _PROBES
    # A page needs addresses, and under such a Host none can be made.
    is_for_machines = is_for_machines or isinstance(request.routing_exception, BadHost)
    if is_for_machines or request.args.get("format") == "json":
        return False
    return best_offer(request.accept_mimetypes, (HTML, PROBLEM, JSON)) == HTML


def _quality(accepted: MIMEAccept, offer: str) -> float:
    main_type = offer.partition("/")[0]
    specificity = {offer: 3, f"{main_type}/*": 2, "*/*": 1}
    best, quality = 0, 0.0
    for item, item_quality in accepted:
        weight = specificity.get(item.partition(";")[0].strip().lower(), 0)
        if weight > best or (weight == best and weight and item_quality > quality):
            best, quality = weight, item_quality
    return quality
