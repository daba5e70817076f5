"""The table of engines against what is really sent: one sweep of every parameter over every engine."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from inspect import iscoroutinefunction, signature
from pathlib import Path
from typing import Any

import pytest
from tests.engines.upstream.fakes import Asked, Fake, Out, chat_events, llama_events, sglang_events, vllm_events
from tests.engines.upstream.fronts import RAW, Front
from tests.engines.upstream.probes import MAPPED, PRINTER, PROBES, SPELLED, THINKING, TOOL, UNCHANGED

from mimo.config import SETTINGS
from mimo.contract.errors import UnsupportedParameter
from mimo.contract.parameters import PARAMETERS
from mimo.engines import ENGINES, UPSTREAM
from mimo.engines.upstream.columns import Cell, Column
from mimo.types import Sampling

DOCS = Path(__file__).parents[3] / "docs"
COLUMNS: dict[str, Column[Any, Any]] = PRINTER["columns"]("COLUMN")
REFUSED: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("temperature", ("vllm",), {"temperature": 0.005}),
    ("temperature", ("hosted",), {"temperature": 1.6}),
    ("temperature", ("hosted",), {"temperature": 0.9, "thinking": THINKING}),
    ("top_p", ("hosted",), {"top_p": 0.005}),
    ("top_p", ("hosted",), {"top_p": 1, "thinking": THINKING}),
    ("frequency_penalty", ("vllm", "sglang"), {"frequency_penalty": 1, **PROBES["thinking.budget_tokens"]}),
    ("presence_penalty", ("vllm", "sglang"), {"presence_penalty": 1, **PROBES["thinking.budget_tokens"]}),
    ("presence_penalty", ("vllm", "sglang"), {"presence_penalty": 1, "min_tokens": 2}),
    ("logprobs", ("sglang",), {"logprobs": True, "ignore_eos": True}),
    ("logprobs", ("sglang",), {"logprobs": True, "temperature": 0.7}),
    ("logprobs", ("sglang",), {"logprobs": True, "presence_penalty": 1}),
    ("logprobs", ("sglang",), {"logprobs": True, "logit_bias": {"300": 1}}),
    ("tools", ("hosted",), {"tools": [{**TOOL, "function": {**TOOL["function"], "strict": True}}]}),
    ("tool_choice", ("hosted",), {"tools": [TOOL], "tool_choice": "required"}),
    ("response_format", ("hosted",), {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}),
]
PROMPT = {"prompt", "input_ids", "messages"}
LIMITS = {"n_predict", "max_tokens", "max_new_tokens"}
THINKS = {"thinking", "thinking.budget_tokens", "reasoning_effort", "chat_template_kwargs"}


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
            columns_of_row = {"tokens": [name], "token_logprobs": [-1.0], "top_logprobs": [{name: -1.0}]}
            row["choices"][0]["logprobs"] = columns_of_row
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
    if front.name != "hosted":
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
    names = set(Sampling.__struct_fields__)
    assert all(unnamed[name].kind == "refused" for name in names)
    values = {name: PARAMETERS[name].default for name in names}
    unnamed.check(Sampling(**values))
    for name in sorted(names):
        with pytest.raises(UnsupportedParameter, match=f"^{name}: .* leave it at"):
            unnamed.check(Sampling(**{**values, name: 0.123}))
    assert unnamed["stop"].kind == "ours" and unnamed.body(None) == {}


def test_every_engine_is_a_line_of_the_table_and_a_choice_of_the_setting() -> None:
    assert set(SETTINGS["engine"].choices) == set(ENGINES)
    assert set(ENGINES) == {"local", "scripted", *UPSTREAM}


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_has_a_factory_and_options_that_are_settings(engine: str) -> None:
    module = import_module(ENGINES[engine].module)
    assert {row.name for row in fields(module.Options)} <= set(SETTINGS)
    assert list(signature(module.start).parameters) == ["options", "on_progress"]
    assert iscoroutinefunction(module.start)


def test_the_table_of_engines_loads_none_of_them() -> None:
    code = "import sys, mimo.engines; print([name for name in sys.modules if name.startswith('mimo.engines.')])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.strip() == "[]"


def cells(*kinds: str) -> list[tuple[str, str]]:
    """(parameter, engine) of the cells of these kinds; `n` is more than one request, and has a test of its own."""
    return [
        (name, engine) for name in PROBES for engine in UPSTREAM if COLUMNS[engine][name].kind in kinds and name != "n"
    ]


@pytest.mark.parametrize(("name", "engine"), cells("refused"))
def test_a_refused_parameter_is_a_400_and_nothing_is_sent(
    fronts: dict[str, Front], fake: Fake, name: str, engine: str
) -> None:
    fake.asked.clear()
    reply = fronts[engine].chat(**PROBES[name])
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert error["code"] == "unsupported_parameter"
    assert error["param"] == name or COLUMNS[engine][name].refuse is None  # an alias names the row it stands for
    assert fake.asked == []


@pytest.mark.parametrize(("name", "engine"), cells("ours"))
def test_nothing_is_sent_of_a_parameter_that_we_apply(
    fronts: dict[str, Front], fake: Fake, name: str, engine: str
) -> None:
    changed = changes(fronts[engine], fake, PROBES[name])
    if engine in RAW and name in THINKS:  # <think> is the end of the prompt, and the first token of the limit's
        (limit,) = changed.keys() & LIMITS
        assert changed.pop(limit) == 100 - 1
    assert set(changed) <= PROMPT | {"logit_bias"}


@pytest.mark.parametrize(("name", "engine"), cells("as is"))
def test_a_parameter_that_is_sent_as_is_arrives_with_its_value(
    fronts: dict[str, Front], fake: Fake, name: str, engine: str
) -> None:
    changed = changes(fronts[engine], fake, PROBES[name])
    assert changed.get(name) == PROBES[name][name] or name in SPELLED
    assert changed or name in UNCHANGED


@pytest.mark.parametrize(("name", "engine"), cells("mapped"))
def test_a_mapped_parameter_arrives_under_the_engine_s_name_with_the_mapped_value(
    fronts: dict[str, Front], fake: Fake, name: str, engine: str
) -> None:
    front = fronts[engine]
    changed = changes(front, fake, PROBES[name])
    if name == "messages" and engine != "hosted":
        ((field, ids),) = changed.items()
        assert field in PROMPT and b"user\nanother<|im_end|>" in b"".join(map(front.engine.tokenizer.piece, ids))
    else:
        assert changed == MAPPED[name][engine]


@pytest.mark.parametrize("engine", UPSTREAM)
def test_n_is_as_many_requests_each_with_its_own_seed(fronts: dict[str, Front], fake: Fake, engine: str) -> None:
    bodies = sent(fronts[engine], fake, n=2)
    assert len(bodies) == 2
    seeds = {body.get("seed", body.get("sampling_seed")) for body in bodies}
    assert len(seeds) == (1 if engine == "hosted" else 2)


def test_every_cell_is_of_a_kind_that_is_tested() -> None:
    kinds = {COLUMNS[engine][name].kind for engine in UPSTREAM for name in PROBES}
    assert kinds <= {"as is", "mapped", "ours", "refused"}


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
