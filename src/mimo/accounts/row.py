"""One row of the ledger: what one request has used and what it costs. Knows no store."""

from __future__ import annotations

from msgspec import Struct


class Row(Struct, frozen=True, gc=False):
    """`id` is ours and never comes twice; `request_id` is the one the client knows and may have chosen.

    `key_id`: "" for a configured key. `ended`: microseconds since 1970. `cost` in pico-dollars by the price `price`.
    `first_token`: seconds after the request came in, None where there was none; `seconds`: in all. `finish`: why it
    ended, a finish reason or the code of an error. `exact`: the counts are the engine's, else they are estimated.
    """

    id: str
    request_id: str
    ended: int
    account: str
    key_id: str
    key: str
    model: str
    protocol: str
    engine: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    price: str
    cost: int
    first_token: float | None
    seconds: float
    finish: str
    exact: bool
