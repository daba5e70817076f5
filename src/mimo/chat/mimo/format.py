"""MiMo-V2-Flash's own chat format: ChatML with no newline after `<|im_end|>`, and nothing trimmed anywhere.

    <|im_start|>system⏎TEXT TOOLS<|im_end|><|im_start|>user⏎TEXT<|im_end|>
    <|im_start|>assistant⏎<think>REASONING</think>TEXT CALLS<|im_end|>
    <|im_start|>tool⏎<tool_response>⏎TEXT⏎</tool_response>⏎ …<|im_end|>
    <|im_start|>assistant⏎        + <think></think> with thinking off; with it on the model writes <think> itself

Where MiMo's template looks for `</think>` inside an assistant's content we do not: content is text. How tools are
declared is in `tools.py`. Knows no wire format.
"""

from __future__ import annotations

from collections.abc import Sequence

from mimo.chat.base import ChatFormat, Piece, content_of
from mimo.chat.mimo.tools import declaration, printed
from mimo.tokenizers.base import Tokenizer
from mimo.types import CALL, THINK, Message, Tool, ToolCall

SYSTEM = "You are MiMo, a helpful AI assistant engineered by Xiaomi."
"""The system message when the conversation does not begin with a system message."""
_SYSTEM = Message("system", SYSTEM)


class MimoFormat(ChatFormat):
    """MiMo's format on a vocabulary that has its control tokens. The reasoning of turns before the last user message is
    dropped, as in V2-Flash; later models come with templates of their own.

    Raises ValueError naming a control token that the format cannot do without.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__(tokenizer)
        self._opens, self._closes, self._thinks, self._thought = map(
            self._needed, ("<|im_start|>", "<|im_end|>", *THINK)
        )

    def _needed(self, name: str) -> int:
        if (token := self.tokenizer.control(name)) is None:
            raise ValueError(f"MiMo's chat format needs the control token {name}, which the vocabulary lacks")
        return token

    def pieces(self, messages: Sequence[Message], thinking: bool, tools: Sequence[Tool]) -> list[Piece]:
        turns = list(messages)
        if not turns or turns[0].role != "system":
            turns.insert(0, _SYSTEM)
        last_user = max((at for at, turn in enumerate(turns) if turn.role == "user"), default=-1)
        pieces: list[Piece] = []
        for at, turn in enumerate(turns):
            if turn.role == "tool":
                pieces += self._tool_result(turn, turns[at - 1].role != "tool", turns[at + 1 : at + 2])
                continue
            pieces += [self._opens, f"{turn.role}\n"]
            if turn.role == "assistant":
                reasoning = turn.reasoning_content if at > last_user else None
                pieces += [self._thinks, reasoning or "", self._thought]
            pieces += content_of(turn)
            if at == 0 and tools:
                pieces += [self._control(part) if is_token else part for part, is_token in declaration(tools)]
            for call in turn.tool_calls:
                pieces += self._call(call)
            pieces.append(self._closes)
        pieces += [self._opens, "assistant\n"]
        return pieces if thinking else [*pieces, self._thinks, self._thought]

    def _control(self, name: str) -> Piece:
        """The control token, or its name as text where an older vocabulary spells it out (`<tool_response>`)."""
        token = self.tokenizer.control(name)
        return name if token is None else token

    def _call(self, call: ToolCall) -> list[Piece]:
        control = self._control
        if isinstance(call.arguments, str):
            lines = [f"{call.arguments}\n"]
        else:
            lines = [f"<parameter={key}>{printed(value)}</parameter>\n" for key, value in call.arguments.items()]
        text = f"\n<function={call.name}>\n{''.join(lines)}</function>\n"
        return [control(CALL.opens), text, control(CALL.closes)]

    def _tool_result(self, turn: Message, first: bool, following: Sequence[Message]) -> list[Piece]:
        """Results that follow each other share one turn."""
        control = self._control
        pieces: list[Piece] = [self._opens, "tool\n"] if first else []
        pieces += [control("<tool_response>"), "\n", *content_of(turn), "\n"]
        pieces += [control("</tool_response>"), "\n"]
        return pieces if following and following[0].role == "tool" else [*pieces, self._closes]
