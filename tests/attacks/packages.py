# SPDX-License-Identifier: Apache-2.0
"""Attacks on the package: the ZIP file, the bag, the WARC file in it."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from attacks.forge import Forged
from support.zips import Entry, zip_of

from archive.digests import sha256_hex
from archive.model import exhibit as names
from archive.warc.members import compress_member
from archive.warc.read import read_records

Attack = Callable[[Forged], None]
Packer = Callable[[Forged], bytes]
FORM = "package.form"


def entries(f: Forged) -> list[Entry]:
    """The exhibit's files as entries that may be made to lie."""
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(f.zip())) as opened:
        return [Entry(name.encode(), opened.read(name), flags=0) for name in opened.namelist()]


def with_entry(name: str, **said: Any) -> Packer:
    """The exhibit, and one file more in the ZIP file."""
    return lambda f: zip_of([*entries(f), Entry(name.encode(), b"more", **said)])


def twice(f: Forged) -> bytes:
    found = entries(f)
    body = next(one for one in found if b"objects/body" in one.name)
    return zip_of([*found, replace(body, data=b"another")])


def in_other_case(f: Forged) -> bytes:
    found = entries(f)
    body = next(one for one in found if b"objects/body" in one.name)
    shouted = body.name.replace(b"body.html", b"BODY.html")
    return zip_of([*found, replace(body, name=shouted)])


def bomb(f: Forged) -> bytes:
    huge = Entry(f"{f.folder}/data/objects/huge.bin".encode(), bytes(64 << 20), method=8, flags=0)
    return zip_of([*entries(f), huge])


def two_names(f: Forged) -> bytes:
    found = entries(f)
    local = {"name": found[-1].name[:-1] + b"X"}
    return zip_of([*found[:-1], replace(found[-1], local=local)])


def two_sizes(f: Forged) -> bytes:
    found = entries(f)
    return zip_of([*found[:-1], replace(found[-1], central={"size": 3})])


def in_front(f: Forged) -> bytes:
    return zip_of(entries(f), front=b"#!/bin/sh\n")


def behind(f: Forged) -> bytes:
    return f.zip() + b"more"


def in_between(f: Forged) -> bytes:
    found = entries(f)
    return zip_of([found[0], replace(found[1], before=b"hidden"), *found[2:]])


def repacked(f: Forged) -> bytes:
    return zip_of(entries(f))


ZIPS: dict[str, tuple[Packer, tuple[str, str]]] = {
    "zip-dots": (with_entry("x/../../evil"), (FORM, "ZIP_PATH_UNSAFE")),
    "zip-absolute": (with_entry("/etc/evil"), (FORM, "ZIP_PATH_UNSAFE")),
    "zip-backslash": (with_entry("x\\evil"), (FORM, "ZIP_PATH_UNSAFE")),
    "zip-drive-letter": (with_entry("C:/evil"), (FORM, "ZIP_PATH_UNSAFE")),
    "zip-nul": (with_entry("x/ev\x00il"), (FORM, "ZIP_PATH_UNSAFE")),
    "zip-bidi-name": (
        with_entry("x/\u202egpj.exe", flags=0x0800),
        (FORM, "ZIP_PATH_UNSAFE"),
    ),
    "zip-symlink": (with_entry("x/link", outside=0o120777 << 16), (FORM, "ZIP_SYMLINK")),
    "zip-name-twice": (twice, (FORM, "ZIP_DUPLICATE_NAME")),
    "zip-name-in-other-case": (in_other_case, (FORM, "ZIP_DUPLICATE_NAME")),
    "zip-bomb": (bomb, (FORM, "ZIP_TOO_LARGE")),
    "zip-two-names": (two_names, (FORM, "ZIP_MALFORMED")),
    "zip-two-sizes": (two_sizes, (FORM, "ZIP_MALFORMED")),
    "zip-bytes-in-front": (in_front, (FORM, "ZIP_MALFORMED")),
    "zip-bytes-behind": (behind, (FORM, "ZIP_MALFORMED")),
    "zip-bytes-between": (in_between, (FORM, "ZIP_MALFORMED")),
    "zip-packed-again": (repacked, (FORM, "ZIP_REPACKED")),
}


def unlisted(f: Forged) -> bytes:
    """A file that no manifest lists, in a ZIP file that is otherwise right."""
    return with_files(f, {"data/objects/evil.html": b"<script>"})


def changed_and_not_listed_anew(f: Forged) -> bytes:
    name = next(one for one in f.files if one.startswith(f"{names.OBJECTS}body."))
    return with_files(f, {name: b"other words"})


def taken_away(f: Forged) -> bytes:
    name = next(one for one in f.files if one.startswith(f"{names.OBJECTS}body."))
    return with_files(f, {name: None})


def with_files(f: Forged, changes: dict[str, bytes | None]) -> bytes:
    """The exhibit with files put in, changed or taken away behind the manifests' back."""
    import io
    import zipfile
    import zlib

    from archive.proofs.plain_zip import Member, write_zip

    with zipfile.ZipFile(io.BytesIO(f.zip())) as opened:
        files: dict[str, bytes | None] = {name: opened.read(name) for name in opened.namelist()}
    files.update({f"{f.folder}/{name}": data for name, data in changes.items()})
    kept = [(name, data) for name, data in files.items() if data is not None]
    members = [
        Member(name, len(data), zlib.crc32(data), lambda data=data: (data,))  # type: ignore[misc]
        for name, data in kept
    ]
    return b"".join(write_zip(members))


def with_listed(**files: bytes) -> Packer:
    """The exhibit with other files, that the manifests list, each by its place."""

    def pack(f: Forged) -> bytes:
        changed = f.copy()
        changed.files.update({PLACES[name]: data for name, data in files.items()})
        return changed.zip()

    return pack


PLACES = {
    "other_body": f"{names.OBJECTS}body.pdf",
    "own_file": f"{names.OBJECTS}READ-ME-FIRST.html",
    "statement": names.STATEMENT_FILE,
    "signed_bytes": names.SIGNED_BYTES_FILE,
    "policy": names.POLICY_FILE,
    "anchor": names.ANCHOR_FILE,
    "custody": f"{names.CUSTODY}about.dsse.json",
}
BAGS: dict[str, tuple[Packer, tuple[str, str]]] = {
    "listed-second-body": (with_listed(other_body=b"%PDF"), (FORM, "FILE_UNKNOWN")),
    "listed-file-that-is-none-of-ours": (with_listed(own_file=b"<h1>"), (FORM, "FILE_UNKNOWN")),
    "listed-custody-under-another-name": (with_listed(custody=b"{}"), (FORM, "FILE_UNKNOWN")),
    "listed-other-statement-to-look-at": (with_listed(statement=b"{}"), (FORM, "FILE_DIFFERS")),
    "listed-other-signed-bytes": (with_listed(signed_bytes=b"DSSEv1"), (FORM, "FILE_DIFFERS")),
    "listed-other-log-policy": (with_listed(policy=b"quorum none\n"), (FORM, "FILE_DIFFERS")),
    "listed-other-anchor": (with_listed(anchor=b"example\n"), (FORM, "FILE_DIFFERS")),
    "file-unlisted": (unlisted, (FORM, "FILE_UNLISTED")),
    "file-changed": (changed_and_not_listed_anew, (FORM, "BAG_DIGEST_MISMATCH")),
    "file-taken-away": (taken_away, (FORM, "FILE_MISSING")),
}


def warc(change: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]) -> Attack:
    """The WARC file written anew out of other records: pairs of type and bytes, unpacked."""

    def attack(f: Forged) -> None:
        inventory = f.inventory
        old = f.files.pop(names.container_file(inventory["own_container"]))
        kept = list(read_records(old))
        records = [
            (one.type, gzip.decompress(old[one.offset : one.offset + one.length])) for one in kept
        ]
        new, spans = b"", {}
        for _, whole in change(records):
            member = compress_member(whole)
            [record] = read_records(member)
            spans.setdefault(record.record_id, (len(new), len(member), sha256_hex(member)))
            new += member
        f.replace_container(inventory, new, spans)

    return attack


def in_records(type_: str, old: bytes, new: bytes) -> Attack:
    """The records of a type with some bytes replaced by as many others."""
    return warc(
        lambda records: [
            (kind, whole.replace(old, new, 1) if kind == type_ else whole)
            for kind, whole in records
        ]
    )


def second_answer_for_the_same_address(
    records: list[tuple[str, bytes]],
) -> list[tuple[str, bytes]]:
    answer = next(whole for kind, whole in records if kind == "response")
    start = answer.index(b"<urn:uuid:") + len(b"<urn:uuid:")
    again = answer[:start] + b"00000000-0000-4000-8000-000000000000" + answer[start + 36 :]
    return [*records, ("response", again)]


def without_line(type_: str, name: bytes) -> Attack:
    """The records of a type without one header line."""

    def change(records: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        return [
            (kind, _without(whole, name) if kind == type_ else whole) for kind, whole in records
        ]

    return warc(change)


def _without(whole: bytes, name: bytes) -> bytes:
    head, end, rest = whole.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(name.lower())]
    return b"\r\n".join(lines) + end + rest


def tail_of_a_gzip_member(f: Forged) -> None:
    inventory = f.inventory
    data = f.files.pop(names.container_file(inventory["own_container"])) + b"tail"
    old = data[:-4]
    spans = {
        one.record_id: (
            one.offset,
            one.length,
            sha256_hex(old[one.offset : one.offset + one.length]),
        )
        for one in read_records(old)
    }
    f.replace_container(inventory, data, spans)


def container_taken_away(f: Forged) -> None:
    del f.files[names.container_file(f.inventory["own_container"])]


WARCS: dict[str, tuple[Attack, tuple[str, str]]] = {
    "warc-second-answer-for-the-same-address": (
        warc(second_answer_for_the_same_address),
        ("warc.records", "WARC_STATEMENT_MISMATCH"),
    ),
    "warc-false-block-digest": (
        in_records("response", b"WARC-Block-Digest: sha256:", b"WARC-Block-Digest: sha256:0"),
        ("warc.records", "WARC_BLOCK_DIGEST"),
    ),
    "warc-other-words-under-the-old-digest": (
        in_records("response", b"partners", b"partnerz"),
        ("object.digest", "OBJECT_DIGEST_MISMATCH"),
    ),
    "warc-without-block-digest": (
        without_line("response", b"WARC-Block-Digest"),
        ("warc.records", "WARC_BLOCK_DIGEST"),
    ),
    "warc-other-address": (
        in_records("response", b"WARC-Target-URI: http://127", b"WARC-Target-URI: http://128"),
        ("warc.records", "WARC_STATEMENT_MISMATCH"),
    ),
    "warc-tail-of-a-gzip-member": (tail_of_a_gzip_member, ("object.digest", "WARC_PARSE")),
    "warc-taken-away": (container_taken_away, ("object.digest", "FILE_MISSING")),
}
