"""What is made once for a tokenizer and goes with it: tables over its vocabulary. Knows nothing of what is made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary, proxy

from mimo.tokenizers.base import Tokenizer

Made = TypeVar("Made")


class PerTokenizer(Generic[Made]):
    """Call it with a tokenizer for its one value of `make`. Safe to call from any thread.

    `make` gets a weak proxy: a value that held the tokenizer, or a bound method of it, would keep both for ever.
    """

    def __init__(self, make: Callable[[Tokenizer], Made]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[Tokenizer, Made] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def __call__(self, tokenizer: Tokenizer) -> Made:
        with self._lock:
            if tokenizer not in self._made:
                self._made[tokenizer] = self._make(proxy(tokenizer))
            return self._made[tokenizer]
