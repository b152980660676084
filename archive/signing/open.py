# SPDX-License-Identifier: Apache-2.0
"""From a key's URI to its signer.

The scheme is the name of the module that opens it, loaded only when it is asked for: adding a
signer is adding one file with an `open_uri` here, and a key file never loads an HSM's library.
"""

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import archive.signing
from archive.errors import SettingsError
from archive.signing.base import Signer


def known_schemes() -> tuple[str, ...]:
    """The schemes that `open_signer` takes, sorted. Loads every module of a signer."""
    return tuple(name for name in _modules() if _opens(name) is not None)


def open_signer(uri: str, passphrase_file: Path) -> Signer:
    """The signer that `file:PATH`, `pkcs11:…` (RFC 7512) or `awskms:KEY` names.

    The passphrase file opens key files. Raises SettingsError when the URI cannot be used,
    KeyLocked when there is no such key or it does not open, SignerUnavailable when it could not
    be asked.
    """
    scheme, colon, _ = uri.partition(":")
    module = _opens(scheme) if colon and scheme in _modules() else None
    if module is None:
        # The URI itself is not repeated: a mistyped one may hold a secret.
        names = ", ".join(f"{name}:" for name in known_schemes())
        raise SettingsError(f"the URI of a key must begin with one of {names}")
    signer: Signer = module.open_uri(uri, passphrase_file)
    return signer


def _modules() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(archive.signing.__path__))


def _opens(name: str) -> ModuleType | None:
    module = importlib.import_module(f"archive.signing.{name}")
    return module if hasattr(module, "open_uri") else None
