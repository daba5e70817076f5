"""Which addresses are public: a literal table of those that are not (IANA's special-purpose registries and what clouds
put behind public-looking ones). Knows no name and no socket.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Policy = Callable[[Address], bool]
"""Whether an address may be connected to."""

NOT_PUBLIC_4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), why)
    for network, why in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "Azure's host, in public space"),
        ("169.254.0.0/16", "link-local, and the metadata of most clouds"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "relays of 6to4"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarks"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved, and broadcast"),
    )
)

PUBLIC_6 = IPv6Network("2000::/3")
"""The only space of IPv6 that is given out. Loopback, link-local, unique local, multicast and mapped lie elsewhere."""

NOT_PUBLIC_6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), why)
    for network, why in (
        ("2001::/23", "protocol assignments; Teredo, which wraps any IPv4 address"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4, which wraps any IPv4 address"),
        ("3fff::/20", "documentation"),
    )
)

NAT64 = IPv6Network("64:ff9b::/96")
"""Holds an IPv4 address in its last 32 bits: what networks without IPv4 make of public names."""


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could reach `address`, as far as an address can tell."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network, _ in NOT_PUBLIC_4)
    if address.scope_id is not None:
        return False
    if address in NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in PUBLIC_6 and not any(address in network for network, _ in NOT_PUBLIC_6)
