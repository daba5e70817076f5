"""Conversations, and their rendering in MiMo-V2-Flash's chat form as pieces: control or text, learnt or not.

Knows the format, not the tokenizer's ids: a piece is a special token's name or plain text, and whether the model is
to write it. The same form as the jinja template in `template.jinja`; a test holds the two to each other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

SYSTEM = "You are MiMo, a helpful AI assistant engineered by Xiaomi."
SPECIALS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|mimo_audio_start|>",
    "<|audio_pad|>",
    "<|mimo_audio_end|>",
    "<|mimo_video_start|>",
)
TOOL_HEAD = (
    "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You have access to the following functions:\n\n<tools>"
)
TOOL_RULES = (
    "\n</tools>\n\nTo call a function, write it in this form, with nothing after it:\n\n",
    "<tool_call>",
    "\n<function=example_function>\n<parameter=example_parameter>value</parameter>\n</function>\n",
    "</tool_call>",
    "\n\n<IMPORTANT>\n- Each call sits in its own ",
    "<tool_call>",
    " block and names a function from the list.\n- Values are kept exactly as they are, with no quotes or spaces "
    "added.\n"
    "- Give every required parameter.\n- Never call a function inside ",
    "<think>",
    "</think>",
    ".\n- If no function fits, answer without one.\n</IMPORTANT>",
)


@dataclass(frozen=True, slots=True)
class Call:
    """A function call with JSON-like arguments."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `reasoning` None in an assistant turn means thinking was off; `cut` that the budget ended it;
    `forced` is how the content begins where a schema wrote it and not the model."""

    role: str
    content: str = ""
    reasoning: str | None = None
    calls: tuple[Call, ...] = ()
    cut: bool = False
    forced: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a generator yields. The model learns the assistant turns after `context` leading turns."""

    turns: tuple[Turn, ...]
    tools: tuple[dict[str, Any], ...] = ()
    skill: str = ""
    check: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the rendered conversation."""

    text: str
    special: bool = False
    learnt: bool = False


def chat(*texts: str, system: str | None = None, reasoning: str | None = None, **kwargs: Any) -> Conversation:
    """A plain conversation from alternating user and assistant texts; `reasoning` belongs to the last answer."""
    turns = [Turn("system", system)] if system is not None else []
    for i, text in enumerate(texts):
        last = i == len(texts) - 1
        turns.append(Turn("assistant" if i % 2 else "user", text, reasoning if last else None))
    return Conversation(tuple(turns), **kwargs)


def schema_text(tool: dict[str, Any]) -> str:
    """One function as MiMo's prompt shows it."""
    parameters = dict(tool.get("parameters") or {})
    out = f"\n<function>\n<name>{tool['name']}</name>"
    out += f"\n<description>{tool.get('description', '')}</description>\n<parameters>"
    for name, schema in (parameters.pop("properties", None) or {}).items():
        out += f"\n<parameter>\n<name>{name}</name>"
        for key in ("type", "description"):
            if key in schema:
                out += f"\n<{key}>{plain(schema[key])}</{key}>"
        for key, value in schema.items():
            if key not in ("type", "description"):
                out += f"\n<{key}>{plain(value)}</{key}>"
        out += "\n</parameter>"
    for key, value in parameters.items():
        if key != "type":
            out += f"\n<{key}>{plain(value)}</{key}>"
    return out + "\n</parameters>\n</function>"


def plain(value: Any) -> str:
    """A value as the template prints it: text raw, objects and lists as JSON, other scalars as Python prints them."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | tuple) else str(value)


def call_pieces(call: Call, learnt: bool) -> list[Piece]:
    """A call in the block form."""
    text = f"\n<function={call.name}>\n"
    text += "".join(f"<parameter={name}>{plain(value)}</parameter>\n" for name, value in call.arguments.items())
    return [
        Piece("<tool_call>", True, learnt),
        Piece(text + "</function>\n", False, learnt),
        Piece("</tool_call>", True, learnt),
    ]


def pieces(conversation: Conversation, thinking: bool | None = None) -> list[Piece]:
    """The whole conversation in order; with `thinking` given, all of it is prompt and ends where the model begins."""
    turns, out = list(conversation.turns), []
    if turns[0].role == "text":  # no chat: plain text to its end, for raw completions
        return [Piece(turns[0].content, False, True), Piece("<|endoftext|>", True, True)]
    system = turns.pop(0).content if turns and turns[0].role == "system" else SYSTEM
    out += [Piece("<|im_start|>", True), Piece("system\n" + system)]
    if conversation.tools:
        out.append(Piece(TOOL_HEAD + "".join(schema_text(tool) for tool in conversation.tools)))
        out += [Piece(text, text in SPECIALS) for text in TOOL_RULES]
    out.append(Piece("<|im_end|>", True))
    last_user = max((i for i, turn in enumerate(turns) if turn.role == "user"), default=-1)
    for i, turn in enumerate(turns):
        if turn.role == "tool":
            if i == 0 or turns[i - 1].role != "tool":
                out += [Piece("<|im_start|>", True), Piece("tool\n")]
            out += [
                Piece("<tool_response>", True),
                Piece(f"\n{turn.content}\n"),
                Piece("</tool_response>", True),
                Piece("\n"),
            ]
            if i == len(turns) - 1 or turns[i + 1].role != "tool":
                out.append(Piece("<|im_end|>", True))
            continue
        out += [
            Piece("<|im_start|>", True),
            Piece(f"{turn.role}\n" + ("" if turn.role == "assistant" else turn.content)),
        ]
        if turn.role == "assistant":
            out += answer(turn, learnt=thinking is None, recent=i > last_user)
        out.append(Piece("<|im_end|>", True, turn.role == "assistant" and thinking is None))
    if thinking is not None:
        out += [Piece("<|im_start|>", True), Piece("assistant\n")]
        out += [] if thinking else [Piece("<think>", True), Piece("</think>", True)]
    return out


def answer(turn: Turn, learnt: bool, recent: bool) -> list[Piece]:
    """What an assistant turn holds after its header; reasoning from before the last user message is dropped."""
    if turn.reasoning is None or not recent:
        out = [Piece("<think>", True), Piece("</think>", True)]
    else:
        out = [Piece("<think>", True, learnt), Piece(turn.reasoning, False, learnt)]
        out.append(Piece("</think>", True, learnt and not turn.cut))
    if turn.forced:
        out.append(Piece(turn.forced))
    if len(turn.content) > len(turn.forced):
        out.append(Piece(turn.content[len(turn.forced) :], False, learnt))
    for call in turn.calls:
        out += call_pieces(call, learnt)
    return out
