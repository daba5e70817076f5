"""How a hosted OpenAI-compatible API keeps each parameter, with media and without.

The bounds are those of MiMo's own hosted API: temperature at most 1.5, top_p at least 0.01; with thinking on its models
always use 1.0 and 0.95.
"""

from __future__ import annotations

from mimo.contract.media import MEDIA, megabytes
from mimo.contract.request import ChatRequest
from mimo.engines.upstream.chat import parts
from mimo.engines.upstream.chat.cells import ChatCell, any_strict, chat_column, each, forced, plain, tool_choice, tools
from mimo.engines.upstream.columns import Cell, ours, when
from mimo.types import Media


def _temperature(request: ChatRequest) -> str | None:
    value = request.params.sampling.temperature
    if value > 1.5:
        return f"the hosted API takes at most 1.5, got {value}"
    if request.params.thinking and value != 1.0:
        return f"with thinking on the hosted API always uses 1.0, got {value}"
    return None


def _top_p(request: ChatRequest) -> str | None:
    value = request.params.sampling.top_p
    if value < 0.01:
        return f"the hosted API takes at least 0.01, got {value}"
    if request.params.thinking and value != 0.95:
        return f"with thinking on the hosted API always uses 0.95, got {value}"
    return None


def _holds_schema(request: ChatRequest) -> bool:
    return request.params.json_format is not None and request.params.json_format.schema is not None


def _too_large(media: Media) -> str | None:
    limit = MEDIA[media.kind].inline
    if media.size <= limit:
        return None
    return f"holds {megabytes(media.size)}, and the hosted API takes at most {megabytes(limit)} that it does not fetch"


_THINKING: ChatCell = Cell(
    "mapped",
    '`thinking: {"type": …}`, always sent',
    lambda request: {"thinking": {"type": "enabled" if request.params.thinking else "disabled"}},
)

COLUMN = chat_column({"image": parts.image_url, "audio": parts.audio_uri, "video": parts.video_viewed}, {
    "image": Cell("as is", "`image_url`, a data URI", refuse=each("image", _too_large)),
    "audio": Cell("as is", "`input_audio`, a data URI", refuse=each("audio", _too_large)),
    "video": Cell("as is", "`video_url`, a data URI", refuse=each("video", _too_large)),
    "fps": Cell("as is", "`fps` in the part of the video"),
    "media_resolution": Cell("as is", "`media_resolution` in the part of the video"),
    "temperature": Cell("as is", "`temperature`; above 1.5 refused; with thinking on only 1.0",
        plain("temperature"), _temperature),
    "top_p": Cell("as is", "`top_p`; below 0.01 refused; with thinking on only 0.95", plain("top_p"), _top_p),
    "max_completion_tokens": Cell("as is", "`max_completion_tokens`; counted by the API, and its chunks by us",
        plain("max_completion_tokens")),
    "max_tokens": Cell("as is", "an alias of max_completion_tokens"),
    "frequency_penalty": Cell("as is", "`frequency_penalty`", plain("frequency_penalty")),
    "presence_penalty": Cell("as is", "`presence_penalty`", plain("presence_penalty")),
    **dict.fromkeys(("thinking", "reasoning_effort", "chat_template_kwargs"), _THINKING),
    "thinking.budget_tokens": Cell("refused", "no such parameter there", refuse=when(
        lambda request: request.params.thinking_budget is not None, "the hosted API has no bound on reasoning")),
    "seed": Cell("refused", "unknown there: refused when given", refuse=when(
        lambda request: request.params.seed_given, "the hosted API knows no seed; leave it out")),
    "logprobs": Cell("refused", "not given there", refuse=when(
        lambda request: request.params.sampling.logprobs is not None,
        "the hosted API gives no raw log-probabilities")),
    "top_logprobs": Cell("refused", "as logprobs"),
    "logit_bias": Cell("refused", "token ids mean nothing there", refuse=when(
        lambda request: request.params.sampling.logit_bias, "the hosted API takes no token ids")),
    "tools": Cell("as is", "`tools`; `strict` refused", tools, when(
        any_strict, "strict: the hosted API holds no arguments to a schema; leave it out")),
    "tool_choice": Cell("as is", "`auto`, `none`; others refused", tool_choice, when(
        forced, "the hosted API drops any choice but auto and none")),
    "response_format": Cell("as is", "`text`, `json_object`; a schema is refused", lambda request: {}
        if request.params.json_format is None else {"response_format": {"type": "json_object"}},
        when(_holds_schema, "the hosted API holds no schema; use json_object")),
    "what the contract lacks": ours("never sent"),
    "end of turn": ours("the API's `finish_reason`"),
})  # fmt: skip
MEDIA_COLUMN = COLUMN
