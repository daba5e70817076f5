"""What a round gives to the event loop: tokens and errors by stream, handed over in one call."""

from __future__ import annotations

from collections.abc import Callable

from mimo.contract.errors import ApiError
from mimo.engines.local.sequence import LocalStream
from mimo.types import TokenBatch

Delivery = tuple[LocalStream, TokenBatch | ApiError]


class Deliveries:
    """Collects for `deliver`, which is called in the scheduler's thread."""

    def __init__(self, deliver: Callable[[list[Delivery]], None]) -> None:
        self._deliver = deliver
        self._ready: list[Delivery] = []

    def add(self, stream: LocalStream, what: TokenBatch | ApiError) -> None:
        """`what` is for `stream`."""
        self._ready.append((stream, what))

    def hand_over(self) -> None:
        """Deliver what there is."""
        if self._ready:
            self._deliver(self._ready)
            self._ready = []
