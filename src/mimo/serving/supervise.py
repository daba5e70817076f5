"""Running an engine's command: start it, pass signals on, restart it when it dies, give up when it dies at once.

Knows no engine.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence

from mimo.contract.errors import StartError

_QUICK = 10.0
"""Seconds: a command that dies sooner was never up."""
_TRIES = 3
_STOP_SECONDS = 30.0


async def supervise(
    command: Sequence[str],
    environment: Mapping[str, str],
    say: Callable[[str], None],
    pause: float = 2.0,
) -> int:
    """Keep `command` running until SIGTERM, SIGINT or a clean end; its exit status. `pause`: seconds before a restart.

    Raises `StartError` when there is no such program, or it dies within seconds three times in a row.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        quick = 0
        while True:
            begun = loop.time()
            status = await _once(command, environment, stop)
            if stop.is_set() or status == 0:
                return status
            quick = quick + 1 if loop.time() - begun < _QUICK else 0
            if quick == _TRIES:
                raise StartError(f"{command[0]} ended with status {status} {_TRIES} times in a row")
            say(f"{command[0]} ended with status {status}; starting it again")
            await asyncio.wait({asyncio.create_task(stop.wait())}, timeout=pause)
            if stop.is_set():
                return status
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _once(command: Sequence[str], environment: Mapping[str, str], stop: asyncio.Event) -> int:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **environment}, start_new_session=True
        )
    except OSError as problem:
        raise StartError(f"cannot run {command[0]}: {os.strerror(problem.errno or 0).lower()}") from None
    ended, stopped = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            os.killpg(process.pid, signal.SIGTERM)
            await asyncio.wait({ended}, timeout=_STOP_SECONDS)
        if not ended.done():
            os.killpg(process.pid, signal.SIGKILL)
        return await ended
    finally:
        stopped.cancel()
