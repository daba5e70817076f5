"""A server that is tried, and one phase of that: clients come, and what happens meanwhile is measured.

Measured are what a watcher sees from outside, how late the server's loop is, and where the processor
goes. Judges nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.soak.processor import used
from tests.soak.storm import Storm, stormed
from tests.soak.watcher import Timings, watched


@dataclass(frozen=True)
class Phase:
    """What was seen while clients came for so many `seconds`. `late`: seconds by which the server's loop was late;
    `processor`: seconds of it that the server used, by thread."""

    seconds: float
    seen: Timings
    late: list[float]
    processor: dict[str, float]
    storm: Storm


@dataclass(frozen=True)
class Server:
    """The server that is tried; it writes what it holds to `file`."""

    url: str
    pid: int
    file: Path

    async def counts(self) -> dict[str, Any]:
        """What the server holds, as it says itself."""
        self.file.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)
        for _ in range(600):
            if self.file.exists():
                found: dict[str, Any] = json.loads(self.file.read_text())
                return found
            await asyncio.sleep(0.05)
        raise TimeoutError("the server does not say what it holds")

    async def phase(self, kinds: Sequence[str], seconds: float, seed: int) -> Phase:
        """Let clients come, and watch."""
        names = (await self.counts())["threads"]
        before = used(self.pid, names)
        os.kill(self.pid, signal.SIGUSR2)
        async with watched(self.url) as seen:
            storm = await stormed(self.url, kinds, seconds, seed)
        counts = await self.counts()
        after = used(self.pid, {**names, **counts["threads"]})
        spent = {name: now - before.get(name, 0.0) for name, now in after.items()}
        return Phase(seconds, seen, counts["late"], spent, storm)
