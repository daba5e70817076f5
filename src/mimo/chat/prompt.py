"""Messages → prompt: which chat format a model gets. Knows the formats by name only."""

from __future__ import annotations

from mimo.chat.base import ChatFormat
from mimo.chat.jinja.format import JinjaFormat
from mimo.chat.mimo.format import MimoFormat
from mimo.tokenizers.base import Tokenizer

__all__ = ["ChatFormat", "chat_format"]


def chat_format(template: str | None, tokenizer: Tokenizer) -> ChatFormat:
    """The format of a model: its own `template` (Jinja source), or MiMo's when None.

    Raises ValueError with one line: the template does not compile, or the vocabulary lacks what MiMo's format needs.
    """
    return MimoFormat(tokenizer) if template is None else JinjaFormat(tokenizer, template)
