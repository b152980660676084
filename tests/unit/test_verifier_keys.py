# SPDX-License-Identifier: Apache-2.0
"""Verifier keys of signed notes: those that others published are read, and made again."""

import base64

import pytest
from support.keysets import signer

from archive.errors import MalformedKeyset
from archive.proofs.verifier_keys import COSIGNATURE, SIGNED_NOTE, VerifierKey, is_note_name

# The example of golang.org/x/mod/sumdb/note, and the key of Go's checksum database.
PUBLISHED = [
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
]


@pytest.mark.parametrize("line", PUBLISHED)
def test_published_keys_are_read_and_written_alike(line: str) -> None:
    key = VerifierKey.from_text(line)
    assert (key.kind, key.text) == (SIGNED_NOTE, line)
    assert key.name == line.partition("+")[0]
    assert key.key_hash.hex() == line.split("+")[1]


def test_one_key_has_another_hash_for_each_name_and_use() -> None:
    key = signer(1).public_key
    uses = [("a.example", SIGNED_NOTE), ("b.example", SIGNED_NOTE), ("a.example", COSIGNATURE)]
    made = [VerifierKey(name, kind, key) for name, kind in uses]
    assert len({one.key_hash for one in made}) == len(made)
    for one in made:
        assert VerifierKey.from_text(one.text) == one
        assert base64.b64decode(one.text.split("+", 2)[2]) == bytes([one.kind]) + key.raw


@pytest.mark.parametrize(
    "bend",
    [
        lambda line: line.upper(),
        lambda line: line + "\n",
        lambda line: " " + line,
        lambda line: line.replace("+", "", 1),
        lambda line: line.rpartition("+")[0],
        lambda line: line[:-4],
        lambda line: line[:-1] + "=",
        lambda line: line[:0],
        lambda line: line.replace("golang", "golаng"),
    ],
)
def test_a_line_of_any_other_spelling_is_refused(bend: object) -> None:
    assert callable(bend)
    with pytest.raises(MalformedKeyset):
        VerifierKey.from_text(bend(PUBLISHED[1]))


@pytest.mark.parametrize(
    ("name", "is_name"),
    [
        ("log.example/2026", True),
        ("[2001:db8::1]:8080/log", True),
        ("", False),
        ("a b", False),
        ("a+b", False),
        ("a\nb", False),
        ("a\u00a0b", False),
        ("é", False),
        ("x" * 200, True),
        ("x" * 201, False),
    ],
)
def test_names_are_ascii_without_blank_and_plus(name: str, is_name: bool) -> None:  # noqa: FBT001
    assert is_note_name(name) is is_name
