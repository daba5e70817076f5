"""The chat format of a model that brings its own template, as Jinja source in its GGUF.

Messages are given as the dictionaries that templates expect, each text shielded; the output is cut at the control
tokens that the template itself wrote. Knows no bounds of the sandbox and no wire format.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

from mimo.chat.base import ChatFormat, Piece, strings, texts
from mimo.chat.jinja.sandbox import Sandbox, rendered
from mimo.chat.jinja.shield import Shield
from mimo.contract.errors import InvalidRequest, UnsupportedParameter
from mimo.tokenizers.base import Tokenizer
from mimo.types import Message, Tool


class JinjaFormat(ChatFormat):
    """The format that `template` (Jinja source) describes. Raises ValueError with one line if it does not compile."""

    def __init__(self, tokenizer: Tokenizer, template: str) -> None:
        super().__init__(tokenizer)
        self._source = template
        self._template = Sandbox().compiled(template)
        self._shield = Shield(tokenizer)

    def pieces(self, messages: Sequence[Message], thinking: bool, tools: Sequence[Tool]) -> list[Piece]:
        """Raises `InvalidRequest` with the template's own words when it refuses the messages or fails on them,
        `UnsupportedParameter` when it never looks at tools: the model would not know of them."""
        if tools and "tools" not in self._source:
            raise UnsupportedParameter("tools: the model's chat template has no place for tools", param="tools")
        declared = [as_openai(tool) for tool in tools]
        written = (text for message in messages for _, text in texts(message))
        sentinel = self._shield.sentinel(self._source, chain(written, strings(declared)))

        def shielded(value: object) -> object:
            return self._shield.shield(value, sentinel)

        try:
            output = rendered(
                self._template,
                {
                    "messages": [as_dictionary(message, shielded) for message in messages],
                    "tools": shielded(declared) if tools else None,
                    "documents": None,
                    "enable_thinking": thinking,  # most families
                    "thinking": thinking,  # DeepSeek, Granite
                    "add_generation_prompt": True,
                    "bos_token": self.tokenizer.bos_token,
                    "eos_token": self.tokenizer.eos_token,
                },
            )
        except Exception as problem:  # a template can raise anything that Python can
            words = (str(problem) or type(problem).__name__).replace(sentinel, "")
            raise InvalidRequest(
                f"messages are refused by the model's chat template: {words[:500]}", param="messages"
            ) from problem
        return self._shield.cut(output, sentinel)


def as_dictionary(message: Message, shield: Callable[[object], object]) -> dict[str, object]:
    """`message` as templates know it, every text passed through `shield`; what it does not have is absent."""
    fields: dict[str, object] = {"role": message.role, "content": shield(message.content)}
    for name in ("reasoning_content", "tool_call_id", "name"):
        if (text := getattr(message, name)) is not None:
            fields[name] = shield(text)
    if message.tool_calls:
        fields["tool_calls"] = [
            {
                "id": shield(call.id),
                "type": "function",
                "function": {"name": shield(call.name), "arguments": shield(call.arguments)},
            }
            for call in message.tool_calls
        ]
    return fields


def as_openai(tool: Tool) -> dict[str, object]:
    """`tool` in the form that templates expect."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}
