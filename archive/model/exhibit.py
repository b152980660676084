# SPDX-License-Identifier: Apache-2.0
"""Where each file lies in an exhibit: `archive/specs/exhibit.md` as code.

An exhibit is a BagIt bag (RFC 8493). Paths are those within the bag's folder.
"""

BAGIT = "bagit.txt"
BAG_INFO = "bag-info.txt"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
README = "README.txt"
VERIFIER = "verify.pyz"
PAGE = "verify.html"
BAGIT_TEXT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
PAYLOAD = "data/"

RECORD = "data/record/record.json"
REPORT_JSON = "data/report/verify.json"
REPORT_TEXT = "data/report/verify.txt"
INVENTORY_FILE = "data/proof/inventory.json"
ENVELOPE_FILE = "data/proof/statement.dsse.json"
STATEMENT_FILE = "data/proof/statement.json"
SIGNED_BYTES_FILE = "data/proof/statement.pae"
SIGNATURE_FILE = "data/proof/statement.sig"
ENTRY_FILE = "data/proof/entry.json"
LOG_PROOF_FILE = "data/proof/log.tlog-proof"
ANCHOR_FILE = "data/proof/anchor.checkpoint"
GROWTH_FILE = "data/proof/anchor.growth"
BATCHES = "data/proof/proofs/"
CHECKPOINTS = "data/proof/checkpoints/"
POLICY_FILE = "data/trust/log-policy.txt"
AUTHORITIES = "data/trust/authorities/"
OBJECTS = "data/objects/"
CONTAINERS = "data/containers/"
CUSTODY = "data/custody/"
TRUST = "data/trust/"
KEYSETS = "data/trust/keyset/"
KEYS = "data/trust/keys/"

# A table of our own: that of the system differs from machine to machine.
_EXTENSIONS = {
    "application/json": "json",
    "application/pdf": "pdf",
    "application/xhtml+xml": "xhtml",
    "application/xml": "xml",
    "image/gif": "gif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "text/css": "css",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "text/plain": "txt",
    "text/xml": "xml",
}
_ALWAYS_TEXT = frozenset({"text", "headers", "request"})


def part_file(role: str, media_type: str) -> str:
    """Where a part lies as a plain file. The extension is a help to people; nothing rests on it."""
    if role in _ALWAYS_TEXT:
        return f"{OBJECTS}{role}.txt"
    essence = media_type.partition(";")[0].strip().lower()
    extension = _EXTENSIONS.get(essence, "bin") if role != "body-raw" else "bin"
    return f"{OBJECTS}{role}.{extension}"


def container_file(sha256: str) -> str:
    """Where a whole WARC file lies."""
    return f"{CONTAINERS}{sha256}.warc.gz"


def member_file(sha256: str, offset: int) -> str:
    """Where one record out of a WARC file lies that is not in the exhibit as a whole."""
    return f"{CONTAINERS}{sha256}.{offset}.warc.gz"


def keyset_content_file(version: int) -> str:
    """Where the content of a keyset version lies."""
    return f"{KEYSETS}{version}.content.json"


def keyset_envelope_file(version: int, keyid8: str) -> str:
    """Where one root signature over a keyset version lies."""
    return f"{KEYSETS}{version}.{keyid8}.dsse.json"


def public_key_file(keyid: str) -> str:
    """Where a public key lies as PEM; its ID is the SHA-256 of its DER form."""
    return f"{KEYS}{keyid}.pem"


def batch_file(number: int, name: str, size: int | None = None) -> str:
    """Where a file of a batch of proofs lies: the statement's, or a checkpoint's of this size."""
    folder = BATCHES if size is None else f"{CHECKPOINTS}{size}/proofs/"
    return f"{folder}{number}/{name}"


def covering_file(size: int) -> str:
    """Where the proof lies that an earlier checkpoint of this size has the statement's entry."""
    return f"{CHECKPOINTS}{size}/log.tlog-proof"


def authority_file(sha256: str) -> str:
    """Where a root certificate of a timestamp authority lies, in DER."""
    return f"{AUTHORITIES}{sha256}.cer"


def custody_files(statement_sha256: str) -> tuple[str, str]:
    """Where envelope and content of a statement lie that tells of the record's custody."""
    return f"{CUSTODY}{statement_sha256}.dsse.json", f"{CUSTODY}{statement_sha256}.content.json"
