"""Engines over HTTP: vLLM, SGLang, llama-server by their raw routes, hosted APIs by their chat route."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mimo.engines import ENGINES


def upstream_engine(name: str) -> Any:
    """The class of the engine called `name`: a `RawEngine` or `Hosted`, made with the same arguments."""
    module, _, kind = ENGINES[name].source.partition(":")
    return getattr(import_module(module), kind)
