"""The settings that every upstream engine reads, by the names that they have on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mimo.contract.errors import EngineError
from mimo.types import MediaKind


@dataclass(frozen=True, slots=True)
class UpstreamOptions:
    """`upstream`: base URLs, first choice first. `upstream_model`: its name there, where several are served.
    `upstream_timeout`: seconds without data before giving up; `upstream_wait`: seconds to wait for it at the start.
    `media`: the kinds that its model takes in addition to text; None: the engine's default."""

    upstream: tuple[str, ...]
    upstream_model: str | None = None
    upstream_key: str | None = None
    upstream_timeout: float = 300.0
    upstream_wait: float = 60.0
    tokenizer: Path | None = None
    media: tuple[MediaKind, ...] | None = None

    def __post_init__(self) -> None:
        if not self.upstream:
            raise EngineError("this engine needs an upstream: --upstream http://HOST:PORT")


@dataclass(frozen=True, slots=True)
class RawOptions(UpstreamOptions):
    """Those of upstreams that take token ids. `exact_penalties`: keep penalties that the upstream itself cannot, by a
    request for every token."""

    exact_penalties: bool = False
