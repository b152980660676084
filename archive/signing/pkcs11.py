# SPDX-License-Identifier: Apache-2.0
"""Ed25519 keys in a hardware security module, by PKCS#11; the private key never leaves it.

The key is named by a URI of RFC 7512:
`pkcs11:token=T;object=NAME?module-path=/usr/lib/….so&pin-source=file:/etc/muniment/pin`. A PIN in
the URI itself is refused. Needs the extra `muniment[pkcs11]`.
"""

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from archive.errors import KeyLocked, MalformedKeyset, SettingsError, SignerUnavailable
from archive.proofs.keys import PublicKey, public_key_of_raw
from archive.signing.file import read_passphrase

_PATH_NAMES = frozenset({"token", "serial", "object", "id"})
_QUERY_NAMES = frozenset({"module-path", "pin-source"})
_RAW_BYTES = 32
_OCTET_STRING = b"\x04\x20"
_PIN_ERRORS = ("PinIncorrect", "PinInvalid", "PinLenRange", "PinLocked", "PinExpired")


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where a key is: in which token of which module, under which name."""

    module_path: str
    token: str | None
    serial: str | None
    label: str | None
    key_id: bytes | None
    pin_source: Path

    @classmethod
    def from_uri(cls, uri: str) -> "KeyPlace":
        """The place that a URI names. Raises SettingsError."""
        path, _, query = uri.removeprefix("pkcs11:").partition("?")
        written = _attributes(path, ";", _PATH_NAMES) | _attributes(query, "&", _QUERY_NAMES)
        # An ID is any bytes; all else is text.
        key_id = unquote_to_bytes(written["id"]) if "id" in written else None
        named = {name: _text(value) if name != "id" else "" for name, value in written.items()}
        missing = {"module-path", "pin-source"} - named.keys()
        if missing or not {"token", "serial"} & named.keys() or not {"object", "id"} & named.keys():
            raise SettingsError(
                "the URI of a PKCS#11 key names token or serial, object or id, and module-path "
                "and pin-source behind a question mark"
            )
        if not named.get("serial", "").isascii():
            raise SettingsError("the serial in the URI of a PKCS#11 key is not ASCII")
        return cls(
            module_path=named["module-path"],
            token=named.get("token"),
            serial=named.get("serial"),
            label=named.get("object"),
            key_id=key_id,
            pin_source=Path(named["pin-source"].removeprefix("file://").removeprefix("file:")),
        )

    @property
    def name(self) -> str:
        """The key as errors name it."""
        return f"{self.label or (self.key_id or b'').hex()} in token {self.token or self.serial}"


class Pkcs11Signer:
    """Signs inside a token."""

    def __init__(self, place: KeyPlace, session: "_Session", key: Any, public: PublicKey) -> None:
        self._place, self._session, self._key, self._public = place, session, key, public

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return self._public

    def sign(self, data: bytes) -> bytes:
        """The signature over the data, by mechanism EDDSA. Raises SigningError."""
        mechanism = _library().Mechanism.EDDSA
        # A session does one thing at a time.
        with self._session.lock, _translating(self._place):
            return bytes(self._key.sign(data, mechanism=mechanism))


def open_uri(uri: str, _passphrase_file: Path) -> Pkcs11Signer:
    """The signer of the key that the URI names.

    Raises SettingsError, KeyLocked, SignerUnavailable.
    """
    place = KeyPlace.from_uri(uri)
    names = _library()
    wanted = {"label": place.label, "id": place.key_id}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    with _translating(place):
        session = _session(place)
        with session.lock:
            found = session.handle
            key = found.get_key(object_class=names.ObjectClass.PRIVATE_KEY, **wanted)
            point = found.get_key(object_class=names.ObjectClass.PUBLIC_KEY, **wanted)[
                names.Attribute.EC_POINT
            ]
    raw = bytes(point)
    # The standard wraps the point; some tokens do not.
    raw = raw[2:] if len(raw) == _RAW_BYTES + 2 and raw.startswith(_OCTET_STRING) else raw
    try:
        return Pkcs11Signer(place, session, key, public_key_of_raw(raw))
    except MalformedKeyset as error:
        raise KeyLocked(f"the key {place.name} is no usable Ed25519 key: {error}") from error


@dataclass(frozen=True)
class _Session:
    """A login at a token. There is one for each token and process: PKCS#11 allows no second."""

    handle: Any
    lock: threading.Lock


_sessions: dict[tuple[str, str | None, str | None], _Session] = {}
_opening = threading.Lock()
_process: list[int] = []


def _session(place: KeyPlace) -> _Session:
    where = (place.module_path, place.token, place.serial)
    pin = _pin(place.pin_source)
    with _opening:
        module = _module(place.module_path)
        if _process != [os.getpid()]:
            if _process:
                # A forked process has the parent's handles, and none of them is its own.
                module.reinitialize()
            _sessions.clear()
            _process[:] = [os.getpid()]
        if where not in _sessions:
            labels = {"token_label": place.token} if place.token else {}
            if place.serial:
                labels["token_serial"] = place.serial.encode("ascii")  # type: ignore[assignment]
            token = module.get_token(**labels)
            _sessions[where] = _Session(token.open(user_pin=pin), threading.Lock())
        return _sessions[where]


def _forget(place: KeyPlace) -> None:
    """Log in anew next time: the token went away, or does not know the session."""
    with _opening:
        old = _sessions.pop((place.module_path, place.token, place.serial), None)
        if old is not None:
            # The token may be gone; while it knows the session, it lets nobody log in again.
            with suppress(_library().exceptions.PKCS11Error):
                old.handle.close()


@contextmanager
def _translating(place: KeyPlace) -> Iterator[None]:
    errors = _library().exceptions
    try:
        yield
    except (errors.NoSuchKey, errors.MultipleObjectsReturned) as error:
        raise KeyLocked(
            f"the token has none or several of the key {place.name}: make one pair with "
            "`pkcs11-tool --keypairgen --key-type EC:edwards25519`, and give it that name"
        ) from error
    except (errors.NoSuchToken, errors.MultipleTokensReturned) as error:
        raise KeyLocked(
            f"there is none or several of the token {place.token or place.serial}"
        ) from error
    except tuple(getattr(errors, name) for name in _PIN_ERRORS) as error:
        raise KeyLocked(
            f"the PIN in {place.pin_source} does not open token {place.token or place.serial} "
            f"({type(error).__name__})"
        ) from error
    except (errors.MechanismInvalid, errors.KeyTypeInconsistent) as error:
        raise KeyLocked(f"the key {place.name} is no Ed25519 key, or may not sign") from error
    except errors.PKCS11Error as error:
        _forget(place)
        raise SignerUnavailable(
            f"the token of the key {place.name} did not answer ({type(error).__name__}); try again"
        ) from error


def _module(path: str) -> Any:
    names = _library()
    try:
        return names.lib(path)
    except (names.exceptions.PKCS11Error, RuntimeError, OSError) as error:
        raise KeyLocked(f"the PKCS#11 module {path} cannot be loaded") from error


@functools.cache
def _library() -> Any:
    try:
        import pkcs11  # noqa: PLC0415 - an extra that only this signer needs
    except ImportError as error:
        raise KeyLocked(
            "keys in a PKCS#11 token need the extra: pip install 'muniment[pkcs11]'"
        ) from error
    return pkcs11


def _attributes(text: str, between: str, known: frozenset[str]) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(between) if part]
    names = [name for name, _, _ in pairs]
    if len(set(names)) < len(names) or not set(names) <= known:
        raise SettingsError(
            f"the URI of a PKCS#11 key may hold {', '.join(sorted(known))} here, each once; a PIN "
            "belongs into a file (pin-source)"
        )
    return {name: value for name, _, value in pairs}


def _text(written: str) -> str:
    try:
        return unquote(written, errors="strict")
    except UnicodeDecodeError as error:
        raise SettingsError("the URI of a PKCS#11 key holds what is no UTF-8") from error


def _pin(source: Path) -> str:
    try:
        return read_passphrase(source).decode("utf-8")
    except UnicodeDecodeError as error:
        raise KeyLocked(f"the PIN in {source} is no UTF-8") from error
