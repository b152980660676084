# SPDX-License-Identifier: Apache-2.0
"""Keyset chains: what follows from a pinned root, and every way in which a chain is broken."""

import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest
from support.keysets import START, Draft, key_row, root_row, sealed, signer

from archive import canonical
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, MalformedKeyset
from archive.model.statement import CAPTURE_V1, CONTENT, KEYSET_V1, Statement
from archive.proofs.keyset import Keyset
from archive.proofs.keyset_chain import (
    BrokenChain,
    KeysetChain,
    SignedKeyset,
    UnpinnedRoot,
    newest_trusted,
)
from archive.proofs.note import COSIGNATURE, VerifierKey
from archive.proofs.note import ED25519 as SIGNED_NOTE
from archive.signing.file import FileSigner

ROOT, NEW_ROOT, THIRD_ROOT, ONLINE, NEXT, STRANGER = (signer(seed) for seed in range(1, 7))
PINNED = (ROOT.public_key.keyid,)
ONE = Draft(1, None, [ROOT], [key_row(ONLINE)])
FIRST = ONE.signed()


def second(**changes: Any) -> Draft:
    return replace(
        Draft(2, FIRST.statement_sha256, [ROOT], [key_row(ONLINE), key_row(NEXT)]), **changes
    )


def test_a_first_keyset_of_the_pinned_root_is_trusted() -> None:
    keyset = newest_trusted([FIRST], PINNED)
    assert (keyset.version, set(keyset.keys)) == (1, {ONLINE.public_key.keyid})
    assert not keyset.is_development


def test_a_second_version_brings_its_keys() -> None:
    keyset = newest_trusted([FIRST, second().signed()], PINNED)
    assert set(keyset.keys) == {ONLINE.public_key.keyid, NEXT.public_key.keyid}


def test_a_new_root_needs_the_old_root_and_the_new_one() -> None:
    rotated = second(roots=[NEW_ROOT])
    keyset = newest_trusted([FIRST, rotated.signed(ROOT, NEW_ROOT)], PINNED)
    assert set(keyset.roots) == {NEW_ROOT.public_key.keyid}
    with pytest.raises(BrokenChain, match="root keys before it"):
        newest_trusted([FIRST, rotated.signed(NEW_ROOT)], PINNED)
    with pytest.raises(BrokenChain, match="its own root keys"):
        newest_trusted([FIRST, rotated.signed(ROOT)], PINNED)


def test_after_a_rotation_the_old_root_signs_no_more() -> None:
    rotated = second(roots=[NEW_ROOT]).signed(ROOT, NEW_ROOT)
    third = Draft(3, rotated.statement_sha256, [NEW_ROOT], [key_row(NEXT)])
    assert newest_trusted([FIRST, rotated, third.signed(NEW_ROOT)], PINNED).version == 3
    with pytest.raises(BrokenChain):
        newest_trusted([FIRST, rotated, third.signed(ROOT)], PINNED)


def test_a_threshold_counts_distinct_root_keys() -> None:
    both = Draft(1, None, [ROOT, NEW_ROOT, THIRD_ROOT], [key_row(ONLINE)], threshold=2)
    pinned = tuple(root.public_key.keyid for root in both.roots)
    assert newest_trusted([both.signed(ROOT, THIRD_ROOT)], pinned).version == 1
    for signers in ((ROOT,), (ROOT, ROOT), (ROOT, STRANGER), (ROOT, ONLINE)):
        with pytest.raises(BrokenChain, match="lacks signatures"):
            newest_trusted([both.signed(*signers)], pinned)
    with pytest.raises(UnpinnedRoot):
        newest_trusted([both.signed(ROOT, NEW_ROOT)], PINNED)


def test_a_first_keyset_that_names_the_pinned_root_needs_its_signature() -> None:
    # Anybody knows the public key of a root; naming it beside one's own root founds nothing.
    usurped = Draft(1, None, [ROOT, STRANGER], [key_row(NEXT)])
    with pytest.raises(BrokenChain, match="trusted root keys"):
        newest_trusted([usurped.signed(STRANGER)], PINNED)
    assert newest_trusted([usurped.signed(ROOT)], PINNED).version == 1


def test_one_of_three_pinned_roots_founds_no_archive_of_its_own() -> None:
    pinned = tuple(root.public_key.keyid for root in (ROOT, NEW_ROOT, THIRD_ROOT))
    alone = Draft(1, None, [ROOT, NEW_ROOT, THIRD_ROOT], [key_row(NEXT)], threshold=1)
    with pytest.raises(BrokenChain, match="trusted root keys"):
        newest_trusted([alone.signed(ROOT)], pinned)
    with pytest.raises(BrokenChain, match="trusted root keys"):
        newest_trusted([Draft(1, None, [ROOT], [key_row(NEXT)]).signed()], pinned)
    assert newest_trusted([alone.signed(ROOT, THIRD_ROOT)], pinned).version == 1


def test_an_unpinned_root_says_nothing_and_is_told_from_a_broken_chain() -> None:
    for pinned in ((), (STRANGER.public_key.keyid,), (ONLINE.public_key.keyid,)):
        with pytest.raises(UnpinnedRoot) as caught:
            newest_trusted([FIRST], pinned)
        assert caught.value.code == "ROOT_NOT_PINNED"


def test_a_chain_that_a_stranger_began_is_not_pinned() -> None:
    forged = Draft(1, None, [STRANGER], [key_row(STRANGER)])
    with pytest.raises(MalformedKeyset):
        Keyset.from_bytes(canonical.dumps(forged.content()))
    with pytest.raises(UnpinnedRoot):
        newest_trusted([Draft(1, None, [STRANGER], [key_row(NEXT)]).signed()], PINNED)


BROKEN: dict[str, list[SignedKeyset]] = {
    "no version at all": [],
    "the first is missing": [second().signed()],
    "one is missing between": [
        FIRST,
        Draft(3, second().signed().statement_sha256, [ROOT], []).signed(),
    ],
    "two versions with one number": [FIRST, replace(ONE, previous=FIRST.statement_sha256).signed()],
    "in the wrong order": [second().signed(), FIRST],
    "the first given twice": [FIRST, FIRST],
    "a fork: another second after another first": [
        FIRST,
        replace(
            second(), previous=Draft(1, None, [ROOT], [key_row(NEXT)]).signed().statement_sha256
        ).signed(),
    ],
    "a second that names none before it": [FIRST, replace(second(), previous=None).signed()],
    "a first that names one before it": [replace(ONE, previous="0" * 64).signed()],
    "version zero": [Draft(0, None, [ROOT], [key_row(ONLINE)]).signed()],
    "a second signed by a stranger": [FIRST, second().signed(STRANGER)],
    "a second signed by the online key": [FIRST, second().signed(ONLINE)],
}


@pytest.mark.parametrize("chain", list(BROKEN.values()), ids=list(BROKEN))
def test_a_chain_with_a_broken_link_is_refused(chain: list[SignedKeyset]) -> None:
    with pytest.raises(BrokenChain) as caught:
        newest_trusted(chain, PINNED)
    assert caught.value.code == "KEYSET_CHAIN_BROKEN"


def test_a_flipped_signature_is_no_signature() -> None:
    [envelope] = FIRST.envelopes
    wrong = bytes([envelope.signature[0] ^ 1]) + envelope.signature[1:]
    forged = SignedKeyset((replace(envelope, signature=wrong),), FIRST.content)
    with pytest.raises(BrokenChain, match="lacks signatures"):
        newest_trusted([forged], PINNED)


def test_a_signature_counts_only_under_its_own_key() -> None:
    # The stranger's good signature, put under the root's name, and the other way round.
    payload = FIRST.envelopes[0].payload
    theirs = replace(sealed(STRANGER, payload), keyid=ROOT.public_key.keyid)
    with pytest.raises(BrokenChain):
        newest_trusted([SignedKeyset((theirs,), FIRST.content)], PINNED)


def test_further_signatures_of_strangers_do_no_harm() -> None:
    assert newest_trusted([ONE.signed(STRANGER, ROOT)], PINNED).version == 1


def vkey(of: FileSigner, name: str = "witness.example", kind: int = COSIGNATURE) -> str:
    return VerifierKey(name, kind, of.public_key).to_text()


def witnesses(*of: FileSigner, quorum: int = 1) -> dict[str, Any]:
    names = [f"witness{number}.example" for number in range(len(of))]
    rows = [{"name": name, "vkey": vkey(one, name)} for name, one in zip(names, of, strict=True)]
    return {"quorum": quorum, "keys": rows}


def with_witness(name: str, text: str) -> bytes:
    return changed(witnesses={"quorum": 1, "keys": [{"name": name, "vkey": text}]})


def with_logs(*logs: dict[str, str]) -> bytes:
    return changed(keys=[key_row(ONLINE), key_row(NEXT, role="log")], logs=list(logs))


def with_authority(**changes: Any) -> bytes:
    return changed(authorities=[{**AUTHORITY, **changes}])


def changed(**changes: Any) -> bytes:
    return canonical.dumps(ONE.content(**changes))


def without(member: str) -> bytes:
    return canonical.dumps({k: v for k, v in ONE.content().items() if k != member})


def with_key(**changes: Any) -> bytes:
    return changed(keys=[key_row(ONLINE, **changes)])


OF_NEXT = {"origin": "log.example/log", "keyid": NEXT.public_key.keyid}
AUTHORITY = {
    "name": "stamps.example",
    "roots": ["1" * 64],
    "policies": ["1.2.3.4"],
    "qualified": False,
}
ENDED = {"state": "retired", "state_at": rfc3339(START), "reason": "replaced"}
# Of order 8, as C2SP/CCTV lists it.
LOW_ORDER = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
HIGH = "f" * 62 + "7f"  # y is above the prime


def forged_vkey(raw: bytes, kind: int = COSIGNATURE, name: str = "witness.example") -> str:
    """A line that is right in all but the key that it holds."""
    data = bytes([kind]) + raw
    digest = hashlib.sha256(name.encode() + b"\n" + data).hexdigest()[:8]
    return f"{name}+{digest}+{base64.b64encode(data).decode()}"


MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "no object": b"[]",
    "not canonical": b" " + changed(),
    "another format version": changed(v=3),
    "no format version": changed(v=0),
    "a format version that is true": changed(v=True),
    "an unknown member": changed(extra=1),
    "a version that is text": changed(version="1"),
    "a negative version": changed(version=-1),
    "a time without microseconds": changed(issued_at="2026-01-01T00:00:00Z"),
    "threshold 0": changed(root={"threshold": 0, "keys": [root_row(ROOT)]}),
    "a threshold that cannot be reached": changed(root={"threshold": 2, "keys": [root_row(ROOT)]}),
    "no root keys": changed(root={"threshold": 1, "keys": []}),
    "one root key twice": changed(root={"threshold": 2, "keys": [root_row(ROOT)] * 2}),
    "an unknown member of the root": changed(
        root={"threshold": 1, "keys": [root_row(ROOT)], "expires": None}
    ),
    "one key twice": changed(keys=[key_row(ONLINE), key_row(ONLINE)]),
    "a root key that signs captures": changed(keys=[key_row(ROOT)]),
    "a key under another's ID": with_key(keyid=NEXT.public_key.keyid),
    "a key with another's bytes": with_key(spki=NEXT.public_key.spki_base64),
    "an ID in capitals": with_key(keyid=ONLINE.public_key.keyid.upper()),
    "another algorithm": with_key(alg="rsa"),
    "no algorithm": changed(keys=[{k: v for k, v in key_row(ONLINE).items() if k != "alg"}]),
    "an unknown role": with_key(role="root"),
    "an unknown state": with_key(state="trusted"),
    "revoked without a time": with_key(state="revoked"),
    "a time without being revoked": with_key(invalid_since=rfc3339(START)),
    "no end of validity": with_key(valid_until=None),
    "an unknown member of a key": with_key(comment="hello"),
    "an active key that ended": with_key(state_at=rfc3339(START)),
    "an active key with a reason to end": with_key(reason="replaced"),
    "a reason without end": with_key(**{**ENDED, "reason": "x" * 201}),
    "an empty reason": with_key(**{**ENDED, "reason": ""}),
    "a reason that turns the line round": with_key(**{**ENDED, "reason": "\u202egood"}),
    "a reason on two lines": with_key(**{**ENDED, "reason": "one\ntwo"}),
    "no logs at all": without("logs"),
    "no witnesses at all": without("witnesses"),
    "no authorities at all": without("authorities"),
    "a log of no listed key": changed(logs=[OF_NEXT]),
    "a log of a manifest key": changed(keys=[key_row(NEXT)], logs=[OF_NEXT]),
    "a log of a root key": with_logs({**OF_NEXT, "keyid": ROOT.public_key.keyid}),
    "one log twice": with_logs(OF_NEXT, OF_NEXT),
    "one key for two logs": with_logs(OF_NEXT, {**OF_NEXT, "origin": "other.example/log"}),
    "an origin with a blank": with_logs({**OF_NEXT, "origin": "my log"}),
    "an origin with a plus": with_logs({**OF_NEXT, "origin": "a+b"}),
    "an origin on two lines": with_logs({**OF_NEXT, "origin": "a\nb"}),
    "an origin that looks like another": with_logs({**OF_NEXT, "origin": "lоg.example"}),
    "no origin": with_logs({**OF_NEXT, "origin": ""}),
    "an unknown member of a log": with_logs({**OF_NEXT, "url": "https://log.example"}),
    "more witnesses asked than listed": changed(witnesses=witnesses(NEXT, quorum=2)),
    "a negative quorum": changed(witnesses=witnesses(NEXT, quorum=-1)),
    "one witness under two names": changed(witnesses=witnesses(NEXT, NEXT)),
    "two witnesses of one name": changed(
        witnesses={"quorum": 1, "keys": [*witnesses(NEXT)["keys"], *witnesses(STRANGER)["keys"]]}
    ),
    "a witness that is root": changed(witnesses=witnesses(ROOT)),
    "a witness that signs captures": changed(witnesses=witnesses(ONLINE)),
    "a witness of another name": with_witness("other.example", vkey(NEXT)),
    "a log's key as witness": with_witness("witness.example", vkey(NEXT, kind=SIGNED_NOTE)),
    "a witness of an unknown kind": with_witness(
        "witness.example", forged_vkey(NEXT.public_key.raw, 6)
    ),
    "a witness with another hash": with_witness(
        "witness.example", vkey(NEXT).replace("+", "+0", 1)[:-1]
    ),
    "a witness with a hash of another name": with_witness(
        "witness.example", "witness.example+" + vkey(NEXT, "other").partition("+")[2]
    ),
    "a witness with bad base64": with_witness("witness.example", vkey(NEXT) + "="),
    "a witness with a short key": with_witness(
        "witness.example", forged_vkey(NEXT.public_key.raw[:-1])
    ),
    "a witness of low order": with_witness(
        "witness.example", forged_vkey(bytes.fromhex(LOW_ORDER))
    ),
    "a witness that is not canonical": with_witness(
        "witness.example", forged_vkey(bytes.fromhex(HIGH))
    ),
    "an authority without roots": with_authority(roots=[]),
    "one root twice": with_authority(roots=["1" * 64, "1" * 64]),
    "a root that is no digest": with_authority(roots=["1" * 63]),
    "a policy that is no identifier": with_authority(policies=["1.02"]),
    "an authority without a name": with_authority(name=""),
    "an authority whose name leads elsewhere": with_authority(name="../stamps"),
    "an authority in capitals": with_authority(name="Stamps"),
    "an authority that may be qualified": with_authority(qualified=None),
    "one authority twice": changed(authorities=[AUTHORITY, AUTHORITY]),
}


FULL = ONE.content(
    keys=[key_row(ONLINE, **ENDED), key_row(NEXT, role="log")],
    logs=[OF_NEXT],
    witnesses=witnesses(STRANGER, THIRD_ROOT, quorum=1),
    authorities=[AUTHORITY, {**AUTHORITY, "name": "others", "policies": [], "qualified": True}],
)


def test_a_keyset_is_written_as_it_was_read() -> None:
    data = canonical.dumps(FULL)
    keyset = Keyset.from_bytes(data)
    assert keyset.to_bytes() == data
    assert keyset.log is not None
    assert keyset.log.origin == "log.example/log"
    assert [one.name for one in keyset.witnesses.keys] == ["witness0.example", "witness1.example"]
    assert [one.is_qualified for one in keyset.authorities] == [False, True]
    assert keyset.keys[ONLINE.public_key.keyid].reason == "replaced"


def test_a_log_whose_key_ended_is_not_written_to() -> None:
    ended = {**FULL, "keys": [key_row(ONLINE), key_row(NEXT, role="log", **ENDED)]}
    keyset = Keyset.from_bytes(canonical.dumps(ended))
    assert (keyset.log, len(keyset.logs)) == (None, 1)


def first_format(**changes: Any) -> dict[str, Any]:
    """The content of format 1, which knew neither logs nor when a key ended."""
    rows = [
        {name: row[name] for name in row if name not in {"state_at", "reason"}}
        for row in [key_row(ONLINE)]
    ]
    left_out = {"logs", "witnesses", "authorities"}
    content = {name: value for name, value in ONE.content().items() if name not in left_out}
    return {**content, "v": 1, "keys": rows, **changes}


def test_a_keyset_of_the_first_format_is_read_and_trusts_nobody_else() -> None:
    keyset = newest_trusted([ONE.signed(content=first_format())], PINNED)
    assert (keyset.logs, keyset.witnesses.keys, keyset.authorities) == ((), (), ())
    assert (keyset.log, keyset.witnesses.quorum) == (None, 0)
    assert set(keyset.keys) == {ONLINE.public_key.keyid}
    # What is written of it is of the newest format, and says the same.
    assert Keyset.from_bytes(keyset.to_bytes()) == keyset


@pytest.mark.parametrize(
    "changes",
    [
        {"logs": []},
        {"keys": [key_row(ONLINE)]},
        {"keys": [{**first_format()["keys"][0], "role": "log"}]},
    ],
    ids=["with logs", "with when a key ended", "with a log key"],
)
def test_the_first_format_has_no_members_of_the_second(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedKeyset):
        Keyset.from_bytes(canonical.dumps(first_format(**changes)))


@pytest.mark.parametrize("data", list(MALFORMED.values()), ids=list(MALFORMED))
def test_a_malformed_keyset_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        Keyset.from_bytes(data)


def test_content_and_statement_must_agree() -> None:
    other = canonical.dumps(second().content())
    with pytest.raises(MalformedKeyset, match="names"):
        SignedKeyset(FIRST.envelopes, other).open()
    disagreeing = ONE.signed(content=ONE.content(version=2))
    with pytest.raises(MalformedKeyset, match="disagree"):
        disagreeing.open()


def test_envelopes_of_one_version_must_sign_the_same_bytes() -> None:
    mixed = SignedKeyset((*FIRST.envelopes, *second().signed().envelopes), FIRST.content)
    with pytest.raises(MalformedKeyset, match="same bytes"):
        mixed.open()


def test_a_root_signature_over_another_kind_of_statement_is_no_keyset() -> None:
    payload = Statement({CONTENT: sha256_hex(FIRST.content)}, CAPTURE_V1, {}).to_bytes()
    with pytest.raises(MalformedKeyset, match="another kind"):
        SignedKeyset((sealed(ROOT, payload),), FIRST.content).open()


def test_the_keyset_statement_has_its_content_as_only_subject() -> None:
    payload = Statement(
        {CONTENT: sha256_hex(FIRST.content), "extra": "0" * 64},
        KEYSET_V1,
        {"version": 1, "previous": None},
    ).to_bytes()
    with pytest.raises(MalformedKeyset):
        SignedKeyset((sealed(ROOT, payload),), FIRST.content).open()


def test_a_chain_is_judged_once() -> None:
    chain = KeysetChain((FIRST,), PINNED)
    assert chain.newest is chain.newest
