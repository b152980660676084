# SPDX-License-Identifier: Apache-2.0
"""WACZ packages made by the tests, sound or wrong in one known way."""

import base64
import datetime as dt
import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from support.authorities import Holder, TimestampAuthority, Wish, issued, now, root

URL = "https://policy.example/terms"
DOMAIN = "archive.example"
WARC = "archive/data.warc.gz"
PAGES = "pages/pages.jsonl"
DIGEST = "datapackage-digest.json"
Json = dict[str, Any]


def warc_record(url: str = URL, body: bytes = b"<p>terms</p>", kind: str = "response") -> bytes:
    """One WARC record, not compressed."""
    block = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body) + body
    )
    digest = hashlib.sha256(body + url.encode()).hexdigest()
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:sha256:{digest}>\r\n"
        f"WARC-Date: 2026-03-06T20:00:36Z\r\nWARC-Target-URI: {url}\r\n"
        f"WARC-Payload-Digest: sha256:{hashlib.sha256(body).hexdigest()}\r\n"
        "Content-Type: application/http;msgtype=response\r\n"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def page_list(*urls: str) -> bytes:
    """A page list with its header line."""
    lines = [{"format": "json-pages-1.0", "id": "pages", "title": "All Pages"}]
    lines += [{"url": url, "ts": "2026-03-06T20:00:36Z"} for url in urls]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


@dataclass
class Package:
    """The parts of a WACZ before they are put together; change one to make it wrong."""

    files: dict[str, bytes] = field(default_factory=dict)
    deflated: frozenset[str] = frozenset({PAGES})
    created: str = "2026-03-06T20:00:40Z"
    undeclared: dict[str, bytes] = field(default_factory=dict)
    datapackage: Json = field(default_factory=dict)
    digest: Json | None = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = self.files or {
            WARC: gzip.compress(warc_record(), mtime=0),
            "indexes/index.cdxj": b"com,example)/ 20260306200036 {}\n",
            PAGES: page_list(URL),
        }
        self.datapackage = {
            "profile": "data-package",
            "wacz_version": "1.1.1",
            "created": self.created,
            "software": "tests",
            "resources": [
                {
                    "name": path.rpartition("/")[2],
                    "path": path,
                    "hash": f"sha256:{hashlib.sha256(data).hexdigest()}",
                    "bytes": len(data),
                }
                for path, data in self.files.items()
            ],
        }

    @property
    def declaration(self) -> bytes:
        """The bytes of datapackage.json."""
        return json.dumps(self.datapackage, indent=2).encode()

    @property
    def hash(self) -> str:
        """The digest that is signed, as text."""
        return f"sha256:{hashlib.sha256(self.declaration).hexdigest()}"

    def sign(self, signed: Json) -> None:
        """Put a signature into the digest file."""
        self.digest = {"path": "datapackage.json", "hash": self.hash, "signedData": signed}

    def entries(self) -> dict[str, bytes]:
        """Every file of the package in order."""
        entries = {**self.files, **self.undeclared, "datapackage.json": self.declaration}
        if self.digest is not None:
            digest = self.digest or {"path": "datapackage.json", "hash": self.hash}
            entries[DIGEST] = json.dumps(digest).encode()
        return entries

    def zipped(self) -> bytes:
        """The package."""
        return zipped(self.entries(), self.deflated)

    def write(self, path: Path) -> Path:
        """The package as a file."""
        path.write_bytes(self.zipped())
        return path


def zipped(entries: Mapping[str, bytes], deflated: frozenset[str] = frozenset()) -> bytes:
    """A ZIP file with these entries."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in entries.items():
            kind = zipfile.ZIP_DEFLATED if name in deflated else zipfile.ZIP_STORED
            file.writestr(zipfile.ZipInfo(name, (2026, 3, 6, 20, 0, 36)), data, kind)
    return out.getvalue()


class Given:
    """Bytes as a source (`importing.base.Source`)."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def read_at(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]


def anonymous(package: Package, key: ec.EllipticCurvePrivateKey, *, is_raw: bool) -> Json:
    """`signedData` without a domain: raw r and s as a browser signs, or DER."""
    signature = key.sign(package.hash.encode(), ec.ECDSA(hashes.SHA256()))
    if is_raw:
        half = (key.curve.key_size + 7) // 8
        signature = b"".join(n.to_bytes(half, "big") for n in decode_dss_signature(signature))
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {
        "hash": package.hash,
        "created": package.created,
        "software": "tests",
        "version": "0.1.0",
        "signature": base64.b64encode(signature).decode(),
        "publicKey": base64.b64encode(spki).decode(),
    }


class Notary:
    """Everything that a domain signature needs: an authority, a leaf, a timestamp authority."""

    def __init__(self, folder: Path) -> None:
        self.root = root("Root of domains")
        self.between = issued(Wish("Between", is_authority=True), self.root)
        self.leaf = issued(Wish(DOMAIN, domain=DOMAIN), self.between)
        self.time_root = root("Root of time")
        self.time_leaf = issued(Wish("Time", for_timestamps=True), self.time_root)
        self._folder = folder
        self.authority = self.time_authority("time", self.time_leaf, self.time_root)

    def time_authority(self, name: str, leaf: Holder, above: Holder) -> TimestampAuthority:
        """A timestamp authority that gives its leaf and its root as its chain."""
        return TimestampAuthority(self._folder / name, leaf, f"{leaf.pem}\n{above.pem}")

    def package(self, *, age: dt.timedelta = dt.timedelta(seconds=5)) -> Package:
        """A package that was made just now, or at another time."""
        return Package(created=(now() - age).strftime("%Y-%m-%dT%H:%M:%SZ"))

    def signed(
        self,
        package: Package,
        *,
        signer: Holder | None = None,
        chain: tuple[Holder, ...] = (),
        token: Callable[[bytes], bytes] | None = None,
        time_chain: str = "",
    ) -> Json:
        """`signedData` in the name of the domain; each argument replaces what is right."""
        leaf = signer or self.leaf
        signature = leaf.key.sign(package.hash.encode(), ec.ECDSA(hashes.SHA256()))
        text = base64.b64encode(signature).decode()
        stamped = (token or self.authority.token)(text.encode())
        certificates = chain or (leaf, self.between, self.root)
        return {
            "hash": package.hash,
            "created": package.created,
            "software": "tests",
            "version": "0.1.0",
            "signature": text,
            "domain": DOMAIN,
            "domainCert": "\n".join(one.pem for one in certificates),
            "timeSignature": base64.b64encode(stamped).decode(),
            "timestampCert": time_chain or self.authority.chain,
        }
