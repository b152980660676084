# SPDX-License-Identifier: Apache-2.0
"""From a store's URL to the store.

The scheme is the name of the module that opens it, loaded only when it is asked for: adding a
backend is adding one file with an `open_url` here, and a file store never loads boto3.
"""

import importlib
import pkgutil
from types import ModuleType

import archive.storage
from archive.errors import SettingsError
from archive.model.lock import LockPromise
from archive.storage.base import StoreOptions, WholeStore


def known_schemes() -> tuple[str, ...]:
    """The schemes that `open_store` takes, sorted. Loads every backend, boto3 too."""
    return tuple(name for name in _modules() if _opens(name) is not None)


def open_store(
    url: str, *, endpoint: str | None = None, promise: LockPromise | None = None
) -> WholeStore:
    """The store that `file:PATH`, `memory:` or `s3://BUCKET/PREFIX` names.

    `promise` is what every object is locked with. Raises SettingsError when URL, endpoint or
    promise cannot be used.
    """
    store: WholeStore = _backend(url).open_url(url, StoreOptions(endpoint, promise))
    return store


def find_store(
    url: str, *, endpoint: str | None = None, promise: LockPromise | None = None
) -> WholeStore:
    """As `open_store`, for a store that is there: a missing folder is not made.

    A backend whose `open_url` makes nothing needs no `find_url` of its own. Raises
    StorageUnavailable, SettingsError.
    """
    backend = _backend(url)
    find = getattr(backend, "find_url", backend.open_url)
    store: WholeStore = find(url, StoreOptions(endpoint, promise))
    return store


def _backend(url: str) -> ModuleType:
    scheme, colon, _ = url.partition(":")
    module = _opens(scheme) if colon and scheme in _modules() else None
    if module is None:
        # The URL itself is not repeated: a mistyped one may hold a secret.
        names = ", ".join(f"{name}:" for name in known_schemes())
        raise SettingsError(f"the store URL must begin with one of {names}")
    return module


def _modules() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(archive.storage.__path__))


def _opens(name: str) -> ModuleType | None:
    module = importlib.import_module(f"archive.storage.{name}")
    return module if hasattr(module, "open_url") else None
