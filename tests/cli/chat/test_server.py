"""Servers that are not ours, some of them broken: what they send is read, or is one clear line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from mimo.cli.chat.connect import connected
from mimo.cli.chat.server import Server, ServerError, base_url
from mimo.cli.chat.wanted import Wanted
from mimo.cli.chat.wire import Ending, Piece
from mimo.serving.console import log_console

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
BODY: dict[str, object] = {"model": "m", "messages": []}


@asynccontextmanager
async def server(chat: Answer, models: object = None) -> AsyncIterator[str]:
    """The address of a server that answers every chat with `chat`, and lists `models` if there are any."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    if models is not None:

        async def listed(_: web.Request) -> web.Response:
            return web.json_response(models)

        app.router.add_get("/v1/models", listed)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def streaming(*events: object, end: bool = True) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for event in events:
            data = event if isinstance(event, str) else json.dumps(event)
            await response.write(f"data: {data}\r\n\r\n".encode())
        if not end:
            assert request.transport is not None
            request.transport.abort()
        return response

    return answer


def replying(status: int, text: str, **head: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers=head)

    return answer


def delta(**fields: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": None}]}


END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


async def asked(chat: Answer) -> list[Piece | Ending]:
    async with server(chat) as url, Server(base_url(url)) as one:
        return [piece async for piece in one.stream(BODY)]


async def test_both_names_of_reasoning_and_a_stream_without_usage_or_done_are_read() -> None:
    pieces = await asked(streaming(delta(role="assistant"), delta(reasoning="a"), delta(reasoning_content="b"),
                                   delta(content="c"), END))  # fmt: skip
    assert pieces == [Piece("a", True), Piece("b", True), Piece("c"), Ending("stop")]


async def test_counts_that_are_null_or_missing_are_none() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": None}
    (ending,) = await asked(streaming(END, {"choices": [], "usage": usage}, "[DONE]"))
    assert isinstance(ending, Ending)
    assert (ending.usage.prompt_tokens, ending.usage.completion_tokens, ending.usage.reasoning) == (3, 2, 0)


@pytest.mark.parametrize(
    ("chat", "words"),
    [
        (replying(400, '{"error": {"message": "no \\u001b[2J such thing"}}'), "no ␛[2J such thing"),
        (replying(400, '{"detail": "bad"}'), "bad"),
        (replying(401, "{}"), "give it with --key or MIMO_API_KEY"),
        (replying(404, "<html>"), "answered 404"),
        (replying(500, "[" * 100_000), "answered 500"),
        (replying(301, "", location="http://127.0.0.1:1/"), "give that address to --url"),
        (streaming("no json"), "no chat completion"),
        (streaming({"choices": [{"delta": {"content": 7}}]}), "no chat completion"),
        (streaming(delta(content="half")), "before it was complete"),
        (streaming(delta(content="half"), end=False), "before its answer was complete"),
        (streaming(delta(content="half"), {"error": {"message": "out of memory"}}), "out of memory"),
        (replying(200, "<html>"), "before it was complete"),
    ],
)
async def test_what_is_no_answer_is_one_line(chat: Answer, words: str) -> None:
    with pytest.raises(ServerError) as caught:
        await asked(chat)
    assert words in str(caught.value) and "\n" not in str(caught.value)


async def test_a_server_that_lists_no_models_is_asked_for_the_one_that_was_named() -> None:
    async with server(streaming(END)) as url:
        async with connected(Wanted(model="m", url=url), log_console()) as partner:
            assert (partner.model, partner.row("m").id) == ("m", "m")
        with pytest.raises(ServerError, match="answered 404"):
            async with connected(Wanted(url=url), log_console()):
                pass


async def test_the_first_of_its_models_is_asked_for_unless_it_has_ours() -> None:
    for ids, asked_for in ((["a", "b"], "a"), (["a", "mimo-v2-flash"], "mimo-v2-flash")):
        models = {"data": [{"id": id} for id in ids]}
        async with server(streaming(END), models) as url, connected(Wanted(url=url), log_console()) as partner:
            assert partner.model == asked_for


async def test_closing_a_stream_closes_its_connection() -> None:
    gone = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(f"data: {json.dumps(delta(content='x'))}\n\n".encode())
                await asyncio.sleep(0.01)
        except (ConnectionError, asyncio.CancelledError):
            gone.set()
            raise

    async with server(endless) as url, Server(base_url(url)) as one:
        stream = one.stream(BODY)
        assert await anext(stream) == Piece("x")
        await stream.aclose()
        await asyncio.wait_for(gone.wait(), 60)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://h:1", "http://h:1/v1"),
        ("http://h:1/", "http://h:1/v1"),
        ("https://h/v1/", "https://h/v1"),
        ("https://h/api/v2", "https://h/api/v2"),
        ("http://h/v1/chat/completions", "http://h/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
    ],
)
def test_an_address_is_taken_with_or_without_its_path(given: str, url: str) -> None:
    assert base_url(given) == url


@pytest.mark.parametrize(
    "given", ["", "localhost", "localhost:8000", "ftp://h", "http://", "http://h:99999", "http://h:x"]
)
def test_what_is_no_address_is_said(given: str) -> None:
    with pytest.raises(ServerError, match="--url must be an address"):
        base_url(given)


@pytest.mark.parametrize("key", ["a\nb", "a\r\nx: y", "schlüssel"])
def test_a_key_that_no_header_can_hold_is_said(key: str) -> None:
    with pytest.raises(ServerError, match="printable ASCII"):
        Server("http://h/v1", key)
