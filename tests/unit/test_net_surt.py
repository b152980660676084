# SPDX-License-Identifier: Apache-2.0
"""The key of a URL in index files: as other tools make it, where they read the URL rightly."""

import json
import os
import pathlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.net import surt
from archive.net.surt import KEY_LIMIT, repaired, url_key

CDX = pathlib.Path(os.environ.get("MUNIMENT_TEST_DATA", "../shared/data")) / "cdx" / "pywb"
KEYS = {
    "https://www.example.com/Terms?b=2&a=1": "com,example)/terms?a=1&b=2",
    "http://example.com": "com,example)/",
    "http://example.com:80/": "com,example)/",
    "http://example.com:8080/": "com,example:8080)/",
    "http://WWW2.Example.COM./a/": "com,example)/a",
    "https://example.com/a#b": "com,example)/a",
    "http://example.com/?": "com,example)/",
    "http://bücher.example/ü": "example,xn--bcher-kva)/%c3%bc",
    "http://user:secret@example.com/": "com,example)/",
    "http://127.0.0.1:8000/a": "127.0.0.1:8000)/a",
    "http://0x7f.1/a": "127.0.0.1)/a",
    "http://[::1]/": "[::1])/",
    "dns:www.example.com": "dns:www.example.com",
    "urn:Example:A b": "urn:example:a%20b",
    "": "-",
}
# surt 0.3.1 merges these (D-01) or takes the host for another (internetarchive/surt#28).
APART = [
    ("https://a.example/doc/10.1%2Fx", "https://a.example/doc/10.1/x"),
    ("https://a.example/c%23v2", "https://a.example/c"),
    ("https://a.example//b", "https://a.example/b"),
    (r"https://example.com\@evil.com/", "https://evil.com/"),
]


@pytest.mark.parametrize("url", KEYS)
def test_keys(url: str) -> None:
    assert url_key(url) == KEYS[url]


@pytest.mark.parametrize(("one", "other"), APART)
def test_what_a_browser_keeps_apart_is_kept_apart(one: str, other: str) -> None:
    assert url_key(one) != url_key(other)


@pytest.mark.realdata
def test_keys_are_those_of_pywb() -> None:
    if not CDX.is_dir():
        pytest.skip(f"REAL DATA MISSING: {CDX} (set MUNIMENT_TEST_DATA)")
    seen = 0
    for path in sorted(CDX.glob("*.cdxj")):
        for line in path.read_text().splitlines():
            key, _, rest = line.split(" ", 2)
            # A POST has a key of pywb's own making.
            if key.startswith("!") or "__wb_method" in key:
                continue
            assert url_key(json.loads(rest)["url"]) == key
            seen += 1
    assert seen == 191


@given(st.text(max_size=60) | st.from_regex(r"https?://[\x21-\x7e]{1,60}", fullmatch=True))
def test_any_text_has_a_key_that_no_line_is_broken_by(text: str) -> None:
    key = url_key(text)
    assert key
    assert key.isascii()
    assert not re.search(r"[\x00-\x20\x7f]", key)
    assert len(key) <= KEY_LIMIT


@given(st.from_regex(surt._PLAIN_URL, fullmatch=True))
def test_the_short_way_gives_what_the_parser_gives(url: str) -> None:
    # A fragment is dropped by the parser, and is what the short way does not take.
    assert surt._PLAIN_URL.fullmatch(f"{url}#x") is None
    assert url_key(url) == url_key(f"{url}#x")


def test_a_long_key_is_cut() -> None:
    one, other = (url_key("http://a.example/" + "b" * 5_000 + end) for end in "cd")
    assert len(one) == len(other) == KEY_LIMIT
    assert one != other
    assert one.startswith("example,a)/" + "b" * 900)


def test_repairing_escapes_what_no_uri_may_hold_and_nothing_else() -> None:
    assert repaired("https://a.example/My Policy.pdf?x=%20") == (
        "https://a.example/My%20Policy.pdf?x=%20"
    )
    assert repaired("https://a.example/ü<>") == "https://a.example/%C3%BC%3C%3E"
