# SPDX-License-Identifier: Apache-2.0
"""Reads a list of pages: a URL on each line, or the `pages.jsonl` of a WACZ (WACZ 1.1.1, 5.2)."""

import json
from pathlib import Path

from archive.errors import InputError, MalformedJson, MalformedUrl
from archive.net.url import parse_capture_url

_LIST_BYTES_LIMIT = 64 * 1024 * 1024


def read_page_list(path: Path) -> list[str]:
    """The URLs of a list, in order. Raises InputError, naming the line that cannot be read."""
    try:
        if path.stat().st_size > _LIST_BYTES_LIMIT:
            raise InputError(f"{path} exceeds {_LIST_BYTES_LIMIT} bytes: give a shorter list")
        # Not `splitlines`: the text of a page may hold what Unicode calls a line's end.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the list {path} cannot be read as UTF-8 text") from error
    urls = []
    for number, line in enumerate(lines, 1):
        try:
            url = _url_of(line.strip())
        except (MalformedJson, MalformedUrl) as error:
            raise InputError(f"{path}, line {number}: {error}") from error
        if url is not None:
            urls.append(url)
    return urls


def _url_of(line: str) -> str | None:
    """The URL of a line; None for an empty one, a comment, and the header of a page list."""
    if not line or line.startswith("#"):
        return None
    if not line.startswith("{"):
        return parse_capture_url(line).href
    try:
        page = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MalformedJson("it is no JSON object") from error
    if "format" in page:
        return None
    if type(page.get("url")) is not str:
        raise MalformedJson("the page has no URL")
    return parse_capture_url(page["url"]).href
