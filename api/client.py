# SPDX-License-Identifier: Apache-2.0
"""Whose address a request comes from: the peer's, or what a trusted proxy says of it.

Anyone can write `X-Forwarded-For`. It is read from the right, and only as far as each address
that passed it on is one of the configured proxies.
"""

import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# One subscriber's network: single addresses of it are free for the taking.
_IPV6_PREFIX = 64
_PASSED_ON = ("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP")


def client_address(environ: "WSGIEnvironment", proxies: Sequence[Network]) -> Address | None:
    """The address of the client, or None where none can be known (a Unix socket)."""
    address = _read(environ.get("REMOTE_ADDR", ""))
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
    while address is not None and forwarded and any(_is_in(address, net) for net in proxies):
        before = _read(forwarded.pop().strip())
        if before is None:
            break
        address = before
    return address


def is_direct_loopback(environ: "WSGIEnvironment", proxies: Sequence[Network]) -> bool:
    """Whether the request comes from this machine, and no untrusted proxy passed it on."""
    address = client_address(environ, proxies)
    if address is None or not address.is_loopback:
        return False
    if "HTTP_X_FORWARDED_FOR" in environ:
        return bool(proxies)
    # What passed it on says no address that is read, so its own is no sign of where it came from.
    return not any(name in environ for name in _PASSED_ON)


def network_of(address: Address | None) -> str:
    """What counts as one client: an IPv4 address, or the /64 network of an IPv6 one."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address or "unknown")


def _read(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address
    return address


def _is_in(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network
