"""A string of a call in JSON under a grammar of its own: what comes fits it, is JSON, and can always end."""

from __future__ import annotations

import json
import random
import re
from functools import partial

import numpy as np
import pytest

from mimo.calls import FORMATS, SPELLED
from mimo.constraints.grammar import as_grammar
from mimo.constraints.llguidance import GrammarConstraint, compiled
from mimo.constraints.plan import checked_grammar
from mimo.contract.models import MODELS
from mimo.contract.resolve import resolve
from mimo.tokenizers.bytes import ByteTokenizer

HERMES = next(row for row in FORMATS if row.name == "hermes")
EXTRA = [
    b'"a',
    b'": "',
    b'": "a',
    b'": "\\n',
    b'"}',
    b'"}}',
    b'"}}\n',
    b"\\n",
    b'\\"',
    b"\\\\",
    b"ab",
    b"a\\n",
    b'a"',
    b"\n\n",
    b"\\",
    b"n",
]
GRAMMARS = {
    "start: /[ab]+/": r"[ab]+",
    'start: line+\nline: /[^\\n]*/ "\\n"': r"([^\n]*\n)+",
    'start: "x" start? "y"': r"x+y+",
    'start: /["\\\\]{2,4}/ "\\t"?': r'["\\]{2,4}\t?',
    "start: /(?s:.*)/": r"(?s:.*)",
}


class Pieces(ByteTokenizer):
    """Bytes, and tokens that cross the borders of a string or hold escapes."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces += EXTRA
        self.vocabulary += len(EXTRA)


@pytest.mark.parametrize("calls", [HERMES, SPELLED], ids=lambda row: row.name)
@pytest.mark.parametrize("written", GRAMMARS)
@pytest.mark.parametrize("seed", range(6))
def test_what_comes_fits_the_grammar_is_json_and_ends(calls, written, seed):
    tokenizer, rng = Pieces(), random.Random(seed)
    schema = {
        "type": "object",
        "properties": {"input": {"type": "string", "x-mimo-lark": written}},
        "required": ["input"],
        "additionalProperties": False,
    }
    fields = {
        "tools": [{"type": "function", "function": {"name": "patch", "parameters": schema, "strict": True}}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
    }
    params = resolve(fields, MODELS["mimo-v2-flash"]).params
    grammar = checked_grammar(params, params.tools, calls)
    assert grammar is not None
    outer = GrammarConstraint(compiled(grammar, tokenizer), tokenizer)
    inner = partial(GrammarConstraint, compiled(as_grammar(written), tokenizer), tokenizer)
    held = calls.guarded(outer, params.tools, tokenizer, {("patch", "input"): inner})
    text = b""
    for step in range(4000):
        mask = held.allowed()
        assert isinstance(mask, np.ndarray)
        choices = [token for token in range(tokenizer.vocabulary) if int(mask[token // 32]) >> (token % 32) & 1]
        assert choices, text
        ends = [token for token in choices if token in tokenizer.end_ids or tokenizer.piece(token).startswith(b'"')]
        token = rng.choice(ends if ends and step > 60 else choices)
        if token in tokenizer.end_ids:
            break
        held.accept(token)
        text += b"" if tokenizer.is_control(token) else tokenizer.piece(token)
    call = json.loads(text[text.index(b"{") : text.rindex(b"}") + 1])
    assert call["name"] == "patch"
    assert re.fullmatch(GRAMMARS[written].encode(), call["arguments"]["input"].encode(errors="surrogateescape")), call
