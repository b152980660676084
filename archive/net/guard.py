# SPDX-License-Identifier: Apache-2.0
"""The address guard: no capture reaches what only this machine or its network may reach.

A library's "is global" misses translation prefixes and anycast relays, so the refused networks
are listed here by name. An IPv6 address must lie in the global unicast block to be let through.
"""

import ipaddress
from collections.abc import Iterable

from archive.errors import AddressRefused
from archive.net.deadline import Deadline
from archive.net.failures import Unresolved
from archive.net.resolver import Resolver

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PUBLIC_PORTS = frozenset({80, 443})

# IANA special-purpose registries (RFC 6890 and later), and what clouds put on public addresses.
_REFUSED_V4 = tuple(
    (ipaddress.IPv4Network(cidr), name)
    for cidr, name in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "cloud metadata"),
        ("169.254.0.0/16", "link-local or cloud metadata"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112 anycast"),
        ("192.52.193.0/24", "multicast tunnelling"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112 anycast"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_REFUSED_V6 = tuple(
    (ipaddress.IPv6Network(cidr), name)
    for cidr, name in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "local NAT64"),
        ("100::/64", "discard-only"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "AS112 anycast"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


class AddressGuard:
    """Lets global addresses on the web's ports through, and any address in an allowed network."""

    def __init__(self, allow: Iterable[Network] = (), ports: frozenset[int] = PUBLIC_PORTS) -> None:
        self._allow = tuple(allow)
        self._ports = ports

    def vet(self, address: Address | str) -> None:
        """Raises AddressRefused unless connections to this address are let through."""
        ip = _unwrapped(address)
        if not self._is_allowed(ip) and (kind := _refused_kind(ip)) is not None:
            raise AddressRefused(
                f"the address {ip} is refused ({kind}); name its network in "
                "MUNIMENT_NETWORK_ALLOW if the capture is meant to reach it"
            )

    def vet_endpoint(self, address: Address | str, port: int) -> None:
        """As `vet`, and refuses ports that are not the web's unless the network is allowed."""
        self.vet(address)
        ip = _unwrapped(address)
        if port not in self._ports and not self._is_allowed(ip):
            raise AddressRefused(
                f"port {port} is refused on {ip}; name its network in MUNIMENT_NETWORK_ALLOW if "
                "the capture is meant to reach it"
            )

    def resolve_and_vet(
        self, host: str, port: int, resolver: Resolver, deadline: Deadline
    ) -> tuple[Address, ...]:
        """The addresses of a host that may be connected to, in the resolver's order, at least one.

        Refused addresses are left out. When all are refused, AddressRefused is raised. The caller
        connects to these very addresses: a second look-up could answer otherwise.
        """
        try:
            found: tuple[str, ...] = (str(ipaddress.ip_address(host)),)
        except ValueError:
            found = tuple(resolver.resolve(host, deadline))
        vetted: list[Address] = []
        refusal: AddressRefused | None = None
        for text in found:
            try:
                self.vet_endpoint(text, port)
            except AddressRefused as error:
                refusal = refusal or error
            else:
                vetted.append(_unwrapped(text))
        if vetted:
            return tuple(dict.fromkeys(vetted))
        if refusal is not None:
            raise refusal
        raise Unresolved(f"the host name {host} has no address")

    def _is_allowed(self, ip: Address) -> bool:
        return any(ip in network for network in self._allow if network.version == ip.version)


def _unwrapped(address: Address | str) -> Address:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError as error:
        raise AddressRefused("the resolver's answer is no IP address") from error
    if isinstance(ip, ipaddress.IPv6Address):
        return ip.ipv4_mapped or ip
    return ip


def _refused_kind(ip: Address) -> str | None:
    if isinstance(ip, ipaddress.IPv4Address):
        named = next((name for network, name in _REFUSED_V4 if ip in network), None)
    else:
        named = next((name for network, name in _REFUSED_V6 if ip in network), None)
        if named is None and ip not in _GLOBAL_UNICAST:
            named = "not global unicast"
    if named is None and not ip.is_global:
        named = "not global"
    return named
