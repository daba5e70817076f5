"""Accounts as clients meet them: keys, 402, 403 and 429 with when to come back, costs, a budget that ends an answer."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.server import SCRIPT, Server

from mimo.accounts.accounts import Accounts
from mimo.accounts.manage import Wanted, add, revoke, rotate
from mimo.accounts.prices import DOLLAR
from mimo.api.metering import Metering
from mimo.contract.models import MODELS, alias, with_models
from mimo.engines.scripted.script import Script, ScriptedAnswer

FLASH = "mimo-v2-flash"
OUTPUT = 300_000
"""Pico-dollars of a token that flash writes."""
NAMES = ["limit", "remaining", "reset"]
START = 1_795_600_000_000_000


class Clock:
    """Microseconds since 1970, set by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


class Billed:
    """A server with accounts whose clock is set by hand, and keys for it."""

    def __init__(self, server: Server, accounts: Accounts, clock: Clock) -> None:
        self.server, self.accounts, self.clock = server, accounts, clock

    def key(self, name: str, **wanted: object) -> str:
        """The secret of a new key, which the server knows by now."""
        secret = add(self.accounts.store(), Wanted(name, **wanted), list(MODELS))[1]
        self.wait(lambda: name in [key.name for key in self.accounts.keys])
        return secret

    def chat(self, secret: str, text: str = "hi", headers=(), **fields: object):
        body = {"model": FLASH, "messages": [{"role": "user", "content": text}], **fields}
        return self.server.post(json.dumps(body), authorization=f"Bearer {secret}", **dict(headers))

    def get(self, secret: str, path: str):
        return self.server.http.get(path, headers={"authorization": f"Bearer {secret}"})

    def wait(self, true, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "it did not come to that"
            time.sleep(0.02)

    def usage(self, secret: str, requests: int = 1) -> dict:
        """What the key has used, once the rows of so many requests are written."""
        rows: list[dict] = []

        def written() -> bool:
            rows[:] = self.get(secret, "/v1/key").json()["usage"]
            return sum(row["requests"] for row in rows) >= requests

        self.wait(written)
        return {row["model"]: row for row in rows}


@pytest.fixture
def billing(serving, tmp_path: Path):
    @contextlib.contextmanager
    def start(script: Script = SCRIPT, models=MODELS, keys=()) -> Iterator[Billed]:
        clock = Clock()
        accounts = Accounts(None, tmp_path, clock)
        options = {"models": models, "keys": keys}
        with serving(script, accounts=accounts, observer=Metering(accounts), **options) as server:
            server.call(accounts.start())
            try:
                yield Billed(server, accounts, clock)
            finally:
                server.call(accounts.close())

    return start


@pytest.fixture
def billed(billing) -> Iterator[Billed]:
    with billing() as server:
        yield server


def test_a_server_is_open_until_the_first_key_and_never_again(billed):
    assert billed.server.chat().status_code == 200
    secret = billed.key("bob")
    assert billed.server.chat().status_code == 401
    assert billed.chat(secret).status_code == 200
    revoke(billed.accounts.store(), "bob")
    billed.wait(lambda: billed.chat(secret).status_code == 401)
    assert billed.server.chat().status_code == 401


def test_a_new_secret_voids_the_old_one_without_a_restart(billed):
    old = billed.key("bob")
    new = rotate(billed.accounts.store(), "bob")[1]
    billed.wait(lambda: billed.chat(new).status_code == 200)
    assert billed.chat(old).status_code == 401


def test_an_old_secret_may_let_in_for_a_while_beside_the_new_one(billed):
    old = billed.key("bob")
    new = rotate(billed.accounts.store(), "bob", "2099-01-01")[1]
    billed.wait(lambda: billed.chat(new).status_code == 200)
    assert billed.chat(old).status_code == 200
    billed.clock.now = 4_070_995_200 * 10**6  # 2099-01-02
    assert billed.chat(new).status_code == 200
    assert billed.chat(old).status_code == 401
    revoke(billed.accounts.store(), "bob")
    billed.wait(lambda: billed.chat(new).status_code == 401)


def test_a_key_that_has_expired_is_said(billed):
    secret = billed.key("bob", expires="2999-01-01")
    assert billed.chat(secret).status_code == 200
    billed.clock.now = 40 * START
    answer = billed.chat(secret)
    assert answer.status_code == 401 and "expired" in answer.json()["error"]["message"]


def test_a_model_outside_of_the_key_s_scope_is_403(billed):
    secret = billed.key("bob", models=[FLASH])
    answer = billed.chat(secret, model="mimo-v2-pro")
    assert answer.status_code == 403
    assert answer.json()["error"] == {
        "code": "permission_denied", "message": "the key 'bob' may use mimo-v2-flash, got 'mimo-v2-pro'",
        "param": "model", "type": "error",
    }  # fmt: skip
    assert billed.chat(secret).status_code == 200


def test_the_limits_are_on_every_answer(billed):
    secret = billed.key("bob", requests_per_minute=30, tokens_per_minute=60_000)
    answer = billed.chat(secret, max_completion_tokens=100)
    found = {of: [answer.headers[f"x-ratelimit-{name}-{of}"] for name in NAMES] for of in ("requests", "tokens")}
    prompt = answer.json()["usage"]["prompt_tokens"]
    assert found["requests"] == ["30", "29", "2s"]
    assert found["tokens"][:2] == ["60000", str(60_000 - prompt - 100)]
    wrong = billed.chat(secret, temperature=7)
    assert wrong.status_code == 400 and "x-ratelimit-limit-requests" not in wrong.headers  # never decoded: not let in
    too_long = billed.chat(secret, "x" * 100_000)
    assert too_long.status_code == 400 and too_long.headers["x-ratelimit-remaining-requests"] == "28"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/completions"])
def test_retry_after_is_exact_to_the_millisecond(billed, path):
    secret = billed.key("bob", requests_per_minute=7)
    bodies = {
        "/v1/responses": {"input": "hi"}, "/v1/completions": {"prompt": "hi"},
        "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
        "/v1/messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9},
    }  # fmt: skip

    def ask():
        return billed.server.post(json.dumps({"model": FLASH, **bodies[path]}), path, authorization=f"Bearer {secret}")

    for _ in range(7):
        assert ask().status_code == 200
    refused = ask()
    wait = int(refused.headers["retry-after-ms"])
    assert refused.status_code == 429 and wait == 8572  # a seventh of a minute, rounded up
    assert refused.headers["retry-after"] == "9" and refused.headers["x-ratelimit-remaining-requests"] == "0"
    billed.clock.now += (wait - 1) * 1000
    assert ask().headers["retry-after-ms"] == "1"
    billed.clock.now += 1000
    assert ask().status_code == 200
    assert ask().status_code == 429


def test_tokens_are_held_before_the_answer_and_given_back_after_it(billing):
    with billing(
        Script([ScriptedAnswer(["a"], when="quick"), ScriptedAnswer([{"repeat": 9, "steps": ["b"]}])], delay=0.3)
    ) as billed:
        secret = billed.key("bob", tokens_per_minute=2000)
        with billed.server.http.stream(
            "POST", "/v1/chat/completions", headers={"authorization": f"Bearer {secret}"},
            content=json.dumps({"model": FLASH, "stream": True, "messages": [{"role": "user", "content": "slow"}]}),
        ) as running:  # fmt: skip
            assert running.headers["x-ratelimit-remaining-tokens"] == str(2000 - 1024 - 91)
            refused = billed.chat(secret, "quick " * 200, max_completion_tokens=10)
            assert refused.status_code == 429 and "tokens a minute" in refused.json()["error"]["message"]
            assert int(refused.headers["retry-after-ms"]) > 0
            running.read()
        billed.wait(lambda: billed.chat(secret, "quick " * 200, max_completion_tokens=10).status_code == 200)


def test_a_limit_below_the_longest_answer_does_not_lock_the_key_out(billed):
    secret = billed.key("bob", tokens_per_minute=300)
    first, second = (billed.chat(secret, max_completion_tokens=60_000) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.headers["x-ratelimit-remaining-tokens"] == "0"


def test_keys_of_one_account_share_its_limits(billing):
    models = with_models([MODELS[FLASH].__class__(**fields(MODELS[FLASH], requests_per_minute=3))])
    with billing(models=models) as billed:
        one, other, alone = billed.key("a", account="team"), billed.key("b", account="team"), billed.key("c")
        assert [billed.chat(secret).status_code for secret in (one, other, one, other, one)] == [200] * 3 + [429] * 2
        assert billed.chat(alone).status_code == 200
        assert billed.chat(one, model="mimo-v2-pro").status_code == 200


def fields(model, **changes):
    kept = ("id", "max_completion_tokens", "context_window", "thinking", "input", "prices")
    return {**{name: getattr(model, name) for name in kept}, **changes}


def test_an_alias_has_no_limits_of_its_own(billing):
    models = with_models([alias("gpt", FLASH)])
    with billing(models=models) as billed:
        secret = billed.key("bob", requests_per_minute=2, models=[FLASH])
        assert [billed.chat(secret, model=name).status_code for name in ("gpt", FLASH, "gpt")] == [200, 200, 429]
        assert list(billed.usage(secret, 2)) == [FLASH]


def test_the_row_says_what_the_client_saw(billed):
    secret = billed.key("bob")
    answer = billed.chat(secret, headers={"x-mimo-cost": "1"})
    usage = answer.json()["usage"]
    row = billed.usage(secret)[FLASH]
    assert (row["requests"], row["prompt_tokens"], row["completion_tokens"]) == (
        1, usage["prompt_tokens"], usage["completion_tokens"],
    )  # fmt: skip
    exact = (usage["prompt_tokens"] * 100_000 + usage["completion_tokens"] * OUTPUT) / DOLLAR
    assert row["cost"] == answer.headers["x-mimo-cost"] and float(row["cost"]) == pytest.approx(exact, rel=1e-12)


def test_the_cost_is_said_only_to_who_asks(billed):
    secret = billed.key("bob")
    assert "x-mimo-cost" not in billed.chat(secret).headers
    stream = billed.chat(secret, stream=True, headers={"x-mimo-cost": "true"})
    assert ": x-mimo-cost: 0.0000" in stream.text and "x-mimo-cost" not in stream.headers
    assert "x-mimo-cost" not in billed.chat(secret, stream=True).text


def test_a_request_id_that_comes_twice_is_two_rows(billed):
    """A client chooses its request ids: it must not choose what it pays for."""
    secret = billed.key("bob")
    for _ in range(3):
        assert billed.chat(secret, headers={"x-request-id": "same"}).status_code == 200
    assert billed.usage(secret, 3)[FLASH]["requests"] == 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_budget_that_ends_an_answer_says_so_and_is_never_overdrawn(billed, stream):
    secret = billed.key("bob", budget=0.0001)
    answer = billed.chat(secret, "endless", max_completion_tokens=4000, stream=stream)
    assert answer.status_code == 200 and "pays for" in answer.headers["x-mimo-notice"]
    if stream:
        assert '"finish_reason":"length"' in answer.text and ": x-mimo-notice: the budget" in answer.text
    else:
        assert answer.json()["choices"][0]["finish_reason"] == "length"
    row = billed.usage(secret)[FLASH]
    left = round(0.0001 * DOLLAR) - round(float(row["cost"]) * DOLLAR)
    assert 0 <= left < OUTPUT
    spent = billed.chat(secret)
    assert spent.status_code == 402 and spent.json()["error"]["code"] == "insufficient_balance"
    assert "retry-after" not in spent.headers


def test_a_budget_that_is_only_held_is_429_and_free_again(billing):
    with billing(Script([ScriptedAnswer([{"repeat": 5, "steps": ["b"]}])], delay=0.3)) as billed:
        secret = billed.key("bob", budget=0.0001)
        with billed.server.http.stream(
            "POST", "/v1/chat/completions", headers={"authorization": f"Bearer {secret}"},
            content=json.dumps({"model": FLASH, "stream": True, "messages": [{"role": "user", "content": "x"}]}),
        ) as running:  # fmt: skip
            held = billed.chat(secret)
            assert held.status_code == 429 and held.headers["retry-after"] == "1"
            assert "held by requests that run" in held.json()["error"]["message"]
            running.read()
        billed.wait(lambda: billed.chat(secret).status_code == 200)


def test_a_budget_that_does_not_pay_for_the_prompt_is_402(billed):
    secret = billed.key("bob", budget=0.000001)
    answer = billed.chat(secret)
    assert answer.status_code == 402 and "has 0.000001 left, and this request needs 0.000" in answer.text


def test_a_budget_of_a_day_is_whole_the_next_day(billed):
    secret = billed.key("bob", budget=0.0001, reset="daily")
    billed.chat(secret, "endless", max_completion_tokens=4000)
    billed.usage(secret)
    assert billed.chat(secret).status_code == 402
    billed.clock.now += 86_400 * 10**6
    billed.wait(lambda: billed.chat(secret).status_code == 200)


def test_a_refused_request_uses_nothing(billed):
    secret = billed.key("bob", budget=0.000001, requests_per_minute=5)
    for _ in range(20):
        assert billed.chat(secret).status_code == 402
    billed.wait(lambda: billed.get(secret, "/v1/key").json()["rate_limits"][-1]["requests"]["left"] == 5)
    time.sleep(0.3)  # three times as long as a row takes
    assert billed.usage(secret, 0) == {}


def test_a_client_that_leaves_before_the_first_token_pays_nothing(billing):
    with billing(Script([ScriptedAnswer(["x"])], delay=3.0)) as billed:
        secret = billed.key("bob", budget=1.0)
        with billed.server.connect() as client:
            request = billed.server.raw_chat()
            client.sendall(request.replace(b"host: x", b"host: x\r\nauthorization: Bearer " + secret.encode()))
            billed.server.running(1)
        billed.server.running(0)
        row = billed.usage(secret)[FLASH]
        assert (row["requests"], row["prompt_tokens"], row["cost"]) == (1, 0, "0.00")
        billed.wait(lambda: billed.get(secret, "/v1/key").json()["budget"]["left"] == "1.00")


def test_a_client_that_leaves_pays_for_what_was_written(billing):
    with billing(Script([ScriptedAnswer([{"repeat": 100_000, "steps": ["word "]}])], delay=0.005)) as billed:
        secret = billed.key("bob")
        with billed.server.connect() as client:
            request = billed.server.raw_chat(stream=True, max_completion_tokens=60_000)
            client.sendall(request.replace(b"host: x", b"host: x\r\nauthorization: Bearer " + secret.encode()))
            seen = b""
            while seen.count(b'"content":"word') < 20:
                seen += client.recv(65536)
        billed.server.running(0)
        row = billed.usage(secret)[FLASH]
        assert row["prompt_tokens"] > 0 and 20 <= row["completion_tokens"] < 60_000


def test_configured_keys_work_without_limits_and_may_see_usage(billing):
    with billing(keys=["sesame"]) as billed:
        assert billed.chat("sesame").status_code == 200
        assert billed.get("sesame", "/v1/usage").status_code == 404
        secret = billed.key("bob", requests_per_minute=1)
        own, answers = billed.get("sesame", "/v1/key").json(), [billed.chat("sesame") for _ in range(3)]
        assert (own["name"], own["admin"], own["rate_limits"]) == ("configured", True, [])
        assert all(one.status_code == 200 and "x-ratelimit-limit-requests" not in one.headers for one in answers)
        billed.chat(secret)
        billed.usage(secret)
        expected = [("bob", 1), ("configured", 3)]

        def listed():
            rows = billed.get("sesame", "/v1/usage?by=key").json()["data"]
            return [(row["key"], row["requests"]) for row in rows]

        billed.wait(lambda: listed() == expected)


def test_usage_of_everybody_is_for_admins(billed):
    one, admin = billed.key("bob"), billed.key("amy", admin=True)
    assert billed.get(one, "/v1/usage").status_code == 403
    assert billed.get(admin, "/v1/usage").json() == {"object": "list", "by": "day", "data": []}
    wrong = billed.get(admin, "/v1/usage?by=mood")
    assert wrong.status_code == 400 and "by must be one of day, key, account, model" in wrong.json()["error"]["message"]
    assert billed.get(admin, "/v1/usage?since=tomorrow").status_code == 400


def test_a_key_sees_its_own_limits_and_what_is_left(billed):
    secret = billed.key(
        "bob", models=[FLASH], requests_per_minute=10, budget=1.0, reset="monthly", expires="2999-01-01"
    )
    billed.chat(secret)
    billed.usage(secret)
    own = billed.get(secret, "/v1/key").json()
    assert secret not in json.dumps(own) and own["models"] == [FLASH] and own["name"] == "bob"
    assert own["rate_limits"][0]["requests"] == {"per_minute": 10, "left": 9}
    assert own["budget"]["amount"] == "1.00" and own["budget"]["spent"] == own["usage"][0]["cost"] != "0.00"
    assert own["budget"]["resets_at"] == 1796083200  # 2026-12-01


def test_files_and_batches_stay_with_the_key_when_its_secret_changes(billed):
    secret = billed.key("bob")
    assert billed.accounts.identify(billed.accounts.keys[0].digest) == bytes.fromhex(billed.accounts.keys[0].id)
    new = rotate(billed.accounts.store(), "bob")[1]
    billed.wait(lambda: billed.chat(new).status_code == 200)
    assert billed.accounts.identify(billed.accounts.keys[0].digest) == bytes.fromhex(billed.accounts.keys[0].id)
    assert billed.chat(secret).status_code == 401
