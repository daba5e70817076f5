"""Which web pages may use the server: a request's Host, Origin and content type, checked before its body is read.

A browser sends the origin of a page and lets no page forge it, so another site's page is refused by its Origin. A page
that points a name of its own at this address (DNS rebinding) counts as same-origin, and is refused by its Host.
Programs that send no Origin are not concerned. Knows headers; knows no route and no key.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from functools import lru_cache

from mimo.api.exchange import Exchange
from mimo.contract.errors import PermissionDenied, UnsupportedMediaType, shown

_LOOPBACK = "localhost"


def names_of(bound: str) -> frozenset[str]:
    """The names under which a server bound to `bound` (an address, a name, or "" for every address) may be asked.

    Addresses are not among them: a request that names an address went to that address.
    """
    names = {_LOOPBACK, bound.lower()}
    try:
        reachable = not ipaddress.ip_address(bound or "0.0.0.0").is_loopback
    except ValueError:
        reachable = bound != _LOOPBACK
    if reachable:
        own = socket.gethostname().lower()
        names |= {own, f"{own}.local"}
    return frozenset(name for name in names if name)


def check_host(exchange: Exchange, hosts: Collection[str] | None) -> None:
    """Raise `PermissionDenied` unless the Host header is an address or one of `hosts`.

    `hosts`: names in lower case without port; `.example.com` stands for every name below it, `*` for any; None: any.
    """
    given = exchange.header("host")
    if hosts is None or "*" in hosts or given is None:
        return
    name = _name(given)
    if "," not in given and (_is_address(name) or name in hosts or _is_below(name, hosts)):  # sent twice, it names two
        return
    raise PermissionDenied(
        f"the Host header must be an address or one of {', '.join(sorted(hosts))}, got {shown(given)}: "
        f"a server that answers to this name is started with --allowed-hosts {shown(name).strip(chr(34))}"
    )


def check_origin(exchange: Exchange, origins: Collection[str]) -> None:
    """Raise `PermissionDenied` for a page of another origin that is not among `origins` (`*`: any), and
    `UnsupportedMediaType` for a page's POST that is not JSON, which a browser would send without asking first."""
    origin = exchange.header("origin")
    if origin is None:
        return
    same = origin.partition("://")[2].lower() == (exchange.header("host") or "").lower()
    if not (same or "*" in origins or origin in origins):
        raise PermissionDenied(
            f"the page's origin {shown(origin)} may not use this server: allowed is the server's own origin, and what "
            "it is started with as --cors-origin ORIGIN (* for any)"
        )
    if exchange.method == "POST":
        given = (exchange.header("content-type") or "").partition(";")[0].strip().lower()
        if given != "application/json" and not given.endswith("+json"):
            raise UnsupportedMediaType(
                f"content-type must be application/json in a request from a web page, got {shown(given)}"
            )


def _name(host: str) -> str:
    """`host` without its port, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].rstrip(".").lower()


def _is_below(name: str, hosts: Collection[str]) -> bool:
    return name.endswith((f".{_LOOPBACK}", *(host for host in hosts if host.startswith("."))))


@lru_cache(maxsize=64)
def _is_address(name: str) -> bool:
    if len(name) > 64:
        return False
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
