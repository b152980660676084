# SPDX-License-Identifier: Apache-2.0
"""The identity of a URL: the WHATWG parse (ada), without fragment, and nothing beyond it.

Two URLs are one document only if a browser would send the same request for both. Percent
escapes, the case of the path, and doubled slashes are therefore kept as they are.
"""

import re
from dataclasses import dataclass

from archive.errors import MalformedUrl
from archive.libraries import needed

URL_CHARACTERS_LIMIT = 8_192

_DEFAULT_PORTS = {"http": 80, "https": 443}
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class CaptureUrl:
    """A URL that can be captured.

    `href` is the identity: normalised, ASCII, no fragment, no credentials. `host` is what is
    resolved (an IPv6 address without brackets), `host_header` and `target` (path and query)
    what is sent.
    """

    href: str
    scheme: str
    host: str
    port: int
    host_header: str
    target: str


def parse_capture_url(text: str) -> CaptureUrl:
    """The capture URL that a person or a file means by `text`.

    Raises MalformedUrl; its message never repeats the text, which may hold credentials.
    """
    if len(text) > URL_CHARACTERS_LIMIT:
        raise MalformedUrl(
            f"url: it has more than {URL_CHARACTERS_LIMIT} characters; give a shorter URL"
        )
    if _CONTROL.search(text):
        raise MalformedUrl("url: it contains a control character or line break; remove it")
    return _capture_url(text, None)


def resolve_location(base: CaptureUrl, location: str) -> CaptureUrl:
    """The target of a redirect, its Location as latin-1 text, resolved against `base`.

    Bytes beyond ASCII are taken as UTF-8 or else escaped one by one, as browsers do. Raises
    MalformedUrl as `parse_capture_url` does.
    """
    if len(location) > URL_CHARACTERS_LIMIT:
        raise MalformedUrl(f"url: it has more than {URL_CHARACTERS_LIMIT} characters")
    raw = location.encode("latin-1")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = _NOT_ASCII.sub(lambda match: f"%{ord(match[0]):02X}", location)
    return _capture_url(text, base.href)


def _capture_url(text: str, base: str | None) -> CaptureUrl:
    ada_url = needed("ada_url", "to read a URL as browsers do")
    try:
        url = ada_url.URL(text, base)
    except ValueError:
        # Covers lone surrogates too. `from None`: the cause's message may repeat the text.
        raise MalformedUrl(
            "url: it cannot be read; write it in full, as in https://example.org/terms"
        ) from None
    scheme = url.protocol.removesuffix(":")
    if scheme not in _DEFAULT_PORTS:
        raise MalformedUrl("url: only http:// and https:// addresses can be captured")
    if url.username or url.password:
        raise MalformedUrl("url: it contains a user name or password; remove the part before '@'")
    url.hash = ""
    href = url.href
    if len(href) > URL_CHARACTERS_LIMIT:
        raise MalformedUrl(f"url: escaped, it has more than {URL_CHARACTERS_LIMIT} characters")
    return CaptureUrl(
        href=href,
        scheme=scheme,
        host=url.hostname.removeprefix("[").removesuffix("]"),
        port=int(url.port) if url.port else _DEFAULT_PORTS[scheme],
        host_header=url.host,
        # Out of `href`, because `search` does not tell `/terms?` from `/terms`.
        target=href[href.index("/", len(scheme) + 3) :],
    )
