"""Claims about grammars on trial: whatever a schema makes of the library, the server goes on and names its path."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import pytest

from mimo.calls import FORMATS
from mimo.constraints.plan import checked_grammar
from mimo.constraints.trial import TOO_MUCH, Trials
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import MODELS
from mimo.contract.resolve import resolve

FINE = 'start: A\nA: "x"\n'
NEVER = {"allOf": [{"type": "string", "pattern": f".*{chr(97 + at % 26)}{at}.*"} for at in range(60)]}
SLOW = {"type": "integer", "multipleOf": 99999989}
DEEP = {
    "$ref": "#/$defs/d0",
    "$defs": {
        **{f"d{at}": {"type": "object", "properties": {"a": {"$ref": f"#/$defs/d{at + 1}"}}} for at in range(2000)},
        "d2000": {"type": "null"},
    },
}


@pytest.fixture
def trials() -> Iterator[Trials]:
    trials = Trials()
    yield trials
    trials.close()


def grammar(schema: object) -> str:
    return f"start: answer\nanswer: %json {json.dumps(schema)}\n"


@pytest.mark.parametrize("schema", [NEVER, SLOW, DEEP], ids=["never", "slow", "deep"])
def test_what_is_too_much_for_the_library_is_refused_and_the_next_grammar_compiles(
    trials: Trials, schema: object
) -> None:
    assert trials.problem(grammar(schema)) == TOO_MUCH
    assert trials.problem(FINE) == ""


def test_what_does_not_compile_is_said_in_one_line(trials: Trials) -> None:
    words = trials.problem(grammar({"type": "number", "minimum": -1e300}))
    assert "float range" in words and "\n" not in words and len(words) <= 300


def test_a_process_that_was_killed_is_replaced(trials: Trials) -> None:
    assert trials.problem(FINE) == ""
    (process,) = trials._idle
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert trials.problem('start: A\nA: "y"\n') == ""


def test_a_schema_that_cannot_be_compiled_is_named_by_its_path() -> None:
    tools = [
        {"type": "function", "function": {"name": name, "parameters": parameters, "strict": True}}
        for name, parameters in (("a", {"type": "object"}), ("b", {"properties": {"x": SLOW}}))
    ]
    params = resolve({"tools": tools}, MODELS["mimo-v2-flash"]).params
    with pytest.raises(InvalidRequest, match="cannot be followed: compiling it takes more") as refused:
        checked_grammar(params, params.tools, FORMATS[0])
    assert refused.value.param == "tools[1].function.parameters"
