"""A value of MiMo's calls under a grammar of its own: what comes fits it, and it can always end."""

from __future__ import annotations

import random
import re
from functools import partial

import numpy as np
import pytest

from mimo.calls import FORMATS
from mimo.calls.mimo.text_grammar import ConstrainedTexts
from mimo.constraints.grammar import as_grammar
from mimo.constraints.llguidance import GrammarConstraint, compiled
from mimo.constraints.plan import checked_grammar
from mimo.contract.models import MODELS
from mimo.contract.resolve import resolve
from mimo.tokenizers.bytes import ByteTokenizer


class Pieces(ByteTokenizer):
    """Bytes, and tokens that cross the borders of a value."""

    def __init__(self) -> None:
        super().__init__()
        extra = [
            b"</",
            b"</parameter>",
            b"parameter",
            b">a",
            b"a</",
            b"a</parameter>",
            b">\n",
            b"ab",
            b"</parameter>\n",
            b"er>",
        ]
        self.pieces += extra
        self.vocabulary += len(extra)


GRAMMARS = {
    "start: /[ab]+/ ": r"[ab]+",
    'start: "a" ("b" | "<" | "/")*': r"a[b</]*",
    "start: /(?s:.*)/": r"(?s:.*)",
    'start: line+\nline: /[^\\n]*/ "\\n"': r"([^\n]*\n)+",
    'start: "x" start? "y"': r"x+y+",
    'start: "</param" | "ab"': r"</param|ab",
}


@pytest.mark.parametrize("written", GRAMMARS)
@pytest.mark.parametrize("seed", range(8))
def test_what_comes_fits_the_grammar_and_ends(written, seed):
    tokenizer, rng = Pieces(), random.Random(seed)
    schema = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    function = {"name": "patch", "parameters": schema, "strict": True}
    fields = {
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
    }
    params = resolve(fields, MODELS["mimo-v2-flash"]).params
    grammar = checked_grammar(params, params.tools, FORMATS[0])
    assert grammar is not None
    outer = GrammarConstraint(compiled(grammar, tokenizer), tokenizer)
    inner = partial(GrammarConstraint, compiled(as_grammar(written), tokenizer), tokenizer)
    texts = ConstrainedTexts(outer, tokenizer, "<tool_call>", {("patch", "input"): inner})
    text = b""
    for step in range(4000):
        mask = texts.allowed()
        assert isinstance(mask, np.ndarray)
        allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")).tolist()
        assert allowed, text
        ends = [
            token for token in allowed if b"</parameter>" in text + tokenizer.piece(token) or token in tokenizer.end_ids
        ]
        token = rng.choice(ends if ends and step > 60 else allowed)
        if (
            step > 60
            and not ends
            and (near := [t for t in allowed if tokenizer.piece(t) in (b"</", b"<", b"y", b"\n")])
        ):
            token = rng.choice(near)
        if token in tokenizer.end_ids:
            break
        texts.accept(token)
        text += tokenizer.piece(token)
    found = re.search(rb"<parameter=input>((?s:.*?))</parameter>", text)
    assert found is not None and re.fullmatch(GRAMMARS[written].encode(), found[1]), text[:300]
    assert text.endswith(b"</tool_call>")


def test_a_value_that_cannot_be_written_ends_all_the_same():
    tokenizer = Pieces()
    inner = partial(GrammarConstraint, compiled(as_grammar('start: "a</parameter>b"'), tokenizer), tokenizer)
    outer = GrammarConstraint(
        compiled(as_grammar('start: "<function=f><parameter=k>" /(?s:.*)/'), tokenizer), tokenizer
    )
    texts = ConstrainedTexts(outer, tokenizer, "<tool_call>", {("f", "k"): inner})
    for byte in b"<function=f><parameter=k>a</parameter":
        texts.accept(byte)
    mask = texts.allowed()
    assert isinstance(mask, np.ndarray) and mask.any()
