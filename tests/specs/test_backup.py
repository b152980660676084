# SPDX-License-Identifier: Apache-2.0
"""The backup's page is enough to read one: a reader made from it alone, with other functions."""

import base64
import dataclasses
import hashlib
import hmac
import json
import os
import unicodedata
from io import BytesIO
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from specs.documents import codes, spec, table

from archive.backups import content, sealed
from archive.bootstrap import init_archive, installation
from archive.services.upkeep.backup import backup
from archive.settings import Settings

PAGE = spec("backup.md")
WORDS = "correct horse battery staple é"


def members(data: bytes) -> dict[str, bytes]:
    """The header's members, cut out by the table."""
    found = {}
    for offset, size, holds in table(PAGE, "offset"):
        start = int(offset)
        found[holds.split(",")[0].split(":")[0].split(" ")[0]] = data[start : start + int(size)]
    return found


def opened_by_the_page(file: bytes, passphrase: str) -> bytes:
    """The content, by sections 2 and 3."""
    found = members(file)
    words = unicodedata.normalize("NFC", passphrase.strip()).encode()
    made = hashlib.scrypt(
        words,
        salt=found["salt"],
        n=1 << found["cost"][0],
        r=8,
        p=1,
        dklen=64,
        maxmem=1 << 30,
    )
    assert found["`muniment-backup`"] == b"muniment-backup\n"
    assert found["version"] == b"\x01"
    assert hmac.new(made[32:], file[:50], "sha256").digest() == found["HMAC-SHA256"]
    assert hashlib.sha256(file[:82]).digest()[:8] == found["the"]
    cipher, rest, number, data = ChaCha20Poly1305(made[:32]), file[90:], 0, b""
    while rest:
        chunk, rest = rest[: 65_536 + 16], rest[65_536 + 16 :]
        nonce = number.to_bytes(11, "big") + (b"\x00" if rest else b"\x01")
        data += cipher.decrypt(nonce, chunk, None)
        number += 1
    return data


def test_a_backup_is_read_by_the_page_alone(settings: Settings, tmp_path: Path) -> None:
    init_archive(settings)[0].close()
    (settings.keys_folder / "large.pem").write_bytes(os.urandom(200_000))
    path = tmp_path / "a.backup"
    backup(installation(settings), path, sealed.Passphrase.of(WORDS))
    lines = opened_by_the_page(path.read_bytes(), f"  {WORDS}\n").splitlines()
    entries = [json.loads(line) for line in lines]
    known = {codes(row[0])[0]: set(codes(row[2])) for row in table(PAGE, "entry")}
    for entry in entries:
        assert set(entry) - {"entry"} <= known[entry["entry"]], entry
    assert entries[0]["prefix"] == "CA"
    assert entries[-1] == {"entry": "end", "entries": len(entries) - 1}
    files: dict[str, bytes] = {}
    for entry in entries:
        if entry["entry"] == "file":
            name = entry["name"]
            files[name] = b""
        elif entry["entry"] == "data":
            files[name] += base64.b64decode(entry["data"], validate=True)
    for key in settings.keys_folder.iterdir():
        assert files[key.name] == key.read_bytes()


def test_the_page_and_the_code_have_the_same_numbers_and_words() -> None:
    assert sum(int(row[1]) for row in table(PAGE, "offset")) == sealed.HEADER_BYTES
    assert f"a writer takes {sealed.COST}," in PAGE
    low, high = sealed.COSTS[0], sealed.COSTS[-1]
    assert f"MUST refuse less than {low} and more than {high}" in PAGE
    assert f"fewer than {sealed.PASSPHRASE_CHARACTERS} characters" in PAGE
    assert f"chunks of {sealed.CHUNK_BYTES:,} bytes" in PAGE
    entries = {codes(row[0])[0] for row in table(PAGE, "entry")}
    assert entries == set(content._READERS)
    assert {codes(row[0])[0] for row in table(PAGE, "member")} == set(content._CELLS)
    for place in content.PLACES:
        assert f"`{place}`" in PAGE
    head = next(row[2] for row in table(PAGE, "entry") if row[0] == "`head`")
    assert {field.name for field in dataclasses.fields(content.Head)} <= set(codes(head))


def test_the_reader_reads_what_a_writer_of_the_page_may_write() -> None:
    file = BytesIO()
    sealed.seal_stream(file, [b"x"], sealed.Passphrase.of(WORDS), os.urandom, cost=14)
    assert opened_by_the_page(file.getvalue(), WORDS) == b"x"
