"""What of a request a model cannot do as it was asked, but in some other way: the caller says so to the client.

Knows the chat format and the engine's capabilities; changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from mimo.calls import SPELLED, call_format
from mimo.chat.prompt import ChatFormat
from mimo.contract.json_schema.schema import LARK
from mimo.contract.request import ChatRequest
from mimo.engines.base import Engine
from mimo.generate.request import TextRequest
from mimo.types import Tool


def cannot_think(request: ChatRequest | TextRequest, engine: Engine, chat_format: ChatFormat) -> bool:
    """Whether thinking is on and nothing can come of it: the prompt is ours, and its format knows no thinking."""
    if isinstance(request, TextRequest) or not request.params.thinking or chat_format.thinks:
        return False
    return engine.capabilities.route(request) == "tokens"


def spells_tools(request: ChatRequest | TextRequest, engine: Engine, chat_format: ChatFormat) -> bool:
    """Whether functions, or calls in the history, are written as text, since the model's template knows none."""
    if isinstance(request, TextRequest) or not chat_format.spells(request.messages, request.params.offered_tools):
        return False
    return engine.capabilities.route(request) == "tokens"


def cannot_constrain_texts(request: ChatRequest | TextRequest, engine: Engine, chat_format: ChatFormat) -> bool:
    """Whether a value of a call shall follow a grammar of its own, and cannot: the model's calls are not ours to
    constrain, or it is one of several arguments of a call in JSON."""
    if isinstance(request, TextRequest):
        return False
    tools = request.params.offered_tools
    if not any(map(_has_text_grammar, tools)):
        return False
    if engine.capabilities.route(request) != "tokens" or not engine.capabilities.grammar:
        return True
    calls = SPELLED if chat_format.spells(request.messages, tools) else call_format(engine.chat_template)
    return calls is None or not all(map(calls.texts, filter(_has_text_grammar, tools)))


def _has_text_grammar(tool: Tool) -> bool:
    properties = tool.parameters.get("properties")
    parts = properties.values() if isinstance(properties, Mapping) else ()
    return any(isinstance(part, Mapping) and LARK in part for part in parts)
