"""What metrics, the access line and accounts cost: the gateway with each of them on beside one with all of them off.

All take turns in every round, so that a busy machine slows all alike. Accounts are on SQLite, with one worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path

from bench.gateway import Target, family, instant, latency, requests
from bench.rounds import Series, interleaved
from mimo.accounts.manage import Wanted, add
from mimo.accounts.store.store import Store, store_url
from mimo.nano import gguf_path
from mimo.testing import served

BARE, METRICS, LINE, ACCOUNTS = "nothing", "metrics", "access line", "accounts"
_LIMITS = '[[models]]\nid = "mimo-v2-flash"\nrequests_per_minute = 10_000_000\ntokens_per_minute = 9_000_000_000\n'
_OFF = ("--metrics", "off", "--no-access-log")
FLAGS = {BARE: _OFF, METRICS: ("--metrics", "open", "--no-access-log"), LINE: ("--metrics", "off"), ACCOUNTS: _OFF}


def costs(rounds: int) -> dict[str, dict[str, Series]]:
    """By what is on and figure (`p50` in ms, `requests_core` a second of a core), a value a round."""
    with contextlib.ExitStack() as stack:
        upstream, _ = stack.enter_context(instant())
        common = ("--engine", "vllm", "--upstream", upstream, "--tokenizer", str(gguf_path()))
        targets: dict[str, Target] = {}
        for name, flags in FLAGS.items():
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            key = _key(folder) if name == ACCOUNTS else "none"
            address, process = stack.enter_context(
                served(*common, *flags, "--data-dir", folder, "--config", _config(folder))
            )
            targets[name] = Target(name, address, "mimo-v2-flash", lambda pid=process.pid: family(pid), key)  # type: ignore[misc]
        found: dict[str, dict[str, Series]] = {}
        for figure, measure in (("p50", _latency), ("requests_core", _requests)):
            cases = {name: lambda at=target, of=measure: of(at) for name, target in targets.items()}  # type: ignore[misc]
            for name, series in interleaved(cases, rounds).items():
                found.setdefault(name, {})[figure] = series
        return found


def _latency(target: Target) -> float:
    return asyncio.run(latency(target))


def _requests(target: Target) -> float:
    return asyncio.run(requests(target, 1.0))[1]


def _key(folder: str) -> str:
    """A new key of a store in `folder`, with a budget that nothing here reaches."""
    store = Store(store_url(None, Path(folder)))
    return add(store, Wanted("bench", budget=900_000.0), ["mimo-v2-flash"])[1]


def _config(folder: str) -> str:
    """A settings file in `folder`, with limits that nothing here reaches."""
    file = Path(folder) / "mimo.toml"
    file.write_text(_LIMITS, "utf-8")
    return str(file)
