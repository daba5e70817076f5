"""What an upstream says of its inside stays inside: paths and addresses go to the log, never to a client."""

from __future__ import annotations

import logging

import pytest
from tests.engines.upstream.fakes import Asked, Fake, Out, chat_events, free_port, llama_events
from tests.engines.upstream.fronts import Front

from mimo.engines.upstream.http.errors import of_event, of_status, public

SECRETS = [
    "cannot open /srv/models/mimo.gguf",
    "~/models/a is missing",
    "C:\\models\\a.gguf: no such file",
    "connect to http://10.1.2.3:8001/v1 failed",
    "worker gpu-node-7:5555 is gone",
    "node17.cluster.internal refused",
    "10.0.0.12 timed out",
    "no route to fe80::1",
    "Traceback (most recent call last): File \"x\", line 3",
    "checkpoints/step-100/weights missing",
    "see run_engine.py",
    "mail root@gpu",
]  # fmt: skip
PLAIN = [
    "the model fell over",
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the messages).",
    "CUDA out of memory, tried to allocate 1.5 GiB",
    "either/or, 12 tokens/s at 50 %",
]


@pytest.mark.parametrize("text", SECRETS)
@pytest.mark.parametrize("status", [400, 413, 500, 503, 504])
def test_words_that_hold_paths_or_addresses_go_to_the_log_alone(text: str, status: int) -> None:
    for said in (f'{{"error": {{"message": {text!r}}}}}'.encode(), text.encode(), f"context length: {text}".encode()):
        message = of_status(status, said, None).message
        assert text not in message and "log" in message
    assert text not in of_event({"message": text}).message


@pytest.mark.parametrize("text", PLAIN)
def test_plain_words_reach_the_client(text: str) -> None:
    assert public(text) == text


@pytest.mark.parametrize("stream", [False, True])
def test_the_log_has_what_the_client_is_not_shown(
    llama: Front, fake: Fake, caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    async def inside(asked: Asked, out: Out) -> None:
        await out.stream([*llama_events([300], finish=None), {"error": "bad block in /srv/models/mimo.gguf"}])

    async def before(asked: Asked, out: Out) -> None:
        await out.reply(500, {"error": "cannot open /srv/models/mimo.gguf"})

    for behaviour in (inside, before):
        fake.behaviour = behaviour
        caplog.clear()
        with caplog.at_level(logging.WARNING, "mimo.upstream"):
            answer = llama.chat(stream=stream)
        assert "/srv" not in answer.text and "upstream" in answer.text
        assert "/srv/models/mimo.gguf" in caplog.text


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_with_the_prompt(hosted: Front, fake: Fake, status: int) -> None:
    elsewhere = Fake()
    try:

        async def yes(asked: Asked, out: Out) -> None:
            await out.stream(chat_events({"content": "yes"}))

        async def away(asked: Asked, out: Out) -> None:
            await out.reply(status, {}, location=f"{elsewhere.url}/chat/completions")

        elsewhere.behaviour, fake.behaviour = yes, away
        answer = hosted.chat("a secret")
        assert elsewhere.asked == []
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
        assert "redirect" in answer.text and str(elsewhere.port) not in answer.text
    finally:
        elsewhere.stop()


def test_an_error_body_without_end_is_not_read_to_its_end(hosted: Front, fake: Fake) -> None:
    sent = 0

    async def behaviour(asked: Asked, out: Out) -> None:
        nonlocal sent
        await out.raw(b"HTTP/1.1 400 X\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(256):
            await out.chunk(b"x" * 2**20)
            sent += 1

    fake.behaviour = behaviour
    assert hosted.chat().status_code == 502
    assert sent < 64


def test_a_retry_after_that_is_no_number_is_replaced(llama: Front, fake: Fake) -> None:
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.reply(429, {}, retry_after=f"http://127.0.0.1:{free_port()}")

    fake.behaviour = behaviour
    assert llama.chat().headers["retry-after"] == "1"
