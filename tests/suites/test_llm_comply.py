"""llm-comply: our answers against the published schemas of OpenAI's chat, Anthropic's messages and Open Responses.

llm-comply 0.5 is not among the pinned packages: `pip install llm-comply`. What cannot pass is listed, with the reason.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

pytestmark = [
    pytest.mark.suites,
    pytest.mark.skipif(find_spec("llm_comply") is None, reason="llm-comply is not installed"),
]
MEDIA = "this model takes text only, and refuses images by name"
CANNOT_PASS = {
    "chat-image-input": MEDIA,
    "anth-image-input": MEDIA,
    "image-input": MEDIA,
    "reasoning-summary": "the reasoning itself is given, and no summary of it is pretended",
}
NANO_CANNOT = {
    "chat-tool-calling": "nano writes no end to a string",
    "anth-tool-calling": "nano writes no end to a string",
    "tool-calling": "nano writes no end to a string",
    "anth-thinking-display": "nano may think until the limit",
}
MAY = ["stop_reason: expected 'end_turn', got 'max_tokens'"], ["expected status='completed', got 'incomplete'"]
"""nano may think until the limit; as Messages and as Responses say it."""
IGNORED = "tool_calls: None"
"""Not in OpenAI's schema, but the contract's: `tool_calls` is null where there are none (section 4)."""
FORMATS = {
    "openai-chat": ("gpt-5-like", 8, []),
    "anthropic": (
        "claude-4-like", 8, ["--auth-header", "x-api-key", "--no-bearer", "-H", "anthropic-version:2023-06-01"],
    ),
    "open-responses": ("gpt-5-like", 11, []),
}  # fmt: skip


PICTURES = {"openai-chat": "chat-image-input", "anthropic": "anth-image-input", "open-responses": "image-input"}


def results_of(base_url, form, model, *more):
    command = [sys.executable, "-c", "from llm_comply.cli import main; main()"]
    command += ["--format", form, "-u", f"{base_url}/v1", "-k", "unused", "-m", model, "-i", IGNORED, "--json"]
    done = subprocess.run([*command, *FORMATS[form][2], *more], capture_output=True, text=True, timeout=300)
    return json.loads(done.stdout)["results"]


@pytest.mark.parametrize("form", FORMATS)
def test_answers_to_pictures_fit_the_published_schemas(base_url, form, request):
    if "scripted" in request.node.callspec.id.split("-"):
        pytest.skip("the scripted engine takes text only")
    (found,) = results_of(base_url, form, "mimo-v2-omni", "-f", PICTURES[form])
    assert found.get("errors") in (None, [], *MAY)
    assert found["status"] != "skipped"


@pytest.mark.parametrize("form", FORMATS)
def test_answers_fit_the_published_schemas(base_url, form, request):
    model, least, _ = FORMATS[form]
    results = results_of(base_url, form, model)
    known = CANNOT_PASS | (NANO_CANNOT if "nano" in request.node.callspec.id.split("-") else {})
    failed = {
        one["id"]: one["errors"]
        for one in results
        if one["status"] == "failed" and one["id"] not in known and one["errors"] not in MAY
    }
    assert not failed, json.dumps(failed, indent=1)
    assert (
        sum(one["status"] == "passed" for one in results) + len(known.keys() & {one["id"] for one in results}) >= least
    )
    assert not [one["id"] for one in results if one["status"] == "skipped"]
