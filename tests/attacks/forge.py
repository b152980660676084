# SPDX-License-Identifier: Apache-2.0
"""An exhibit in the hands of somebody who has the archive's keys, or only some of them.

Whatever is changed, the manifests are made to fit: an attacker can count as well.
"""

import base64
import contextlib
import copy
import gzip
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from support.exhibits import packed
from support.keysets import sealed

from archive import canonical
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence
from archive.model import exhibit as names
from archive.model.inventory import Inventory, expected_subjects
from archive.model.statement import CONTENT, KEYSET_V1, Statement
from archive.proofs.add_checkpoint import AddCheckpoint
from archive.proofs.checkpoint import (
    Checkpoint,
    SignedCheckpoint,
    cosignature,
    cosigned_text,
)
from archive.proofs.dsse import read_envelope
from archive.proofs.keyset import Keyset
from archive.proofs.log_policy import policy_text
from archive.proofs.merkle import (
    TreeHead,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
)
from archive.proofs.note import COSIGNATURE, ED25519, NoteSignature, VerifierKey
from archive.proofs.tlog_proof import LogProof
from archive.signing.file import FileSigner
from archive.warc.members import compress_member
from archive.warc.read import read_records

COSIGNED = int(time.time()) + 3600


@dataclass
class Forged:
    """The files of an exhibit, to be changed at will, and the keys to sign them with.

    `logged` are the entries of the log before that of the statement.
    """

    folder: str
    files: dict[str, bytes]
    root: FileSigner
    manifest: FileSigner
    log: FileSigner
    logged: tuple[bytes, ...] = ()
    witnesses: tuple[tuple[str, FileSigner], ...] = ()
    others: dict[str, "Forged"] = field(default_factory=dict)

    def copy(self) -> "Forged":
        """One of its own to change."""
        return replace(self, files=dict(self.files))

    def zip(self) -> bytes:
        """The exhibit, its manifests in order."""
        return packed(self.folder, self.files)

    @property
    def statement(self) -> Any:
        """The statement as JSON, a copy."""
        return canonical.loads(read_envelope(self.files[names.ENVELOPE_FILE]).payload)

    @property
    def inventory(self) -> Any:
        """The inventory as JSON, a copy."""
        return canonical.loads(self.files[names.INVENTORY_FILE], canonical.CONTENT_LIMIT)

    def sign(self, payload: bytes, by: FileSigner | None = None) -> None:
        """Put another statement in place, signed by the manifest key, and log it likewise."""
        envelope = sealed(by or self.manifest, payload)
        self.files[names.ENVELOPE_FILE] = envelope.to_bytes()
        self.files[names.STATEMENT_FILE] = payload
        self.files[names.SIGNED_BYTES_FILE] = envelope.signed_bytes()
        self.files[names.SIGNATURE_FILE] = envelope.signature
        self.enter()

    @property
    def origin(self) -> str:
        """The log's name."""
        return str(self.keyset()["logs"][0]["origin"])

    def enter(self, **changes: Any) -> None:
        """Have the log contain what the envelope is now, as if it had from the start."""
        data = self.files[names.ENVELOPE_FILE]
        entry = canonical.loads(self.files[names.ENTRY_FILE], canonical.CONTENT_LIMIT)
        entry["envelope_sha256"] = sha256_hex(data)
        entry["statement_sha256"] = sha256_hex(self.files[names.STATEMENT_FILE])
        entry.update(changes)
        self.files[names.ENTRY_FILE] = canonical.dumps(entry)
        self.prove([*self.logged, self.files[names.ENTRY_FILE]])

    def prove(self, entries: Sequence[bytes], signed: SignedCheckpoint | None = None) -> None:
        """The last entry but those behind it is the statement's: prove it, and the growth."""
        leaves = [leaf_hash(entry) for entry in entries]
        index, size = entries.index(self.files[names.ENTRY_FILE]), len(leaves)
        checkpoint = signed or self.checkpoint(TreeHead(size, root_of(leaves)))

        def node(level: int, place: int) -> bytes:
            return root_of(leaves[place << level : (place + 1) << level])

        proof = LogProof(index, tuple(inclusion_proof(index, size, node)), checkpoint)
        self.files[names.LOG_PROOF_FILE] = proof.to_bytes()
        if names.GROWTH_FILE in self.files:
            old = AddCheckpoint.from_bytes(self.files[names.GROWTH_FILE]).old_size
            grown = AddCheckpoint(old, tuple(consistency_proof(old, size, node)), checkpoint)
            self.files[names.GROWTH_FILE] = grown.to_bytes()

    def checkpoint(
        self,
        head: TreeHead,
        by: FileSigner | None = None,
        origin: str | None = None,
        cosigned_by: Sequence[tuple[str, FileSigner]] | None = None,
    ) -> SignedCheckpoint:
        """A checkpoint, signed by the log and by the witnesses (that of the keyset, if any)."""
        named, signer = Checkpoint(origin or self.origin, head), by or self.log
        text = named.to_text()
        key = VerifierKey(named.origin, ED25519, signer.public_key)
        lines = [NoteSignature(key.name, key.key_id, signer.sign(text))]
        witnesses = self.witnesses if cosigned_by is None else cosigned_by
        for name, witness in witnesses:
            told = VerifierKey(name, COSIGNATURE, witness.public_key)
            lines.append(cosignature(told, COSIGNED, witness.sign(cosigned_text(text, COSIGNED))))
        return SignedCheckpoint.of(named, lines)

    def say(self, change: Callable[[Any], None], by: FileSigner | None = None) -> None:
        """Change the statement, and sign it."""
        statement = self.statement
        change(statement)
        self.sign(canonical.dumps(statement), by)

    def envelope(self, change: Callable[[Any], None]) -> None:
        """Change the envelope file alone, and nothing of what was signed."""
        value = canonical.loads(self.files[names.ENVELOPE_FILE])
        change(value)
        self.files[names.ENVELOPE_FILE] = canonical.dumps(value)

    def list(self, change: Callable[[Any], None]) -> None:
        """Change the inventory, and sign a statement that names it."""
        inventory = self.inventory
        change(inventory)
        self.bind(canonical.dumps(inventory))

    def bind(self, data: bytes) -> None:
        """Put an inventory in place, and sign a statement with the subjects that follow."""
        self.files[names.INVENTORY_FILE] = data
        subjects = expected_subjects(Inventory.from_bytes(data), sha256_hex(data))

        def name(statement: Any) -> None:
            statement["subject"] = [
                {"name": one, "digest": {"sha256": sha256}}
                for one, sha256 in sorted(subjects.items())
            ]

        self.say(name)

    def part(self, inventory: Any, role: str) -> Any:
        """The row of a part in an inventory."""
        return next(row for row in inventory["parts"] if row["role"] == role)

    def rewrite(self, type_: str, change: Callable[[bytes], bytes]) -> None:
        """Write the WARC file anew with the records of a type changed; list and sign it."""
        inventory = self.inventory
        old_sha256 = inventory["own_container"]
        old = self.files.pop(names.container_file(old_sha256))
        new, spans = b"", {}
        for record in read_records(old):
            whole = gzip.decompress(old[record.offset : record.offset + record.length])
            member = compress_member(change(whole) if record.type == type_ else whole)
            spans[record.record_id] = (len(new), len(member), sha256_hex(member))
            new += member
        self.replace_container(inventory, new, spans)

    def replace_container(
        self, inventory: Any, data: bytes, spans: dict[str | None, tuple[int, int, str]]
    ) -> None:
        """Put a WARC file in place of the own one, with the places of its records by ID."""
        old_sha256, sha256 = inventory["own_container"], sha256_hex(data)
        for row in inventory["parts"]:
            if row["container_sha256"] == old_sha256:
                offset, length, digest = spans[row["record_id"]]
                row.update(container_sha256=sha256, offset=offset, length=length)
                row["record_sha256"] = digest
        inventory["containers"] = [{"sha256": sha256, "bytes": len(data)}]
        inventory["own_container"] = sha256
        self.files[names.container_file(sha256)] = data
        self.bind(canonical.dumps(inventory))

    def keyset(self, version: int = 1) -> Any:
        """A keyset's content as JSON, a copy."""
        data = self.files[names.keyset_content_file(version)]
        return canonical.loads(data, canonical.CONTENT_LIMIT)

    def sign_keyset(self, content: Any, *by: FileSigner, raw: bytes | None = None) -> None:
        """Put a keyset version in place, signed by these (the root key when none is named)."""
        version, data = content["version"], raw or canonical.dumps(content)
        for name in [one for one in self.files if one.startswith(f"{names.KEYSETS}{version}.")]:
            del self.files[name]
        predicate = {"version": version, "previous": content["previous"]}
        payload = Statement({CONTENT: sha256_hex(data)}, KEYSET_V1, predicate).to_bytes()
        self.files[names.keyset_content_file(version)] = data
        with contextlib.suppress(MalformedEvidence):
            self.files[names.POLICY_FILE] = policy_text(Keyset.from_bytes(data)).encode()
        for one in by or (self.root,):
            keyid8 = one.public_key.keyid8
            self.files[names.keyset_envelope_file(version, keyid8)] = sealed(
                one, payload
            ).to_bytes()

    def next_keyset(self, change: Callable[[Any], None], *by: FileSigner) -> None:
        """Add a keyset version that follows, changed, and signed by these."""
        versions = [n for n in range(1, 100) if names.keyset_content_file(n) in self.files]
        content = copy.deepcopy(self.keyset(versions[-1]))
        first = next(
            one
            for one in sorted(self.files)
            if one.startswith(f"{names.KEYSETS}{versions[-1]}.") and one.endswith(".dsse.json")
        )
        before = read_envelope(self.files[first]).statement_sha256
        content.update(version=versions[-1] + 1, previous=before)
        change(content)
        self.sign_keyset(content, *by)


def manifest_row(content: Any) -> Any:
    """The row of the manifest key in a keyset's content."""
    return next(row for row in content["keys"] if row["role"] == "manifest")


def in_base64(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def joined(pieces: Sequence[bytes]) -> bytes:
    """The pieces as one."""
    return b"".join(pieces)
