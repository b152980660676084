# SPDX-License-Identifier: Apache-2.0
"""Ed25519 keys in AWS KMS; the private key never leaves it.

The key is named by a URI: `awskms:KEY?region=eu-central-1`, where KEY is an ARN, a key ID or
`alias/NAME`. Credentials come from where boto3 looks for them. What is signed is handed over whole
(MessageType RAW), so that any Ed25519 verifier checks it; KMS takes at most 4,096 bytes of it.
"""

import contextlib
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archive.errors import (
    KeyLocked,
    MalformedKeyset,
    SettingsError,
    SignerUnavailable,
    SigningError,
)
from archive.proofs.keys import PublicKey, read_spki

_ALGORITHM = "ED25519_SHA_512"
_KEY_SPEC = "ECC_NIST_EDWARDS25519"
_QUERY_NAMES = frozenset({"region", "endpoint", "timeout"})
_SECONDS = "10"
_SIGNATURE_BYTES = 64
_PASSING = frozenset(
    {
        "ThrottlingException",
        "LimitExceededException",
        "KMSInternalException",
        "DependencyTimeoutException",
        "KeyUnavailableException",
        "ServiceUnavailable",
        "RequestTimeout",
    }
)
_SERVER_ERROR = 500


class KmsSigner:
    """Signs inside AWS KMS."""

    def __init__(self, client: Any, name: str, public: PublicKey) -> None:
        self._client, self._name, self._public = client, name, public

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return self._public

    def sign(self, data: bytes) -> bytes:
        """The signature over the data (at most 4,096 bytes). Raises SigningError."""
        with _translating(self._name):
            answer = self._client.sign(
                KeyId=self._name, Message=data, MessageType="RAW", SigningAlgorithm=_ALGORITHM
            )
        signature = bytes(answer.get("Signature") or b"")
        if len(signature) != _SIGNATURE_BYTES:
            raise SigningError(f"KMS answered for key {self._name} with what is no signature")
        return signature


def open_uri(uri: str, _passphrase_file: Path) -> KmsSigner:
    """The signer of the key that the URI names.

    Raises SettingsError, KeyLocked, SignerUnavailable.
    """
    name, _, query = uri.removeprefix("awskms:").partition("?")
    options = _options(query)
    if not name:
        raise SettingsError("the URI of a KMS key names one: awskms:alias/NAME?region=…")
    client = _client(options)
    with _translating(name):
        answer = client.get_public_key(KeyId=name)
    algorithms = answer.get("SigningAlgorithms") or ()
    if answer.get("KeySpec") != _KEY_SPEC or _ALGORITHM not in algorithms:
        raise KeyLocked(
            f"the KMS key {name} cannot sign Ed25519: make one with key spec {_KEY_SPEC} and "
            "key usage SIGN_VERIFY"
        )
    try:
        public = read_spki(bytes(answer.get("PublicKey") or b""))
    except MalformedKeyset as error:
        raise KeyLocked(f"the KMS key {name} is unusable: {error}") from error
    return KmsSigner(client, name, public)


def _options(query: str) -> dict[str, str]:
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) < len(pairs) or not options.keys() <= _QUERY_NAMES:
        raise SettingsError("the URI of a KMS key may have region, endpoint, timeout, each once")
    endpoint = urllib.parse.urlsplit(options.get("endpoint", "https://x"))
    if endpoint.scheme not in {"http", "https"} or not endpoint.hostname:
        raise SettingsError("the endpoint of a KMS key must be an http(s) URL")
    if not options.setdefault("timeout", _SECONDS).isdecimal() or int(options["timeout"]) < 1:
        raise SettingsError("the timeout of a KMS key is a number of seconds, 1 or more")
    return options


def _client(options: dict[str, str]) -> Any:
    import boto3.session  # noqa: PLC0415 - slow to load, and needed for KMS keys only
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    config = Config(
        connect_timeout=int(options["timeout"]),
        read_timeout=int(options["timeout"]),
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    try:
        return boto3.session.Session().client(
            "kms",
            region_name=options.get("region"),
            endpoint_url=options.get("endpoint"),
            config=config,
        )
    except (BotoCoreError, ValueError) as error:
        raise SettingsError(
            f"the KMS client cannot be set up ({type(error).__name__}): name a region in the URI"
        ) from error


@contextlib.contextmanager
def _translating(name: str) -> Iterator[None]:
    """Turn what boto3 raises inside the block into an error about the named key."""
    from botocore.exceptions import (  # noqa: PLC0415
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        ParamValidationError,
        PartialCredentialsError,
    )
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        code = error.response["Error"].get("Code", "")
        # The server's own message is left out: it can repeat account and user.
        if code in _PASSING or status >= _SERVER_ERROR:
            raise SignerUnavailable(f"KMS answered {code} for key {name}; try again") from error
        raise KeyLocked(
            f"KMS answered {code} for key {name}: check key, region and permissions "
            "(kms:GetPublicKey, kms:Sign)"
        ) from error
    except (NoCredentialsError, PartialCredentialsError, ParamValidationError) as error:
        raise KeyLocked(f"KMS key {name}: {type(error).__name__}; check credentials") from error
    except (BotoCoreError, HTTPError) as error:
        raise SignerUnavailable(f"KMS key {name}: {type(error).__name__}; try again") from error
