"""Finds out, once, in which form a template wants its messages: marked messages go in, and the marks must come out.

A template may drop what it does not expect without a word: parts, calls, a second system message. What it says in no
form is noted in `Form.lost`, and refused by name later rather than lost. Knows no shield and no token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

from msgspec import structs

from mimo.chat.jinja.form import Form, as_dictionary, as_openai
from mimo.chat.jinja.renderer import TemplateRefusal
from mimo.types import Message, Tool, ToolCall

Render = Callable[[list[dict[str, object]], list[dict[str, object]] | None], str]
"""Messages and tools as templates know them → the output. Raises `TemplateRefusal`."""

USER, SYSTEM, ASSISTANT, TOOL = "user", "system", "assistant", "tool"
CALLS, CONTENT_AND_CALLS, TOOLS = "tool_calls", "content next to tool_calls", "tools"
SECOND, LATE = "second system", "late system"
"""What a template may lose: the content of a role, calls, text and calls in one turn, declared functions, a second
system message at the beginning, and one that comes later."""

_CALL = ToolCall("callmimo1", "probefunction", {"probekey": "probevalue"})  # some want an id of nine characters
_CALLED = ("probefunction", "probekey", "probevalue")
_TOOL = Tool("probefunction", "probedescription", {"type": "object", "properties": {"probekey": {"type": "string"}}})


def probed(render: Render) -> Form:
    """The form that `render` wants. Raises ValueError with one line when it runs into a bound: nothing would work."""
    try:
        return _Probe(render).form
    except TemplateRefusal as problem:
        raise ValueError(f"the chat template cannot be used: {problem}") from None


class _Probe:
    """Tries one thing after another; each finding holds for what follows."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self.form = Form()
        user, answer = Message("user", "probeuser"), Message("assistant", "probeassistant")
        system, late = Message("system", "probesystem"), Message("system", "probelate")
        result = Message("tool", "probetool", tool_call_id=_CALL.id, name=_CALL.name)
        calling = Message("assistant", tool_calls=(_CALL,))
        if not self._content(USER, [user]) and not self._content(USER, [system, user]):
            return
        self._content(SYSTEM, [system, user])
        self._content(ASSISTANT, [user, answer, user])
        if not self._says([user], ["probefunction"], [_TOOL]):
            self._lose(TOOLS)
        self._find_calls([user, calling, result], [user, calling])
        if CALLS not in self.form.lost:
            self._find_text(
                [user, structs.replace(calling, tool_calls=(replace(_CALL, arguments="probetext"),)), result]
            )
            self._content_and_calls([user, structs.replace(calling, content="probebeside"), result])
        if not self._says([system, late, user], ["probesystem", "probelate"]):
            self._lose(SECOND)
        if not self._says([system, user, answer, late, user], ["probelate"]):
            self._lose(LATE)

    def _says(self, messages: Sequence[Message], marks: Sequence[str], tools: Sequence[Tool] = ()) -> bool:
        """Whether all `marks` come out."""
        given = [as_dictionary(message, lambda value: value, self.form) for message in split(messages, self.form)]
        try:
            output = self._render(given, [as_openai(tool) for tool in tools] or None)
        except TemplateRefusal as problem:
            if problem.bound:
                raise
            return False
        # a list of parts that was printed whole has its text too, and says nothing that a model should read
        return all(mark in output for mark in marks) and '"type": "text", "text": ' not in output

    def _lose(self, what: str) -> None:
        self.form = replace(self.form, lost=self.form.lost | {what})

    def _content(self, role: str, messages: Sequence[Message]) -> bool:
        """As text, else as parts."""
        before = self.form
        for parts in (before.parts, before.parts | {role}):
            self.form = replace(before, parts=parts, lost=before.lost - {role})
            if self._says(messages, [f"probe{role}"]):
                return True
        self.form = replace(before, lost=before.lost | {role})
        return False

    def _find_calls(self, with_result: Sequence[Message], alone: Sequence[Message]) -> None:
        tools = () if TOOLS in self.form.lost else (_TOOL,)
        before = self.form
        for null_content, text_arguments in product((False, True), repeat=2):
            self.form = replace(before, null_content=null_content, text_arguments=text_arguments)
            for messages in (with_result, alone):
                # without the declaration, where the same words would stand
                if self._says(messages, _CALLED) or (tools and self._counts(messages, tools)):
                    self._content(TOOL, with_result)
                    return
        self.form = replace(before, lost=before.lost | {CALLS, TOOL})

    def _find_text(self, messages: Sequence[Message]) -> None:
        before = self.form
        self.form = replace(before, any_text=True)
        if not self._says(messages, ["probetext"]):
            self.form = before

    def _counts(self, messages: Sequence[Message], tools: Sequence[Tool]) -> bool:
        return self._says(messages, ["probevalue"], tools)

    def _content_and_calls(self, messages: Sequence[Message]) -> None:
        before = self.form
        for apart in (False, True):
            self.form = replace(before, apart=apart)
            if self._says(messages, ["probebeside", *_CALLED]):
                return
        self.form = replace(before, lost=before.lost | {CONTENT_AND_CALLS})


def split(messages: Sequence[Message], form: Form) -> list[Message]:
    """`messages`, with text and calls of one turn as two messages where the `form` wants it."""
    if not form.apart:
        return list(messages)
    out: list[Message] = []
    for message in messages:
        if message.content and message.tool_calls:
            out += [
                structs.replace(message, tool_calls=()),
                structs.replace(message, content="", reasoning_content=None),
            ]
        else:
            out.append(message)
    return out


def lost_in(messages: Sequence[Message], form: Form) -> tuple[int, str] | None:
    """The first message of which something would be lost, and what."""
    for at, message in enumerate(messages):
        if message.content and message.role in form.lost - {SYSTEM}:  # those are kept as text of the user's
            return at, f"the content of {message.role} messages"
        if message.tool_calls and CALLS in form.lost:
            return at, CALLS
        if message.tool_calls and message.content and CONTENT_AND_CALLS in form.lost:
            return at, CONTENT_AND_CALLS
    return None
