# SPDX-License-Identifier: Apache-2.0
"""Fetches for tests of what is made of a response, without a server."""

import datetime as dt

from archive.model.fetch import Exchange, Fetch, FetchEnd


def fetched(body: bytes, url: str = "https://a.example/") -> Fetch:
    """The fetch that a server would have caused that sent this body with status 200."""
    now = dt.datetime(2026, 3, 6, 20, 0, 36, tzinfo=dt.UTC)
    exchange = Exchange(
        url=url,
        requested_at=now,
        received_at=now,
        remote_address="127.0.0.1",
        tls_leaf_sha256=None,
        request=b"",
        response_head=b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n",
        response_body=body,
        payload=body,
        status=200,
        headers=(("Content-Type", "text/html"),),
    )
    return Fetch(
        url=url,
        started_at=now,
        exchanges=(exchange,),
        end=FetchEnd.COMPLETE,
        detail="",
        body=body,
        codings=(),
        coding_flaw=None,
    )
