# SPDX-License-Identifier: Apache-2.0
"""Packs the verifier that lies in every exhibit: this very code, without what needs a library.

It runs on the standard library and `cryptography`. What it cannot answer without more (text
recipes, RFC 3161 tokens) it calls unknown, and says how to find out.
"""

import ast
import functools
import importlib.resources
import zlib
from collections.abc import Iterator

from archive.proofs.plain_zip import Member, write_zip

ENTRY = "archive.offline"
_MAIN = b"""# SPDX-License-Identifier: Apache-2.0
import sys

if sys.version_info < (3, 11):
    sys.exit("verify.pyz needs Python 3.11 or newer")
try:
    import cryptography
except ModuleNotFoundError:
    sys.exit("verify.pyz needs the library cryptography: python3 -m pip install cryptography")

from archive.offline import main

sys.exit(main())
"""
_CHECKS = "archive.checks"


def page_html() -> bytes:
    """The verifier for a browser, in one file that reaches no network."""
    return importlib.resources.files("archive.exports").joinpath("verify.html").read_bytes()


@functools.cache
def verifier_pyz() -> bytes:
    """The verifier as an executable ZIP file (PEP 441); the same code gives the same bytes."""
    files = {"__main__.py": _MAIN}
    for module in sorted(_needed()):
        files[_path(module)] = _source(module)
    members = [
        Member(name, len(data), zlib.crc32(data), lambda data=data: (data,))  # type: ignore[misc]
        for name, data in sorted(files.items())
    ]
    return b"".join(write_zip(members))


def _needed() -> set[str]:
    """Every module of ours that the entry needs, and each package above one."""
    found: set[str] = set()
    # The checks are found by their folder, so nothing imports them by name.
    waiting = [ENTRY, *_modules_of(_CHECKS)]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        package = module.rpartition(".")[0]
        if package:
            waiting.append(package)
        waiting.extend(_imported(module))
    return found


def _modules_of(package: str) -> list[str]:
    folder = importlib.resources.files(package)
    names = [item.name for item in folder.iterdir() if item.name.endswith(".py")]
    return [f"{package}.{name.removesuffix('.py')}" for name in names if name != "__init__.py"]


def _imported(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _is_ours(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module and _is_ours(node.module):
            yield node.module
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if _exists(name):
                    yield name


def _is_ours(module: str) -> bool:
    return module == "archive" or module.startswith("archive.")


def _exists(module: str) -> bool:
    return any(_root().joinpath(place).is_file() for place in _places(module))


def _source(module: str) -> bytes:
    return _root().joinpath(_path(module)).read_bytes()


def _path(module: str) -> str:
    return next(place for place in _places(module) if _root().joinpath(place).is_file())


def _places(module: str) -> tuple[str, str]:
    path = module.replace(".", "/")
    return f"{path}.py", f"{path}/__init__.py"


@functools.cache
def _root() -> "importlib.resources.abc.Traversable":
    return importlib.resources.files("archive").joinpath("..")
