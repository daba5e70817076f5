"""How an upstream may answer while we start on it, whatever is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from tests.attack.upstream.base import sent
from tests.engines.upstream.fakes import Asked, Out

STARTS: dict[str, Callable[[Asked, Out], Awaitable[None]]] = {
    **{
        f"{status}": partial(lambda status, asked, out: out.reply(status, {"error": "no"}), status)
        for status in (204, 301, 401, 404, 500, 503)
    },
    "no json": lambda asked, out: out.reply(200, b"<html>"),
    "empty": lambda asked, out: out.reply(200, b""),
    "null": lambda asked, out: out.reply(200, b"null"),
    "a list": lambda asked, out: out.reply(200, b"[]"),
    "a number": lambda asked, out: out.reply(200, b"5"),
    "deep": lambda asked, out: out.reply(200, b"[" * 100_000),
    "large": lambda asked, out: out.reply(200, b'{"a":"' + b"a" * (17 * 2**20) + b'"}'),
    "wrong types": lambda asked, out: out.reply(
        200,
        {
            "data": [{"id": 5, "max_model_len": "x"}],
            "default_generation_settings": {"n_ctx": "x"},
            "version": 5,
            "context_length": -1,
            "model_path": [],
            "model_alias": {},
            "served_model_name": None,
        },
    ),
    "odd sizes": lambda asked, out: out.reply(
        200,
        {
            "data": [{"id": "a", "max_model_len": 0}],
            "default_generation_settings": {"n_ctx": 2**70},
            "context_length": 2**70,
        },
    ),
    "escapes": lambda asked, out: out.reply(
        200,
        {
            "data": [{"id": "\x1b[2J", "max_model_len": 512}],
            "default_generation_settings": {"n_ctx": 512},
            "model_path": "\x1b[2J",
            "model_alias": "\x1b]0;owned\x07",
            "version": "\x1b[2J",
            "context_length": 512,
            "served_model_name": "\x1b[2J",
        },
    ),
    "closed": sent(b""),
    "no http": sent(b"SSH-2.0\r\n"),
}
