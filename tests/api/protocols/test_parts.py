"""Text in parts means the same in every protocol."""

from __future__ import annotations

import json

import pytest

from mimo.api.policy import Policy
from mimo.api.protocols.anthropic_messages.request import decode as messages
from mimo.api.protocols.openai_chat.request import decode as chat
from mimo.api.protocols.openai_responses.request import decode as responses
from mimo.contract.models import MODELS

PARTS = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]
TURNS = [{"role": "user", "content": PARTS}, {"role": "assistant", "content": PARTS}, {"role": "user", "content": "x"}]


@pytest.mark.parametrize(
    ("decode", "fields"),
    [
        (messages, {"system": PARTS, "messages": TURNS}),
        (chat, {"messages": [{"role": "system", "content": PARTS}, *TURNS]}),
        (responses, {"input": [{"role": "developer", "content": PARTS}, *TURNS]}),
    ],
)
def test_every_part_of_text_and_every_system_block_begins_a_line(decode, fields):
    request = decode(json.dumps({"model": "mimo-v2-flash", **fields}).encode(), MODELS, Policy()).request
    assert [message.content for message in request.messages] == ["Be brief.\nBe kind."] * 3 + ["x"]
