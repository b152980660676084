# SPDX-License-Identifier: Apache-2.0
"""Attacks with timestamps: tokens of other data, other authorities, other times."""

import datetime as dt
from collections.abc import Callable, Sequence
from functools import cache

from attacks.forge import Forged, manifest_row
from attacks.logs import with_witness
from cryptography.hazmat.primitives.serialization import Encoding
from support.authorities import Holder, Revoked, Wish, crl, issued, root
from support.tokens import POLICY, TokenWish, token_over

from archive.clock import parse_rfc3339, rfc3339
from archive.digests import sha256_hex
from archive.model import exhibit as names
from archive.model.proof_batch import CRL, PROOFS, STAMP, TOKEN, ProofBatch, ProofFile, file_name
from archive.proofs.dsse import read_envelope

NAME = "clock.example"
YEAR, DAY, MINUTE = dt.timedelta(days=365), dt.timedelta(days=1), dt.timedelta(minutes=1)
Attack = Callable[[Forged], None]


@cache
def authority() -> Holder:
    """The authority that the keyset trusts."""
    return root("A root for time", valid_until=dt.datetime(2066, 1, 1, tzinfo=dt.UTC))


def clock(f: Forged, by: Holder | None = None, **wishes: object) -> Holder:
    """A certificate for timestamps, valid around the capture."""
    at = captured(f)
    wish = Wish("A clock", for_timestamps=True, valid_from=at - 30 * DAY, valid_until=at + 9 * YEAR)
    changed = {**vars_of(wish), **wishes}
    return issued(Wish(**changed), by or authority())  # type: ignore[arg-type]


def vars_of(wish: Wish) -> dict[str, object]:
    """The members of a wish."""
    return {name: getattr(wish, name) for name in Wish.__dataclass_fields__}


def captured(f: Forged) -> dt.datetime:
    """When the archive says that it made the capture, to the second."""
    said = f.statement["predicate"]["response"]["received_at"]
    return parse_rfc3339(said).replace(microsecond=0)


def stamp(f: Forged, token: bytes, at: dt.datetime, lists: Sequence[bytes] = ()) -> None:
    """Put a batch with this token in place of the one that is there."""
    envelope = f.files[names.ENVELOPE_FILE]
    over = f"statement.{read_envelope(envelope).keyid[:8]}.dsse.json"
    found = {file_name(TOKEN, NAME): (TOKEN, token)}
    found |= {file_name(CRL, NAME, n): (CRL, data) for n, data in enumerate(lists, start=1)}
    rows = [
        ProofFile(name, role, sha256_hex(data), NAME, at if role == TOKEN else None)
        for name, (role, data) in sorted(found.items())
    ]
    for name in [one for one in f.files if one.startswith(names.BATCHES)]:
        del f.files[name]
    listing = ProofBatch(STAMP, over, sha256_hex(envelope), tuple(rows))
    f.files[names.batch_file(1, PROOFS)] = listing.to_bytes()
    for name, (_, data) in found.items():
        f.files[names.batch_file(1, name)] = data


def with_token(f: Forged) -> None:
    """The keyset trusts an authority, and there is a token of it over the envelope."""
    with_witness(f)
    der = authority().certificate.public_bytes(Encoding.DER)
    content = f.keyset()
    content["authorities"] = [
        {"name": NAME, "roots": [sha256_hex(der)], "policies": [POLICY], "qualified": False}
    ]
    f.sign_keyset(content)
    f.files[names.authority_file(sha256_hex(der))] = der
    made()(f)


def made(
    signer: Callable[[Forged], Holder] = clock,
    message: Callable[[Forged], bytes] = lambda f: f.files[names.ENVELOPE_FILE],
    later: dt.timedelta = MINUTE,
    **wishes: object,
) -> Attack:
    """A token by this signer, over this message, so long after the capture."""

    def attack(f: Forged) -> None:
        at = captured(f) + later
        token = token_over(message(f), signer(f), TokenWish(at, **wishes))  # type: ignore[arg-type]
        stamp(f, token, at)

    return attack


def of_another_root(f: Forged) -> Holder:
    return clock(f, root("Somebody's root"))


def without_usage(f: Forged) -> Holder:
    return clock(f, for_timestamps=False)


def that_had_ended(f: Forged) -> Holder:
    return clock(f, valid_until=captured(f) - DAY)


def revoked_before(f: Forged) -> None:
    at, signer = captured(f) + MINUTE, clock(f)
    token = token_over(f.files[names.ENVELOPE_FILE], signer, TokenWish(at))
    told = crl(authority(), Revoked(signer, at - DAY), made_at=at + DAY, lasts=10 * YEAR)
    stamp(f, token, at, [told])


def unpinned_bit(f: Forged) -> None:
    """A byte of the token is another, and its batch lists the old one."""
    name = names.batch_file(1, file_name(TOKEN, NAME))
    data = bytearray(f.files[name])
    data[-1] ^= 1
    f.files[name] = bytes(data)


def root_of_somebody_else(f: Forged) -> None:
    """The authority's root lies there under its digest, and is another certificate."""
    name = next(one for one in f.files if one.startswith(names.AUTHORITIES))
    f.files[name] = root("Somebody's root").certificate.public_bytes(Encoding.DER)


def key_revoked(since: dt.timedelta) -> Attack:
    """The manifest key was revoked, from so long after the capture on."""

    def attack(f: Forged) -> None:
        at = captured(f)
        content = f.keyset()
        manifest_row(content).update(
            state="revoked",
            reason="stolen",
            state_at=rfc3339(at + DAY),
            invalid_since=rfc3339(at + since),
        )
        f.sign_keyset(content)

    return attack


STAMPED = "ts.rfc3161"

ATTACKS: dict[str, tuple[Attack, tuple[str, str] | None]] = {
    "token-over-other-data": (
        made(message=lambda _f: b"something else"),
        (STAMPED, "TS_IMPRINT_MISMATCH"),
    ),
    "token-under-another-root": (made(of_another_root), (STAMPED, "TS_CHAIN")),
    "token-under-another-root-with-the-genuine-beside": (
        made(of_another_root, others=(authority(),)),
        (STAMPED, "TS_CHAIN"),
    ),
    "token-without-usage": (made(without_usage), (STAMPED, "TS_CHAIN")),
    "token-of-a-clock-that-had-ended": (made(that_had_ended), (STAMPED, "TS_CHAIN")),
    "token-of-another-policy": (made(policy="1.2.3.4.9"), (STAMPED, "TS_POLICY")),
    "token-from-before-the-capture": (made(later=-DAY), (STAMPED, "TS_BEFORE_CAPTURE")),
    "token-of-the-future": (made(later=2 * YEAR), (STAMPED, "TS_IN_FUTURE")),
    "token-of-a-clock-revoked-before": (revoked_before, (STAMPED, "TS_REVOKED")),
    "token-with-another-byte": (unpinned_bit, (STAMPED, "OBJECT_DIGEST_MISMATCH")),
    "token-that-is-none": (
        lambda f: stamp(f, b"no token", captured(f) + MINUTE),
        (STAMPED, "TS_UNPARSEABLE"),
    ),
    "authority-root-of-somebody-else": (
        root_of_somebody_else,
        (STAMPED, "OBJECT_DIGEST_MISMATCH"),
    ),
    "key-revoked-after-the-token": (key_revoked(DAY), None),
    "key-revoked-before-the-token": (key_revoked(-DAY), ("key.valid_at_time", "KEY_REVOKED")),
}
