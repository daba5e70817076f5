"""The statistical suite through mimo on a real llama-server: the same tests, another engine.

What the table of engines refuses there is not run: penalties. Nor is a seed the same there beside other requests.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.engines.upstream.fronts import Front
from tests.verify.claims import SamplingClaims

pytestmark = pytest.mark.timeout(3600)  # what only computes has no deadline on a busy machine


@pytest.fixture(scope="module")
def http(real: Front) -> Iterator[httpx.Client]:
    """mimo before llama-server on nano."""
    yield real.http


class TestParametersThroughLlamaServer(SamplingClaims):
    """All but penalties."""
