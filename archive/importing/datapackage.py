# SPDX-License-Identifier: Apache-2.0
"""Reads the datapackage.json of a WACZ: which files the package should have, with digests.

WACZ 1.1.1 writes `hash` and `bytes`, 1.0.0 `stats` and `hashing`; what has both is neither.
"""

import re
from dataclasses import dataclass
from typing import Any

from archive.errors import MalformedJson, MalformedPackage
from archive.importing.foreign_json import read_json

VERSIONS = ("1.0.0", "1.1.0", "1.1.1")
DATAPACKAGE_BYTES_LIMIT = 64 * 1024 * 1024
_RESOURCES_LIMIT = 200_000
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Resource:
    """One file as it is declared; `sha256` is None when another digest is given."""

    path: str
    sha256: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Datapackage:
    """What a datapackage.json declares. `version` and `created` are as written, or None."""

    version: str | None
    created: str | None
    resources: tuple[Resource, ...]


def read_datapackage(data: bytes) -> Datapackage:
    """The declaration. Raises MalformedPackage when it, or one file of it, has no one reading."""
    try:
        value = read_json(data, DATAPACKAGE_BYTES_LIMIT)
    except MalformedJson as error:
        raise MalformedPackage(f"datapackage.json: {error}") from error
    if type(value) is not dict or value.get("profile") != "data-package":
        raise MalformedPackage("datapackage.json is no data package")
    listed = value.get("resources")
    if type(listed) is not list or len(listed) > _RESOURCES_LIMIT:
        raise MalformedPackage("datapackage.json has no list of resources, or too long a one")
    resources = tuple(_resource(item) for item in listed)
    paths = {item.path for item in resources}
    if len(paths) != len(resources):
        raise MalformedPackage("datapackage.json lists a file twice")
    return Datapackage(_text(value, "wacz_version"), _text(value, "created"), resources)


def _resource(item: Any) -> Resource:
    if type(item) is not dict or type(item.get("path")) is not str:
        raise MalformedPackage("datapackage.json lists a resource without a path")
    path, is_old = item["path"], "stats" in item
    if is_old and ("hash" in item or "bytes" in item):
        raise MalformedPackage(f"{path[:80]!r} is declared in two ways")
    if is_old:
        stats = item["stats"] if type(item["stats"]) is dict else {}
        algorithm, digest, size = item.get("hashing"), stats.get("hash"), stats.get("bytes")
    else:
        algorithm, _, digest = str(item.get("hash")).partition(":")
        size = item.get("bytes")
    if type(size) is not int or size < 0 or type(digest) is not str:
        raise MalformedPackage(f"{path[:80]!r} is declared without digest or size")
    if algorithm != "sha256":
        return Resource(path, None, size)
    if not _SHA256.fullmatch(digest):
        raise MalformedPackage(f"{path[:80]!r} is declared with a digest that is none")
    return Resource(path, digest, size)


def _text(members: dict[str, Any], name: str) -> str | None:
    value = members.get(name)
    return value if type(value) is str else None
