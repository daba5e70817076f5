"""A value of every parameter that is not its default, and what of it reaches an engine; for the sweeps."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

PRINTER = runpy.run_path(str(Path(__file__).parents[3] / "docs" / "print_tables.py"))
"""What prints the tables of docs/engines.md, and so knows every column."""

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
THINKING = {"type": "enabled"}

PROBES: dict[str, dict[str, Any]] = {
    "messages": {"messages": [{"role": "user", "content": "another"}]},
    "temperature": {"temperature": 0.7},
    "top_p": {"top_p": 0.5},
    "max_completion_tokens": {"max_completion_tokens": 7},
    "max_tokens": {"max_tokens": 7},
    "frequency_penalty": {"frequency_penalty": 0.5},
    "presence_penalty": {"presence_penalty": -0.5},
    "stream": {"stream": True},
    "stream_options": {"stream": True, "stream_options": {"include_usage": True}},
    "stop": {"stop": ["yes"]},
    "thinking": {"thinking": THINKING},
    "thinking.budget_tokens": {"thinking": {**THINKING, "budget_tokens": 5}},
    "reasoning_effort": {"reasoning_effort": "high"},
    "chat_template_kwargs": {"chat_template_kwargs": {"enable_thinking": True}},
    "seed": {"seed": 8},
    "n": {"n": 2},
    "logprobs": {"logprobs": True},
    "top_logprobs": {"logprobs": True, "top_logprobs": 3},
    "logit_bias": {"logit_bias": {"300": 5.0}},
    "ignore_eos": {"ignore_eos": True},
    "min_tokens": {"min_tokens": 2},
    "tools": {"tools": [TOOL]},
    "tool_choice": {"tools": [TOOL], "tool_choice": "none"},
    "parallel_tool_calls": {"parallel_tool_calls": False},
    "response_format": {"response_format": {"type": "text"}},
    "user": {"user": "somebody"},
    "metadata": {"metadata": {"a": "b"}},
    "store": {"store": True},
}
"""A value of each parameter that is not its default. Where a cell refuses some values, REFUSED has those."""
SPELLED = {"max_tokens", "tools", "tool_choice", "logit_bias", "response_format"}
"""Sent as is, but named or written differently: other tests look at them."""
UNCHANGED = {"tool_choice", "response_format"}
"""Whose probes are what nothing given means."""

_THINKS: dict[str, Any] = {"thinking": {"type": "enabled"}}
_TEMPLATE_THINKS: dict[str, Any] = {"chat_template_kwargs": {"enable_thinking": True}}
_NO_END: dict[str, dict[str, Any]] = {
    "llama-server": {"logit_bias": [[0, -100.0], [2, -100.0]]},
    "vllm": {"logit_bias": {"0": -100.0, "2": -100.0}},
    "sglang": {"logit_bias": {"0": -100.0, "2": -100.0}},
}
MAPPED: dict[str, dict[str, dict[str, Any]]] = {
    "messages": {"hosted": {"messages": PROBES["messages"]["messages"]}},
    "temperature": {"llama-server": {"temperature": 0.7}},
    "max_completion_tokens": {
        "llama-server": {"n_predict": 7},
        "vllm": {"max_tokens": 7},
        "sglang": {"max_new_tokens": 7},
    },
    "max_tokens": {"llama-server": {"n_predict": 7}, "vllm": {"max_tokens": 7}, "sglang": {"max_new_tokens": 7}},
    "thinking": {"hosted": _THINKS},
    "reasoning_effort": {"hosted": _THINKS},
    "chat_template_kwargs": {"hosted": _THINKS},
    "seed": {
        "llama-server": {"seed": 1424131979},
        "vllm": {"seed": 1625231491461319709},
        "sglang": {"sampling_seed": 1045728285},
    },
    "logprobs": {
        "llama-server": {"n_probs": 1},
        "vllm": {"logprobs": 0, "return_tokens_as_token_ids": True},
        "sglang": {"return_logprob": True},
    },
    "top_logprobs": {
        "llama-server": {"n_probs": 3},
        "vllm": {"logprobs": 3, "return_tokens_as_token_ids": True},
        "sglang": {"return_logprob": True, "top_logprobs_num": 3},
    },
    "logit_bias": {"llama-server": {"logit_bias": [[300, 5.0]]}},
    "ignore_eos": _NO_END,
    "min_tokens": _NO_END,
}
"""What each probe changes in the request to an engine whose cell is "mapped". `messages` of the others are a prompt."""

MAPPED_BESIDE_MEDIA: dict[str, dict[str, dict[str, Any]]] = {
    "temperature": {"llama-server": {"temperature": 0.7}},
    "max_tokens": {
        "llama-server": {"max_tokens": 7},
        "vllm": {"max_completion_tokens": 7},
        "sglang": {"max_completion_tokens": 7},
    },
    "thinking": dict.fromkeys(("llama-server", "vllm", "sglang"), _TEMPLATE_THINKS),
    "reasoning_effort": dict.fromkeys(("llama-server", "vllm", "sglang"), _TEMPLATE_THINKS),
    "chat_template_kwargs": dict.fromkeys(("llama-server", "vllm", "sglang"), _TEMPLATE_THINKS),
    "seed": {
        "llama-server": {"seed": 1424131979},
        "vllm": {"seed": 1625231491461319709},
        "sglang": {"seed": 1045728285},
    },
    "logit_bias": {"llama-server": {"logit_bias": [[300, 5.0]]}},
}
"""The same, where the request has media and goes to the engine's chat route."""
