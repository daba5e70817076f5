"""Starts the engines that are compared, each a process of its own, with the same file, threads, slots and window.

Every one is a context that ends its process. Knows nothing of what they will be asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.load import LoadError
from bench.machine import wait_or_kill
from bench.peers import CONTRACT, OTHERS_OFF, Bare, Ours, Server, Setup, line
from mimo.nano import gguf_path
from mimo.testing import served

PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
"""A process that ends when its input does, and whose output is read."""


@contextlib.contextmanager
def bare(setup: Setup) -> Iterator[Bare]:
    """The forward passes alone."""
    with child([sys.executable, "-m", "bench.bare"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Bare(process, setup)


@contextlib.contextmanager
def ours(setup: Setup, ends: Sequence[int], *, invariant: bool) -> Iterator[Ours]:
    """Our server."""
    flags: dict[str, object] = {
        "slots": setup.slots,
        "context-window": setup.window,
        "chunk": setup.chunk,
        "queue": 512,
    }
    if setup.model != gguf_path():  # nano is what it serves by default
        flags["model"] = setup.model
    if setup.chosen:
        flags["threads"] = setup.threads[0]
    arguments = [text for name, value in flags.items() for text in (f"--{name}", str(value))]
    with served(*arguments, *([] if invariant else ["--batch-invariant", "off"])) as (url, process):
        yield Ours(url, process, {"logit_bias": {str(token): -100 for token in ends}})


@contextlib.contextmanager
def llama_server(setup: Setup, threads_of_one: int) -> Iterator[Server]:
    """llama-server, checked to sample right. `threads_of_one`: for a single row; a batch gets those of long calls."""
    numbers = map(str, (setup.slots, setup.window, threads_of_one, setup.threads[1]))
    command = [sys.executable, "-m", "bench.llama_server", str(setup.model), *numbers]
    with child(command, **PIPES) as process:
        url = line(process, 120)
        with urllib.request.urlopen(f"{url}/props", timeout=30) as answer:
            props = json.load(answer)
        sampling = props["default_generation_settings"]["params"]
        wrong = {name for name, value in {**CONTRACT, **OTHERS_OFF}.items() if abs(sampling[name] - value) > 1e-6}
        if wrong or props["total_slots"] != setup.slots:
            raise LoadError(f"llama-server did not take {wrong or 'its slots'}: {props}")
        yield Server(url, process, {**OTHERS_OFF, "ignore_eos": True, "cache_prompt": False})


def vllm_program() -> str | None:
    """vLLM's command, if there is one: MIMO_BENCH_VLLM, else the one on the path."""
    return os.environ.get("MIMO_BENCH_VLLM") or shutil.which("vllm")


@contextlib.contextmanager
def vllm(folder: Path, setup: Setup, seconds: float = 300) -> Iterator[Server]:
    """vLLM on the CPU, on the model of the same shape in `folder`."""
    program = vllm_program()
    assert program, "ask vllm_program() before"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "serve", str(folder), "--dtype", "bfloat16", "--port", str(port), "--host", "127.0.0.1"]
    command += ["--max-model-len", str(setup.window), "--max-num-seqs", str(setup.slots), "--no-enable-prefix-caching"]
    more = {"VLLM_CPU_KVCACHE_SPACE": "2", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    with child(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **more}) as process:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + seconds
        while not _answers(f"{url}/health"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise LoadError("vLLM did not start")
            time.sleep(0.5)
        extra = {"model": str(folder), **OTHERS_OFF, "repetition_penalty": 1.0, "ignore_eos": True}
        yield Server(url, process, extra)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextlib.contextmanager
def child(command: list[str], **how: Any) -> Iterator[subprocess.Popen[Any]]:
    """A process that is ended with the block, by closing its input or, failing that, by signals."""
    process = subprocess.Popen(command, text=True, **how)
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        else:
            process.terminate()
        wait_or_kill(process)
