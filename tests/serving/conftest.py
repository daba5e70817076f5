"""The fake upstream that workers stand before."""

from tests.engines.upstream.conftest import fake

__all__ = ["fake"]
