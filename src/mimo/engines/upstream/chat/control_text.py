"""Text that spells a control token, on the way to an engine that would read it as one.

On the raw routes text stays text whatever it says. A chat route renders and tokenizes by itself, and looks for control
tokens in all of it; so what cannot be kept is refused by name. Knows no parameter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mimo.chat.base import strings, texts
from mimo.contract.errors import UnsupportedInput
from mimo.contract.request import ChatRequest
from mimo.tokenizers.base import Tokenizer

_SHORTEST = 3
"""Characters of a name that is looked for: a file may call a bracket or a space a control token."""


def check_control_text(request: ChatRequest, tokenizer: Tokenizer) -> None:
    """Raise `UnsupportedInput` for the first text of a client in which a control token of `tokenizer` is spelled."""
    names = [name for name in tokenizer.control_names if len(name) >= _SHORTEST and name == name.strip()]
    if not names:
        return
    spelled = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
    for path, text in _written(request):
        if (found := spelled.search(text)) is not None:
            words = f"holds {found[0]}, which the upstream would read as a control token with media; leave it out"
            raise UnsupportedInput(f"{path} {words}", param=path)


def _written(request: ChatRequest) -> Iterator[tuple[str, str]]:
    for at, message in enumerate(request.messages):
        for name, text in texts(message):
            yield f"messages[{at}].{name}", text
    for at, tool in enumerate(request.params.tools):
        for text in (tool.description, *strings(tool.parameters)):
            yield f"tools[{at}].function", text
