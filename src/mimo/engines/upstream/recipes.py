"""How each engine is started on each of MiMo's weights: one literal table. Knows no process and no flags of ours.

`{gpus}`, `{replicas}` (groups of four GPUs, as attention wants them), `{port}` and `{model}` are filled in. The parsers
are for clients that talk to the engine directly; mimo itself reads tokens. Written from the engines' own recipes and
pull requests of November 2026; none was run here for want of the GPUs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mimo.contract.errors import StartError

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Recipe:
    """One row. `model`: what the person types; `weights`: what is loaded. `gpus`: how many unless told otherwise,
    0 if none is needed. `multiple`: of what their number must be one. `source`: who says so."""

    engine: str
    model: str
    weights: str
    command: tuple[str, ...]
    gpus: int = 0
    multiple: int = 1
    environment: Mapping[str, str] = field(default_factory=lambda: _NONE)
    source: str = ""


_VLLM = (
    "vllm", "serve", "{model}", "--port", "{port}", "--tensor-parallel-size", "{gpus}", "--trust-remote-code",
    "--gpu-memory-utilization", "0.9", "--generation-config", "vllm", "--enable-prompt-tokens-details",
)  # fmt: skip
_VLLM_PARSERS = ("--reasoning-parser", "mimo", "--tool-call-parser", "mimo", "--enable-auto-tool-choice")
_VLLM_26 = (
    "--max-model-len", "auto", "--hf-overrides", '{{"moe_router_dtype":"bfloat16"}}', "--moe-backend", "marlin",
)  # fmt: skip
_SGLANG = (
    "python3", "-m", "sglang.launch_server", "--model-path", "{model}", "--port", "{port}", "--trust-remote-code",
    "--incremental-streaming-output", "--enable-cache-report",
)  # fmt: skip
_SGLANG_PARSERS = ("--reasoning-parser", "mimo", "--tool-call-parser", "mimo")
_SGLANG_DP = ("--tp-size", "{gpus}", "--dp-size", "{replicas}", "--enable-dp-attention", "--moe-a2a-backend", "deepep")
_SGLANG_MTP = (
    "--speculative-algorithm", "EAGLE", "--speculative-num-steps", "3", "--speculative-eagle-topk", "1",
    "--speculative-num-draft-tokens", "4",
)  # fmt: skip
_SGLANG_ENVIRONMENT = MappingProxyType({"SGLANG_RETURN_ORIGINAL_LOGPROB": "1"})
_SGLANG_MTP_ENVIRONMENT = MappingProxyType({**_SGLANG_ENVIRONMENT, "SGLANG_ENABLE_SPEC_V2": "1"})
_SGLANG_FLASH = (
    "--page-size", "1", "--mem-fraction-static", "0.75", "--max-running-requests", "128",
    "--chunked-prefill-size", "16384", "--context-length", "262144", "--attention-backend", "fa3",
)  # fmt: skip
_SGLANG_26 = (
    "--tp", "{gpus}", "--ep", "{gpus}", "--moe-runner-backend", "deep_gemm", "--moe-a2a-backend", "deepep",
    "--attention-backend", "fa4", "--speculative-algorithm", "DFLASH", "--speculative-num-draft-tokens", "8",
    "--disable-radix-cache",
)  # fmt: skip
_LLAMA = ("llama-server", "-m", "{model}", "--port", "{port}", "--jinja")
_HUB = "XiaomiMiMo/MiMo-"

RECIPES: tuple[Recipe, ...] = (
    Recipe("vllm", "MiMo-V2-Flash", f"{_HUB}V2-Flash", _VLLM + _VLLM_PARSERS, 4, 4,
           source="vLLM pull request 30836"),
    Recipe("vllm", "MiMo-V2.5", f"{_HUB}V2.5", (*_VLLM, "--max-model-len", "auto", *_VLLM_PARSERS), 4, 4,
           source="vLLM 0.21 and newer"),
    Recipe("vllm", "MiMo-V2.5-Pro", f"{_HUB}V2.5-Pro", (*_VLLM, "--max-model-len", "auto", *_VLLM_PARSERS), 16, 8,
           source="vLLM 0.21 and newer; several nodes"),
    Recipe("vllm", "MiMo-V2.6-Flash", f"{_HUB}V2.6-Flash-RL", _VLLM + _VLLM_26 + _VLLM_PARSERS, 4, 4,
           source="vLLM pull request 57784; without its drafter"),
    Recipe("vllm", "MiMo-V2.6-Pro", f"{_HUB}V2.6-Pro-RL", _VLLM + _VLLM_26 + _VLLM_PARSERS, 8, 8,
           source="vLLM pull request 57784; without its drafter"),
    Recipe("sglang", "MiMo-V2-Flash", f"{_HUB}V2-Flash",
           _SGLANG + _SGLANG_DP + _SGLANG_FLASH + _SGLANG_MTP + _SGLANG_PARSERS, 8, 4, _SGLANG_MTP_ENVIRONMENT,
           source="SGLang pull requests 15207 and 15208"),
    Recipe("sglang", "MiMo-V2.5", f"{_HUB}V2.5", _SGLANG + _SGLANG_DP + _SGLANG_MTP + _SGLANG_PARSERS, 8, 4,
           _SGLANG_MTP_ENVIRONMENT, source="SGLang; attention in groups of 4"),
    Recipe("sglang", "MiMo-V2.5-Pro", f"{_HUB}V2.5-Pro", _SGLANG + _SGLANG_DP + _SGLANG_MTP + _SGLANG_PARSERS, 16, 8,
           _SGLANG_MTP_ENVIRONMENT, source="SGLang; several nodes"),
    Recipe("sglang", "MiMo-V2.6-Flash", f"{_HUB}V2.6-Flash-RL", _SGLANG + _SGLANG_26 + _SGLANG_PARSERS, 4, 4,
           _SGLANG_ENVIRONMENT, source="SGLang pull request 40448; DFlash turns the prefix cache off"),
    Recipe("sglang", "MiMo-V2.6-Pro", f"{_HUB}V2.6-Pro-RL", _SGLANG + _SGLANG_26 + _SGLANG_PARSERS, 8, 8,
           _SGLANG_ENVIRONMENT, source="SGLang pull request 40448; DFlash turns the prefix cache off"),
    Recipe("vllm", "any other", "", _VLLM, 1, source="what mimo needs of it"),
    Recipe("sglang", "any other", "", (*_SGLANG, "--tp-size", "{gpus}"), 1, 1, _SGLANG_ENVIRONMENT,
           source="what mimo needs of it"),
    Recipe("llama-server", "any GGUF", "", _LLAMA, source="llama.cpp pull requests 18328, 22493, 29257"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Launch:
    """A command with everything filled in."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    port: int


def launch(engine: str, model: str, *, gpus: int | None = None, port: int = 8000, more: tuple[str, ...] = ()) -> Launch:
    """The command for `engine` on `model`, a name in the table, an id on a hub or a path; `more` is put at its end.

    Raises `StartError` for an engine or a number of GPUs that no recipe knows.
    """
    rows = [row for row in RECIPES if row.engine == engine]
    if not rows:
        known = ", ".join(dict.fromkeys(row.engine for row in RECIPES))
        raise StartError(f"there is no recipe for {engine}; those there are: {known}")
    name = model.removeprefix(_HUB.removesuffix("MiMo-")).lower()
    row = next((row for row in rows if name in (row.model.lower(), row.weights.lower().rpartition("/")[2])), rows[-1])
    count = gpus or row.gpus
    if count % row.multiple:
        raise StartError(f"{row.model} on {engine} needs a multiple of {row.multiple} GPUs, got {count}")
    values = {
        "model": model if row is rows[-1] else row.weights,
        "gpus": count,
        "replicas": max(1, count // 4),
        "port": port,
    }
    return Launch((*(part.format(**values) for part in row.command), *more), row.environment, port)
