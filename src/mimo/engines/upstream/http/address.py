"""One address of an upstream: whether it answers, and what the log says when that changes. It asks nothing itself."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass

log = logging.getLogger("mimo.upstream")
_USER = re.compile(r"://[^/@]*@")


@dataclass(eq=False)
class Address:
    """Where an upstream is. `last_ok`: the last request succeeded, which orders failover. `reachable`: the last health
    check succeeded; a single failed request does not clear it."""

    url: str
    last_ok: bool = True
    reachable: bool = True
    failed_at: float = 0.0
    """When a request last failed, on the loop's clock."""
    failures: int = 0
    """Requests that it did not answer."""
    failovers: int = 0
    """Those of them that were sent to another address."""

    @property
    def shown(self) -> str:
        """The address without the name and password that it may hold, for the log, for errors and for metrics."""
        return _USER.sub("://", self.url)

    def report_ok(self) -> None:
        """A request was answered, or a health check succeeded."""
        if not self.reachable:
            log.warning("%s answers again", self.shown)
        self.last_ok = self.reachable = True

    def report_failure(self, down: bool, why: str) -> None:
        """A request was not answered, and `why`. `down`: no connection could be made, or a health check failed."""
        self.last_ok, self.failed_at = False, asyncio.get_running_loop().time()
        if down and self.reachable:
            log.warning("%s is down: %s", self.shown, why)
        self.reachable = self.reachable and not down
