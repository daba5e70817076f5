"""From settings to what watches a server: its metrics, who may read them, its log and its traces."""

from __future__ import annotations

import asyncio
import ipaddress
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mimo.accounts.accounts import Accounts
from mimo.api.app import App
from mimo.api.backend import Exporter
from mimo.api.observer import Observer, Observers
from mimo.api.protocols import PROTOCOLS
from mimo.config import ConfigError, Settings
from mimo.contract.models import Model
from mimo.telemetry.access_log import AccessLog
from mimo.telemetry.cells import Cells
from mimo.telemetry.exposition import Page
from mimo.telemetry.lines import Lines
from mimo.telemetry.metrics import Metrics
from mimo.telemetry.table import label_values

if TYPE_CHECKING:
    from mimo.telemetry.traces import Traces

_LOOK_SECONDS = 1.0
"""How old the gauges of a worker are at most, when another one is asked."""


def cells_of(settings: Settings, models: Mapping[str, Model]) -> Cells:
    """The cells of a server's metrics, to be made before its workers are forked."""
    protocols = [protocol.name for protocol in PROTOCOLS]
    values = label_values(protocols, list(models), [_shown(url) for url in settings.upstream])
    return Cells(values, settings.workers)


class Telemetry:
    """What watches one process of a server: worker number `place` of those that count in `cells`. `gate`: who decides
    which requests are let in, by `accounts`."""

    def __init__(
        self,
        settings: Settings,
        models: Mapping[str, Model],
        gate: Observer,
        accounts: Accounts,
        cells: Cells | None = None,
        place: int = 0,
    ) -> None:
        cells = cells or cells_of(settings, models)
        self._alone = cells.places == 1
        self._cells = cells
        self._metrics = Metrics(cells.place(place), [_shown(url) for url in settings.upstream], lambda: accounts.lag)
        self._lines = Lines(sys.stderr.fileno())
        watching: list[Observer] = [] if settings.metrics == "off" else [self._metrics]
        if settings.access_log:
            watching.append(AccessLog(settings.log_format, self._lines.add, accounts.name_of))
        self._traces = None if settings.traces is None else _traces(settings.traces)
        if self._traces is not None:
            watching.append(self._traces)
        self.observer: Observer = Observers(gate, *watching)
        self.page: Exporter | None = None if settings.metrics == "off" else Page(cells, self._metrics)
        """What GET /metrics gives."""
        self.open_metrics = settings.metrics in ("open", "off") or (
            settings.metrics is None and _is_loopback(settings.host)
        )
        """Whether it needs no key."""

    def all_started(self) -> bool:
        """Whether every worker has started; one that has ended, and is not replaced yet, has not."""
        return self._alone or len(list(self._cells.by_place("mimo_ready"))) == self._cells.places

    async def close(self) -> None:
        """Write out what waits."""
        await self._lines.close()
        if self._traces is not None:
            await self._traces.close()

    async def keep_up(self, app: App) -> None:
        """Keep the gauges up to date for the other workers, until cancelled."""
        while not self._alone:
            self._metrics.look(app.backend)
            await asyncio.sleep(_LOOK_SECONDS)


def _traces(address: str) -> Traces:
    """What makes spans and sends them to `address`. Raises `ConfigError`."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"traces: must be an address like http://localhost:4318, got {address}")
    try:
        from mimo.telemetry.traces import Traces, to_otlp
    except ImportError:
        raise ConfigError("traces: OpenTelemetry is not installed here: pip install 'mimo[otel]'") from None
    return Traces(to_otlp(address if parts.path.strip("/") else f"{address.rstrip('/')}/v1/traces"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(url: str) -> str:
    """The address of an upstream without what may be secret in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
