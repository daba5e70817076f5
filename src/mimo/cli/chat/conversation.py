"""A conversation as the request that it is: model, messages and parameters, kept between turns and in a file.

What is saved is a body for POST /v1/chat/completions. Knows no server and no terminal.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from mimo.cli.chat.contents import contents, why
from mimo.cli.options import SAMPLING
from mimo.contract.errors import StartError

Message = dict[str, Any]
_LARGEST = 200 * 10**6
"""Bytes of a saved conversation: pictures and sounds are in it."""
_ROLES = ("system", "developer", "user", "assistant", "tool")


class FileError(StartError):
    """A file that cannot be written, or that is no conversation: the message names it and says why."""


@dataclass(slots=True)
class Conversation:
    """Everything said so far, and how the next answer is to be made. `thinking`: the wire value, None for the
    model's default. `tokens`: whether log-probabilities are asked for."""

    model: str
    system: str | None = None
    parameters: dict[str, object] = field(default_factory=dict)
    thinking: dict[str, object] | None = None
    messages: list[Message] = field(default_factory=list)
    tokens: bool = False

    def body(self) -> dict[str, object]:
        """The request for the next answer."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        thinking = {"thinking": self.thinking} if self.thinking else {}
        return {"model": self.model, "messages": [*system, *self.messages], **self.parameters, **thinking}

    def request(self, ours: bool) -> dict[str, object]:
        """The same as it is sent. `ours`: the server is known to read `thinking`; others go by what vLLM and SGLang
        call it, and a server that knows neither says so."""
        body = self.body() | ({"logprobs": True} if self.tokens else {})
        if self.thinking and not ours:
            body["chat_template_kwargs"] = {"enable_thinking": self.thinking["type"] != "disabled"}
        return body

    def undo(self) -> Message | None:
        """Take the last question and its answer back; the question, None where there is none."""
        for place in range(len(self.messages) - 1, -1, -1):
            if self.messages[place]["role"] == "user":
                question = self.messages[place]
                del self.messages[place:]
                return question
        return None

    def save(self, path: Path) -> None:
        """Write it for the owner alone. Raises `FileError`; a file that is something else is not replaced."""
        if path.exists():
            try:
                read(path)
            except FileError as problem:
                raise FileError(f"{problem}; it is left as it is: choose another name") from None
        text = msgspec.json.format(msgspec.json.encode(self.body()), indent=2) + b"\n"
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(text)
            os.replace(part, path)
        except OSError as problem:
            raise FileError(f"cannot write {path}: {why(problem)}") from None


def read(path: Path) -> dict[str, Any]:
    """The body that a file holds. Raises `FileError`."""
    try:
        body = msgspec.json.decode(contents(path, _LARGEST))
    except OSError as problem:
        raise FileError(f"cannot read {path}: {why(problem)}") from None
    except (ValueError, RecursionError, msgspec.MsgspecError):
        raise FileError(f"{path} is no saved conversation: it is not JSON") from None
    if not isinstance(body, dict) or not _messages(body.get("messages")):
        raise FileError(f"{path} is no saved conversation: it has no messages, each with a role and content")
    known = ("model", "messages", "thinking", *SAMPLING)
    if unknown := [name for name in body if name not in known]:
        raise FileError(f"{path} has {unknown[0]}, which a conversation does not; it may have {', '.join(known)}")
    return body


def loaded(body: Mapping[str, Any], model: str) -> Conversation:
    """The conversation of a saved body; `model`: where it names none."""
    messages = [dict(message) for message in body["messages"]]
    system = messages.pop(0)["content"] if messages and messages[0]["role"] in ("system", "developer") else None
    parameters = {name: body[name] for name in SAMPLING if body.get(name) is not None}
    return Conversation(body.get("model") or model, system, parameters, body.get("thinking"), messages)


def switch(on: bool | None, budget: int | None = None) -> dict[str, object] | None:
    """The wire value of thinking: None leaves it to the model. `budget`: the most tokens of it."""
    if on is None:
        return None
    return {"type": "enabled" if on else "disabled"} | ({} if budget is None else {"budget_tokens": budget})


def _messages(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict) and one.get("role") in _ROLES and isinstance(one.get("content"), str | list | None)
        for one in value
    )
