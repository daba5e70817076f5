"""HTTP to an upstream: what is asked for and what is not taken."""

from __future__ import annotations

import gzip
import json

from tests.engines.upstream.fakes import Asked, Fake, Out, chat_events
from tests.engines.upstream.fronts import Front


def test_a_compressed_answer_is_not_unpacked(hosted: Front, fake: Fake) -> None:
    """A thousandfold: a small body could be any amount of memory."""
    rows = chat_events({"content": "x" * 50_000_000})
    body = b"".join(b"data: " + (row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n\n" for row in rows)
    packed = gzip.compress(body)
    assert len(packed) < 100_000

    async def behaviour(asked: Asked, out: Out) -> None:
        await out.reply(200, packed, content_encoding="gzip")

    fake.behaviour = behaviour
    answer = hosted.chat()
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    assert "compressed" in answer.json()["error"]["message"]
    assert fake.asked[-1].headers["accept-encoding"] == "identity"
