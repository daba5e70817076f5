"""The event loop that servers run on: uvloop where it is installed, else Python's own; and garbage collection.

Measured on small requests to an instant engine: uvloop takes a quarter off the time of each, and so does collecting
garbage once per ten thousand new objects instead of once per seven hundred.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
_NEW_OBJECTS = 10_000


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run `main` to its end on the fastest loop there is."""
    try:
        import uvloop
    except ImportError:  # not on every system
        return asyncio.run(main)
    return uvloop.run(main)


def freeze_gc() -> None:
    """Exempt everything loaded so far from garbage collection, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 20)
