# SPDX-License-Identifier: Apache-2.0
"""The classifier: what is minted, what is refused, and in which words."""

import dataclasses
import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fetches import fetched

from archive.fetching import retry_after
from archive.fetching.outcome import classify
from archive.model.fetch import FetchEnd
from archive.model.outcome import Outcome, OutcomeKind
from archive.text import recipes

NOW = dt.datetime(2026, 3, 6, 20, 0, 36, tzinfo=dt.UTC)
AKAMAI = (
    "<h1>Access Denied</h1>You don't have permission to access / on this server."
    "<p>Reference #18.2d351ab8.1557333295.a4e16ab"
)
POLICY = "<h1>Privacy</h1>" + "<p>We may share your data with partners as the law allows.</p>" * 80

LOGIN = "<form><label>Password <input name=p type='password'></label><button>Log in</button></form>"
PROSE = "We may share your data with partners as the law of your country allows."


def outcome(
    body: str | bytes, status: int = 200, content_type: str | None = "text/html", **headers: str
) -> Outcome:
    if isinstance(body, str):
        body = body.encode()
    fetch = fetched(body)
    pairs = [("Content-Type", content_type)] if content_type else []
    pairs += [(name.replace("_", "-"), value) for name, value in headers.items()]
    last = dataclasses.replace(fetch.last, status=status, headers=tuple(pairs))
    fetch = dataclasses.replace(fetch, exchanges=(last,))
    return classify(fetch, recipes.run("text/1", body, content_type))


def shell(size: int) -> str:
    return f"<body><div id=root></div><script>{'x' * size}</script>"


@pytest.mark.parametrize(
    ("kind", "body", "options"),
    [
        ("ok", "<p>terms</p>\n", {}),
        ("ok", POLICY, {}),
        (
            "ok",
            POLICY.replace("partners", "partners. Access denied. Error 404: page not found"),
            {},
        ),
        (
            "ok",
            "<title>Cookie Policy</title><h1>Cookies</h1><p>We use cookies. Accept all.</p>",
            {},
        ),
        ("ok", "<p>Unauthorised use is access denied by contract.</p>", {}),
        ("ok", "Terms of use", {"content_type": "text/plain"}),
        ("ok", POLICY, {"status": 203}),
        ("empty", "", {}),
        ("empty", "<html><body></body></html>", {}),
        ("empty", "<p>\u200b \u2014</p>", {}),
        ("no-content", "", {"status": 204}),
        ("truncated", POLICY, {"status": 206}),
        ("script-shell", shell(10), {}),
        ("script-shell", f"<title>Shop</title><p>Loading</p>{shell(20_000)}", {}),
        ("script-shell", "<p>You need to enable JavaScript to run this app.</p>", {}),
        ("redirect-stub", "<meta http-equiv='Refresh' content='0; URL=/b'>Moving", {}),
        ("redirect-stub", "<script>window.location.href='/b'</script>Moving on", {}),
        ("ok", "<meta http-equiv=refresh content='600; url=/'>Terms that reload", {}),
        ("redirect-stub", "<p>Moving", {"refresh": "0; url=https://a.example/b"}),
        ("redirect-stub", "Moving", {"refresh": "5;/b", "content_type": "text/plain"}),
        ("ok", POLICY, {"refresh": "0; url=/b"}),
        ("ok", "<p>Terms that reload", {"refresh": "600; url=/"}),
        ("ok", "<p>Terms that reload themselves", {"refresh": "0"}),
        ("blocked", f"<title>Sign in | Example</title><p>{PROSE}</p>{LOGIN}", {}),
        ("blocked", f"<h1><span>Log in</span> to Example</h1><p>{PROSE}</p>{LOGIN}", {}),
        ("blocked", f"<p>Example</p>{LOGIN}", {}),
        ("ok", f"<header>{LOGIN}</header>{POLICY}", {}),
        ("ok", f"<header>{LOGIN}</header><h1>Terms</h1><p>{PROSE}</p>", {}),
        ("ok", f"<title>Terms | Login help</title>{LOGIN}{POLICY}", {}),
        ("ok", f"<h1>Sign in</h1><p>{PROSE}</p>", {}),
        ("blocked", "<p>Please complete the puzzle to go on</p>", {}),
        ("blocked", "<h1>Are you human?</h1>", {}),
        ("ok", POLICY.replace("partners", "partners. Are you human? Solve the puzzle."), {}),
        ("soft-404", "<title>Page not found | Example</title><p>Try the search.</p>", {}),
        ("soft-404", "<h1>404</h1><p>Nothing here</p>", {}),
        ("soft-404", "<h1>Seite nicht gefunden</h1>", {}),
        ("error-page", "<h1>500</h1><h2>Internal Server Error.</h2>", {}),
        ("error-page", POLICY, {"status": 404}),
        ("error-page", POLICY, {"status": 410}),
        ("error-page", POLICY, {"status": 500}),
        ("error-page", "x", {"status": 302}),
        ("error-page", "x", {"status": 503}),
        ("rate-limited", POLICY, {"status": 429}),
        ("rate-limited", "x", {"status": 503, "retry_after": "5"}),
        ("blocked", "<title>Just a moment...</title><p>Verifying</p>", {"status": 403}),
        ("blocked", "<title>Just a moment...</title>", {}),
        ("blocked", POLICY, {"cf_mitigated": "challenge"}),
        ("blocked", "<title>Attention Required! | Cloudflare</title>Sorry", {"status": 403}),
        ("blocked", "<script src=https://ct.captcha-delivery.com/c.js></script>", {}),
        ("blocked", "<div id=px-captcha></div><p>Press & Hold to confirm you are a human</p>", {}),
        (
            "blocked",
            AKAMAI,
            {},
        ),
        ("blocked", "<p>Please verify you are human</p>", {}),
        ("blocked", "nope", {"status": 403}),
        ("blocked", "", {"status": 202, "x_amzn_waf_action": "challenge"}),
        ("consent-wall", "<h1>Before you continue to Google</h1><p>We use cookies", {}),
        ("ok", b"\x89PNG", {"content_type": "image/png"}),
        ("malformed-response", b"%PDF-1.7", {"content_type": "application/pdf"}),
        ("encoding-mismatch", bytes(range(1, 256)) * 4, {}),
        ("encoding-mismatch", b"\xe4\xf6\xfc \xdf", {"content_type": "text/html; charset=utf-8"}),
    ],
)
def test_kinds(kind: str, body: str | bytes, options: dict[str, Any]) -> None:
    found = outcome(body, **options)
    assert found.kind == kind, found
    assert found.reason.endswith(".")
    assert found.signals


def test_ends_of_transfers_are_outcomes() -> None:
    for end in set(FetchEnd) - {FetchEnd.COMPLETE}:
        fetch = dataclasses.replace(fetched(b""), end=end, detail="after 30 seconds")
        found = classify(fetch, None)
        assert not found.is_ok
        assert "after 30 seconds" in found.reason
        assert found.signals == (f"end:{end}",)


def test_a_body_without_an_extraction_is_never_minted() -> None:
    assert not classify(fetched(b"<p>x"), None).is_ok
    assert classify(dataclasses.replace(fetched(b"x"), exchanges=()), None).kind == (
        OutcomeKind.MALFORMED_RESPONSE
    )


def test_the_reason_names_the_status_and_who_blocks() -> None:
    assert "(404)" in outcome(POLICY, status=404).reason
    link = (
        '<https://a.example/>; rel="terms", <https://spqr.example/legislatione>; rel="blocked-by"'
    )
    found = outcome(POLICY, status=451, link=link)
    assert "https://spqr.example/legislatione" in found.reason
    assert "a.example" not in found.reason
    assert "link:blocked-by" in found.signals


def test_the_servers_wish_to_wait_is_kept() -> None:
    found = outcome("x", status=429, retry_after="120")
    assert found.retry_after_seconds == 120
    assert found.signals == ("status:429", "retry-after:120")
    found = outcome("x", status=429, retry_after="soon")
    assert found.retry_after_seconds is None
    assert found.signals == ("status:429",)
    assert outcome(POLICY, retry_after="120").signals == ("status:200",)


def test_a_long_list_of_signals_does_not_push_the_wish_out() -> None:
    link = ", ".join(['<https://a.example>; rel="blocked-by"'] * 9)
    assert outcome("x", status=451, link=link, retry_after="5").signals[1] == "retry-after:5"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0),
        (" 120 ", 120),
        ("9" * 400, 86_400),
        ("9" * 5000, 86_400),
        ("Fri, 06 Mar 2026 20:01:36 GMT", 60),
        ("Friday, 06-Mar-26 20:01:36 GMT", 60),
        ("Fri Mar  6 20:01:36 2026", 60),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 86_400),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("Tue, 31 Feb 2026 00:00:00 GMT", None),
        ("-5", None),
        ("2.5", None),
        ("\u0665", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(value: str | None, expected: int | None) -> None:
    assert retry_after.seconds(value, NOW) == expected


@given(st.text(max_size=40), st.sampled_from([200, 403, 451, 503]))
def test_any_header_and_body_have_an_outcome(text: str, status: int) -> None:
    found = outcome(text, status=status, link=text, retry_after=text)
    assert found.reason
