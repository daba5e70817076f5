"""What every upstream engine has: a client of its addresses, their health, and a chat route. Knows no member."""

from __future__ import annotations

from collections.abc import Sequence

from mimo.engines.base import Load, MessageEngine, UpstreamState
from mimo.engines.upstream.chat.route import ChatRoute
from mimo.engines.upstream.http.client import Client, Probe


class UpstreamEngine(MessageEngine):
    """An engine at the addresses of `client`. `chat`: its chat route; `check`: how its health is asked for."""

    def __init__(self, client: Client, chat: ChatRoute, check: Probe) -> None:
        self.client = client
        self._chat = chat
        self._check = check

    async def probe(self) -> None:
        await self.client.check(self._check)

    @property
    def healthy(self) -> bool:
        return self.client.healthy

    @property
    def upstreams(self) -> Sequence[UpstreamState]:
        return self.client.states

    def load(self) -> Load:
        return Load(running=self._chat.running)

    async def close(self) -> None:
        self._chat.fail()
        await self.client.close()
