"""The wire protocols: a folder for each, its row here, and what they share. A new protocol is a folder and a line."""

from __future__ import annotations

from typing import Any

from mimo.api.protocols.anthropic_messages.protocol import ANTHROPIC_MESSAGES
from mimo.api.protocols.base import Protocol
from mimo.api.protocols.openai_chat.protocol import OPENAI_CHAT
from mimo.api.protocols.openai_completions.protocol import OPENAI_COMPLETIONS
from mimo.api.protocols.openai_responses.protocol import OPENAI_RESPONSES

PROTOCOLS: tuple[Protocol[Any], ...] = (
    OPENAI_CHAT,
    OPENAI_RESPONSES,
    ANTHROPIC_MESSAGES,
    OPENAI_COMPLETIONS,
)
