"""`mimo launch`: from an engine's recipes to a command. Each engine's recipes are in its own folder.

`{gpus}`, `{replicas}` (groups of four GPUs, as attention wants them), `{port}` and `{model}` are filled in. The parsers
are for clients that talk to the engine directly; mimo itself reads tokens. Knows no process and no flags of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from shlex import join, quote
from types import MappingProxyType

from mimo.contract.errors import StartError
from mimo.engines import ENGINES

HUB = "XiaomiMiMo/MiMo-"
_LOADING_SECONDS = 3600
"""How long mimo waits for the engine: hundreds of gigabytes may have to be fetched and loaded."""
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to start an engine. `model`: what the person types; `weights`: what is loaded. `gpus`: how many unless
    another number is given, 0 if none is needed; `multiple`: it must be a multiple of this. `source`: who says so."""

    engine: str
    model: str
    weights: str
    command: tuple[str, ...]
    gpus: int = 0
    multiple: int = 1
    environment: Mapping[str, str] = field(default_factory=lambda: _NONE)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Launch:
    """A command with everything filled in. `weights`: what it loads."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    port: int
    weights: str

    @property
    def shell(self) -> str:
        """The command as a shell takes it."""
        return " ".join([*(f"{name}={quote(value)}" for name, value in self.environment.items()), join(self.command)])

    def front(self, engine: str) -> str:
        """The command that starts mimo before it, on the same machine: it finds the tokenizer where the engine has put
        the weights, and waits until they are loaded."""
        upstream = f"http://127.0.0.1:{self.port}"
        return join(
            ["mimo", "serve", "--engine", engine, "--upstream", upstream, "--upstream-wait", str(_LOADING_SECONDS),
             "--tokenizer", self.weights]
        )  # fmt: skip


def recipes(engine: str) -> tuple[Recipe, ...]:
    """The recipes of one engine, the one for any other model last. Raises `StartError` where there are none."""
    if engine not in (known := [name for name, row in ENGINES.items() if row.launched]):
        raise StartError(f"there is no recipe for {engine}; those there are: {', '.join(known)}")
    rows: tuple[Recipe, ...] = import_module(f"{ENGINES[engine].package}.recipes").RECIPES
    return rows


def launch(engine: str, model: str, *, gpus: int | None = None, port: int = 8000, more: tuple[str, ...] = ()) -> Launch:
    """The command for `engine` on `model`, a name in the table, an id on a hub or a path; `more` is put at its end.

    Raises `StartError` for an engine or a number of GPUs that no recipe knows.
    """
    rows = recipes(engine)
    name = model.removeprefix(HUB.removesuffix("MiMo-")).lower()
    row = next((row for row in rows if name in (row.model.lower(), row.weights.lower().rpartition("/")[2])), rows[-1])
    count = gpus or row.gpus
    if count % row.multiple:
        raise StartError(f"{row.model} on {engine} needs a multiple of {row.multiple} GPUs, got {count}")
    weights = model if row is rows[-1] else row.weights
    values = {
        "model": weights,
        "gpus": count,
        "replicas": max(1, count // 4),
        "port": port,
    }
    return Launch((*(part.format(**values) for part in row.command), *more), row.environment, port, weights)
