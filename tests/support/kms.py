# SPDX-License-Identifier: Apache-2.0
"""A loopback server that speaks as much of AWS KMS as signing takes, and can misbehave.

It holds every request against botocore's own model of the service: the members that are there,
their types and limits. What it should do wrong is set on the instance.
"""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.session
from botocore.validate import ParamValidator
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support.keysets import signer

from archive.signing.file import FileSigner

KEY = "alias/muniment"
ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
MODEL = botocore.session.get_session().get_service_model("kms")
_ALGORITHM = "ED25519_SHA_512"


@dataclass
class StandInKms:
    """One key, what was asked of it, and the server's faults."""

    key: FileSigner = field(default_factory=lambda: signer(41))
    endpoint: str = ""
    mood: str = "good"
    """Or a fault: see `_answer`."""
    throttled_left: int = 0
    """So many requests are answered ThrottlingException."""
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What was wrong with requests, by the service's model; empty when nothing was."""

    @property
    def uri(self) -> str:
        """The URI of the key at this server."""
        return f"awskms:{KEY}?region=eu-central-1&timeout=1&endpoint={self.endpoint}"


@contextmanager
def stand_in_kms() -> Iterator[StandInKms]:
    """A running server, stopped when the block ends."""
    state = StandInKms()
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    state.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    state: StandInKms
    protocol_version = "HTTP/1.1"
    timeout = 5

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        target, _, operation = self.headers.get("X-Amz-Target", "").partition(".")
        sent = json.loads(body)
        self.state.seen.append((operation, sent))
        self.state.wrong += list(self._flaws(target, operation, sent))
        if self.state.throttled_left:
            self.state.throttled_left -= 1
            self._send(400, {"__type": "ThrottlingException", "message": "Rate exceeded"})
            return
        self._answer(operation, sent)

    def _flaws(self, target: str, operation: str, sent: dict[str, Any]) -> Iterator[str]:
        metadata = MODEL.metadata
        if target != metadata["targetPrefix"] or operation not in MODEL.operation_names:
            yield f"target {self.headers.get('X-Amz-Target')}"
            return
        if self.headers["Content-Type"] != f"application/x-amz-json-{metadata['jsonVersion']}":
            yield f"content type {self.headers['Content-Type']}"
        authorization = self.headers.get("Authorization", "")
        if not authorization.startswith("AWS4-HMAC-SHA256 Credential="):
            yield f"authorization {authorization}"
        if "/eu-central-1/kms/aws4_request" not in authorization:
            yield f"scope of {authorization}"
        shape = MODEL.operation_model(operation).input_shape
        yield from (f"member {name}" for name in sent if name not in shape.members)
        typed = {
            name: base64.b64decode(value, validate=True)
            if shape.members[name].type_name == "blob"
            else value
            for name, value in sent.items()
            if name in shape.members
        }
        yield from ParamValidator().validate(typed, shape).generate_report().splitlines()
        for name, value in typed.items():
            if len(value) > shape.members[name].metadata.get("max", len(value)):
                yield f"{name} has {len(value)} bytes"
            if (allowed := getattr(shape.members[name], "enum", None)) and value not in allowed:
                yield f"{name} is {value}"

    def _answer(self, operation: str, sent: dict[str, Any]) -> None:
        mood, key = self.state.mood, self.state.key
        if mood == "slow":
            time.sleep(2)
        if mood == "hangs up":
            self.close_connection = True
            return
        if mood in FAILURES:
            status, code = FAILURES[mood]
            self._send(status, {"__type": code, "message": "the account 111122223333 may not"})
        elif operation == "GetPublicKey":
            self._send(200, self._public_key())
        else:
            self._send(200, self._signed(key, base64.b64decode(sent["Message"])))

    def _public_key(self) -> dict[str, Any]:
        answer = {
            "KeyId": ARN,
            "PublicKey": self.state.key.public_key.spki_base64,
            "KeySpec": "ECC_NIST_EDWARDS25519",
            "KeyUsage": "SIGN_VERIFY",
            "SigningAlgorithms": [_ALGORITHM, "ED25519_PH_SHA_512"],
        }
        if self.state.mood == "another curve":
            curve = ec.generate_private_key(ec.SECP256R1()).public_key()
            spki = curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            answer |= {
                "PublicKey": base64.b64encode(spki).decode(),
                "KeySpec": "ECC_NIST_P256",
                "SigningAlgorithms": ["ECDSA_SHA_256"],
            }
        elif self.state.mood == "no key":
            answer["PublicKey"] = base64.b64encode(b"no key").decode()
        return answer

    def _signed(self, key: FileSigner, message: bytes) -> dict[str, Any]:
        signature = key.sign(message)
        if self.state.mood == "wrong signature":
            signature = bytes([signature[0] ^ 1]) + signature[1:]
        elif self.state.mood == "another key":
            signature = signer(42).sign(message)
        elif self.state.mood == "no signature":
            signature = signature[:-1]
        return {
            "KeyId": ARN,
            "Signature": base64.b64encode(signature).decode(),
            "SigningAlgorithm": _ALGORITHM,
        }

    def _send(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Tests have no log."""


FAILURES = {
    "not found": (400, "NotFoundException"),
    "disabled": (400, "DisabledException"),
    "denied": (400, "AccessDeniedException"),
    "deleted": (400, "KMSInvalidStateException"),
    "broken": (500, "KMSInternalException"),
    "away": (503, "KeyUnavailableException"),
}
