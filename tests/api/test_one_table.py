"""A changed row of the parameters table is followed everywhere: validation, documents, help, and what is sampled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import typer
from rich.text import Text
from tests.api.server import FLASH, SCRIPT, Server, start
from typer.testing import CliRunner

from mimo.cli.options import parameter_options, with_options
from mimo.cli.tables import parameters_text
from mimo.contract.models import MODELS
from mimo.contract.parameters import PARAMETERS

CHANGED = PARAMETERS.with_rows(
    replace(PARAMETERS["temperature"], default=0.0, maximum=1.25, description="Words of a changed row."),
    replace(PARAMETERS["max_completion_tokens"], default=7),
    replace(PARAMETERS["top_logprobs"], maximum=3),
)
PROTOCOLS = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "random"}]},
    "/v1/messages": {"messages": [{"role": "user", "content": "random"}]},
    "/v1/responses": {"input": "random"},
    "/v1/completions": {"prompt": "random"},
}


@pytest.fixture(scope="module")
def changed() -> Iterator[Server]:
    with start(SCRIPT, models={name: replace(row, table=CHANGED) for name, row in MODELS.items()}) as server:
        yield server


@pytest.mark.parametrize("path", PROTOCOLS)
def test_every_protocol_checks_and_fills_in_by_the_changed_row(changed: Server, server: Server, path: str) -> None:
    body = {"model": FLASH, **PROTOCOLS[path]}
    refused = changed.http.post(path, json={**body, "temperature": 1.3})
    assert refused.status_code == 400
    assert "temperature must be between 0 and 1.25, got 1.3" in refused.text
    assert server.http.post(path, json={**body, "temperature": 1.3}).status_code == 200
    used = changed.http.post(path, json=body).headers["x-mimo-parameters"]
    assert used.startswith("temperature=0.0; top_p=0.95; max_completion_tokens=7; ")


def test_what_is_sampled_follows_the_default(changed: Server, server: Server) -> None:
    """A and B are equally likely at temperature 1; at 0 the lowest id of the two always comes. Odds of a false alarm
    for the server of the documented default: 2 ** -20."""

    def texts(of: Server) -> set[str]:
        answers = (of.chat("random", seed=seed, max_tokens=1).json() for seed in range(20))
        return {answer["choices"][0]["message"]["content"] for answer in answers}

    assert len(texts(changed)) == 1 < len(texts(server))
    assert changed.chat("random").json()["usage"]["completion_tokens"] == 7
    assert server.chat("random").json()["usage"]["completion_tokens"] == 12


def test_the_documents_follow_the_changed_row(changed: Server) -> None:
    published = {row["name"]: row for row in changed.http.get(f"/v1/models/{FLASH}").json()["parameters"]}
    temperature = published["temperature"]
    assert (temperature["default"], temperature["maximum"]) == (0.0, 1.25)
    assert temperature["description"] == "Words of a changed row."
    assert published["max_completion_tokens"]["default"] == 7
    schemas: dict[str, Any] = changed.http.get("/openapi.json").json()["components"]["schemas"]
    for name in ("ChatCompletionRequest", "MessagesRequest", "ResponsesRequest", "CompletionRequest"):
        shape = schemas[name]["properties"]["temperature"]
        assert (shape["default"], shape["anyOf"][0]["maximum"]) == (0.0, 1.25)
        assert "Words of a changed row." in shape["description"]
    assert schemas["CompletionRequest"]["properties"]["logprobs"]["anyOf"][0]["maximum"] == 3
    page = changed.http.get("/docs").text
    assert "0 – 1.25" in page and "Words of a changed row." in page


def test_the_command_line_follows_the_changed_row() -> None:
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    @with_options(*parameter_options(CHANGED))
    def command(**given: Any) -> None: ...

    shown = " ".join(CliRunner().invoke(app, ["--help"]).stdout.split())
    assert "Words of a changed row. [0 to 1.25; default: 0.0]" in shown
    listed: Text = parameters_text(100, CHANGED)
    assert "temperature  0 to 1.25; default: 0.0\n    Words of a changed row.\n" in listed.plain
