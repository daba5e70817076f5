"""The statistical suite through mimo on a real llama-server: the same tests, another engine.

Penalties are refused there, unless --exact-penalties asks for every token by itself. A seed is not the same there
beside other requests.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.engines.upstream.fronts import Front, front
from tests.verify.claims import PenaltyClaims, SamplingClaims

pytestmark = pytest.mark.timeout(3600)  # what only computes has no deadline on a busy machine


@pytest.fixture(scope="module")
def http(real: Front) -> Iterator[httpx.Client]:
    """mimo before llama-server on nano."""
    yield real.http


class TestParametersThroughLlamaServer(SamplingClaims):
    """All but penalties."""


@pytest.mark.slow
class TestPenaltiesThroughLlamaServer(PenaltyClaims):
    """Penalties, a request for every token."""

    @pytest.fixture(scope="class")
    @classmethod
    def http(cls, real_url: str) -> Iterator[httpx.Client]:
        """mimo before llama-server on nano, with --exact-penalties."""
        with front("llama-server", real_url, timeout=30, exact_penalties=True) as running:
            yield running.http
