# SPDX-License-Identifier: Apache-2.0
"""Attacks on what is signed: envelope, statement, keys, keysets, JSON."""

import base64
import datetime as dt
from collections.abc import Callable
from typing import Any

from attacks.forge import Forged, in_base64, manifest_row
from support.keysets import key_row, root_row, sealed, signer

from archive import canonical
from archive.clock import parse_rfc3339, rfc3339
from archive.model import exhibit as names
from archive.proofs.dsse import read_envelope

STRANGER, OTHER_ROOT = signer(101), signer(102)
DAY = dt.timedelta(days=1)
Attack = Callable[[Forged], None]


def body_of_another_record(f: Forged) -> None:
    name = next(one for one in f.files if one.startswith(f"{names.OBJECTS}body."))
    f.files[name] = f.others["other"].files[name]


def text_of_another_record(f: Forged) -> None:
    name = f"{names.OBJECTS}text.txt"
    f.files[name] = f.others["other"].files[name]


def container_of_another_record(f: Forged) -> None:
    own, other = f.inventory["own_container"], f.others["other"]
    found = other.files[names.container_file(other.inventory["own_container"])]
    f.files[names.container_file(own)] = found


def statement_of_another_record(f: Forged) -> None:
    info = f.files[names.BAG_INFO]
    f.files = {**f.others["other"].files, names.BAG_INFO: info}


def inventory_of_another_record(f: Forged) -> None:
    f.files[names.INVENTORY_FILE] = f.others["other"].files[names.INVENTORY_FILE]


def signature_on_another_payload(f: Forged) -> None:
    statement = f.statement
    statement["predicate"]["response"]["status"] = 201
    f.envelope(lambda it: it.update(payload=in_base64(canonical.dumps(statement))))


def signature_of_another_record(f: Forged) -> None:
    other = canonical.loads(f.others["other"].files[names.ENVELOPE_FILE])
    f.envelope(lambda it: it.update(signatures=other["signatures"]))


def signature_under_another_type(f: Forged) -> None:
    f.envelope(lambda it: it.update(payloadType="application/json"))


def two_signatures_in_one_envelope(f: Forged) -> None:
    f.envelope(lambda it: it["signatures"].append(it["signatures"][0]))


def no_signature(f: Forged) -> None:
    f.envelope(lambda it: it.update(signatures=[]))


def key_that_no_keyset_lists(f: Forged) -> None:
    f.say(lambda it: it["predicate"]["signer"].update(keyid=STRANGER.public_key.keyid), STRANGER)


def another_key_under_the_right_id(f: Forged) -> None:
    payload = canonical.dumps(f.statement)
    f.sign(payload, STRANGER)
    f.envelope(lambda it: it["signatures"][0].update(keyid=f.manifest.public_key.keyid))


def signer_that_the_statement_does_not_name(f: Forged) -> None:
    f.say(lambda it: it["predicate"]["signer"].update(keyid=STRANGER.public_key.keyid))


def second_envelope_by_a_stranger(f: Forged) -> None:
    payload = read_envelope(f.files[names.ENVELOPE_FILE]).payload
    second = sealed(STRANGER, payload).to_bytes()
    f.files["data/proof/statement.stranger.dsse.json"] = second


def manifest_key(**changes: Any) -> Attack:
    """The manifest key is listed otherwise, by the root key itself."""

    def attack(f: Forged) -> None:
        content = f.keyset()
        manifest_row(content).update(changes)
        f.sign_keyset(content)

    return attack


def key_that_had_ended(f: Forged) -> None:
    at = parse_rfc3339(f.statement["predicate"]["response"]["received_at"])
    manifest_key(valid_from=rfc3339(at - 30 * DAY), valid_until=rfc3339(at - DAY))(f)


def key_of_the_future(f: Forged) -> None:
    at = parse_rfc3339(f.statement["predicate"]["response"]["received_at"])
    manifest_key(valid_from=rfc3339(at + DAY), valid_until=rfc3339(at + 30 * DAY))(f)


def key_revoked_before(f: Forged) -> None:
    at = parse_rfc3339(f.statement["predicate"]["response"]["received_at"])
    revoked = {"state": "revoked", "reason": "stolen", "state_at": rfc3339(at + DAY)}
    manifest_key(invalid_since=rfc3339(at - DAY), **revoked)(f)


def key_of_the_log_signs_statements(f: Forged) -> None:
    content = f.keyset()
    row = manifest_row(content)
    content["keys"] = [one for one in content["keys"] if one["role"] == "log"]
    content["keys"].append({**row, "role": "log"})
    f.sign_keyset(content)


def key_of_low_order(f: Forged) -> None:
    spki = bytes.fromhex("302a300506032b6570032100") + bytes([1]) + bytes(31)
    manifest_key(spki=base64.b64encode(spki).decode())(f)


def key_of_another_algorithm(f: Forged) -> None:
    manifest_key(alg="ed25519ph")(f)


def one_key_under_two_ids(f: Forged) -> None:
    content = f.keyset()
    content["keys"].append({**manifest_row(content), "keyid": "0" * 64})
    f.sign_keyset(content)


def keyset_of_a_strangers_root(f: Forged) -> None:
    content = f.keyset()
    content["root"]["keys"] = [root_row(OTHER_ROOT)]
    f.sign_keyset(content, OTHER_ROOT)


def pinned_root_that_is_named_and_does_not_sign(f: Forged) -> None:
    content = f.keyset()
    content["root"]["keys"] = [*content["root"]["keys"], root_row(OTHER_ROOT)]
    content["keys"].append(key_row(STRANGER))
    f.sign_keyset(content, OTHER_ROOT)


def keyset_rolled_back(f: Forged) -> None:
    f.say(lambda it: it["predicate"]["signer"].update(keyset_version=2))


def keyset_that_follows_another(f: Forged) -> None:
    f.next_keyset(lambda it: it.update(previous="0" * 64))


def root_change_signed_by_the_new_root_alone(f: Forged) -> None:
    def change(content: Any) -> None:
        content["root"]["keys"] = [root_row(OTHER_ROOT)]
        content["keys"].append(key_row(STRANGER))

    f.next_keyset(change, OTHER_ROOT)


def payload(change: Callable[[bytes], bytes]) -> Attack:
    """The statement's bytes are other ones, signed by the right key."""

    def attack(f: Forged) -> None:
        f.sign(change(read_envelope(f.files[names.ENVELOPE_FILE]).payload))

    return attack


def replaced(old: bytes, new: bytes) -> Attack:
    return payload(lambda data: data.replace(old, new, 1))


def envelope_bytes(change: Callable[[bytes], bytes]) -> Attack:
    """The envelope file's bytes are other ones."""

    def attack(f: Forged) -> None:
        f.files[names.ENVELOPE_FILE] = change(f.files[names.ENVELOPE_FILE])

    return attack


def in_url_safe_base64(f: Forged) -> None:
    def change(it: Any) -> None:
        text = it["signatures"][0]["sig"]
        it["signatures"][0]["sig"] = text.replace("+", "-").replace("/", "_")
        it["payload"] = it["payload"].replace("=", "")

    f.envelope(change)


def in_base64_with_line_ends(f: Forged) -> None:
    f.envelope(lambda it: it.update(payload=it["payload"][:76] + "\n" + it["payload"][76:]))


FORM = ("envelope.form", "ENVELOPE_MALFORMED")
CHAIN = ("key.chain", "KEYSET_CHAIN_BROKEN")
CANONICAL = ("statement.canonical", "STATEMENT_NOT_CANONICAL")
DIGEST = ("object.digest", "OBJECT_DIGEST_MISMATCH")

ATTACKS: dict[str, tuple[Attack, tuple[str, str] | None]] = {
    "body-of-another-record": (body_of_another_record, DIGEST),
    "text-of-another-record": (text_of_another_record, DIGEST),
    "container-of-another-record": (
        container_of_another_record,
        ("object.digest", "OBJECT_SIZE_MISMATCH"),
    ),
    "statement-of-another-record": (statement_of_another_record, ("statement.id", "ID_MISMATCH")),
    "inventory-of-another-record": (
        inventory_of_another_record,
        ("inventory.bound", "INVENTORY_NOT_BOUND"),
    ),
    "signature-on-another-payload": (
        signature_on_another_payload,
        ("signature", "SIGNATURE_INVALID"),
    ),
    "signature-of-another-record": (
        signature_of_another_record,
        ("signature", "SIGNATURE_INVALID"),
    ),
    "signature-under-another-type": (signature_under_another_type, FORM),
    "two-signatures-in-one-envelope": (two_signatures_in_one_envelope, FORM),
    "no-signature": (no_signature, FORM),
    "key-that-no-keyset-lists": (key_that_no_keyset_lists, ("key.chain", "KEY_UNKNOWN")),
    "another-key-under-the-right-id": (
        another_key_under_the_right_id,
        ("signature", "SIGNATURE_INVALID"),
    ),
    "signer-that-the-statement-does-not-name": (
        signer_that_the_statement_does_not_name,
        ("key.valid_at_time", "KEYID_BINDING"),
    ),
    "second-envelope-by-a-stranger": (
        second_envelope_by_a_stranger,
        ("package.form", "FILE_UNKNOWN"),
    ),
    "key-that-had-ended": (key_that_had_ended, ("key.valid_at_time", "KEY_EXPIRED")),
    "key-of-the-future": (key_of_the_future, ("key.valid_at_time", "KEY_NOT_YET_VALID")),
    "key-revoked-before": (key_revoked_before, ("key.valid_at_time", "KEY_REVOKED_TIME_UNPROVEN")),
    "key-of-the-log-signs-statements": (
        key_of_the_log_signs_statements,
        ("key.valid_at_time", "KEY_ROLE_MISMATCH"),
    ),
    "key-of-low-order": (key_of_low_order, CHAIN),
    "key-of-another-algorithm": (key_of_another_algorithm, CHAIN),
    "one-key-under-two-ids": (one_key_under_two_ids, CHAIN),
    "keyset-of-a-strangers-root": (keyset_of_a_strangers_root, ("key.chain", "ROOT_NOT_PINNED")),
    "pinned-root-that-is-named-and-does-not-sign": (
        pinned_root_that_is_named_and_does_not_sign,
        CHAIN,
    ),
    "keyset-rolled-back": (keyset_rolled_back, ("key.valid_at_time", "KEYSET_ROLLBACK")),
    "keyset-that-follows-another": (keyset_that_follows_another, CHAIN),
    "root-change-signed-by-the-new-root-alone": (root_change_signed_by_the_new_root_alone, CHAIN),
    "json-key-twice": (replaced(b'"_type"', b'"_type":"x","_type"'), CANONICAL),
    "json-not-a-number": (replaced(b'"status":200', b'"status":NaN'), CANONICAL),
    "json-integer-too-large": (replaced(b'"status":200', b'"status":9007199254740992'), CANONICAL),
    "json-minus-zero": (replaced(b'"status":200', b'"status":-0'), CANONICAL),
    "json-float": (replaced(b'"status":200', b'"status":200.0'), CANONICAL),
    "json-lone-surrogate": (replaced(b'"method":"GET"', b'"method":"\\ud800"'), CANONICAL),
    "json-byte-order-mark": (payload(lambda data: b"\xef\xbb\xbf" + data), CANONICAL),
    "json-bytes-behind": (payload(lambda data: data + b"{}"), CANONICAL),
    "json-other-order": (payload(lambda data: data[:-1] + b',"_type":"x"}'), CANONICAL),
    "json-blank": (replaced(b'":', b'": '), CANONICAL),
    "json-deep": (replaced(b'"GET"', b"[" * 40 + b"]" * 40), CANONICAL),
    "json-decomposed-key": (replaced(b'"method"', '"me\u0301thod"'.encode()), CANONICAL),
    "json-unknown-member": (
        payload(lambda data: data.replace(b'{"agent":', b'{"a":1,"agent":', 1)),
        ("statement.canonical", "STATEMENT_SCHEMA"),
    ),
    "json-true-for-one": (
        replaced(b'"keyset_version":1', b'"keyset_version":true'),
        ("statement.canonical", "STATEMENT_SCHEMA"),
    ),
    "record-id-of-other-letters": (
        payload(lambda data: data.replace(b"CA-C-", "C\u0410-C-".encode())),
        ("statement.canonical", "STATEMENT_SCHEMA"),
    ),
    "envelope-key-twice": (envelope_bytes(lambda data: data[:-1] + b',"payload":"e30="}'), FORM),
    "envelope-bytes-behind": (envelope_bytes(lambda data: data + b"\n"), FORM),
    "envelope-byte-order-mark": (envelope_bytes(lambda data: b"\xef\xbb\xbf" + data), FORM),
    "base64-url-safe": (in_url_safe_base64, FORM),
    "base64-line-ends": (in_base64_with_line_ends, FORM),
}
