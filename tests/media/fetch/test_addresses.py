"""Which addresses are public: every range that must not be, at its edges, and what is next to them."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from mimo.media.fetch.addresses import NOT_PUBLIC_4, NOT_PUBLIC_6, is_public

REFUSED = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1",
    "127.255.255.255", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808", "100::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a00:1::", "2002:808:808::", "3fff::1", "5f00::1", "4000::1",
]  # fmt: skip
ALLOWED = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.0", "168.63.129.15", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
    "191.255.255.255", "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888", "2001:200::1", "2003::1",
    "64:ff9b::808:808",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_the_public_internet_is_refused(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ALLOWED)
def test_what_is_next_to_it_is_not(address: str) -> None:
    assert is_public(ip_address(address))


def test_every_range_of_the_table_is_refused_at_both_ends() -> None:
    networks: list[Any] = [network for network, _ in (*NOT_PUBLIC_4, *NOT_PUBLIC_6)]
    for network in networks:
        assert not is_public(network[0]) and not is_public(network[-1])


def test_whatever_python_knows_to_be_private_is_refused() -> None:
    """A second opinion, from the standard library's own tables: 64 addresses of every /8 and of every block of IPv6."""
    for first in range(256):
        for host in ip_network(f"{first}.0.0.0/8").subnets(new_prefix=14):
            address = host[77]
            assert not is_public(address) or address.is_global, address
    for first in range(0, 0x10000, 61):
        address = ip_address(f"{first:x}:db8::5")
        assert not is_public(address) or address.is_global, address
