# SPDX-License-Identifier: Apache-2.0
"""Signed notes, verifier keys and checkpoints: what is read, and every other spelling refused."""

import base64

import pytest
from support.notes import (
    ORIGIN,
    TIME,
    log_key,
    log_line,
    private_key,
    signed,
    witness_key,
    witness_line,
)

from archive.errors import MalformedNote
from archive.proofs.checkpoint import (
    Checkpoint,
    SignedCheckpoint,
    Verdict,
    cosignature,
    cosigned_text,
    is_origin,
)
from archive.proofs.merkle import TreeHead
from archive.proofs.note import ED25519, Note, NoteSignature, VerifierKey, strict_decimal

# The key and the note of the documentation of Go's note package.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng"
    "otpRZb6KE6RyyBwJnAM=\n"
)
HEAD = TreeHead(20852163, bytes(range(32)))
CHECKPOINT = Checkpoint(ORIGIN, HEAD)


def test_the_printed_note_of_the_go_package_holds_under_its_printed_key() -> None:
    key, note = VerifierKey.from_text(GO_KEY), Note.from_bytes(GO_NOTE.encode())
    assert (key.name, key.kind, key.to_text()) == ("PeterNeumann", ED25519, GO_KEY)
    [line] = note.by(key)
    assert key.key.verifies(line.signature, note.text)
    assert note.to_bytes() == GO_NOTE.encode()


def test_keys_of_both_types_are_written_as_they_are_read() -> None:
    for key in (log_key(), witness_key(2)):
        assert VerifierKey.from_text(key.to_text()) == key
    assert log_key(2).key_id != witness_key(2, ORIGIN).key_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+c74f20a3",
        GO_KEY.replace("c74f20a3", "C74F20A3"),
        GO_KEY.replace("c74f20a3", "c74f20a4"),
        GO_KEY.replace("PeterNeumann", "Peter Neumann"),
        GO_KEY.replace("PeterNeumann", ""),
        GO_KEY + "=",
        GO_KEY[:-4],
        GO_KEY + "\n",
        # Type 2, a key of low order, and one in its second encoding.
        "n+00000000+" + base64.b64encode(b"\2" + bytes(32)).decode(),
        "n+00000000+" + base64.b64encode(b"\1" + bytes(32)).decode(),
        "n+00000000+" + base64.b64encode(b"\1" + b"\xff" * 32).decode(),
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(MalformedNote):
        VerifierKey.from_text(text)


LINE = log_line(CHECKPOINT).to_line()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\n\n",
        f"text\n\n{LINE}".replace("\u2014 ", "-- ").encode(),
        f"text\n\n{LINE}"[:-1].encode(),
        f"text\r\n\n{LINE}".encode(),
        f"text\n\n{LINE}\0".encode(),
        f"te\x1fxt\n\n{LINE}".encode(),
        b"\xff\n\n" + LINE.encode(),
        f"text\n\n{LINE} \n".encode(),
        f"text\n\n{LINE}extra\n".encode(),
        "text\n\n\u2014 name AAAA\n".encode(),
        f"text\n\n\u2014 na me {LINE.split()[-1]}\n".encode(),
        f"text\n\n\u2014 na\u2003me {LINE.split()[-1]}\n".encode(),
        f"text\n\n\u2014 na+me {LINE.split()[-1]}\n".encode(),
        f"text\n\n\u2014 name {LINE.split()[-1][:-2]}\n".encode(),
        f"text\n\n\u2014 name {LINE.split()[-1].replace('/', '_')}!\n".encode(),
        ("text\n\n" + LINE * 101).encode(),
        ("x" * 65536 + "\n\n" + LINE).encode(),
    ],
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedNote):
        Note.from_bytes(data)


def test_the_last_empty_line_parts_text_and_signatures() -> None:
    note = Note.from_bytes(f"one\n\ntwo\n\n{LINE}".encode())
    assert note.text == b"one\n\ntwo\n"
    assert len(note.signatures) == 1


@pytest.mark.parametrize(
    "text",
    [
        "o\n1\n",
        "o\n1\nAAAA\n",
        f"o\n01\n{base64.b64encode(bytes(32)).decode()}\n",
        f"o\n+1\n{base64.b64encode(bytes(32)).decode()}\n",
        f"o\n1 \n{base64.b64encode(bytes(32)).decode()}\n",
        f"o\n\u0661\n{base64.b64encode(bytes(32)).decode()}\n",
        f"o\n{2**63}\n{base64.b64encode(bytes(32)).decode()}\n",
        f"o\n{'9' * 5000}\n{base64.b64encode(bytes(32)).decode()}\n",
        f"\n1\n{base64.b64encode(bytes(32)).decode()}\n",
        f"o o\n1\n{base64.b64encode(bytes(32)).decode()}\n",
        f"\u00f6\n1\n{base64.b64encode(bytes(32)).decode()}\n",
        f"{'o' * 101}\n1\n{base64.b64encode(bytes(32)).decode()}\n",
        f"o\n1\n{base64.b64encode(bytes(32)).decode()}\nextension\n",
        f"o\n1\n{base64.b64encode(bytes(32)).decode()}\n\n",
        f"o\n1\n{base64.b64encode(bytes(31)).decode()}\n",
    ],
)
def test_what_is_no_checkpoint_is_refused_extension_lines_too(text: str) -> None:
    with pytest.raises(MalformedNote):
        Checkpoint.from_text(text.encode())


def test_a_checkpoint_is_written_as_it_is_read() -> None:
    whole = signed(CHECKPOINT, 2, 3)
    assert SignedCheckpoint.from_bytes(whole.to_bytes()) == whole
    assert Checkpoint.from_text(CHECKPOINT.to_text()) == CHECKPOINT
    assert CHECKPOINT.to_text().startswith(b"archive.example/log\n20852163\n")


def test_each_key_is_judged_by_its_own_lines() -> None:
    whole = signed(CHECKPOINT, 2)
    assert whole.judged(log_key()) == Verdict(is_present=True, is_valid=True)
    assert whole.judged(witness_key(2)) == Verdict(is_present=True, is_valid=True, time=TIME)
    assert whole.judged(witness_key(3)) == Verdict(is_present=False, is_valid=False)
    assert whole.judged(log_key(5)) == Verdict(is_present=False, is_valid=False)


def test_a_known_keys_line_that_does_not_hold_counts_against_it_beside_one_that_does() -> None:
    other = Checkpoint(ORIGIN, TreeHead(7, HEAD.root))
    forged = SignedCheckpoint.of(CHECKPOINT, [log_line(other), witness_line(other, 2)])
    assert forged.judged(log_key()) == Verdict(is_present=True, is_valid=False)
    assert forged.judged(witness_key(2)) == Verdict(is_present=True, is_valid=False)
    both = SignedCheckpoint.of(
        CHECKPOINT,
        [*signed(CHECKPOINT, 2).note.signatures, log_line(other), witness_line(other, 2)],
    )
    assert not both.judged(log_key()).is_valid
    assert both.judged(witness_key(2)) == Verdict(is_present=True, is_valid=False)


def test_a_logs_key_under_another_name_than_the_origin_does_not_sign_for_it() -> None:
    key = log_key(1, "other.example/log")
    line = NoteSignature(key.name, key.key_id, private_key(1).sign(CHECKPOINT.to_text()))
    whole = SignedCheckpoint.of(CHECKPOINT, [line])
    assert whole.judged(key) == Verdict(is_present=True, is_valid=False)


def test_a_log_signature_is_no_cosignature_and_a_cosignature_none_of_a_log() -> None:
    key = witness_key(2)
    plain = private_key(2).sign(CHECKPOINT.to_text())
    for data in (plain, bytes(8) + plain, plain[:-1], bytes(7)):
        line = NoteSignature(key.name, key.key_id, data)
        assert not SignedCheckpoint.of(CHECKPOINT, [line]).judged(key).is_valid


def test_the_time_is_signed_and_the_earliest_counts() -> None:
    key = witness_key(2)
    lines = [witness_line(CHECKPOINT, 2, TIME + 9), witness_line(CHECKPOINT, 2, TIME)]
    assert SignedCheckpoint.of(CHECKPOINT, lines).judged(key).time == TIME
    moved = cosignature(key, TIME + 1, lines[1].signature[8:])
    assert not SignedCheckpoint.of(CHECKPOINT, [moved]).judged(key).is_valid
    late = private_key(2).sign(cosigned_text(CHECKPOINT.to_text(), 2**63))
    beyond = cosignature(key, 2**63, late)
    assert not SignedCheckpoint.of(CHECKPOINT, [beyond]).judged(key).is_valid


def test_the_cosigned_text_is_that_of_the_specification() -> None:
    assert cosigned_text(b"o\n1\nroot\n", 1679315147) == (
        b"cosignature/v1\ntime 1679315147\no\n1\nroot\n"
    )


def test_decimals_have_one_spelling() -> None:
    assert [strict_decimal(text) for text in ("0", "7", str(2**63 - 1))] == [0, 7, 2**63 - 1]
    for text in ("", "00", "-0", "1_0", " 1", "1e3", "\u0660", str(2**63)):
        with pytest.raises(MalformedNote):
            strict_decimal(text)


def test_an_origin_is_a_key_name_in_ascii() -> None:
    assert is_origin("archive.example/log")
    assert not any(map(is_origin, ("", "a b", "a+b", "\u00f6", "a" * 101, "a\n")))
