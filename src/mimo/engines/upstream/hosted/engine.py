"""A hosted API: any OpenAI-compatible chat route, with presets for MiMo's own.

It renders, samples and splits by itself, so what comes back is events and not tokens; counts are its own usage. `stop`
is still ours, `n` is n requests. Not run against a real one: tested with answers of their shape.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mimo.contract.errors import EngineError
from mimo.contract.request import ChatRequest
from mimo.engines.base import Capabilities, EngineInfo
from mimo.engines.upstream.chat.route import ChatRoute
from mimo.engines.upstream.chat.stream import ChatStream
from mimo.engines.upstream.engine import UpstreamEngine
from mimo.engines.upstream.hosted.column import COLUMN
from mimo.engines.upstream.http.client import Client, Probe
from mimo.engines.upstream.options import UpstreamOptions
from mimo.tokenizers.base import Tokenizer
from mimo.tokenizers.load import load_tokenizer
from mimo.tokenizers.unknown import NoTokenizer
from mimo.types import MediaKind

_WINDOW = 1_048_576
_PROBE = Probe("/models", 30.0, at_once=True, healthy=lambda status: status < 500)
"""An API that refuses the key or has no such route is there all the same; asked rarely, since it is not ours."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A known API: its address and which of its ids answers for which of the contract's."""

    url: str
    models: Mapping[str, str] = field(default_factory=dict)


PRESETS: Mapping[str, Preset] = MappingProxyType({
    "xiaomi": Preset("https://api.xiaomimimo.com/v1", {
        "mimo-v2-pro": "mimo-v2.6-pro",
        "mimo-v2-omni": "mimo-v2.6-flash",
        "mimo-v2-flash": "mimo-v2.6-flash",
    }),
})  # fmt: skip
"""Ids as of November 2026, from others' catalogues; `--upstream-model` names another for all."""


Options = UpstreamOptions


async def start(options: UpstreamOptions, on_progress: object = None) -> Hosted:
    """Not waited for: one that is away is seen by its health check. `tokenizer` is only for POST /v1/tokenize. Raises
    `EngineError`."""
    presets = [PRESETS[url] for url in options.upstream if url in PRESETS]
    models = presets[0].models if presets else {}
    if options.upstream_model is None and not models:
        raise EngineError("hosted needs the id to ask for there: --upstream-model")
    tokenizer: Tokenizer = NoTokenizer()
    if options.tokenizer is not None:
        tokenizer = (await asyncio.to_thread(load_tokenizer, options.tokenizer)).tokenizer
    urls = [PRESETS[url].url if url in PRESETS else url for url in options.upstream]
    client = Client(urls, key=options.upstream_key, timeout=options.upstream_timeout)
    client.open()
    client.watch(_PROBE)
    media = ("image", "audio", "video") if options.media is None else options.media
    return Hosted(client, tokenizer, models=models, model=options.upstream_model, media=media)


class Hosted(UpstreamEngine):
    """An OpenAI-compatible chat API. `model`: the id to ask for; else that of the contract's id in `models`.
    `media`: what its models take in addition to text."""

    def __init__(
        self,
        client: Client,
        tokenizer: Tokenizer,
        *,
        models: Mapping[str, str],
        model: str | None,
        media: tuple[MediaKind, ...],
    ) -> None:
        super().__init__(client, ChatRoute(client, "/chat/completions", COLUMN, self.answers), _PROBE)
        self.tokenizer = tokenizer
        self.capabilities = Capabilities(media=media, tokens=False)
        self._models = models
        self._wanted = model
        shown = model or " or ".join(dict.fromkeys(models.values()))
        self.info = EngineInfo("hosted", shown, _WINDOW, f"hosted-{'-'.join(shown.split())}")

    def answers(self, model_id: str) -> str:
        return self._wanted or self._models.get(model_id) or next(iter(self._models.values()))

    def chat(self, request: ChatRequest) -> ChatStream:
        return self._chat.chat(request)
