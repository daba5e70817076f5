"""How vLLM is started on each of MiMo's weights. None was run here for want of the GPUs."""

from __future__ import annotations

from mimo.engines.upstream.recipes import HUB, Recipe

_VLLM = (
    "vllm", "serve", "{model}", "--port", "{port}", "--tensor-parallel-size", "{gpus}", "--trust-remote-code",
    "--gpu-memory-utilization", "0.9", "--generation-config", "vllm", "--enable-prompt-tokens-details",
)  # fmt: skip
_PARSERS = ("--reasoning-parser", "mimo", "--tool-call-parser", "mimo", "--enable-auto-tool-choice")
_WINDOW = ("--max-model-len", "auto")
_26 = (*_WINDOW, "--hf-overrides", '{{"moe_router_dtype":"bfloat16"}}', "--moe-backend", "marlin")

RECIPES: tuple[Recipe, ...] = (
    Recipe("vllm", "MiMo-V2-Flash", f"{HUB}V2-Flash", _VLLM + _PARSERS, 4, 4, source="vLLM pull request 30836"),
    Recipe("vllm", "MiMo-V2.5", f"{HUB}V2.5", _VLLM + _WINDOW + _PARSERS, 4, 4, source="vLLM 0.21 and newer"),
    Recipe("vllm", "MiMo-V2.5-Pro", f"{HUB}V2.5-Pro", _VLLM + _WINDOW + _PARSERS, 16, 8,
           source="vLLM 0.21 and newer; several nodes"),
    Recipe("vllm", "MiMo-V2.6-Flash", f"{HUB}V2.6-Flash-RL", _VLLM + _26 + _PARSERS, 4, 4,
           source="vLLM pull request 57784; without its drafter"),
    Recipe("vllm", "MiMo-V2.6-Pro", f"{HUB}V2.6-Pro-RL", _VLLM + _26 + _PARSERS, 8, 8,
           source="vLLM pull request 57784; without its drafter"),
    Recipe("vllm", "any other", "", _VLLM, 1, source="what mimo needs of it"),
)  # fmt: skip
