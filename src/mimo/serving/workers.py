"""`mimo serve --workers N`: N processes on one address, for engines that compute elsewhere.

The parent binds the address, forks, passes SIGTERM and SIGINT on (each worker drains by itself), and replaces a worker
that died or that sends no heartbeat. Each has its own connections to the upstream and shares nothing but the
cells of its metrics; what else counts per process counts N times. A worker whose parent is gone drains and ends.

On Linux each worker has a listening socket of its own on the address, and the kernel deals new connections evenly: with
one common socket the first to wake takes all that wait, and a few kept connections end up in one process. The parent
holds the sockets too, so connections dealt to a worker that died wait for its replacement.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import sys
import time
import traceback
from dataclasses import dataclass, replace

from rich.console import Console

from mimo.config import ConfigError, Settings, model_rows
from mimo.contract.errors import ApiError, StartError
from mimo.serving import loop
from mimo.serving.console import log_console, say_error
from mimo.serving.granian import check_exposure, listen
from mimo.serving.reload import Load, Reload
from mimo.serving.telemetry import cells_of
from mimo.telemetry.cells import Cells

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
BEAT_SECONDS = 1.0
"""Between two heartbeats of a worker that serves."""
SILENT_SECONDS = 10.0
"""Without a heartbeat for so long a worker is stopped or hangs: it is killed and replaced."""
_STOP_SECONDS = 10.0
"""Beyond the grace period: a worker that has not ended by then is killed."""
_TRIES = 3
"""Workers that die before any has served: then all end."""
_PAUSE_SECONDS = 30.0
"""The longest pause before a replacement; it grows by a second for every failure in a row."""


@dataclass(slots=True)
class _Worker:
    """One process on the listener at `place`. `beats`: read end of its heartbeat. `last_beat`: None until it serves."""

    place: int
    beats: int
    last_beat: float | None = None


def serve_in_workers(settings: Settings, console: Console, load: Load) -> None:
    """Serve until SIGTERM or SIGINT, then exit with status 1 if no worker could ever serve. `load`: reads the settings
    again on SIGHUP. Raises `ConfigError`, `ServeError`."""
    if settings.engine == "local":
        raise ConfigError("workers: each would load the model; more than one needs an upstream engine")
    if not _Workers(settings, console, load).run():
        sys.exit(1)


class _Workers:
    """The parent: all workers by process id, and the places that wait for a replacement."""

    def __init__(self, settings: Settings, console: Console, load: Load) -> None:
        self._settings, self._console, self._load = settings, console, load
        self._reload = Reload(settings, load, self._take, quiet=True)
        self._cells = cells_of(settings, model_rows(settings))
        self._listeners = _listeners(settings.host, settings.port, settings.workers)
        self._workers: dict[int, _Worker] = {}
        self._due: dict[int, float] = dict.fromkeys(range(settings.workers), 0.0)  # place → when to start one there
        self._served, self._failures = False, 0
        self._deadline: float | None = None  # set when stopping
        self._alive, self._life = os.pipe()  # only we hold the writing end: workers read its end when we are gone
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)

    def run(self) -> bool:
        """Serve until stopped and every worker has ended; whether any has served."""
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, self._reload)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # so that it wakes `select`
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        while self._workers or self._deadline is None:
            self._start_due()
            self._listen()
            self._reap()
            self._kill_silent()
        return self._served

    def _on_signal(self, number: int, _: object = None) -> None:
        """Pass a signal on; from the first one on nothing is replaced. A stopped worker is woken to drain."""
        if self._deadline is None:
            self._deadline = time.monotonic() + self._settings.drain_seconds + _STOP_SECONDS
            for listener in self._listeners:
                listener.close()
        for child in self._workers:
            os.kill(child, number)
            os.kill(child, signal.SIGCONT)

    def _take(self, settings: Settings) -> None:
        """Start workers with `settings` from now on; those that run read them too."""
        model_rows(settings)
        lost_keys = self._settings.api_keys and not settings.api_keys
        check_exposure(not lost_keys, settings.host, settings.insecure)
        self._settings = settings
        for child in self._workers:
            os.kill(child, signal.SIGHUP)

    def _start_due(self) -> None:
        now = time.monotonic()
        for place in [place for place, when in self._due.items() if when <= now]:
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # a child must be known before a signal is passed on
            if self._deadline is None:
                del self._due[place]
                child, beats = self._fork(place)
                self._workers[child] = _Worker(place, beats)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            if self._deadline is not None:
                return

    def _listen(self) -> None:
        """Wait a second at most for heartbeats, ended workers and signals."""
        by_pipe = {worker.beats: worker for worker in self._workers.values()}
        ready, _, _ = select.select([self._wake, *by_pipe], [], [], 1.0)
        for pipe in ready:
            beaten = os.read(pipe, 4096)
            if beaten and pipe != self._wake:
                by_pipe[pipe].last_beat = time.monotonic()
                self._served, self._failures = True, 0

    def _reap(self) -> None:
        """Take note of workers that have ended, and plan replacements."""
        while True:
            try:
                child, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if child == 0:
                return
            if (worker := self._workers.pop(child, None)) is None:
                continue  # not ours: as process 1 we inherit orphans
            os.close(worker.beats)
            self._cells.clear_gauges(worker.place)
            if self._deadline is None:
                self._ended(child, worker, os.waitstatus_to_exitcode(status))

    def _ended(self, child: int, worker: _Worker, code: int) -> None:
        """Replace a worker, or end all if none could ever serve."""
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        self._failures += 1
        if not self._served and (code > 0 or self._failures >= _TRIES):
            self._console.print(f"worker {child} {how} before any served; ending all")
            return self._on_signal(signal.SIGTERM)
        pause = min(self._failures - 1.0, _PAUSE_SECONDS)
        self._due[worker.place] = time.monotonic() + pause
        self._console.print(f"worker {child} {how}; starting another{f' in {pause:g} s' if pause else ''}")

    def _kill_silent(self) -> None:
        """Kill workers that hang: `_reap` finds them next."""
        now = time.monotonic()
        for child, worker in self._workers.items():
            if self._deadline is not None:
                if now > self._deadline:
                    self._console.print(f"worker {child} has not ended in time; killing it")
                    os.kill(child, signal.SIGKILL)
            elif worker.last_beat is not None and now - worker.last_beat > SILENT_SECONDS:
                self._console.print(f"worker {child} gave no sign of life for {SILENT_SECONDS:g} s; killing it")
                worker.last_beat = None
                os.kill(child, signal.SIGKILL)

    def _fork(self, place: int) -> tuple[int, int]:
        """(process id, read end of the heartbeat) of a new worker on the listener at `place`."""
        beats, beat = os.pipe()
        child = os.fork()
        if child:
            os.close(beat)
            return child, beats
        status = 1
        try:
            self._become_worker(place)
            os.set_blocking(beat, False)
            console = log_console(quiet=self._served or place > 0, lines=self._settings.log_format)
            listener = self._listeners[place]
            cells = self._cells
            work = _work(self._settings, console, listener, self._served, self._alive, beat, cells, place, self._load)
            loop.run(work)
            status = 0
        except (StartError, ApiError) as problem:
            say_error(str(problem))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _become_worker(self, place: int) -> None:
        """Give up what is the parent's: its handlers, its pipes, the other listeners."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in (*_SIGNALS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        for pipe in (self._life, self._wake, self._woken, *(worker.beats for worker in self._workers.values())):
            os.close(pipe)
        for listener in self._listeners:
            if listener is not self._listeners[place]:
                listener.close()


async def _work(
    settings: Settings,
    console: Console,
    listener: socket.socket,
    replacing: bool,
    alive: int,
    beat: int,
    cells: Cells,
    place: int,
    load: Load,
) -> None:
    """Serve as one worker: with a heartbeat once the engine has started, and until the parent is gone."""
    from mimo.serving.run import run

    running = asyncio.get_running_loop()

    def parent_is_gone() -> None:
        running.remove_reader(alive)
        os.kill(os.getpid(), signal.SIGTERM)

    def send_beat() -> None:
        with contextlib.suppress(OSError):  # the pipe is full, or the parent gone
            os.write(beat, b".")
        running.call_later(BEAT_SECONDS, send_beat)

    running.add_reader(alive, parent_is_gone)
    settings = replace(settings, workers=1)
    await run(
        settings, console, listener, wait_for_engine=replacing, on_ready=send_beat, cells=cells, place=place, load=load
    )


def _listeners(host: str, port: int, count: int) -> list[socket.socket]:
    """A socket a worker, all on one address that nobody else has; where the kernel deals none, the same one for all."""
    alone = listen(host, port)  # refuses an address in use, which a shared one would silently join
    if sys.platform != "linux":
        return [alone] * count
    bound: int = alone.getsockname()[1]
    alone.close()
    return [listen(host, bound, shared=True) for _ in range(count)]
