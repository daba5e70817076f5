"""The statistical suite through mimo on a real llama-server: the same tests, another engine.

What the table of engines refuses there is not run: penalties. Nor is a seed the same there beside other requests.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.engines.upstream.fronts import Front
from tests.verify.test_parameters_on_nano import (
    test_high_bits_of_the_seed_count,
    test_temperature_scales_every_step_and_no_other_temperature_fits,
    test_temperature_zero_takes_the_likeliest_token,
    test_the_top_p_default_is_point_95,
    test_top_p_is_cut_after_temperature,
    test_top_p_keeps_the_shortest_prefix_and_renormalises,
)

__all__ = [
    "test_high_bits_of_the_seed_count",
    "test_temperature_scales_every_step_and_no_other_temperature_fits",
    "test_temperature_zero_takes_the_likeliest_token",
    "test_the_top_p_default_is_point_95",
    "test_top_p_is_cut_after_temperature",
    "test_top_p_keeps_the_shortest_prefix_and_renormalises",
]


@pytest.fixture(scope="module")
def http(real: Front) -> Iterator[httpx.Client]:
    """mimo before llama-server on nano."""
    yield real.http
