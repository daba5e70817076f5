"""What `--only` takes: a list of parts and groups, and an error that names those there are."""

from __future__ import annotations

from argparse import ArgumentTypeError

import pytest
from bench.run import PARTS, parts_of


def test_a_list_names_parts_and_groups_each_measured_once_and_in_order() -> None:
    assert parts_of("server,gateway,sampler") == ["chunks", "first byte", "gateway", "sampler"]
    assert parts_of("chunks, server") == ["chunks", "first byte"]
    assert all(parts_of(name) == [name] for name in PARTS)


@pytest.mark.parametrize("text", ["", "gatewy", "server,,sampler"])
def test_a_part_that_is_not_there_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"must be of start, .*gateway.*, server, got"):
        parts_of(text)
