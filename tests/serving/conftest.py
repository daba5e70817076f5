"""The servers of other folders that the tests here start and stop."""

from tests.api.conftest import server, serving
from tests.engines.upstream.conftest import fake, fronts, llama

__all__ = ["fake", "fronts", "llama", "server", "serving"]
