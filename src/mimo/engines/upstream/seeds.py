"""The seeds of the requests that one request of a client becomes."""

from __future__ import annotations

from hashlib import blake2b


def derived_seed(seed: int, choice: int, part: int) -> int:
    """The seed of one request, 63 bits: every bit of the client's `seed` counts, and each choice, and each request of
    a choice, draws for itself."""
    digest = blake2b(b"%d %d %d" % (seed, choice, part), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
