"""A hosted API behind us: any OpenAI-compatible chat route, with presets for MiMo's own.

It renders, samples and splits by itself, so what comes back is events and not tokens; counts are its own usage. `stop`
is still ours, `n` is n requests. Not run against a real one: tested with answers of their shape.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from mimo.contract.request import ChatRequest
from mimo.engines.base import ChatEngine, EngineError, EngineInfo
from mimo.engines.upstream.chat.route import ChatRoute
from mimo.engines.upstream.chat.stream import ChatStream
from mimo.engines.upstream.hosted.column import COLUMN
from mimo.engines.upstream.http.client import Client
from mimo.tokenizers.base import Tokenizer
from mimo.tokenizers.load import load_tokenizer
from mimo.tokenizers.unknown import NoTokenizer
from mimo.types import MediaKind

_WINDOW = 1_048_576


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


class Hosted(ChatEngine):
    """An OpenAI-compatible chat API. `urls`: its base with the `/v1`, or the name of a preset."""

    name = "hosted"
    chat_template = None

    def __init__(
        self,
        urls: Sequence[str],
        *,
        model: str | None = None,
        tokenizer: Path | None = None,
        key: str | None = None,
        timeout: float = 300.0,
        wait: float = 60.0,
        media: Sequence[MediaKind] | None = None,
    ) -> None:
        """`tokenizer`: only for POST /v1/tokenize. `wait` is not used: an API that is away is seen at the request.
        `media`: what its model takes beside text; None: all there is, as the contract's row of the model says."""
        presets = [PRESETS[url] for url in urls if url in PRESETS]
        self._models = presets[0].models if presets else {}
        self._wanted = model
        self._tokenizer_path = tokenizer
        self.client = Client([PRESETS[url].url if url in PRESETS else url for url in urls], key=key, timeout=timeout)
        self.media = ("image", "audio", "video") if media is None else tuple(media)
        self._route = ChatRoute(self.client, "/chat/completions", COLUMN, self.model_id)

    async def start(self) -> None:
        if self._wanted is None and not self._models:
            raise EngineError("hosted needs the id to ask for there: --upstream-model")
        self.tokenizer: Tokenizer = NoTokenizer()
        if self._tokenizer_path is not None:
            self.tokenizer = (await asyncio.to_thread(load_tokenizer, self._tokenizer_path)).tokenizer
        self.client.open()
        shown = self._wanted or " or ".join(dict.fromkeys(self._models.values()))
        self.info = EngineInfo(self.name, shown, _WINDOW, f"hosted-{'-'.join(shown.split())}")

    def model_id(self, contract_id: str) -> str:
        """The id that answers there for one of the contract's."""
        return self._wanted or self._models.get(contract_id) or next(iter(self._models.values()))

    def chat(self, request: ChatRequest) -> ChatStream:
        return self._route.chat(request)

    @property
    def running(self) -> int:
        """Requests that are open."""
        return self._route.running

    async def close(self) -> None:
        self._route.fail()
        await self.client.close()
