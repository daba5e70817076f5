"""A load that hangs can be given up, one that kills the process is explained, and a ready model has answered once."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.attack.hostile_gguf import nano

from mimo.contract.errors import EngineError
from mimo.engines.local.engine import start_local
from mimo.engines.local.loading import load
from mimo.engines.local.model.options import ModelOptions

HANGS = """
import asyncio, ctypes, signal
from mimo.engines.local.loading import load
async def main():
    loading = asyncio.create_task(load(lambda stop: ctypes.CDLL(None).sleep(120), "mimo: it died"))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, loading.cancel)
    print("loading", flush=True)
    await asyncio.gather(loading, return_exceptions=True)
asyncio.run(main())
"""
DIES = """
import asyncio, os, signal
from mimo.engines.local.loading import load
asyncio.run(load(lambda stop: os.kill(os.getpid(), signal.{}), "mimo: x.gguf: it died"))
"""


async def test_a_load_that_listens_is_given_up_at_once() -> None:
    stopped = threading.Event()

    def work(stop: threading.Event) -> None:
        stop.wait(60)
        stopped.set()

    loading = asyncio.create_task(load(work, ""))
    await asyncio.sleep(0.05)
    begun = time.monotonic()
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert stopped.is_set() and time.monotonic() - begun < 2


def test_a_native_call_that_never_returns_does_not_hold_up_the_end() -> None:
    process = subprocess.Popen([sys.executable, "-c", HANGS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "loading\n"
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - begun < 10
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT"])
def test_a_load_that_kills_the_process_leaves_one_line(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", DIES.format(name)], capture_output=True, text=True, timeout=60)
    assert done.returncode == -getattr(signal, name)
    assert done.stderr == "mimo: x.gguf: it died\n"


async def test_a_load_that_fails_says_nothing_but_its_error(capfd: pytest.CaptureFixture[str]) -> None:
    def work(stop: threading.Event) -> None:
        raise EngineError("no good")

    with pytest.raises(EngineError, match="no good"):
        await load(work, "it died")
    assert capfd.readouterr().err == ""


async def test_weights_that_give_no_numbers_are_refused_before_the_server_is_ready(tmp_path: Path) -> None:
    """The scales of Q8_0 blocks become infinite: the file loads, and every logit is NaN."""
    path = tmp_path / "nan.gguf"
    file = nano()
    weights = bytearray(file.weights)
    for at in range(0, 34 * 1000, 34):
        weights[at : at + 2] = b"\x00\x7e"  # a NaN in half precision
    path.write_bytes(file.bytes()[: -len(weights)] + weights)
    with pytest.raises(EngineError, match=r"nan\.gguf: .*no numbers"):
        await start_local(path, ModelOptions(slots=2, context_window=128, threads=1))
