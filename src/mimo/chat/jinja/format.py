"""The chat format of a model that brings its own template, as Jinja source in its GGUF.

Messages are given as the dictionaries that the template wants, each text shielded; the output is cut at the control
tokens that the template itself wrote. Knows no bounds of the sandbox and no wire format.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from mimo.chat.base import ChatFormat, Piece, strings, texts
from mimo.chat.jinja.form import as_dictionary, as_openai
from mimo.chat.jinja.marks import at_marks, marked
from mimo.chat.jinja.probe import (
    CALLS,
    CONTENT_AND_CALLS,
    LATE,
    SECOND,
    SYSTEM,
    TOOL,
    TOOLS,
    lost_in,
    probed,
    split,
)
from mimo.chat.jinja.renderer import Bounds, Renderer, TemplateRefusal
from mimo.chat.jinja.roles import arrangements
from mimo.chat.jinja.shield import Shield
from mimo.chat.jinja.spelled import spelled
from mimo.contract.errors import InvalidRequest, UnsupportedParameter
from mimo.tokenizers.base import Tokenizer
from mimo.types import THINK, Message, Tool


class JinjaFormat(ChatFormat):
    """The format that `template` (Jinja source) describes, rendered within `bounds`. Raises ValueError with one line if
    it does not compile, or takes too long over a word of greeting. Close it."""

    quick = False

    def __init__(self, tokenizer: Tokenizer, template: str, bounds: Bounds | None = None) -> None:
        super().__init__(tokenizer)
        self._source = template
        self._shield = Shield(tokenizer)
        self._renderer = Renderer(template, bounds)
        try:
            self._form = probed(lambda messages, tools: self._output(messages, tools, thinking=False))
            self.knows_thinking = THINK[1] in template or self._differs()
        except ValueError:
            self._renderer.close()
            raise

    def pieces(self, messages: Sequence[Message], thinking: bool, tools: Sequence[Tool]) -> list[Piece]:
        """1. functions and calls as text where the template has no place for them; 2. as it is, else rearranged until
        the template takes it; 3. refuse what it leaves out; 4. cut.

        Raises `InvalidRequest` with the template's own words when it refuses the messages or fails on them,
        `UnsupportedParameter` naming what it leaves out: the model would not know of it."""
        media = [media for message in messages if message.parts for media in message.media]
        if media:
            said = chain(
                (text for message in messages for _, text in texts(message)), strings([*map(as_openai, tools)])
            )
            mark = self._shield.sentinel(self._source, said)
            messages = [marked(message, mark) for message in messages]
        if self.spells(messages, tools):
            messages, tools = spelled(messages, tools), ()
        written = (text for message in messages for _, text in texts(message))
        declared = [as_openai(tool) for tool in tools]
        sentinel = self._shield.sentinel(self._source, chain(written, strings(declared)))
        try:
            output = self._arranged(messages, declared, thinking, sentinel)
        except (TemplateRefusal, RecursionError) as problem:
            words = (str(problem) or type(problem).__name__).replace(sentinel, "")
            raise InvalidRequest(
                f"messages are refused by the model's chat template: {words[:500]}", param="messages"
            ) from problem
        if (found := lost_in(messages, self._form)) is not None:
            at, what = found
            words = f"messages[{at}]: the model's chat template leaves out {what}"
            raise UnsupportedParameter(words, param=f"messages[{at}]")
        pieces = self._shield.cut(output, sentinel)
        return at_marks(pieces, mark, media) if media else pieces

    def spells(self, messages: Sequence[Message], tools: Sequence[Tool]) -> bool:
        lost = self._form.lost
        if tools:
            return TOOLS in lost
        calls = any(message.tool_calls for message in messages)
        results = any(message.role == "tool" for message in messages)
        return (calls and bool(lost & {CALLS, CONTENT_AND_CALLS})) or (results and TOOL in lost)

    def close(self) -> None:
        self._renderer.close()

    def _arranged(
        self, messages: Sequence[Message], declared: list[dict[str, object]], thinking: bool, sentinel: str
    ) -> str:
        """The output for the first arrangement that the template takes. Raises its refusal of the first one."""

        def shielded(value: object) -> object:
            return self._shield.shield(value, sentinel)

        lost, first = self._form.lost, None
        said = {"system": SYSTEM not in lost, "second": SECOND not in lost, "late": LATE not in lost}
        tools = [shielded(tool) for tool in declared] or None
        for arranged in arrangements(messages, **said):
            given = [as_dictionary(message, shielded, self._form) for message in split(arranged, self._form)]
            try:
                return self._output(given, tools, thinking)
            except TemplateRefusal as problem:
                if problem.bound:
                    raise
                first = first or problem
        raise first or TemplateRefusal("it takes no system message")

    def _differs(self) -> bool:
        """Whether thinking changes what the template writes."""
        greeting = [as_dictionary(Message("user", "probeuser"), lambda value: value, self._form)]
        try:
            return self._output(greeting, None, thinking=True) != self._output(greeting, None, thinking=False)
        except TemplateRefusal:
            return False

    def _output(self, messages: Sequence[object], tools: Sequence[object] | None, thinking: bool) -> str:
        return self._renderer.render(
            {
                "messages": messages,
                "tools": tools,
                "documents": None,
                "enable_thinking": thinking,  # most families
                "thinking": thinking,  # DeepSeek, Granite
                "add_generation_prompt": True,
                "bos_token": self.tokenizer.bos_token,
                "eos_token": self.tokenizer.eos_token,
            }
        )
