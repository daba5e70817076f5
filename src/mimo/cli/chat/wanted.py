"""What the flags of `mimo chat` and `mimo run` say, as a value. Quick to import: every command needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the flags say. `thinking` and `model`: None for the default. `settings`: of an engine started here, those
    that were given; `config`: the file with others. `key`: for the server at `url`."""

    model: str | None = None
    thinking: bool | None = None
    system: str | None = None
    url: str | None = None
    key: str | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    config: Path | None = None
