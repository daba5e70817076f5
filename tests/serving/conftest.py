"""The fake upstream that workers stand before."""

from tests.engines.upstream.conftest import fake, fronts, llama

__all__ = ["fake", "fronts", "llama"]
