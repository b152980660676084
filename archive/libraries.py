# SPDX-License-Identifier: Apache-2.0
"""Loads libraries that only some evidence needs, so that a verifier can do without them."""

import functools
import importlib
from typing import Any

from archive.errors import LibraryMissing


@functools.cache
def needed(name: str, purpose: str) -> Any:
    """The library's module. Raises LibraryMissing, which says what it is needed for."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise LibraryMissing(f"the Python library {name} is needed {purpose}") from error
