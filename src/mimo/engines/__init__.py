"""The engines, one literal table: a new one is a folder and a line here. Importing this loads none of them.

The choices of `--engine`, the settings, the code that starts an engine, the docs and the tests read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class EngineRow:
    """Where an engine is written and what it is, in a line. `module` has `Options`, the settings that the engine reads
    by their names, and the factory `start(options, on_progress)`. `route`: how it is spoken to; "" in this process.
    The folder of an engine with a route has its columns (`column.py`), and where `mimo launch` can start it
    (`launched`) its recipes (`recipes.py`).
    """

    module: str
    summary: str
    route: str = ""
    launched: bool = False

    @property
    def package(self) -> str:
        """The folder of its module."""
        return self.module.rpartition(".")[0]


ENGINES: Mapping[str, EngineRow] = MappingProxyType({
    "local": EngineRow("mimo.engines.local.start", "any GGUF through llama.cpp, in this process"),
    "scripted": EngineRow("mimo.engines.scripted.engine", "plays a script; for tests of clients"),
    "llama-server": EngineRow(
        "mimo.engines.upstream.llama_server.engine", "llama.cpp's own server", "POST /completion", True),
    "vllm": EngineRow("mimo.engines.upstream.vllm.engine", "vLLM", "POST /v1/completions", True),
    "sglang": EngineRow("mimo.engines.upstream.sglang.engine", "SGLang", "POST /generate", True),
    "hosted": EngineRow(
        "mimo.engines.upstream.hosted.engine", "any OpenAI-compatible API", "POST /v1/chat/completions"),
})  # fmt: skip

UPSTREAM = tuple(name for name, row in ENGINES.items() if row.route)
"""Those that run elsewhere."""
