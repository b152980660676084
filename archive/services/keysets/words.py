# SPDX-License-Identifier: Apache-2.0
"""Says in plain words what a keyset is and what it changes, for whoever is to sign it."""

from collections.abc import Iterator, Mapping
from typing import Any

from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.proofs.keyset import Keyset, KeysetKey
from archive.proofs.keyset_bundle import KeysetBundle

_SAME, _NEW, _GONE, _OTHER = "as before", "NEW", "GONE", "CHANGED"


def keyset_words(bundle: KeysetBundle) -> Iterator[str]:
    """The lines, in order. Everything that the keyset says is in them, times to the microsecond."""
    keyset = bundle.keyset
    before = None if bundle.before is None else Keyset.from_bytes(bundle.before)
    yield f"Keyset {keyset.version}, made {keyset.issued_at:%Y-%m-%d %H:%M} UTC"
    if before is not None:
        yield f"  follows keyset {before.version} (statement {keyset.previous})"
    elif keyset.previous is not None:
        yield f"  follows the keyset with statement {keyset.previous}, which is not shown here"
    else:
        yield "  the first keyset of its archive"
    if keyset.is_development:
        yield "  for development: its root key lies beside the data"
    yield f"  statement {sha256_hex(bundle.payload)}"
    changed = _threshold(before, keyset)
    yield f"Keysets are signed by {keyset.threshold} of these root keys{changed}:"
    roots = {keyid: keyid for keyid in keyset.roots}
    yield from _lines(roots, {} if before is None else {keyid: keyid for keyid in before.roots})
    yield "Signing keys:"
    yield from _lines(_keys(keyset), {} if before is None else _keys(before))
    quorum = keyset.witnesses.quorum
    for title, told in (
        ("Logs", _logs),
        (f"Witnesses, of whom {quorum} must cosign", _witnesses),
        ("Timestamp authorities", _authorities),
    ):
        now, then = told(keyset), {} if before is None else told(before)
        if now or then:
            yield f"{title}:"
            yield from _lines(now, then)


def _threshold(before: Keyset | None, keyset: Keyset) -> str:
    if before is None or before.threshold == keyset.threshold:
        return ""
    return f" (CHANGED: it was {before.threshold})"


def _lines(now: Mapping[str, str], before: Mapping[str, str]) -> Iterator[str]:
    for name, words in now.items():
        if before.get(name) == words:
            yield f"  {_SAME:9}  {words}"
        elif name in before:
            yield f"  {_OTHER:9}  {words}"
            yield f"  {'before':9}  {before[name]}"
        else:
            yield f"  {_NEW:9}  {words}"
    for name, words in before.items():
        if name not in now:
            yield f"  {_GONE:9}  {words}"


def _keys(keyset: Keyset) -> dict[str, str]:
    return {keyid: f"{keyid}  {_exact_words(item)}" for keyid, item in keyset.keys.items()}


def _exact_words(item: KeysetKey) -> str:
    words = f"{item.state}, {item.role}, {rfc3339(item.valid_from)} to {rfc3339(item.valid_until)}"
    if item.invalid_since is not None:
        words += f", worthless since {rfc3339(item.invalid_since)}"
    if item.state_at is not None:
        words += f", since {rfc3339(item.state_at)}"
    return words if item.reason is None else f"{words} ({item.reason})"


def key_words(item: KeysetKey) -> str:
    """Role, state and span of a key, and why it is no longer active."""
    span = f"{item.valid_from:%Y-%m-%d} to {item.valid_until:%Y-%m-%d}"
    words = f"{item.state}, {item.role}, {span}"
    if item.invalid_since is not None:
        words += f", worthless since {item.invalid_since:%Y-%m-%d %H:%M:%S} UTC"
    elif item.state_at is not None:
        words += f", since {item.state_at:%Y-%m-%d %H:%M} UTC"
    return words if item.reason is None else f"{words} ({item.reason})"


def _logs(keyset: Keyset) -> dict[str, str]:
    written = {log: ", written to now" if log == keyset.log else "" for log in keyset.logs}
    return {log.origin: f"{log.origin}  key {log.keyid}{now}" for log, now in written.items()}


def _witnesses(keyset: Keyset) -> dict[str, str]:
    return {witness.name: witness.to_text() for witness in keyset.witnesses.keys}


def _authorities(keyset: Keyset) -> dict[str, str]:
    return {
        item.name: f"{item.name}{' (qualified)' if item.is_qualified else ''}  "
        f"roots {', '.join(item.roots)}  policies {', '.join(item.policies) or 'any'}"
        for item in keyset.authorities
    }


def keyset_json(keyset: Keyset) -> dict[str, Any]:
    """What `keys list` and the public page tell of a keyset, from one source."""
    return {
        "keyset_version": keyset.version,
        "issued_at": rfc3339(keyset.issued_at),
        "development": keyset.is_development,
        "threshold": keyset.threshold,
        "roots": sorted(keyset.roots),
        "keys": [item.to_json() for item in keyset.keys.values()],
        "logs": [log.to_json() for log in keyset.logs],
        "witnesses": keyset.witnesses.to_json(),
        "authorities": [item.to_json() for item in keyset.authorities],
    }
