"""`x-mimo-parameters` says what a seed is worth, and of a request without one nothing."""

from __future__ import annotations

import json
import urllib.request

import pytest

from mimo.testing import served

BODY = {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": "hi"}], "max_completion_tokens": 2}


def said(url: str, **fields: object) -> str:
    """The header of an answer."""
    body = json.dumps({**BODY, **fields}).encode()
    request = urllib.request.Request(f"{url}/v1/chat/completions", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return str(answer.headers["x-mimo-parameters"])


OFF, ALWAYS = ("--batch-invariant", "off"), ("--batch-invariant", "always")


@pytest.mark.parametrize(
    "flags,seeded,unseeded", [((), "exact", None), (ALWAYS, "exact", "exact"), (OFF, "alone", None)]
)
def test_the_header_says_what_the_seed_is_worth(flags: tuple[str, ...], seeded: str, unseeded: str | None) -> None:
    with served("--slots", "2", "--context-window", "256", *flags) as (url, _):
        for stream in (False, True):
            assert said(url, seed=1, stream=stream).endswith(f"; repeatable={seeded}")
            without = said(url, stream=stream)
            assert ("repeatable" in without) == (unseeded is not None)
            assert unseeded is None or without.endswith(f"; repeatable={unseeded}")
