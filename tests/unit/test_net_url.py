# SPDX-License-Identifier: Apache-2.0
"""URL identity: what is kept, what is normalised, what is refused and how it is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import MalformedUrl
from archive.net.url import URL_CHARACTERS_LIMIT, CaptureUrl, parse_capture_url, resolve_location


@pytest.mark.parametrize(
    ("typed", "href"),
    [
        ("https://a.example", "https://a.example/"),
        ("HTTPS://A.Example:443/", "https://a.example/"),
        ("  https://a.example/x  ", "https://a.example/x"),
        ("https://a.example/Terms", "https://a.example/Terms"),
        ("https://a.example/a//b", "https://a.example/a//b"),
        ("https://a.example/a/../b", "https://a.example/b"),
        ("https://a.example/x?", "https://a.example/x?"),
        ("https://a.example/x#top", "https://a.example/x"),
        ("https://a.example/x#", "https://a.example/x"),
        ("https://a.example/?q=a b", "https://a.example/?q=a%20b"),
        ("https://@a.example/", "https://a.example/"),
        ("https://example.com\\@evil.example/", "https://example.com/@evil.example/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://ex_ample.example/", "https://ex_ample.example/"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://0177.0.0.1/", "http://127.0.0.1/"),
        ("http://127。0。0。1/", "http://127.0.0.1/"),
        ("http://[::FFFF:127.0.0.1]/", "http://[::ffff:7f00:1]/"),
    ],
)
def test_normal_form(typed: str, href: str) -> None:
    assert parse_capture_url(typed).href == href


def test_parts_are_what_is_resolved_and_sent() -> None:
    assert parse_capture_url("http://[2001:DB8::1]:8080/a b?#f") == CaptureUrl(
        href="http://[2001:db8::1]:8080/a%20b?",
        scheme="http",
        host="2001:db8::1",
        port=8080,
        host_header="[2001:db8::1]:8080",
        target="/a%20b?",
    )
    assert parse_capture_url("https://a.example").port == 443


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        pytest.param("", "in full", id="empty"),
        pytest.param("a.example/terms", "in full", id="no-scheme"),
        pytest.param("https://", "in full", id="no-host"),
        pytest.param("https://a.example:99999/", "in full", id="port-too-large"),
        pytest.param("https://a b.example/", "in full", id="space-in-host"),
        pytest.param("https://[::1/", "in full", id="open-bracket"),
        pytest.param("https://a.example/\ud800", "in full", id="lone-surrogate"),
        pytest.param("ftp://a.example/", "http://", id="ftp"),
        pytest.param("javascript:alert(1)", "http://", id="javascript"),
        pytest.param("file:///etc/passwd", "http://", id="file"),
        pytest.param("https://a.example/\r\nHost: b", "control character", id="line-break"),
        pytest.param("https://a.example/\t", "control character", id="tab"),
        pytest.param("https://a.example/\0", "control character", id="nul"),
        pytest.param("https://a.example/\x9b", "control character", id="c1"),
        pytest.param(
            "https://a.example/" + "x" * URL_CHARACTERS_LIMIT, "characters", id="too-long"
        ),
        pytest.param("https://a.example/" + "é" * 2000, "characters", id="too-long-escaped"),
    ],
)
def test_refused_with_one_line_that_names_the_field(typed: str, word: str) -> None:
    with pytest.raises(MalformedUrl) as caught:
        parse_capture_url(typed)
    message = str(caught.value)
    assert message.startswith("url: ")
    assert word in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "typed",
    [
        "https://alice:hunter2@a.example/",
        "https://hunter2@a.example/",
        "https://:hunter2@a.example/",
        "https://alice:hunter2@a.example:99999/",
        "https://alice:hunter2@/",
        "ftp://alice:hunter2@a.example/",
        "alice:hunter2@a.example",
    ],
)
def test_credentials_are_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(MalformedUrl) as caught:
        parse_capture_url(typed)
    assert "hunter2" not in repr(caught.value)
    assert "alice" not in repr(caught.value)
    assert caught.value.__cause__ is None


@given(
    st.builds(
        "https://{}/{}".format,
        st.sampled_from(["a.example", "Bücher.example", "1.2.3.4", "[::1]"]),
        st.text(max_size=40),
    )
)
def test_normal_form_is_a_fixed_point(typed: str) -> None:
    try:
        once = parse_capture_url(typed)
    except MalformedUrl:
        return
    assert parse_capture_url(once.href) == once
    assert once.href.isascii()
    assert not set(once.href) & set(" #\r\n")


@pytest.mark.parametrize(
    ("location", "href"),
    [
        ("/b", "https://a.example/b"),
        ("b?q#f", "https://a.example/dir/b?q"),
        ("?q", "https://a.example/dir/page?q"),
        ("//b.example/x", "https://b.example/x"),
        ("http://b.example", "http://b.example/"),
        ("/bücher".encode().decode("latin-1"), "https://a.example/b%C3%BCcher"),
        ("/b\xfccher", "https://a.example/b%FCcher"),
        ("/a%2Fb", "https://a.example/a%2Fb"),
    ],
)
def test_locations_resolve_as_in_a_browser(location: str, href: str) -> None:
    base = parse_capture_url("https://a.example/dir/page")
    assert resolve_location(base, location).href == href


@pytest.mark.parametrize("location", ["https://u:hunter2@b.example/", "data:,x", "http://[/"])
def test_locations_that_cannot_be_captured(location: str) -> None:
    base = parse_capture_url("https://a.example/")
    with pytest.raises(MalformedUrl) as caught:
        resolve_location(base, location)
    assert "hunter2" not in repr(caught.value)
