# SPDX-License-Identifier: Apache-2.0
"""The outcome of a look at a URL. Only `ok` can be cited."""

import enum
from dataclasses import dataclass


class OutcomeKind(enum.StrEnum):
    """Every outcome a fetch can have; the words are stable, in JSON and in statements."""

    OK = "ok"
    BLOCKED = "blocked"
    CONSENT_WALL = "consent-wall"
    SOFT_404 = "soft-404"
    ERROR_PAGE = "error-page"
    EMPTY = "empty"
    NO_CONTENT = "no-content"
    SCRIPT_SHELL = "script-shell"
    REDIRECT_STUB = "redirect-stub"
    TRUNCATED = "truncated"
    TOO_LARGE = "too-large"
    TOO_MANY_REDIRECTS = "too-many-redirects"
    REDIRECT_REFUSED = "redirect-refused"
    RATE_LIMITED = "rate-limited"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    MALFORMED_RESPONSE = "malformed-response"
    ENCODING_MISMATCH = "encoding-mismatch"
    UNSUPPORTED_TYPE = "unsupported-type"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome and the reason in words, with the signals that decided it.

    `signals` are short stable codes (`status:403`, `phrase:cf-challenge`); `retry_after_seconds`
    is the server's valid wish, capped, or None.
    """

    kind: OutcomeKind
    reason: str
    signals: tuple[str, ...] = ()
    retry_after_seconds: int | None = None

    @property
    def is_ok(self) -> bool:
        """Whether a capture may be minted."""
        return self.kind is OutcomeKind.OK
