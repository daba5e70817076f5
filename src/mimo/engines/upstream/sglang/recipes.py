"""How SGLang is started on each of MiMo's weights. None was run here for want of the GPUs."""

from __future__ import annotations

from types import MappingProxyType

from mimo.engines.upstream.recipes import HUB, Recipe

_SGLANG = (
    "python3", "-m", "sglang.launch_server", "--model-path", "{model}", "--port", "{port}", "--trust-remote-code",
    "--incremental-streaming-output", "--enable-cache-report",
)  # fmt: skip
_PARSERS = ("--reasoning-parser", "mimo", "--tool-call-parser", "mimo")
_DP = ("--tp-size", "{gpus}", "--dp-size", "{replicas}", "--enable-dp-attention", "--moe-a2a-backend", "deepep")
_MTP = (
    "--speculative-algorithm", "EAGLE", "--speculative-num-steps", "3", "--speculative-eagle-topk", "1",
    "--speculative-num-draft-tokens", "4",
)  # fmt: skip
_ENVIRONMENT = MappingProxyType({"SGLANG_RETURN_ORIGINAL_LOGPROB": "1"})
_MTP_ENVIRONMENT = MappingProxyType({**_ENVIRONMENT, "SGLANG_ENABLE_SPEC_V2": "1"})
_FLASH = (
    "--page-size", "1", "--mem-fraction-static", "0.75", "--max-running-requests", "128",
    "--chunked-prefill-size", "16384", "--context-length", "262144", "--attention-backend", "fa3",
)  # fmt: skip
_26 = (
    "--tp", "{gpus}", "--ep", "{gpus}", "--moe-runner-backend", "deep_gemm", "--moe-a2a-backend", "deepep",
    "--attention-backend", "fa4", "--speculative-algorithm", "DFLASH", "--speculative-num-draft-tokens", "8",
    "--disable-radix-cache",
)  # fmt: skip

RECIPES: tuple[Recipe, ...] = (
    Recipe("sglang", "MiMo-V2-Flash", f"{HUB}V2-Flash", _SGLANG + _DP + _FLASH + _MTP + _PARSERS, 8, 4,
           _MTP_ENVIRONMENT, source="SGLang pull requests 15207 and 15208"),
    Recipe("sglang", "MiMo-V2.5", f"{HUB}V2.5", _SGLANG + _DP + _MTP + _PARSERS, 8, 4, _MTP_ENVIRONMENT,
           source="SGLang; attention in groups of 4"),
    Recipe("sglang", "MiMo-V2.5-Pro", f"{HUB}V2.5-Pro", _SGLANG + _DP + _MTP + _PARSERS, 16, 8, _MTP_ENVIRONMENT,
           source="SGLang; several nodes"),
    Recipe("sglang", "MiMo-V2.6-Flash", f"{HUB}V2.6-Flash-RL", _SGLANG + _26 + _PARSERS, 4, 4, _ENVIRONMENT,
           source="SGLang pull request 40448; DFlash turns the prefix cache off"),
    Recipe("sglang", "MiMo-V2.6-Pro", f"{HUB}V2.6-Pro-RL", _SGLANG + _26 + _PARSERS, 8, 8, _ENVIRONMENT,
           source="SGLang pull request 40448; DFlash turns the prefix cache off"),
    Recipe("sglang", "any other", "", (*_SGLANG, "--tp-size", "{gpus}"), 1, 1, _ENVIRONMENT,
           source="what mimo needs of it"),
)  # fmt: skip
