"""An upstream that is away: what is waited for, what the log says, and what /readyz says."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest
from tests.engines.upstream.fakes import Asked, Fake, Out, free_port
from tests.engines.upstream.fronts import Front, front, until

from mimo.contract.errors import ApiError, EngineError
from mimo.engines.upstream.http.client import Client, Probe
from mimo.engines.upstream.options import RawOptions
from mimo.engines.upstream.vllm.engine import start

LOG = "mimo.upstream"


async def test_waiting_says_for_what_and_for_how_long(caplog: pytest.LogCaptureFixture) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(EngineError) as problem, caplog.at_level(logging.WARNING, LOG):
        await start(RawOptions((url,), upstream_wait=1.0))
    for said in (str(problem.value), caplog.messages[0]):
        assert url in said and "connection refused" in said and "--upstream-wait" in said
    assert re.search(r"waiting for .* 1 s left", caplog.messages[0])
    assert "within 1 seconds" in str(problem.value)


def test_the_log_says_which_address_failed_and_why_in_words(caplog: pytest.LogCaptureFixture) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with caplog.at_level(logging.WARNING, LOG), front("hosted", url) as away:
        assert away.chat().status_code == 502
    assert f"{url}/chat/completions did not answer: connection refused" in caplog.messages
    assert "<class" not in caplog.text and "aiohttp" not in caplog.text


async def test_a_password_in_an_address_is_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    client = Client([f"http://me:geheim@127.0.0.1:{port}"])
    client.open()
    with caplog.at_level(logging.WARNING, LOG), pytest.raises(ApiError):
        await client.send("/x", b"{}")
    assert client.states[0].url == f"http://127.0.0.1:{port}"
    await client.close()
    assert f"http://127.0.0.1:{port}/x did not answer" in caplog.text and "geheim" not in caplog.text


def test_a_password_and_a_key_are_one_too_many() -> None:
    with pytest.raises(EngineError, match="not with both"):
        Client(["http://me:geheim@127.0.0.1:1"], key="sesame")


async def silent(asked: Asked, out: Out) -> None:
    await out.hang()


async def broken(asked: Asked, out: Out) -> None:
    await out.head()
    await out.events({"choices": [{"index": 0, "delta": {"content": "a"}}]})
    out.writer.close()


async def failed(asked: Asked, out: Out) -> None:
    await out.head()
    await out.events({"choices": [{"index": 0, "delta": {"content": "a"}}]}, {"error": {"message": "see /srv/x"}})
    await out.end()


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (silent, "/chat/completions did not answer: it sent nothing for too long"),
        (broken, "/chat/completions failed in mid-answer: it closed the connection in mid-answer"),
        (failed, "/chat/completions failed in mid-answer: see /srv/x"),
    ],
)
def test_each_way_to_fail_has_its_sentence(
    hosted: Front, fake: Fake, caplog: pytest.LogCaptureFixture, behaviour, words: str
) -> None:
    fake.behaviour = behaviour
    with caplog.at_level(logging.WARNING, LOG):
        assert "error" in hosted.chat(stream=True).text
    assert any(said.startswith(fake.url) and words in said for said in caplog.messages), caplog.messages


def test_a_server_whose_only_hosted_upstream_is_gone_is_not_ready() -> None:
    with front("hosted", f"http://127.0.0.1:{free_port()}") as away:
        assert until(lambda: away.http.get("/readyz").status_code == 503)
        assert away.http.get("/healthz").status_code == 200


def test_a_hosted_upstream_is_there_as_long_as_it_answers_at_all(hosted: Front, fake: Fake) -> None:
    assert hosted.http.get("/readyz").status_code == 200


async def test_an_upstream_that_went_away_and_came_back_is_said_once_each(
    fake: Fake, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client([fake.url, f"http://127.0.0.1:{free_port()}"])
    client.open()
    well = [True]
    client.watch(Probe("/health", 0.02, at_once=True, healthy=lambda status: well[0]))
    try:
        with caplog.at_level(logging.WARNING, LOG):
            for state in (True, False, True):
                well[0] = state
                async with asyncio.timeout(60):
                    while client.healthy is not state:
                        await asyncio.sleep(0.01)
                await asyncio.sleep(0.1)
    finally:
        await client.close()
    said = [message for message in caplog.messages if message.startswith(fake.url)]
    assert [message.partition("is down")[1] or message.partition("answers")[1] for message in said] == [
        "is down",
        "answers",
    ]
