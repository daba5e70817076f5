"""How SGLang keeps each parameter: on its raw route, and on its chat route where a request holds media.

Read in the sources of SGLang 0.5; neither route was run against a real server.
"""

from __future__ import annotations

from dataclasses import replace

from mimo.engines.upstream.chat import parts
from mimo.engines.upstream.chat.cells import (
    BIAS,
    THINKING,
    enable_thinking,
    limit,
    media_column,
    on_params,
    plain,
    strict,
    tools,
)
from mimo.engines.upstream.columns import Cell, when
from mimo.engines.upstream.raw.cells import (
    LOGIT_BIAS,
    PENALTIES,
    STOP_IDS,
    RawCell,
    in_parts,
    raw_column,
    switched_off,
    temperature,
)
from mimo.engines.upstream.raw.cells import limit as raw_limit
from mimo.types import TokenRequest


def _not_raw(given: TokenRequest) -> bool:
    sampling = given.sampling
    changed = sampling.frequency_penalty or sampling.presence_penalty or sampling.logit_bias
    asked = sampling.logprobs is not None
    return asked and bool(changed or in_parts(given) or given.min_tokens or sampling.temperature not in (0, 1))


_UNRAW = "SGLang gives log-probabilities after penalties, bias and temperature; leave those at their defaults"
_TEMPERATURE: RawCell = Cell("as is", "`temperature`", temperature)
_OFF = switched_off("`top_k`, `min_p`, `repetition_penalty`", {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0})

COLUMN = raw_column({
    "messages": Cell("mapped", "`input_ids`: our token ids; special tokens kept", lambda request: {
        "input_ids": request.prompt, "skip_special_tokens": False, "spaces_between_special_tokens": False, "n": 1}),
    "temperature": _TEMPERATURE,
    "max_completion_tokens": raw_limit("max_new_tokens"),
    **PENALTIES,
    "seed": Cell("mapped", "`sampling_seed`: 31 bits derived from seed and choice; in force only under "
        "`--enable-deterministic-inference`", lambda request: {"sampling_seed": request.sampling.seed % 2**31}),
    "logprobs": Cell("mapped", "`return_logprob`; refused with penalties, bias, a budget, a grammar, and "
        "temperatures other than 0 and 1, whose effect they would hold", lambda request: {
        "return_logprob": request.sampling.logprobs is not None, "top_logprobs_num": request.sampling.logprobs or 0},
        when(_not_raw, _UNRAW)),
    "logit_bias": LOGIT_BIAS,
    "what the contract lacks": _OFF,
    "end of turn": STOP_IDS,
})  # fmt: skip

MEDIA_COLUMN = media_column({"image": parts.image_url, "audio": parts.audio_url, "video": parts.video_fps}, {
    "image": Cell("mapped", "`image_url`, a data URI"),
    "audio": Cell("mapped", "`audio_url`, a data URI"),
    "video": Cell("mapped", "`video_url`, a data URI"),
    "fps": Cell("mapped", "`video_url.fps`"),
    "temperature": on_params(_TEMPERATURE),
    "top_p": on_params(COLUMN["top_p"]),
    "max_completion_tokens": limit("max_completion_tokens"),
    "frequency_penalty": Cell("as is", "`frequency_penalty`", plain("frequency_penalty")),
    "presence_penalty": Cell("as is", "`presence_penalty`", plain("presence_penalty")),
    **dict.fromkeys(("thinking", "reasoning_effort", "chat_template_kwargs"), replace(
        THINKING, send=lambda request: {**enable_thinking(request), "separate_reasoning": True})),
    "seed": Cell("mapped", "`seed`: 31 bits derived from seed and choice; in force only under "
        "`--enable-deterministic-inference`", lambda request: {"seed": request.params.sampling.seed % 2**31}),
    "logit_bias": BIAS,
    "tools": Cell("as is", "`tools`, without `strict`; needs `--tool-call-parser`", tools, strict),
    "what the contract lacks": on_params(_OFF),
})  # fmt: skip
