"""A grammar as a constraint: token masks by llguidance, compiled once for a vocabulary.

The library is imported when the first grammar comes, and the vocabulary brought into its form then too (about a second
for 150,000 ids); after that a grammar compiles in about a millisecond, a running one is a copy of the compiled one, and
a mask takes microseconds. Knows bytes and ids; no request, no reasoning, no tools.
"""

from __future__ import annotations

from time import thread_time
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mimo.constraints.cache import Compiled, CompiledCache, digest
from mimo.sampling.allowed import allows
from mimo.tokenizers.base import Tokenizer
from mimo.tokenizers.derived import PerTokenizer

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

Grammar: TypeAlias = "Compiled[LLMatcher]"
"""A compiled grammar, from which running ones are copied."""
_VALUES = "[^<]{1,30}"
"""Tokens that the library need not look at one by one within the values of calls; it has such classes for JSON."""
_LONGEST = 1024
"""Bytes of a token from which on the library panics: such a token is never allowed under a grammar."""
_ERROR = 300
"""Characters of the library's errors that are passed on."""


def compiled(grammar: str, tokenizer: Tokenizer) -> Grammar:
    """`grammar` compiled for the vocabulary, by any thread. Raises ValueError if it does not compile."""
    return vocabulary_of(tokenizer).compiled(grammar)


class GrammarConstraint:
    """One answer's place in its grammar. An end token may be drawn where the grammar is complete, and only there."""

    def __init__(self, grammar: Grammar, tokenizer: Tokenizer) -> None:
        self._grammar = grammar
        self._matcher = grammar.matcher.deep_copy()
        self._end = tokenizer.end_ids
        self._first_end = min(tokenizer.end_ids)
        self._mask = np.zeros(-(-tokenizer.vocabulary // 32), np.uint32)
        self._known = False

    def allowed(self) -> NDArray[np.uint32]:
        """The mask of what may come next; do not write to it. All zero after a token that was not allowed."""
        if not self._known:
            mask = self._mask
            start = thread_time()
            self._matcher.unsafe_compute_mask_ptr(mask.ctypes.data, mask.nbytes)
            self._grammar.seconds += thread_time() - start
            if allows(mask, self._first_end):
                for token in self._end:
                    mask[token // 32] |= np.uint32(1 << (token % 32))
            self._known = True
        return self._mask

    def expected(self) -> list[int]:
        """The tokens that spell what alone can follow, as the tokenizer cuts it."""
        if not self._matcher.compute_ff_bytes():  # what finds the tokens too
            return []
        tokens: list[int] = self._matcher.compute_ff_tokens()
        return tokens

    def accept(self, token: int) -> None:
        """Take the drawn token; an end token changes nothing."""
        if token not in self._end:
            self._matcher.consume_token(token)
            self._known = False


class Vocabulary:
    """A tokenizer in the library's form, and the grammars compiled for it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        from llguidance import LLTokenizer, TokenizerWrapper

        slices = [*LLTokenizer.general_slices(), _VALUES]
        self._tokenizer: LLTokenizer = LLTokenizer(TokenizerWrapper(_Pieces(tokenizer)), slices=slices)
        self.kept: CompiledCache[LLMatcher] = CompiledCache()

    def compiled(self, grammar: str) -> Grammar:
        """`grammar` compiled, by any thread. Raises ValueError if it does not compile; then nothing of it is kept."""
        from llguidance import LLMatcher

        key = digest(grammar)
        if (found := self.kept.get(key)) is not None:
            return found
        start = thread_time()
        matcher = LLMatcher(self._tokenizer, LLMatcher.grammar_from_lark(grammar), log_level=0)
        if matcher.is_error():
            raise ValueError(_one_line(matcher.get_error()))
        compiled = Compiled(matcher, len(grammar), thread_time() - start)
        self.kept.put(key, compiled)
        return compiled


class _Pieces:
    """What the library asks of a tokenizer. Holds no method of it: see `PerTokenizer`."""

    bos_token_id = None

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.eos_token_id = min(tokenizer.end_ids)
        pieces = map(tokenizer.piece, range(tokenizer.vocabulary))
        self.tokens = [piece if len(piece) < _LONGEST else b"" for piece in pieces]
        self.special_token_ids = [token for token in range(tokenizer.vocabulary) if tokenizer.is_control(token)]

    def __call__(self, text: bytes) -> list[int]:
        return self._tokenizer.encode(text.decode(errors="replace"))


def _one_line(words: str) -> str:
    return " ".join(words.split())[:_ERROR]


vocabulary_of: PerTokenizer[Vocabulary] = PerTokenizer(Vocabulary)
"""A tokenizer in the library's form, made on first use: call it ahead, in any thread, to have it ready."""
