"""The table of engines against what is really sent: one sweep of every parameter over every engine."""

from __future__ import annotations

import json
import runpy
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from tests.engines.upstream.fakes import Asked, Fake, Out, chat_events, llama_events, sglang_events, vllm_events
from tests.engines.upstream.fronts import Front

from mimo.config import SETTINGS
from mimo.contract.errors import UnsupportedParameter
from mimo.contract.parameters import PARAMETERS
from mimo.engines import ENGINES, UPSTREAM
from mimo.engines.upstream import upstream_engine
from mimo.engines.upstream.columns import Cell, Column
from mimo.types import Sampling

DOCS = Path(__file__).parents[3] / "docs"
PRINTER = runpy.run_path(str(DOCS / "print_tables.py"))
COLUMNS: dict[str, Column[Any, Any]] = PRINTER["columns"]("COLUMN")
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
THINKING = {"type": "enabled"}

PROBES: dict[str, dict[str, Any]] = {
    "messages": {"messages": [{"role": "user", "content": "another"}]},
    "temperature": {"temperature": 0.7},
    "top_p": {"top_p": 0.5},
    "max_completion_tokens": {"max_completion_tokens": 7},
    "max_tokens": {"max_tokens": 7},
    "frequency_penalty": {"frequency_penalty": 0.5},
    "presence_penalty": {"presence_penalty": -0.5},
    "stream": {"stream": True},
    "stream_options": {"stream": True, "stream_options": {"include_usage": True}},
    "stop": {"stop": ["yes"]},
    "thinking": {"thinking": THINKING},
    "thinking.budget_tokens": {"thinking": {**THINKING, "budget_tokens": 5}},
    "reasoning_effort": {"reasoning_effort": "high"},
    "chat_template_kwargs": {"chat_template_kwargs": {"enable_thinking": True}},
    "seed": {"seed": 8},
    "n": {"n": 2},
    "logprobs": {"logprobs": True},
    "top_logprobs": {"logprobs": True, "top_logprobs": 3},
    "logit_bias": {"logit_bias": {"300": 5.0}},
    "tools": {"tools": [TOOL]},
    "tool_choice": {"tools": [TOOL], "tool_choice": "none"},
    "parallel_tool_calls": {"parallel_tool_calls": False},
    "response_format": {"response_format": {"type": "text"}},
    "user": {"user": "somebody"},
    "metadata": {"metadata": {"a": "b"}},
    "store": {"store": True},
}
"""A value of each parameter that is not its default. Where a cell refuses some values, REFUSED has those."""

REFUSED: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("temperature", ("vllm",), {"temperature": 0.005}),
    ("temperature", ("hosted",), {"temperature": 1.6}),
    ("temperature", ("hosted",), {"temperature": 0.9, "thinking": THINKING}),
    ("top_p", ("hosted",), {"top_p": 0.005}),
    ("top_p", ("hosted",), {"top_p": 1, "thinking": THINKING}),
    ("frequency_penalty", ("vllm", "sglang"), {"frequency_penalty": 1, **PROBES["thinking.budget_tokens"]}),
    ("presence_penalty", ("vllm", "sglang"), {"presence_penalty": 1, **PROBES["thinking.budget_tokens"]}),
    ("logprobs", ("sglang",), {"logprobs": True, "temperature": 0.7}),
    ("logprobs", ("sglang",), {"logprobs": True, "presence_penalty": 1}),
    ("logprobs", ("sglang",), {"logprobs": True, "logit_bias": {"300": 1}}),
    ("tools", ("hosted",), {"tools": [{**TOOL, "function": {**TOOL["function"], "strict": True}}]}),
    ("tool_choice", ("hosted",), {"tools": [TOOL], "tool_choice": "required"}),
    ("response_format", ("hosted",), {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}),
]
SPELLED = {"max_tokens", "tools", "tool_choice", "logit_bias", "response_format"}
"""Sent as is, but named or written differently: other tests look at them."""
UNCHANGED = {"tool_choice", "response_format"}
"""Whose probes are what nothing given means."""
PROMPT = {"prompt", "input_ids", "messages"}


async def answer(asked: Asked, out: Out) -> None:
    """Whatever the engine: `yes`, in its own shape, with the log-probabilities it was asked for."""
    tokens = (300, 301, 2)  # 2 ends the turn
    if asked.path == "/completion":
        rows: Any = llama_events(tokens)
        if asked.body["n_probs"]:
            for row in rows[:-1]:
                row["completion_probabilities"] = [{"id": row["tokens"][0], "logprob": -1.0, "top_logprobs": []}]
    elif asked.path == "/v1/completions":
        rows = vllm_events(tokens)
        for row in rows[:3] if "logprobs" in asked.body else ():
            name = f"token_id:{row['choices'][0]['token_ids'][0]}"
            told = {"tokens": [name], "token_logprobs": [-1.0], "top_logprobs": [{name: -1.0}]}
            row["choices"][0]["logprobs"] = told
    elif asked.path == "/generate":
        rows = sglang_events(tokens)
        for count, row in enumerate(rows[:-1] if asked.body["return_logprob"] else (), 1):
            row["meta_info"]["output_token_logprobs"] = [[-1.0, token, None] for token in tokens[:count]]
    else:
        rows = chat_events({"content": "yes"})
    await out.stream(rows)


def sent(front: Front, fake: Fake, **fields: Any) -> list[dict[str, Any]]:
    """What reaches the engine: flat bodies."""
    fake.behaviour = answer
    fake.asked.clear()
    reply = front.chat(**fields)
    assert reply.status_code == 200, reply.text
    return [{**asked.body.pop("sampling_params", {}), **asked.body} for asked in fake.asked]


def changes(front: Front, fake: Fake, probe: dict[str, Any]) -> dict[str, Any]:
    """The fields that `probe` changes, with their new values."""
    seeded: dict[str, Any] = {"max_completion_tokens": 100}
    if front.engine.name != "hosted":
        seeded["seed"] = 7
    (base,) = sent(front, fake, **seeded)
    if "max_tokens" in probe:
        del seeded["max_completion_tokens"]
    probed = sent(front, fake, **{**seeded, **probe})[0]
    return {name: probed.get(name) for name in {*base, *probed} if base.get(name) != probed.get(name)}


@pytest.mark.parametrize("engine", UPSTREAM)
def test_every_column_has_a_cell_of_its_own_for_every_parameter(engine: str) -> None:
    assert set(PRINTER["parameter_rows"]()) <= set(COLUMNS[engine])


def test_a_parameter_of_the_draw_that_a_column_does_not_name_is_refused() -> None:
    unnamed: Column[Any, Any] = Column({"messages": Cell("mapped")}, lambda given: given)
    names = {row.name for row in fields(Sampling)}
    assert all(unnamed[name].kind == "refused" for name in names)
    values = {name: PARAMETERS[name].default for name in names}
    unnamed.check(Sampling(**values))
    for name in sorted(names):
        with pytest.raises(UnsupportedParameter, match=f"^{name}: .* leave it at"):
            unnamed.check(Sampling(**{**values, name: 0.123}))
    assert unnamed["stop"].kind == "ours" and unnamed.body(None) == {}


def test_every_engine_is_a_file_a_line_of_the_table_and_a_setting() -> None:
    folder = Path(__file__).parents[3] / "src" / "mimo" / "engines" / "upstream"
    assert set(SETTINGS["engine"].choices) == set(ENGINES)
    assert set(ENGINES) == {"local", "scripted", *UPSTREAM}
    for name in UPSTREAM:
        assert (folder / name.replace("-", "_") / "engine.py").is_file()
        assert upstream_engine(name).name == name


@pytest.mark.parametrize("engine", UPSTREAM)
@pytest.mark.parametrize("name", PROBES)
def test_every_parameter_is_kept_as_the_table_says(fronts: dict[str, Front], fake: Fake, name: str, engine: str):
    front, cell, probe = fronts[engine], COLUMNS[engine][name], PROBES[name]
    if cell.kind == "refused":
        fake.asked.clear()
        error = front.chat(**probe)
        assert error.status_code == 400, error.text
        said = error.json()["error"]
        assert said["code"] == "unsupported_parameter"
        assert said["param"] == name or COLUMNS[engine][name].refuse is None  # an alias names the row it stands for
        assert fake.asked == [], "refused before anything is sent"
        return
    changed = changes(front, fake, probe)
    if name == "n":
        bodies = sent(front, fake, n=2)
        assert len(bodies) == 2
        assert engine == "hosted" or bodies[0].get("seed", bodies[0].get("sampling_seed")) != bodies[1].get(
            "seed", bodies[1].get("sampling_seed")
        )
    elif cell.kind == "ours":
        assert set(changed) <= PROMPT | {"logit_bias"}, "done by us, so nothing of it is sent"
    elif cell.kind == "as is":
        field = probe[name]
        assert changed.get(name) == field or name in SPELLED
        assert changed or name in UNCHANGED
    else:
        assert changed


@pytest.mark.parametrize(
    ("name", "engine", "probe"), [(name, engine, probe) for name, engines, probe in REFUSED for engine in engines]
)
def test_values_that_an_engine_would_change_are_refused(
    fronts: dict[str, Front], fake: Fake, name: str, engine: str, probe: dict[str, Any]
):
    fake.asked.clear()
    error = fronts[engine].chat(**probe)
    assert (error.status_code, error.json()["error"]["code"]) == (400, "unsupported_parameter")
    assert error.json()["error"]["param"] == name
    assert fake.asked == []


@pytest.mark.parametrize("engine", ["llama-server", "vllm", "sglang"])
def test_every_value_is_written_out_even_when_the_client_sent_none(fronts: dict[str, Front], fake: Fake, engine: str):
    (body,) = sent(fronts[engine], fake)
    assert (body["temperature"], body["top_p"], body["min_p"]) == (1.0, 0.95, 0.0)
    assert 1024 > max(body.get("n_predict", 0), body.get("max_tokens", 0), body.get("max_new_tokens", 0)) > 400
    assert body["stream"] is True
    assert "stop" not in body


@pytest.mark.parametrize("engine", ["llama-server", "vllm", "sglang"])
def test_top_p_0_is_sent_as_temperature_0(fronts: dict[str, Front], fake: Fake, engine: str):
    (body,) = sent(fronts[engine], fake, top_p=0, temperature=1.3)
    assert (body["temperature"], body["top_p"]) == (0.0, 1.0)


@pytest.mark.parametrize("engine", UPSTREAM)
def test_the_key_of_the_engine_is_sent_and_the_client_s_is_not(fronts: dict[str, Front], fake: Fake, engine: str):
    fake.asked.clear()
    fake.behaviour = answer
    body = {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": "hi"}]}
    fronts[engine].http.post("/v1/chat/completions", content=json.dumps(body), headers={"authorization": "Bearer mine"})
    assert fake.asked[0].headers["authorization"] == "Bearer sesame"


def test_docs_engines_md_is_what_the_tables_print() -> None:
    page = (DOCS / "engines.md").read_text()
    assert page == PRINTER["current"](page), "run: python docs/print_tables.py docs/engines.md"
