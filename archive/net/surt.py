# SPDX-License-Identifier: Apache-2.0
"""The key under which index files sort a URL (SURT): host labels turned round, then the path.

`https://www.example.com/Terms?b=2&a=1` sorts as `com,example)/terms?a=1&b=2`. A key folds what
crawlers take for one page, so it is for searching only and never an identity: each row keeps its
URL. The URL is read as browsers read it (WHATWG); on the host no other reader may disagree.
"""

import hashlib
import re

import ada_url

_WEB_SCHEMES = frozenset({"http:", "https:", "ftp:", "ws:", "wss:"})
# What a browser's parser leaves as it is: a host of letters with a last label that is none of a
# number, and a path without dots at the beginning of a segment.
_PLAIN_URL = re.compile(
    r"https?://((?:[a-wyz0-9-][a-z0-9-]*\.)+[a-z]{2,12})"
    r"((?:/(?:[A-Za-z0-9_~!$&()*+,;=:@-][A-Za-z0-9._~!$&()*+,;=:@-]*)?)*)"
    r"(?:\?([A-Za-z0-9._~!$&()*+,;=:@/?-]*))?"
)
_IP = re.compile(r"[0-9.]+|\[.*\]")
_WWW = re.compile(r"www[0-9]{0,2}\.(?=.)")
# What RFC 3986 lets stand in a URI, and so what cannot break a line of an index file.
_NO_URI = re.compile(r"[^\x21\x23-\x3b\x3d\x3f-\x7e]")
# An index of a database takes no key without an end (PostgreSQL: about 2,700 bytes).
KEY_LIMIT = 1_000


def url_key(url: str) -> str:
    """The key of a URL: ASCII, without blanks, at most KEY_LIMIT characters.

    What is no web address keeps the order of its parts. The end of a longer key is replaced by
    `~` and the SHA-256 of the whole, so that it stays another than its neighbours' keys.
    """
    key = _key(url)
    if len(key) <= KEY_LIMIT:
        return key
    digest = hashlib.sha256(key.encode("ascii")).hexdigest()
    return f"{key[: KEY_LIMIT - len(digest) - 1]}~{digest}"


def repaired(uri: str) -> str:
    """The URI with every character escaped (UTF-8, RFC 3986 2.1) that no URI may hold."""
    return _NO_URI.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), uri)


def _key(url: str) -> str:
    if plain := _PLAIN_URL.fullmatch(url):
        host, path, query = plain.groups()
        return _joined(host, "", path or "/", query or "")
    try:
        parsed = ada_url.URL(url)
    except ValueError:
        return _plain(url)
    scheme, host = parsed.protocol, parsed.hostname
    if scheme not in _WEB_SCHEMES or not host:
        return _plain(url)
    port = f":{parsed.port}" if parsed.port else ""
    return _joined(host, port, parsed.pathname, parsed.search[1:])


def _joined(host: str, port: str, path: str, query: str) -> str:
    if not _IP.fullmatch(host):
        host = _WWW.sub("", host, count=1) if host.startswith("www") else host
        host = ",".join(reversed(host.rstrip(".").split(".")))
    path, query = path.lower(), query.lower()
    if len(path) > 1:
        path = path.rstrip("/") or "/"
    if "&" in query:
        query = "&".join(sorted(query.split("&")))
    return f"{host}{port}){path}?{query}" if query else f"{host}{port}){path}"


def _plain(url: str) -> str:
    return repaired(url.partition("#")[0].lower()) or "-"
