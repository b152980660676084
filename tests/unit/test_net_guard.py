# SPDX-License-Identifier: Apache-2.0
"""The address guard: every spelling of an address that must not be reached."""

import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import AddressRefused
from archive.net.deadline import Deadline
from archive.net.failures import Unresolved
from archive.net.guard import AddressGuard

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

REFUSED = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200",
    "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808",
    "64:ff9b:1::7f00:1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1",
    "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "4000::1",
    "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "ff0e::1",
]  # fmt: skip
GLOBAL = [
    "1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.15.0.1",
    "172.32.0.1", "192.88.98.1", "223.255.255.255", "2001:200::1", "2001:4860:4860::8888",
    "2606:4700:4700::1111", "::ffff:8.8.8.8",
]  # fmt: skip


class FixedResolver:
    """Answers look-ups of a.example with the next of its answers."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)

    def resolve(self, host: str, deadline: Deadline) -> Sequence[str]:
        deadline.seconds_left()
        return self.answers.pop(0) if host == "a.example" else []


@pytest.mark.parametrize("address", REFUSED)
def test_refused(address: str) -> None:
    with pytest.raises(AddressRefused, match="MUNIMENT_NETWORK_ALLOW"):
        AddressGuard().vet(address)


@pytest.mark.parametrize("address", GLOBAL)
def test_global(address: str) -> None:
    AddressGuard().vet_endpoint(address, 443)


@given(st.ip_addresses())
def test_whatever_passes_is_global_to_the_library_too(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    try:
        AddressGuard().vet(address)
    except AddressRefused:
        return
    unwrapped = getattr(address, "ipv4_mapped", None) or address
    assert unwrapped.is_global
    assert not unwrapped.is_multicast


def test_allowed_networks_pass_in_mapped_form_too() -> None:
    guard = AddressGuard(LOOPBACK)
    for address in ("127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "::1"):
        guard.vet(address)
    for address in ("10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "::2"):
        with pytest.raises(AddressRefused):
            guard.vet(address)


def test_only_the_ports_of_the_web_unless_the_network_is_allowed() -> None:
    guard = AddressGuard(LOOPBACK)
    guard.vet_endpoint("8.8.8.8", 80)
    guard.vet_endpoint("127.0.0.1", 6379)
    with pytest.raises(AddressRefused, match="port 6379"):
        guard.vet_endpoint("8.8.8.8", 6379)
    AddressGuard(ports=frozenset({8443})).vet_endpoint("8.8.8.8", 8443)


def test_refused_answers_are_left_out() -> None:
    resolver = FixedResolver(["10.0.0.1", "8.8.8.8", "8.8.8.8", "::ffff:1.1.1.1", "::1"])
    vetted = AddressGuard().resolve_and_vet("a.example", 443, resolver, Deadline(5))
    assert [str(address) for address in vetted] == ["8.8.8.8", "1.1.1.1"]


def test_a_host_with_refused_addresses_only_is_refused() -> None:
    with pytest.raises(AddressRefused, match="loopback"):
        AddressGuard().resolve_and_vet(
            "a.example", 443, FixedResolver(["127.0.0.1", "10.0.0.1"]), Deadline(5)
        )


def test_a_host_without_addresses_is_unresolved() -> None:
    with pytest.raises(Unresolved, match=r"a\.example"):
        AddressGuard().resolve_and_vet("a.example", 443, FixedResolver([]), Deadline(5))


def test_an_answer_that_is_no_address_is_refused() -> None:
    with pytest.raises(AddressRefused):
        AddressGuard().resolve_and_vet("a.example", 443, FixedResolver(["0x7f.1"]), Deadline(5))


def test_address_literals_are_not_looked_up() -> None:
    vetted = AddressGuard().resolve_and_vet("8.8.8.8", 443, FixedResolver(), Deadline(5))
    assert [str(address) for address in vetted] == ["8.8.8.8"]
