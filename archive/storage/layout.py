# SPDX-License-Identifier: Apache-2.0
"""Where each thing lies in the store: `archive/specs/layout.md` as code."""

import re
from dataclasses import dataclass, replace

from archive.errors import MalformedId
from archive.ids import RecordId, parse_id
from archive.model.statement import CONTENT_TYPES
from archive.proofs.log_layout import LATEST, PREFIX, read_checkpoint_key, read_tile_key

CAPTURES = "captures/"
STATEMENTS = "statements/"
OBSERVATIONS = "statements/observation/"
KEYSETS = "trust/keyset/"
BLOBS = "blobs/sha256/"
PROBES = "probe/"
CHECKPOINTS = "log/checkpoints/"
LOG = PREFIX

_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{64})")
_INVENTORY = re.compile(r"captures/([^/]+)/inventory\.json")
_CAPTURE_STATEMENT = re.compile(r"captures/([^/]+)/statement\.([0-9a-f]{8})\.dsse\.json")
_PROOF = re.compile(r"captures/([^/]+)/proofs/([1-9][0-9]{0,8})/([^/]+)")
_CHECKPOINT_PROOF = re.compile(r"log/checkpoints/([1-9][0-9]*)/proofs/([1-9][0-9]{0,8})/([^/]+)")
_OBSERVATION = re.compile(r"statements/observation/([0-9a-f]{64})\.([0-9a-f]{8})\.dsse\.json")
_ASSERTION = re.compile(r"statements/([a-z]+)/([0-9a-f]{64})\.([0-9a-f]{8})\.dsse\.json")
_KEYSET = re.compile(r"trust/keyset/([1-9][0-9]*)\.([0-9a-f]{8})\.dsse\.json")
_PROBE = re.compile(r"probe/([0-9a-f]{32})\.[a-z]+")


def blob_key(sha256: str) -> str:
    """The key of immutable bytes by their digest."""
    return f"{BLOBS}{sha256[:2]}/{sha256[2:4]}/{sha256}"


def inventory_key(capture_id: RecordId) -> str:
    """The key of a capture's inventory."""
    return f"{CAPTURES}{capture_id}/inventory.json"


def statement_key(capture_id: RecordId, keyid8: str) -> str:
    """The key of one signature's envelope over a capture's statement."""
    return f"{CAPTURES}{capture_id}/statement.{keyid8}.dsse.json"


def proofs_prefix(subject: str) -> str:
    """Where the batches of proofs lie about a subject: a capture's ID, or a checkpoint's size."""
    place = CHECKPOINTS if subject.isdecimal() else CAPTURES
    return f"{place}{subject}/proofs/"


def proof_key(subject: str, batch: int, file: str) -> str:
    """The key of one file of a batch of proofs."""
    return f"{proofs_prefix(subject)}{batch}/{file}"


def observation_key(statement_sha256: str, keyid8: str) -> str:
    """The key of an observation's envelope."""
    return f"{OBSERVATIONS}{statement_sha256}.{keyid8}.dsse.json"


def assertion_key(kind: str, statement_sha256: str, keyid8: str) -> str:
    """The key of an envelope over a statement whose subject is a content file."""
    return f"{STATEMENTS}{kind}/{statement_sha256}.{keyid8}.dsse.json"


def probe_key(random: str, word: str) -> str:
    """The key of a canary."""
    return f"{PROBES}{random}.{word}"


def keyset_key(version: int, keyid8: str) -> str:
    """The key of one root signature's envelope over a keyset version."""
    return f"{KEYSETS}{version}.{keyid8}.dsse.json"


@dataclass(frozen=True, slots=True)
class Place:
    """What a key is for.

    Roles: `blob`, `inventory`, `statement`, `proof`, `observation`, `assertion`, `keyset`,
    `probe`, `tile` (also a bundle of entries), `checkpoint`, `checkpoint-proof`, `latest` (the
    newest checkpoint) or `other`. `name` is the digest, capture ID, checkpoint size, keyset
    version or random name that the key carries; `keyid8` the signer; `kind` that of an assertion;
    `batch` and `file` those of a proof.
    """

    role: str
    name: str
    keyid8: str = ""
    kind: str = ""
    batch: int = 0
    file: str = ""

    @property
    def capture_id(self) -> RecordId | None:
        """The capture that the key belongs to, or None. Never raises: a bad ID is `other`."""
        is_of_capture = self.role in {"inventory", "statement", "proof"}
        return parse_id(self.name) if is_of_capture else None


def read_key(key: str) -> Place:
    """What lies under a key, judged by the key alone."""
    if match := _BLOB.fullmatch(key):
        if match[3].startswith(match[1] + match[2]):
            return Place("blob", match[3])
    elif match := _INVENTORY.fullmatch(key):
        return _of_capture("inventory", match[1])
    elif match := _CAPTURE_STATEMENT.fullmatch(key):
        return _of_capture("statement", match[1], match[2])
    elif match := _OBSERVATION.fullmatch(key):
        return Place("observation", match[1], match[2])
    elif (match := _ASSERTION.fullmatch(key)) and match[1] in CONTENT_TYPES:
        return Place("assertion", match[2], match[3], match[1])
    elif match := _KEYSET.fullmatch(key):
        return Place("keyset", match[1], match[2])
    elif match := _PROBE.fullmatch(key):
        return Place("probe", match[1])
    return _proof_place(key) or _of_log(key) or Place("other", key)


def is_content(key: str) -> bool:
    """Whether a blob or an inventory lies there: bytes that may have to be taken down one day."""
    return read_key(key).role in {"blob", "inventory"}


def _proof_place(key: str) -> Place | None:
    if match := _PROOF.fullmatch(key):
        place = _of_capture("proof", match[1])
        return replace(place, batch=int(match[2]), file=match[3]) if place.capture_id else place
    if match := _CHECKPOINT_PROOF.fullmatch(key):
        return Place("checkpoint-proof", match[1], batch=int(match[2]), file=match[3])
    return None


def _of_log(key: str) -> Place | None:
    if (tile := read_tile_key(key)) is not None:
        return Place("tile", tile.path)
    if (published := read_checkpoint_key(key)) is not None:
        return Place("checkpoint", str(published[0]))
    return Place("latest", key) if key == LATEST else None


def _of_capture(role: str, name: str, keyid8: str = "") -> Place:
    try:
        parse_id(name)
    except MalformedId:
        return Place("other", name)
    return Place(role, name, keyid8)
