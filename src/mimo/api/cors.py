"""Which web pages may read our answers: none, unless their origin is configured (`*` means every one).

Knows the CORS headers and nothing of the routes.
"""

from __future__ import annotations

from collections.abc import Collection

from mimo.api.exchange import Exchange

EXPOSED = ("x-request-id", "x-mimo-parameters", "x-mimo-ignored", "x-mimo-notice", "retry-after")
"""Headers of ours that a page may read, beyond those in which a protocol repeats the request id."""


def allow_origin(exchange: Exchange, origins: Collection[str], methods: str) -> None:
    """Add the CORS headers to the exchange, if the page's origin is one of `origins`."""
    if not origins:
        return
    exchange.common.append(("vary", "origin"))
    origin = exchange.header("origin")
    if origin is None or not ("*" in origins or origin in origins):
        return
    exposed = ", ".join((*EXPOSED, *exchange.errors.id_headers))
    exchange.common += [("access-control-allow-origin", origin), ("access-control-expose-headers", exposed)]
    if exchange.method == "OPTIONS" and exchange.header("access-control-request-method"):
        wanted = exchange.header("access-control-request-headers") or "authorization, content-type"
        exchange.common += [
            ("access-control-allow-methods", methods),
            ("access-control-allow-headers", wanted),
            ("access-control-max-age", "600"),
        ]
        if exchange.header("access-control-request-private-network") == "true":
            exchange.common.append(("access-control-allow-private-network", "true"))
