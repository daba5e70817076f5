"""How sequences are decoded: one table of policies, and which of them a request gets.

    throughput   as fast as it goes: any prefix is reused, a step holds the running rows and no others
    invariant    the same bits in any company: rows of one call shape, prefixes of one grain
    alone        the same bits while nothing else runs: as invariant, but its steps are shared as they come

Knows no scheduler.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from mimo.engines.base import Repeatable
from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.policies.base import Policy
from mimo.engines.local.policies.invariant import Alone, Invariant
from mimo.engines.local.policies.throughput import Throughput

BatchInvariant = Literal["seeded", "always", "off"]
"""Whose tokens shall not depend on what else runs: of requests with a seed, of all, of none."""

POLICIES: Mapping[str, type[Policy]] = MappingProxyType(
    {policy.name: policy for policy in (Throughput, Invariant, Alone)}
)
"""Every policy by its name."""

REPEATABLE: Mapping[str, Repeatable | None] = MappingProxyType(
    {Throughput.name: None, Invariant.name: "exact", Alone.name: "alone"}
)
"""What a seed is worth under each."""


def policy_name(mode: BatchInvariant, model: LocalModel, *, seeded: bool) -> str:
    """The policy of a request on `model`; `seeded`: it came with a seed of its own."""
    if not seeded and mode != "always":
        return "throughput"
    return "invariant" if mode != "off" and model.exact else "alone"
