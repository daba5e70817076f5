"""How llama-server keeps each parameter: on its raw route, and on its chat route where a request holds media.

Read in the sources of llama.cpp, and run for real.
"""

from __future__ import annotations

from mimo.contract.media import DEFAULT_FPS
from mimo.engines.upstream.chat import parts
from mimo.engines.upstream.chat.cells import (
    each,
    enable_thinking,
    formats,
    limit,
    media_column,
    on_params,
    strict,
    tools,
)
from mimo.engines.upstream.columns import Cell, when
from mimo.engines.upstream.raw.cells import RawCell, raw_column, switched_off, temperature
from mimo.engines.upstream.raw.cells import limit as raw_limit
from mimo.types import CALL, THINK

_KEPT_MARKS = [*THINK, *CALL]
_SEED_32 = 2**32 - 1
"""llama-server draws a seed of its own for this very number."""


def _penalty(name: str, unless: str = "") -> RawCell:
    """`unless`: what the operator may do about it."""
    why = "llama-server counts the prompt's tokens too, and only the last 64; leave it at 0"
    if unless:
        why += f", or let the operator start mimo with {unless}"
    how = "counts the prompt too: only 0" + (f", unless `{unless}`" if unless else "")
    return Cell("refused", how, refuse=when(lambda given: getattr(given.sampling, name), why))


_TEMPERATURE: RawCell = Cell(
    "mapped",
    "`temperature`, with `samplers` set so that top_p is cut after it",
    lambda request: {**temperature(request), "samplers": ["penalties", "temperature", "top_p"]},
)
_SEED: RawCell = Cell(
    "mapped", "`seed`: 32 bits derived from seed and choice", lambda request: {"seed": request.sampling.seed % _SEED_32}
)
_OFF = switched_off(
    "`top_k`, `min_p`, `typical_p`, `xtc_probability`, `dry_multiplier`, `repeat_penalty`, `repeat_last_n`, `mirostat`",
    {
        "top_k": 0,
        "min_p": 0.0,
        "typical_p": 1.0,
        "xtc_probability": 0.0,
        "dry_multiplier": 0.0,
        "dynatemp_range": 0.0,
        "top_n_sigma": -1.0,
        "repeat_penalty": 1.0,
        "repeat_last_n": 0,
        "mirostat": 0,
    },
)

COLUMN = raw_column({
    "messages": Cell("mapped", "`prompt`: our token ids; `return_tokens`, `preserved_tokens`", lambda request: {
        "prompt": request.prompt, "return_tokens": True, "preserved_tokens": _KEPT_MARKS, "cache_prompt": True}),
    "temperature": _TEMPERATURE,
    "max_completion_tokens": raw_limit("n_predict"),
    "frequency_penalty": _penalty("frequency_penalty", "--exact-penalties"),
    "presence_penalty": _penalty("presence_penalty", "--exact-penalties"),
    "stream_options": Cell("ours", "counted from the ids; asked for the cached ones", lambda request: {
        "return_progress": True}),
    "seed": _SEED,
    "logprobs": Cell("mapped", "`n_probs` of at least 1, `post_sampling_probs` off: raw", lambda request: {
        "n_probs": 0 if request.sampling.logprobs is None else max(1, request.sampling.logprobs),
        "post_sampling_probs": False}),
    "logit_bias": Cell("mapped", "`logit_bias`: pairs", lambda request: {"logit_bias": list(request.biases.items())}),
    "what the contract lacks": _OFF,
    "end of turn": Cell("mapped", "the GGUF's own; known by id"),
})  # fmt: skip

MEDIA_COLUMN = media_column({"image": parts.image_url, "audio": parts.audio_base64, "video": parts.video_base64}, {
    "image": Cell("mapped", "`image_url`, a data URI; webp refused",
        refuse=formats("image", "jpeg", "png", "gif", "bmp")),
    "audio": Cell("mapped", "`input_audio`, base64; only mp3, wav, flac",
        refuse=formats("audio", "mp3", "wav", "flac")),
    "video": Cell("mapped", "`input_video`, base64"),
    "fps": Cell("refused", f"a setting of its start: only {DEFAULT_FPS:g}, which it must be started with",
        refuse=each("video", lambda media: None if media.fps == DEFAULT_FPS else
            f"llama-server looks at videos at the rate it was started with, for which {DEFAULT_FPS:g} stands here",
            ".fps")),
    "temperature": on_params(_TEMPERATURE),
    "top_p": on_params(COLUMN["top_p"]),
    "max_completion_tokens": limit("max_tokens"),
    "frequency_penalty": on_params(_penalty("frequency_penalty")),
    "presence_penalty": on_params(_penalty("presence_penalty")),
    **dict.fromkeys(("thinking", "reasoning_effort", "chat_template_kwargs"), Cell(
        "mapped", "`chat_template_kwargs.enable_thinking`, `reasoning_format`",
        lambda request: {**enable_thinking(request), "reasoning_format": "deepseek"})),
    "seed": on_params(_SEED),
    "logit_bias": Cell("mapped", "`logit_bias`: pairs", lambda request: {
        "logit_bias": list(request.params.sampling.logit_bias)}),
    "tools": Cell("as is", "`tools`, without `strict`; needs `--jinja`", tools, strict),
    "what the contract lacks": on_params(_OFF),
})  # fmt: skip
