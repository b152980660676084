# SPDX-License-Identifier: Apache-2.0
"""Tells what the bearer of an API key may do.

A key is `mk_<id>_<secret>`; the catalogue keeps the digest of its secret only. Why a key is
refused is not said: a wrong secret and an unknown key look the same from outside.
"""

import re

from archive.catalog import access
from archive.errors import AccessDenied
from archive.services.context import Archive

_TOKEN = re.compile(r"mk_([0-9a-f]{1,16})_([A-Za-z0-9_-]{1,128})", re.ASCII)


def authenticate(archive: Archive, token: str) -> frozenset[str]:
    """The scopes of the key that this token is. Raises AccessDenied when it is none."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise AccessDenied("this is no API key: one looks like mk_<id>_<secret>")
    with archive.database.reading() as connection:
        key = access.find_api_key(connection, match[1], match[2])
    if key is None:
        raise AccessDenied("the API key is not known here, or its secret is wrong")
    return key.scopes
