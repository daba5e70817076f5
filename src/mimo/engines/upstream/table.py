"""Parameter × engine, one literal table: how each is kept. Requests are refused and built from it, and docs/engines.md
is printed from it.

    as is     the engine's own parameter means what the contract means
    mapped    sent in another form that gives the same
    ours      never sent: done by this process, the same on every engine
    refused   the engine cannot keep it: 400 unsupported_parameter before anything is sent

A cell of any kind may refuse some values; `how` says which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from mimo.engines.upstream.chat import parts as chat
from mimo.engines.upstream.columns import Cell, Table, as_is, ours
from mimo.engines.upstream.hosted import cells as hosted
from mimo.engines.upstream.raw.request import RawRequest
from mimo.types import TokenRequest

ENGINES = ("llama-server", "vllm", "sglang", "hosted")
_KEPT_MARKS = ["<think>", "</think>", "<tool_call>", "</tool_call>"]
_SEED_32 = 2**32 - 1  # llama-server draws a seed of its own for this very number


def _everywhere(how: str, **different: Cell) -> Mapping[str, Cell]:
    """The same of ours on every engine but those named (hosted, mostly)."""
    return {name: different.get(name.replace("-", "_"), ours(how)) for name in ENGINES}


def _temperature(ask: RawRequest) -> Mapping[str, object]:
    return {"temperature": ask.sampling.temperature if ask.sampling.top_p > 0 else 0.0}


def _top_p(ask: RawRequest) -> Mapping[str, object]:
    return {"top_p": ask.sampling.top_p if ask.sampling.top_p > 0 else 1.0}


def _if(condition: Callable[[Any], object], why: str) -> Callable[[Any], str | None]:
    return lambda given: why if condition(given) else None


def _in_parts(given: TokenRequest) -> bool:
    """Whether it takes several requests to the engine."""
    return given.thinking_budget is not None or given.grammar is not None


def _penalty_restarts(name: str) -> Callable[[TokenRequest], str | None]:
    return _if(
        lambda given: getattr(given.sampling, name) and _in_parts(given),
        "together with thinking.budget_tokens or a grammar it cannot be kept by this engine: it counts anew in every "
        "request that these need; leave one of them out",
    )


def _penalty_counts_prompt(name: str) -> Cell:
    why = "llama-server counts the prompt's tokens too, and only the last 64; leave it at 0"
    refuse = _if(lambda given: getattr(given.sampling, name), why)
    return Cell("refused", "counts the prompt too: only 0", refuse=refuse)


def _sglang_logprobs(given: TokenRequest) -> bool:
    sampling = given.sampling
    changed = sampling.frequency_penalty or sampling.presence_penalty or sampling.logit_bias
    asked = sampling.logprobs is not None
    return asked and bool(changed or _in_parts(given) or sampling.temperature not in (0, 1))


_PENALTY = " Not together with a thinking budget or a grammar."
_UNRAW = "SGLang gives log-probabilities after penalties, bias and temperature; leave those at their defaults"
_GRAMMAR = "our grammar: a token that it does not allow is drawn again under it"
_UNUSED = _everywhere("accepted, unused, not forwarded")
_THINKING = _everywhere(
    "the tail of the prompt", hosted=Cell("mapped", '`thinking: {"type": …}`, always sent', hosted.thinking)
)

TABLE: Table = MappingProxyType({
    "messages": {
        "llama-server": Cell("mapped", "`prompt`: our token ids; `return_tokens`, `preserved_tokens`", lambda ask: {
            "prompt": ask.prompt, "return_tokens": True, "preserved_tokens": _KEPT_MARKS, "cache_prompt": True}),
        "vllm": Cell("mapped", "`prompt`: our token ids; `return_token_ids`, special tokens kept", lambda ask: {
            "model": ask.model, "prompt": ask.prompt, "add_special_tokens": False, "return_token_ids": True,
            "skip_special_tokens": False, "spaces_between_special_tokens": False, "n": 1}),
        "sglang": Cell("mapped", "`input_ids`: our token ids; special tokens kept", lambda ask: {
            "input_ids": ask.prompt, "skip_special_tokens": False, "spaces_between_special_tokens": False, "n": 1}),
        "hosted": Cell("mapped", "`messages`, with `reasoning_content` written back", chat.messages("hosted")),
    },
    "temperature": {
        "llama-server": Cell("mapped", "`temperature`, with `samplers` set so that top_p is cut after it",
            lambda ask: {**_temperature(ask), "samplers": ["penalties", "temperature", "top_p"]}),
        "vllm": Cell("as is", "`temperature`; between 0 and 0.01 refused (it would become 0.01)", _temperature, _if(
            lambda given: 0 < given.sampling.temperature < 0.01, "vLLM raises values between 0 and 0.01 to 0.01")),
        "sglang": Cell("as is", "`temperature`", _temperature),
        "hosted": Cell("as is", "`temperature`; above 1.5 refused; with thinking on only 1.0",
            hosted.plain("temperature"), hosted.temperature),
    },
    "top_p": {
        **{name: Cell("as is", "`top_p`; 0 is sent as temperature 0, which takes the same token", _top_p)
           for name in ("llama-server", "vllm", "sglang")},
        "hosted": Cell("as is", "`top_p`; below 0.01 refused; with thinking on only 0.95",
            hosted.plain("top_p"), hosted.top_p),
    },
    "max_completion_tokens": {
        "llama-server": Cell("mapped", "`n_predict`, at most the room in the window; counted by us",
            lambda ask: {"n_predict": ask.max_tokens}),
        "vllm": Cell("mapped", "`max_tokens`, at most the room in the window; counted by us",
            lambda ask: {"max_tokens": ask.max_tokens}),
        "sglang": Cell("mapped", "`max_new_tokens`, at most the room in the window; counted by us",
            lambda ask: {"max_new_tokens": ask.max_tokens}),
        "hosted": Cell("as is", "`max_completion_tokens`; counted by the API", hosted.plain("max_completion_tokens")),
    },
    "max_tokens": {name: Cell("as is" if name == "hosted" else "mapped", "an alias of max_completion_tokens")
        for name in ENGINES},
    **{name: {
        "llama-server": _penalty_counts_prompt(name),
        "vllm": Cell("as is", f"`{name}`.{_PENALTY}", as_is(name), _penalty_restarts(name)),
        "sglang": Cell("as is", f"`{name}`.{_PENALTY}", as_is(name), _penalty_restarts(name)),
        "hosted": Cell("as is", f"`{name}`", hosted.plain(name)),
    } for name in ("frequency_penalty", "presence_penalty")},
    "stream": {name: Cell("ours", "always streamed from there; collected if the client wants it whole",
        lambda ask: {"stream": True}) for name in ENGINES},
    "stream_options": {
        **_everywhere("counted from the ids"),
        "vllm": Cell("ours", "counted from the ids; asked for the cached ones", lambda ask: {
            "stream_options": {"include_usage": True}}),
        "llama-server": Cell("ours", "counted from the ids; asked for the cached ones", lambda ask: {
            "return_progress": True}),
        "hosted": Cell("ours", "the API's own usage, always asked for", lambda ask: {
            "stream_options": {"include_usage": True}}),
    },
    "stop": _everywhere("matched on visible content, then the request is closed"),
    "thinking": _THINKING,
    "thinking.budget_tokens": _everywhere(
        "the request is closed at the limit and goes on after `</think>`",
        hosted=Cell("refused", "no such parameter there", refuse=hosted.budget),
    ),
    "reasoning_effort": _THINKING,
    "chat_template_kwargs": _THINKING,
    "seed": {
        "llama-server": Cell("mapped", "`seed`: 32 bits derived from seed and choice", lambda ask: {
            "seed": ask.sampling.seed % _SEED_32}),
        "vllm": Cell("mapped", "`seed`: 63 bits derived from seed and choice", lambda ask: {"seed": ask.sampling.seed}),
        "sglang": Cell("mapped", "`sampling_seed`: 31 bits derived from seed and choice; in force only under "
            "`--enable-deterministic-inference`", lambda ask: {"sampling_seed": ask.sampling.seed % 2**31}),
        "hosted": Cell("refused", "unknown there: refused when given", refuse=hosted.seed),
    },
    "n": {name: Cell("mapped", "n requests at once, each with a seed of its own") for name in ENGINES},
    "logprobs": {
        "llama-server": Cell("mapped", "`n_probs` of at least 1, `post_sampling_probs` off: raw", lambda ask: {
            "n_probs": 0 if ask.sampling.logprobs is None else max(1, ask.sampling.logprobs),
            "post_sampling_probs": False}),
        "vllm": Cell("mapped", "`logprobs`, by token id: raw (needs `--logprobs-mode raw_logprobs`, the default, and "
            "`--max-logprobs` of at least 20, the default)", lambda ask: {} if ask.sampling.logprobs is None else {
            "logprobs": ask.sampling.logprobs, "return_tokens_as_token_ids": True}),
        "sglang": Cell("mapped", "`return_logprob`; refused beside penalties, bias, a budget, a grammar, and "
            "temperatures other than 0 and 1, whose effect they would hold", lambda ask: {
            "return_logprob": ask.sampling.logprobs is not None, "top_logprobs_num": ask.sampling.logprobs or 0},
            _if(_sglang_logprobs, _UNRAW)),
        "hosted": Cell("refused", "not given there", refuse=hosted.logprobs),
    },
    "top_logprobs": {name: Cell("refused" if name == "hosted" else "mapped", "as logprobs") for name in ENGINES},
    "logit_bias": {
        "llama-server": Cell("mapped", "`logit_bias`: pairs", lambda ask: {"logit_bias": list(ask.biases.items())}),
        "vllm": Cell("as is", "`logit_bias`", lambda ask: {"logit_bias": ask.biases} if ask.biases else {}),
        "sglang": Cell("as is", "`logit_bias`", lambda ask: {"logit_bias": ask.biases} if ask.biases else {}),
        "hosted": Cell("refused", "token ids mean nothing there", refuse=hosted.logit_bias),
    },
    "tools": _everywhere("in the prompt; calls are read by us", hosted=Cell("as is", "`tools`; `strict` refused",
            hosted.tools, hosted.strict)),
    "tool_choice": _everywhere(_GRAMMAR, hosted=Cell("as is", "`auto`, `none`; others refused",
            hosted.tool_choice, hosted.forced_tools)),
    "parallel_tool_calls": _everywhere("the request is closed after the first call"),
    "response_format": _everywhere(_GRAMMAR, hosted=Cell("as is", "`text`, `json_object`; a schema is refused",
            hosted.response_format, hosted.schema)),
    "user": _UNUSED,
    "metadata": _UNUSED,
    "store": _UNUSED,
    "what the contract lacks": {
        "llama-server": Cell("mapped", "switched off: `top_k`, `min_p`, `typical_p`, `xtc_probability`, "
            "`dry_multiplier`, `repeat_penalty`, `repeat_last_n`, `mirostat`", lambda ask: {
            "top_k": 0, "min_p": 0.0, "typical_p": 1.0, "xtc_probability": 0.0, "dry_multiplier": 0.0,
            "dynatemp_range": 0.0, "top_n_sigma": -1.0, "repeat_penalty": 1.0, "repeat_last_n": 0, "mirostat": 0}),
        "vllm": Cell("mapped", "switched off: `top_k`, `min_p`, `repetition_penalty`", lambda ask: {
            "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}),
        "sglang": Cell("mapped", "switched off: `top_k`, `min_p`, `repetition_penalty`", lambda ask: {
            "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}),
        "hosted": Cell("ours", "never sent"),
    },
    "end of turn": {
        "llama-server": Cell("mapped", "the GGUF's own; known by id", None),
        "vllm": Cell("mapped", "`stop_token_ids`; known by id", lambda ask: {"stop_token_ids": ask.end_ids}),
        "sglang": Cell("mapped", "`stop_token_ids`; known by id", lambda ask: {"stop_token_ids": ask.end_ids}),
        "hosted": Cell("ours", "the API's `finish_reason`"),
    },
})  # fmt: skip


def column(engine: str) -> list[tuple[str, Cell]]:
    """The cells of one engine, by parameter."""
    return [(name, cells[engine]) for name, cells in TABLE.items()]
