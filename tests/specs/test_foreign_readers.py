# SPDX-License-Identifier: Apache-2.0
"""Readers that others wrote agree on what lies in the store: envelopes and WARC files."""

import gzip
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.archives import flipped

from archive.services.context import Archive
from archive.services.trust import trusted_keyset
from archive.settings import Settings
from archive.storage.layout import read_key
from archive.warc.read import read_records


def envelopes(archive: Archive, role: str) -> dict[str, bytes]:
    """Every envelope of a role, by key."""
    return {
        item.key: archive.store.get(item.key)
        for item in archive.store.list()
        if read_key(item.key).role == role
    }


@pytest.mark.parametrize("role", ["statement", "observation", "keyset"])
def test_securesystemslib_verifies_every_envelope(varied: Archive, role: str) -> None:
    from cryptography.hazmat.primitives.serialization import load_der_public_key
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

    keyset = trusted_keyset(varied)
    public = {
        **{keyid: row.key for keyid, row in keyset.keys.items()},
        **keyset.roots,
    }
    keys = [
        SSlibKey.from_crypto(load_der_public_key(key.spki), keyid=keyid)
        for keyid, key in public.items()
    ]
    found = envelopes(varied, role)
    assert found
    for data in found.values():
        # A new parse each time: from_dict changes what it is given.
        opened = Envelope.from_dict(json.loads(data))
        assert len(opened.verify(keys, 1)) == 1


def test_securesystemslib_refuses_a_flipped_payload(varied: Archive) -> None:
    from cryptography.hazmat.primitives.serialization import load_der_public_key
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    keys = [
        SSlibKey.from_crypto(load_der_public_key(row.key.spki), keyid=keyid)
        for keyid, row in trusted_keyset(varied).keys.items()
    ]
    data = next(iter(envelopes(varied, "statement").values()))
    opened = Envelope.from_dict(json.loads(data))
    opened.payload = flipped(opened.payload, 100)
    with pytest.raises(VerificationError):
        opened.verify(keys, 1)


def program(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a foreign package's command line says."""
    return subprocess.run(
        [sys.executable, "-I", "-c", code, *arguments],
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )


WARCIO = "import sys; from warcio.cli import main; sys.exit(main(sys.argv[1:]))"
FASTWARC = "from fastwarc.cli import main; main()"


def own_view(path: Path) -> list[tuple[str, str, bytes]]:
    """Type, ID and block of every record, by our own reader."""
    return [
        (record.type, record.record_id, record.block) for record in read_records(path.read_bytes())
    ]


def test_the_containers_hold_every_kind_of_record(containers: list[Path]) -> None:
    kinds = Counter(kind for path in containers for kind, _, _ in own_view(path))
    assert set(kinds) == {"response", "revisit", "request", "metadata", "conversion"}
    whole = b"".join(block for path in containers for _, _, block in own_view(path))
    for form in (
        b"Content-Encoding: gzip",
        b"Transfer-Encoding: chunked",
        b"HTTP/1.1 302",
        b"404 Not Found",
    ):
        assert form in whole
    headers = [record for path in containers for record in read_records(path.read_bytes())]
    assert {"disconnect", "length", "time"} <= {
        record.header("WARC-Truncated") for record in headers if record.type == "response"
    }


def test_warcio_reads_the_same_records(containers: list[Path]) -> None:
    from warcio.archiveiterator import ArchiveIterator

    for path in containers:
        with path.open("rb") as file:
            seen = [
                (
                    record.rec_type,
                    record.rec_headers.get_header("WARC-Record-ID"),
                    record.raw_stream.read(),
                )
                for record in ArchiveIterator(file, no_record_parse=True)
            ]
        assert seen == own_view(path)


def test_fastwarc_reads_the_same_records_and_agrees_with_their_digests(
    containers: list[Path],
) -> None:
    from fastwarc.warc import ArchiveIterator

    payloads = 0
    for path in containers:
        seen = []
        with path.open("rb") as file:
            for record in ArchiveIterator(file, parse_http=False):
                assert record.verify_block_digest()
                kind = record.headers["WARC-Type"]
                if kind == "response" and "WARC-Payload-Digest" in record.headers:
                    record.parse_http(auto_decode="none")
                    assert record.verify_payload_digest()
                    payloads += 1
                seen.append((kind, record.headers["WARC-Record-ID"]))
        assert seen == [(kind, name) for kind, name, _ in own_view(path)]
    assert payloads


def test_warcio_check_and_fastwarc_check_find_nothing_wrong(containers: list[Path]) -> None:
    done = program(WARCIO, "check", *map(str, containers))
    assert done.returncode == 0, done.stdout + done.stderr
    for path in containers:
        done = program(FASTWARC, "check", "-q", "-d", "gzip", str(path))
        assert done.returncode == 0, done.stdout + done.stderr


def changed_status(containers: list[Path], kind: bytes, folder: Path) -> str:
    """A copy of a container whose first record, of this type, has another HTTP status."""
    begins = b"WARC/1.1\r\nWARC-Type: " + kind
    plain = (gzip.decompress(path.read_bytes()) for path in containers)
    data = next(
        data
        for data in plain
        if data.startswith(begins) and data.split(b"\r\n\r\n")[1].startswith(b"HTTP/1.1 200")
    )
    changed = folder / "changed.warc"
    changed.write_bytes(data.replace(b"\nHTTP/1.1 200", b"\nHTTP/1.1 201", 1))
    return str(changed)


def test_warcio_check_finds_a_changed_response(containers: list[Path], tmp_path: Path) -> None:
    changed = changed_status(containers, b"response", tmp_path)
    assert program(WARCIO, "check", changed).returncode == 1


def test_fastwarc_check_finds_a_changed_revisit(containers: list[Path], tmp_path: Path) -> None:
    # warcio 1.8 does not look at the digests of a revisit.
    changed = changed_status(containers, b"revisit", tmp_path)
    assert program(FASTWARC, "check", "-q", "-d", "uncompressed", changed).returncode == 1


def test_gzip_and_sha256sum_serve_to_check_a_store(
    containers: list[Path], varied_settings: Settings
) -> None:
    lines = "".join(f"{path.name}  {path}\n" for path in containers)
    done = subprocess.run(
        ["sha256sum", "--strict", "-c"],
        input=lines,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
