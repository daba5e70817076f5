"""An upstream that takes token ids and gives token ids, as an engine.

    TokenRequest → refused by the column? → RawStream

A request with media cannot be ids: it goes by the upstream's chat route, if the operator says that its model takes
them. Knows no member; a member is a `RawRoute`.
"""

from __future__ import annotations

import asyncio
import logging

from mimo.chat.base import check_text
from mimo.contract.errors import ApiError, EngineError
from mimo.contract.request import ChatRequest
from mimo.engines.base import Capabilities, EngineInfo, Load, TokenEngine
from mimo.engines.limits import check_logit_bias, check_window
from mimo.engines.upstream.chat.control_text import check_control_text
from mimo.engines.upstream.chat.route import ChatRoute
from mimo.engines.upstream.chat.stream import ChatStream
from mimo.engines.upstream.engine import UpstreamEngine
from mimo.engines.upstream.http.client import Client, Probe
from mimo.engines.upstream.http.errors import why
from mimo.engines.upstream.options import RawOptions
from mimo.engines.upstream.raw.penalties import biased_instead, penalised
from mimo.engines.upstream.raw.route import RawRoute, UpstreamModel
from mimo.engines.upstream.raw.stream import RawStream
from mimo.tokenizers.load import how_to_fetch, load_tokenizer
from mimo.types import MediaKind, TokenRequest

log = logging.getLogger("mimo.upstream")
_SAY_SECONDS = 10.0
"""Between two lines that say what is waited for."""


class RawEngine(UpstreamEngine, TokenEngine):
    """An engine by its raw `route`, and by its chat route for requests that hold `media`."""

    def __init__(
        self,
        route: RawRoute,
        info: EngineInfo,
        *,
        chat_template: str | None,
        media: tuple[MediaKind, ...] = (),
        exact_penalties: bool = False,
    ) -> None:
        """`exact_penalties`: keep those that the upstream cannot by a request for every token."""
        path, media_column = "/v1/chat/completions", route.media_column
        chat = ChatRoute(route.client, path, media_column, lambda _: route.model, split=True)
        super().__init__(route.client, chat, Probe(route.health))
        self.info = info
        self.tokenizer = route.tokenizer
        self.chat_template = chat_template
        self.capabilities = Capabilities(media=media, grammar=True, prompt_logprobs=route.reads_prompts)
        self.route = route
        self._exact_penalties = exact_penalties
        self._streams: set[RawStream] = set()

    def generate(self, request: TokenRequest) -> RawStream:
        room = check_window(request, self.info)
        check_logit_bias(request.sampling, self.tokenizer.vocabulary)
        by_token = self._exact_penalties and penalised(request) and not self.route.keeps_penalties(request)
        self.route.column.check(biased_instead(request) if by_token else request)
        stream = RawStream(self.route, request, room, self._streams.discard, by_token)
        self._streams.add(stream)
        return stream

    def chat(self, request: ChatRequest) -> ChatStream:
        """Answer a request that holds media. Raises as `generate` does, and `UnsupportedInput` for text that spells a
        control token: the upstream would read it as one."""
        check_logit_bias(request.params.sampling, self.tokenizer.vocabulary)
        check_text(request.messages, request.params.tools)
        check_control_text(request, self.tokenizer)
        return self._chat.chat(request)

    def load(self) -> Load:
        return Load(running=len(self._streams) + self._chat.running)

    async def close(self) -> None:
        for stream in list(self._streams):
            stream.fail()
        await super().close()


async def start_raw(kind: type[RawRoute], options: RawOptions) -> RawEngine:
    """Find the upstream, load its tokenizer and watch its health. Raises `EngineError`."""
    client = Client(options.upstream, key=options.upstream_key, timeout=options.upstream_timeout)
    client.open()
    try:
        engine = await _start(kind, client, options)
    except ApiError as problem:
        await client.close()
        raise EngineError(f"{client.addresses[0].shown}: {problem.message}") from problem
    except BaseException:
        await client.close()
        raise
    client.watch(Probe(kind.health))
    return engine


async def _start(kind: type[RawRoute], client: Client, options: RawOptions) -> RawEngine:
    found = await _find(kind, client, options)
    if found.context_window < 1:
        raise EngineError(
            f"{client.addresses[0].shown}: upstream says that its window is {found.context_window} tokens"
        )
    path = options.tokenizer or found.files
    if path is None:
        raise EngineError(
            f"{kind.name} needs the model's tokenizer here: --tokenizer, its tokenizer.json or any GGUF of it"
            + how_to_fetch(found.source)
        )
    loaded = await asyncio.to_thread(load_tokenizer, path)
    route = await asyncio.to_thread(kind, client, found.name, loaded.tokenizer)
    shown = found.name.rstrip("/").rpartition("/")[2].removesuffix(".gguf")
    fingerprint = "-".join(filter(None, (kind.name, shown, *found.version.split())))
    info = EngineInfo(kind.name, shown, found.context_window, fingerprint)
    return RawEngine(
        route,
        info,
        chat_template=loaded.template,
        media=options.media or (),
        exact_penalties=options.exact_penalties,
    )


async def _find(kind: type[RawRoute], client: Client, options: RawOptions) -> UpstreamModel:
    """Ask the addresses in turn until one answers or the time is up; say what is waited for. Raises `EngineError`."""
    now = asyncio.get_running_loop().time
    end, said = now() + options.upstream_wait, now()
    while True:
        state = []
        for address in client.addresses:
            try:
                return await kind.discover(client, address.url, options.upstream_model)
            except ApiError as problem:
                state.append(f"{address.shown} ({why(problem)})")
        if now() > end:
            raise EngineError(
                f"{', '.join(state)}: no {kind.name} within {options.upstream_wait:g} seconds; start it, correct "
                "--upstream, or wait longer with --upstream-wait"
            )
        if now() >= said:
            said = now() + _SAY_SECONDS
            log.warning("waiting for %s: %.0f s left of --upstream-wait", ", ".join(state), end - now())
        await asyncio.sleep(0.5)
