"""What the routes answer from: the models promised, and the engine behind them once it is ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mimo.chat.prompt import ChatFormat
from mimo.contract.models import Model
from mimo.engines.base import Engine
from mimo.media.fetch.fetcher import Fetcher


@dataclass(frozen=True, slots=True)
class Service:
    """A started `engine`, the chat format of its model, and the rows it answers for. `repetition_truncation`: an
    answer that has entered a loop is ended. `fetcher`: gets media that are named by URL, where that is allowed."""

    engine: Engine
    chat_format: ChatFormat
    models: Mapping[str, Model]
    repetition_truncation: bool = True
    fetcher: Fetcher | None = None
