"""The engine that the settings name: its settings, and its upstream, asked as a start would ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module

from mimo.config import Settings
from mimo.config.unread import read_by, unread
from mimo.contract.errors import StartError
from mimo.engines import ENGINES
from mimo.engines.base import Engine
from mimo.serving.doctor.base import Finding, State

_SECONDS = 30.0


def engine(settings: Settings) -> Iterator[Finding]:
    """Which it is; of one elsewhere whether it is there, what it serves, and whether its tokenizer is here."""
    yield from (
        Finding("wrong", words, "take it out of flags, environment or settings file") for _, words in unread(settings)
    )
    if not ENGINES[settings.engine].route:
        yield Finding("ok", f"{settings.engine}: {ENGINES[settings.engine].summary}")
        return
    try:
        yield from asyncio.run(asyncio.wait_for(_asked(settings), _SECONDS))
    except StartError as problem:
        yield Finding(
            "wrong", str(problem), "mimo launch prints how an engine is started; docs/engines.md has the rest"
        )
    except TimeoutError:
        yield Finding("wrong", f"no answer within {_SECONDS:g} seconds", "look at the upstream's own log")


async def _asked(settings: Settings) -> list[Finding]:
    module = import_module(ENGINES[settings.engine].module)
    given = replace(settings, upstream_wait=0.0)
    started: Engine = await module.start(
        module.Options(**{name: getattr(given, name) for name in read_by(settings.engine)}), lambda share: None
    )
    try:
        await started.probe()
        info = started.info
        found = [Finding("ok", f"{info.engine} serves {info.model}, {info.context_window:,} tokens of window")]
        for state in started.upstreams:
            if state.healthy:
                found.append(Finding("ok", f"{state.url} answers"))
            else:
                last: State = "wrong" if not any(one.healthy for one in started.upstreams) else "note"
                found.append(Finding(last, f"{state.url} does not answer", "start it, or correct --upstream"))
        return found
    finally:
        await started.close()
