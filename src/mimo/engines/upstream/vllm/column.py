"""How vLLM keeps each parameter: on its raw route, and on its chat route where a request holds media.

Read in the sources of vLLM 0.32. The chat route was not run with a model that sees.
"""

from __future__ import annotations

from mimo.contract.request import ChatRequest
from mimo.engines.upstream.chat import parts
from mimo.engines.upstream.chat.cells import BIAS, THINKING, limit, media_column, on_params, plain, strict, tools
from mimo.engines.upstream.columns import Body, Cell, Refusal, when
from mimo.engines.upstream.raw.cells import (
    LOGIT_BIAS,
    PENALTIES,
    STOP_IDS,
    RawCell,
    raw_column,
    switched_off,
    temperature,
)
from mimo.engines.upstream.raw.cells import limit as raw_limit

_TEMPERATURE: RawCell = Cell(
    "as is",
    "`temperature`; between 0 and 0.01 refused (it would become 0.01)",
    temperature,
    when(lambda given: 0 < given.sampling.temperature < 0.01, "vLLM raises values between 0 and 0.01 to 0.01"),
)
_SEED: RawCell = Cell(
    "mapped", "`seed`: 63 bits derived from seed and choice", lambda request: {"seed": request.sampling.seed}
)
_OFF = switched_off("`top_k`, `min_p`, `repetition_penalty`", {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0})

COLUMN = raw_column({
    "messages": Cell("mapped", "`prompt`: our token ids; `return_token_ids`, special tokens kept", lambda request: {
        "model": request.model, "prompt": request.prompt, "add_special_tokens": False, "return_token_ids": True,
        "skip_special_tokens": False, "spaces_between_special_tokens": False, "n": 1}),
    "temperature": _TEMPERATURE,
    "max_completion_tokens": raw_limit("max_tokens"),
    **PENALTIES,
    "stream_options": Cell("ours", "counted from the ids; asked for the cached ones", lambda request: {
        "stream_options": {"include_usage": True}}),
    "seed": _SEED,
    "logprobs": Cell("mapped", "`logprobs`, by token id: raw (needs `--logprobs-mode raw_logprobs`, the default, and "
        "`--max-logprobs` of at least 20, the default)", lambda request: {} if request.sampling.logprobs is None else {
        "logprobs": request.sampling.logprobs, "return_tokens_as_token_ids": True}),
    "logit_bias": LOGIT_BIAS,
    "what the contract lacks": _OFF,
    "end of turn": STOP_IDS,
})  # fmt: skip


def _one_rate(request: ChatRequest) -> Refusal | None:
    videos = [media for media in request.media if media.kind == "video"]
    other = next((media for media in videos if media.fps != videos[0].fps), None)
    return None if other is None else Refusal(f"{other.path}.fps", "vLLM looks at all videos of a request at one rate")


def _rate(request: ChatRequest) -> Body:
    rates = [media.fps for media in request.media if media.kind == "video"]
    return {"media_io_kwargs": {"video": {"fps": rates[0], "num_frames": -1}}} if rates else {}


MEDIA_COLUMN = media_column({"image": parts.image_url, "audio": parts.audio_url, "video": parts.video_url}, {
    "image": Cell("mapped", "`image_url`, a data URI"),
    "audio": Cell("mapped", "`audio_url`, a data URI"),
    "video": Cell("mapped", "`video_url`, a data URI"),
    "fps": Cell("mapped", "`media_io_kwargs.video.fps`, with `num_frames: -1`; one for all videos of a request. "
        "MiMo's own processor in vLLM 0.32 counts a second a frame whatever the rate", _rate, _one_rate),
    "temperature": on_params(_TEMPERATURE),
    "top_p": on_params(COLUMN["top_p"]),
    "max_completion_tokens": limit("max_completion_tokens",
        ", which refuses what exceeds its window together with the prompt"),
    "frequency_penalty": Cell("as is", "`frequency_penalty`", plain("frequency_penalty")),
    "presence_penalty": Cell("as is", "`presence_penalty`", plain("presence_penalty")),
    **dict.fromkeys(("thinking", "reasoning_effort", "chat_template_kwargs"), THINKING),
    "seed": on_params(_SEED),
    "logit_bias": BIAS,
    "tools": Cell("as is", "`tools`, without `strict`; needs `--enable-auto-tool-choice --tool-call-parser`",
        tools, strict),
    "what the contract lacks": on_params(_OFF),
})  # fmt: skip
