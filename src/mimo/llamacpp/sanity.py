"""What a header must say so that llama.cpp neither hangs nor aborts over it: bounds of its numbers, and what its
tokenizer needs. Only what was seen to end so is checked; the rest llama.cpp refuses by itself.
"""

from __future__ import annotations

import math

from mimo.llamacpp.keys import Keys

_BOUNDS: dict[str, tuple[int, int]] = {
    "context_length": (16, 2**31 - 1),
    "embedding_length": (1, 2**20),
    "block_count": (1, 2**14),
    "attention.head_count": (0, 2**16),
    "attention.head_count_kv": (0, 2**16),
    "attention.key_length": (1, 2**16),
    "attention.value_length": (1, 2**16),
    "rope.dimension_count": (0, 2**16),
    "expert_count": (0, 2**16),
    "expert_used_count": (0, 2**16),
}
"""Of the numbers called ARCHITECTURE.NAME, both ends allowed."""


def fault(keys: Keys, architecture: str) -> str | None:
    """The first thing that is wrong with a header, as a sentence without a subject; None: nothing."""
    for name, (least, most) in _BOUNDS.items():
        for value in keys.numbers(f"{architecture}.{name}"):
            if not least <= value <= most or math.isnan(value):
                return f"{architecture}.{name} is {value}; it must be between {least} and {most}"
    return _rope_fault(keys, architecture) or _expert_fault(keys, architecture) or _tokenizer_fault(keys)


def _rope_fault(keys: Keys, architecture: str) -> str | None:
    """An odd size aborts on the first decode, and zero computes for ever (but where state space layers rotate nothing);
    a size beyond the head's aborts too."""
    name = f"{architecture}.rope.dimension_count"
    heads = keys.numbers(f"{architecture}.attention.key_length")
    for value in keys.numbers(name):
        if value % 2:
            return f"{name} is {value}; it must be even"
        if value == 0 and not keys.has(f"{architecture}.ssm.state_size"):
            return f"{name} is 0; it must be at least 2"
        if heads and value > max(heads):
            return f"{name} is {value}; it must be at most the attention.key_length of {max(heads)}"
    return None


def _expert_fault(keys: Keys, architecture: str) -> str | None:
    there = keys.numbers(f"{architecture}.expert_count")
    used = keys.numbers(f"{architecture}.expert_used_count")
    if there and used and max(used) > max(there):
        return f"{architecture}.expert_used_count is {max(used)}; there are {max(there)} experts"
    return None


def _tokenizer_fault(keys: Keys) -> str | None:
    """SentencePiece falls back to a token for every byte, and aborts on the first text where one is not there."""
    tokens = keys.texts("tokenizer.ggml.tokens")
    if not tokens:
        return None
    for name in ("token_type", "scores"):
        count = len(keys.numbers(f"tokenizer.ggml.{name}"))
        if keys.has(f"tokenizer.ggml.{name}") and count != len(tokens):
            return f"tokenizer.ggml.{name} has {count} numbers for {len(tokens)} tokens"
    if keys.text("tokenizer.ggml.model") != "llama":
        return None
    there = set(tokens)
    for byte in range(256):
        if b"<0x%02X>" % byte not in there and bytes([byte]) not in there:
            return f"tokenizer.ggml.model is llama, and the vocabulary has no token for the byte 0x{byte:02X}"
    return None
