"""GET /docs: the API as a page, made from the models, parameters, routes and errors. No script, no outside request.

Knows HTML and the tables; no wording about a parameter or an error is its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from importlib.resources import files

from mimo.api.backend import Backend
from mimo.api.endpoints.models import describe_parameter
from mimo.api.exchange import Exchange
from mimo.api.protocols import PROTOCOLS
from mimo.api.route import Answer, Route
from mimo.api.site.docs import words
from mimo.contract.errors import ApiError
from mimo.contract.models import Model
from mimo.contract.parameters import PARAMETERS
from mimo.contract.rows import anything

HTML = "text/html; charset=utf-8"
HEADERS = (("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"),)
_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:]{2,39}\](:\d{1,5})?")
_STATUS = {
    "documented": "",
    "reference": "",
    "client": "for clients that send it",
    "addition": "beyond the hosted API",
}


def docs(table: Callable[[], Mapping[tuple[str, str], Route]]) -> Answer:
    """The handler; `table()` gives the routes, this one among them."""

    async def answer(backend: Backend, exchange: Exchange, _: str) -> None:
        await exchange.reply(200, page(backend.models, table(), exchange.header("host")), HTML, HEADERS)

    return answer


def page(models: Mapping[str, Model], routes: Mapping[tuple[str, str], Route], host: str | None) -> bytes:
    """The page; `host` as the client named us, for the examples."""
    host = host if host and _HOST.fullmatch(host) else "localhost:8000"
    style = files(__package__).joinpath("docs.css").read_text()
    rows = list(models.values())
    choose = "".join(_shown_with(index) for index in range(len(rows)))
    parts = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>MiMo API</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><style>{style}{choose}</style></head><body>',
        words.HEADER.format(host=escape(host)),
        "<main>",
        _section("start", "Start", words.EXAMPLES.format(host=escape(host), model=escape(rows[-1].id))),
        _section("models", "Models", _models(rows) + words.MODELS_NOTE),
        _section("parameters", "Parameters", words.PARAMETERS_NOTE + _parameters(rows)),
        _section(
            "protocols", "Protocols", words.PROTOCOLS.format(host=escape(host), model=escape(rows[-1].id)) + _names()
        ),
        _section("answer", "The answer", words.ANSWER),
        _section("errors", "Errors", words.ERRORS_NOTE + _errors()),
        _section("routes", "Routes", _routes(routes)),
        "</main></body></html>",
    )
    return "".join(parts).encode()


def _section(anchor: str, title: str, content: str) -> str:
    return f'<section id="{anchor}"><h2>{title}</h2>{content}</section>'


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _models(models: list[Model]) -> str:
    heads = ("model", "takes", "thinking unless asked", "context window", "most tokens in an answer", "recommended")
    return _table(
        heads,
        (
            (
                _code(model.id), ", ".join(model.input), "on" if model.thinking else "off",
                f"{model.context_window:,}", f"{model.max_completion_tokens:,}",
                f"{model.recommended_minimum:,} – {model.max_completion_tokens:,}",
            )
            for model in models
        ),
    )  # fmt: skip


def _parameters(models: list[Model]) -> str:
    """One table a model, of which the radio buttons show one."""
    tabs = "".join(
        f'<input type="radio" name="model" id="m{at}"{" checked" if not at else ""}>'
        f'<label for="m{at}">{escape(model.id)}</label>'
        for at, model in enumerate(models)
    )
    heads = ("parameter", "range", "default", "what it does")
    tables = "".join(
        f'<div class="of-model m{at}">{_table(heads, _parameter_rows(model))}</div>' for at, model in enumerate(models)
    )
    return f'<div class="tabs">{tabs}{tables}</div>'


def _shown_with(index: int) -> str:
    return f"#m{index}:checked~.m{index}{{display:block}}"


def _parameter_rows(model: Model) -> Iterator[tuple[str, str, str, str]]:
    for row in model.parameters.values():
        told = describe_parameter(row)
        note = _STATUS[row.status]
        name = _code(row.name) + (f"<small>{note}</small>" if note else "")
        tip = f"<small>{_prose(row.tip)}</small>" if row.tip else ""
        yield name, _range(told), _default(told["default"]), _prose(row.description) + tip


def _range(told: Mapping[str, object]) -> str:
    low, high, recommended = told["minimum"], told["maximum"], told["recommended"]
    if low is None or high is None:
        return escape(str(told["type"]))
    kind = "" if told["type"] == "number" else f"<small>{told['type']}</small>"
    if isinstance(recommended, list):
        kind += f"<small>recommended {_number(recommended[0])} – {_number(recommended[1])}</small>"
    return f"<b>{_number(low)} – {_number(high)}</b>{kind}"


def _number(value: object) -> str:
    if value == 2**63 - 1:
        return "2<sup>63</sup>−1"
    return f"{value:,}".replace("-", "−") if isinstance(value, int | float) else str(value)


def _default(value: object) -> str:
    if value is None:
        return "<i>none</i>"
    if isinstance(value, dict):
        return _code(str(value["type"]))
    return _code(str(value).lower() if isinstance(value, bool) else str(value))


def _names() -> str:
    """What each parameter is called on each protocol."""
    used = (name for name, row in PARAMETERS.items() if row.read is not anything)
    lines = ([protocol.name_of(row) for protocol in PROTOCOLS] for row in used)
    heads = [protocol.title for protocol in PROTOCOLS]
    return _table(heads, ([_code(name) if name else "–" for name in line] for line in lines))


def _errors() -> str:
    tree: list[type[ApiError]] = [ApiError]
    for error in tree:
        tree += error.__subclasses__()
    found = sorted(tree[1:], key=lambda error: error.status)
    return _table(
        ("HTTP", "code", "when"),
        ((f"<b>{error.status}</b>", _code(error.code), escape(error.__doc__ or "")) for error in found),
    )


def _routes(routes: Mapping[tuple[str, str], Route]) -> str:
    return _table(
        ("route", "", "also answers"),
        (
            (
                f"<b>{method}</b> {_code(path)}", escape(route.summary),
                ", ".join(str(status) for status in dict.fromkeys(error.status for error in route.refusals)),
            )
            for (method, path), route in routes.items()
        ),
    )  # fmt: skip


def _prose(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"
