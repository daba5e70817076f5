"""GET /docs: the API as a page, made from the models, parameters, protocols, routes and errors by `page.html`.

No outside request; the one script is in the page, known by its hash. No wording about a parameter or an
error is its own.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from html import escape
from importlib.resources import files

from jinja2 import Environment, Template

from mimo.api.backend import Backend
from mimo.api.endpoints.models import describe_parameter
from mimo.api.exchange import Exchange
from mimo.api.protocols import PROTOCOLS
from mimo.api.route import Answer, Route
from mimo.contract.errors import ApiError
from mimo.contract.models import Model
from mimo.contract.parameters import PARAMETERS
from mimo.contract.rows import anything

HTML = "text/html; charset=utf-8"
SVG = "image/svg+xml"
_FILES = files(__package__)
_SCRIPT = _FILES.joinpath("docs.js").read_text()
_HASH = b64encode(sha256(_SCRIPT.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{_HASH}'; img-src 'self'; base-uri 'none'"
HEADERS = (("content-security-policy", _POLICY),)
_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:]{2,39}\](:\d{1,5})?")
_NOTES = {
    "documented": "",
    "reference": "",
    "client": "for clients that send it",
    "addition": "beyond the hosted API",
}


def docs(table: Callable[[], Mapping[tuple[str, str], Route]]) -> Answer:
    """The handler; `table()` gives the routes, this one among them."""

    async def answer(backend: Backend, exchange: Exchange, _: str) -> None:
        window = backend.engine.info.context_window if backend.ready else 0
        await exchange.reply(200, page(backend.models, table(), exchange.header("host"), window), HTML, HEADERS)

    return answer


async def icon(_: Backend, exchange: Exchange, __: str) -> None:
    """The icon that a browser shows next to the title."""
    await exchange.reply(200, _FILES.joinpath("icon.svg").read_bytes(), SVG, (("cache-control", "max-age=86400"),))


def page(
    models: Mapping[str, Model], routes: Mapping[tuple[str, str], Route], host: str | None, window: int = 0
) -> bytes:
    """The page; `host` as the client named us, for the examples; `window` in force, in tokens, 0 while nobody knows."""
    text = _template().render(
        host=host if host and _HOST.fullmatch(host) else "localhost:8000",
        style=_FILES.joinpath("docs.css").read_text(),
        script=_SCRIPT,
        window=window,
        models=list(models.values()),
        example=list(models)[-1],
        rows={name: [describe_parameter(row) for row in model.parameters.values()] for name, model in models.items()},
        notes=_NOTES,
        protocols=PROTOCOLS,
        parameters=[name for name, row in PARAMETERS.items() if row.read is not anything],
        errors=_errors(),
        routes=routes,
    )
    return text.encode()


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": _number, "default_text": _default, "prose": _prose}
    return environment.from_string(_FILES.joinpath("page.html").read_text())


def _errors() -> list[type[ApiError]]:
    """Those of the contract; others derive cases of their own from them."""
    tree: list[type[ApiError]] = [ApiError]
    for error in tree:
        tree += (one for one in error.__subclasses__() if one.__module__ == ApiError.__module__)
    return sorted(tree[1:], key=lambda error: error.status)


def _number(value: float) -> str:
    if value == 2**63 - 1:
        return "2⁶³−1"
    return f"{value:,}".replace("-", "−")


def _default(value: object) -> str:
    if isinstance(value, dict):
        return str(value["type"])
    return str(value).lower() if isinstance(value, bool) else str(value)


def _prose(text: str) -> str:
    """`text` as HTML, with what stands in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
