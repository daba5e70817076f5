"""From what the person asked for to a server and a model: one that runs elsewhere, or one started here for us alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from rich.console import Console

from mimo.cli.chat.server import NotThere, Server, ServerError, base_url
from mimo.cli.chat.wanted import Wanted
from mimo.cli.chat.wire import Listed, ServedBy
from mimo.config import SETTINGS, ConfigError, load_settings, model_rows
from mimo.contract.errors import NotFound
from mimo.contract.models import MODELS, Model, find_model
from mimo.contract.resolve import resolve
from mimo.nano import NAME

DEFAULT_MODEL = "mimo-v2-flash"
NANO = "nano is tiny: adds small numbers, copies, remembers; knows nothing of the world."
"""What is and is not to be expected of the model in the package."""


@dataclass(frozen=True, slots=True)
class Partner:
    """A server and the models it has. `rows`: their contract, as far as it is known here."""

    server: Server
    listed: tuple[Listed, ...]
    model: str
    rows: Mapping[str, Model]
    elsewhere: bool = False
    """Whether the server is another process."""

    def row(self, model: str) -> Model:
        """The bounds of a model's parameters. For one that is not known here, the widest there are: its server has the
        last word."""
        return self.rows.get(model) or replace(max(self.rows.values(), key=_largest), id=model)

    def served_by(self, model: str) -> ServedBy | None:
        """What computes for a model, where the server says so."""
        return next((one.served_by for one in self.listed if one.id == model), None)

    def is_nano(self, model: str) -> bool:
        """Whether nano answers for this id. Its thinking is on unless asked otherwise: the steps are how it adds."""
        served = self.served_by(model)
        return served is not None and served.model == NAME

    def find(self, model: str) -> str:
        """`model`, which the server has. Raises `ServerError` naming those it has."""
        known = [one.id for one in self.listed]
        if known and model not in known:
            raise ServerError(f"there is no model {model!r} at this server; the models are: {', '.join(known)}")
        return model


@asynccontextmanager
async def connected(wanted: Wanted, console: Console) -> AsyncIterator[Partner]:
    """The partner, for as long as the block runs. Raises `ConfigError`, `EngineError`, `ApiError`, `ServerError`."""
    async with AsyncExitStack() as stack:
        if wanted.url is not None:
            _refuse_settings(wanted)
            url, key, rows = base_url(wanted.url), wanted.key, MODELS
            resolve(wanted.parameters, Partner(Server(url), (), "", rows).row(wanted.model or ""))
        else:
            from mimo.serving.loopback import loopback

            settings = load_settings(wanted.settings, file=wanted.config)
            rows = model_rows(settings)
            resolve(wanted.parameters, find_model(wanted.model or DEFAULT_MODEL, rows))  # before the model loads
            address, key = await stack.enter_async_context(loopback(settings, console))
            url = base_url(address)
        server = await stack.enter_async_context(Server(url, key))
        listed = await _listed(server, wanted)
        partner = Partner(server, listed, wanted.model or _default(listed), rows, wanted.url is not None)
        partner.find(partner.model)
        yield partner


async def _listed(server: Server, wanted: Wanted) -> tuple[Listed, ...]:
    """The server's models. One that lists none is asked for the model that was named."""
    try:
        return tuple(await server.models())
    except NotThere:
        if wanted.model is None:
            raise
        return ()


def _refuse_settings(wanted: Wanted) -> None:
    """Raise `ConfigError` for what only an engine started here would read."""
    given = [SETTINGS[name].option for name, value in wanted.settings.items() if value is not None]
    if wanted.config is not None:
        given.append("--config")
    if given:
        raise ConfigError(f"{given[0]} is for a model started here, and --url names a server that runs; leave one out")


def _default(listed: tuple[Listed, ...]) -> str:
    ids = [one.id for one in listed]
    if not ids:
        raise NotFound("the server lists no models; name the one to ask with --as")
    return DEFAULT_MODEL if DEFAULT_MODEL in ids else ids[0]


def _largest(row: Model) -> int:
    return row.max_completion_tokens
