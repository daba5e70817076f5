"""GET /docs: the API as a page, made from the models, parameters, routes and errors. No script, no outside request.

Knows HTML and the tables; no wording about a parameter or an error is its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib.resources import files

from mimo.api.models import describe_parameter
from mimo.api.route import Route
from mimo.contract.errors import ApiError
from mimo.contract.models import Model
from mimo.contract.parameters import PARAMETERS

HEADERS = (("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"),)
_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:]{2,39}\](:\d{1,5})?")
_STATUS = {
    "documented": "",
    "reference": "",
    "client": "for clients that send it",
    "addition": "beyond the hosted API",
}


def page(models: Mapping[str, Model], routes: Mapping[tuple[str, str], Route], host: str | None) -> bytes:
    """The page; `host` as the client named us, for the examples."""
    host = host if host and _HOST.fullmatch(host) else "localhost:8000"
    style = files("mimo.api").joinpath("docs.css").read_text()
    rows = list(models.values())
    choose = "".join(_shown_with(index) for index in range(len(rows)))
    parts = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>MiMo API</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><style>{style}{choose}</style></head><body>',
        _HEADER.format(host=escape(host)),
        "<main>",
        _section("start", "Start", _EXAMPLES.format(host=escape(host), model=escape(rows[-1].id))),
        _section("models", "Models", _models(rows) + _MODELS_NOTE),
        _section("parameters", "Parameters", _PARAMETERS_NOTE + _parameters(rows)),
        _section("answer", "The answer", _ANSWER),
        _section("errors", "Errors", _ERRORS_NOTE + _errors()),
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
    for row in PARAMETERS.values():
        told = describe_parameter(row, model)
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
                ", ".join(str(status) for status in dict.fromkeys(error.status for error in route.errors)),
            )
            for (method, path), route in routes.items()
        ),
    )  # fmt: skip


def _prose(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


_HEADER = """<header><div><h1>MiMo API</h1><p>Every parameter is applied exactly or refused with a 400 that names it,
 on every engine. Base URL <code>http://{host}/v1</code></p><nav><a href="#start">Start</a><a href="#models">Models</a>
<a href="#parameters">Parameters</a><a href="#answer">The answer</a><a href="#errors">Errors</a>
<a href="#routes">Routes</a><a href="/openapi.json">OpenAPI</a></nav></div></header>"""

_EXAMPLES = """<div class="pair"><figure><figcaption>curl</figcaption><pre>curl http://{host}/v1/chat/completions \\
  -H "content-type: application/json" \\
  -d '{{
    "model": "{model}",
    "messages": [{{"role": "user", "content": "Hello!"}}],
    "temperature": 0.8,
    "max_completion_tokens": 1024
  }}'</pre></figure>
<figure><figcaption>Python, openai</figcaption><pre>from openai import OpenAI

client = OpenAI(
    base_url="http://{host}/v1",
    api_key="unused",
)
stream = client.chat.completions.create(
    model="{model}",
    messages=[{{"role": "user", "content": "Hello!"}}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="")</pre></figure></div>
<p>Where keys are configured, send one as <code>Authorization: Bearer KEY</code>, <code>api-key</code> or
<code>x-api-key</code>.</p>"""

_MODELS_NOTE = """<p><code>GET /v1/models/ID</code> says who really answers, in <code>served_by</code>. Images, audio
and video are refused by name until this server can take them.</p>"""

_PARAMETERS_NOTE = """<p>Absent and <code>null</code> mean the default. Bounds are inclusive. What was really used comes
back in the header <code>x-mimo-parameters</code>; a field nobody knows is named in <code>x-mimo-ignored</code>.</p>"""

_ANSWER = """<p>A <code>chat.completion</code> object, or with <code>stream: true</code> server-sent events:</p>
<pre>data: {…"choices":[{"index":0,"delta":{"role":"assistant","content":""},…}]}
data: {…"choices":[{"index":0,"delta":{"reasoning_content":"Let me see"},…}]}
data: {…"choices":[{"index":0,"delta":{"content":"Hello"},…}]}
data: {…"choices":[{"index":0,"delta":{},…"finish_reason":"stop"}]}
data: {…"choices":[],"usage":{…}}          only with stream_options {"include_usage": true}
data: [DONE]</pre>
<p>Joined, a stream is the answer that is not streamed, for the same seed. An error after the first event is one
<code>data: {"error": …}</code>, and the stream ends without <code>[DONE]</code>. <code>finish_reason</code> is
<code>stop</code> after the end of the turn or a stop text, and <code>length</code> at the token limit or the end of the
window; <code>usage.completion_tokens</code> counts the reasoning too.</p>"""

_ERRORS_NOTE = """<pre>{"error": {"code": "invalid_request", "message": "temperature must be between 0 and 2, got 2.5",
           "param": "temperature", "type": "error"}}</pre><p>Every answer has an <code>x-request-id</code>: your own if
you sent one.</p>"""
