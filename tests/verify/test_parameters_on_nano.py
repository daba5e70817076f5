"""The claims about parameters on the shipped model: real nano, real server, HTTP.

MIMO_TEST_BASE_URL is another server to measure, with nano or not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest
from tests.verify.claims import BatchClaims, PenaltyClaims, SamplingClaims

from mimo.testing import served

pytestmark = pytest.mark.timeout(3600)  # what only computes has no deadline on a busy machine


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    if elsewhere := os.environ.get("MIMO_TEST_BASE_URL"):
        with httpx.Client(base_url=elsewhere) as client:
            yield client
        return
    with served("--threads", "1") as (url, _), httpx.Client(base_url=url) as client:
        yield client


class TestParametersOnNano(SamplingClaims, PenaltyClaims, BatchClaims):
    """All of them."""
