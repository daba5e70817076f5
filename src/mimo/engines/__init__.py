"""The engines, one literal table: a new one is a file and a line here. Importing this loads none of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class EngineRow:
    """Where an engine is written (`module:Class`) and what it is, in a line. `route`: how it is spoken to."""

    source: str
    summary: str
    route: str = ""


ENGINES: Mapping[str, EngineRow] = MappingProxyType({
    "local": EngineRow("mimo.engines.local.engine:LocalEngine", "any GGUF through llama.cpp, in this process"),
    "scripted": EngineRow("mimo.engines.scripted:ScriptedEngine", "plays a script; for tests of clients"),
    "llama-server": EngineRow(
        "mimo.engines.upstream.llama_server.engine:LlamaServer", "llama.cpp's own server", "POST /completion"
    ),
    "vllm": EngineRow("mimo.engines.upstream.vllm.engine:Vllm", "vLLM", "POST /v1/completions"),
    "sglang": EngineRow("mimo.engines.upstream.sglang.engine:Sglang", "SGLang", "POST /generate"),
    "hosted": EngineRow(
        "mimo.engines.upstream.hosted.engine:Hosted", "any OpenAI-compatible API", "POST /v1/chat/completions"
    ),
})  # fmt: skip
