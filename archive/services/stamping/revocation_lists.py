# SPDX-License-Identifier: Apache-2.0
"""Fetches the revocation lists that certificates name, for keeping with a token.

The addresses come from outside, so the address guard applies. A list is asked for once in an
hour, however many tokens it is kept with.
"""

import datetime as dt
from collections.abc import Sequence

from cryptography import x509

from archive.errors import InputError, MalformedEvidence
from archive.model.fetch import FetchEnd
from archive.proofs.revocation import crl_urls, read_crl
from archive.services.context import Archive

_FRESH = dt.timedelta(hours=1)
_OK = 200


class RevocationLists:
    """The lists that were fetched for one run, or by one worker."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._known: dict[str, tuple[dt.datetime, bytes]] = {}

    def of(self, chain: Sequence[x509.Certificate]) -> tuple[bytes, ...]:
        """A list for each certificate of the chain that names one, as far as they can be had.

        The chain's anchor needs none.
        """
        found = (self._first(crl_urls(certificate)) for certificate in chain[:-1])
        return tuple(dict.fromkeys(one for one in found if one is not None))

    def _first(self, urls: Sequence[str]) -> bytes | None:
        for url in urls:
            data = self._list(url)
            if data is not None:
                return data
        return None

    def _list(self, url: str) -> bytes | None:
        now = self._archive.clock.now()
        known = self._known.get(url)
        if known is not None and known[0] > now:
            return known[1]
        try:
            fetch = self._archive.fetcher.fetch_one(url)
            is_whole = fetch.end is FetchEnd.COMPLETE and fetch.last is not None
            if not is_whole or fetch.last is None or fetch.last.status != _OK:
                return None
            ends_at = read_crl(fetch.body).next_update_utc
        except (InputError, MalformedEvidence):
            return None
        fresh_until = now + _FRESH
        self._known[url] = (min(ends_at or fresh_until, fresh_until), fetch.body)
        return fetch.body
