"""Messages → prompt: which chat format a model gets. Knows the formats by name only."""

from __future__ import annotations

from pathlib import Path

from mimo.chat.base import ChatFormat
from mimo.chat.jinja.chatml import CHATML
from mimo.chat.jinja.format import JinjaFormat
from mimo.chat.mimo.format import MimoFormat
from mimo.chat.unknown import UnknownFormat
from mimo.tokenizers.base import Tokenizer

__all__ = ["BUILT_IN", "ChatFormat", "chat_format", "read_template", "usable_format"]

BUILT_IN = {"chatml": CHATML}
"""Templates that can be named in place of a file."""


def chat_format(template: str | None, tokenizer: Tokenizer) -> ChatFormat:
    """The format of a model: its own `template` (Jinja source), or MiMo's when None.

    Raises ValueError with one line: there is no template (""), it does not compile, or the vocabulary lacks what MiMo's
    format needs.
    """
    if template is None:
        return MimoFormat(tokenizer)
    if not template.strip():
        raise ValueError("its file brings no chat template")
    return JinjaFormat(tokenizer, template)


def usable_format(template: str | None, tokenizer: Tokenizer) -> ChatFormat:
    """As `chat_format`; where there is none, a format that refuses every conversation and says why."""
    try:
        return chat_format(template, tokenizer)
    except ValueError as problem:
        return UnknownFormat(tokenizer, str(problem))


def read_template(name: str) -> str:
    """The template that an operator names: one of `BUILT_IN`, or a file. Raises ValueError with one line."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    try:
        text = Path(name).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not UTF-8"
        known = ", ".join(BUILT_IN)
        raise ValueError(f"{name}: {reason}; give a file of Jinja, or one of {known}") from None
    if not text.strip():
        raise ValueError(f"{name}: the file is empty")
    return text
