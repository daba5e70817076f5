"""What the answer to a request is held to, checked before anything is sampled: the grammar, or a 400 that says why not.

Joins the grammar's text (`grammars.py`) to the library that will follow it; knows no engine.
"""

from __future__ import annotations

from time import monotonic

from mimo.calls import CallFormat, call_format
from mimo.constraints.grammar import answer_grammar
from mimo.constraints.trial import trials
from mimo.contract.errors import InvalidRequest, UnsupportedParameter
from mimo.contract.request import Params
from mimo.contract.tools import constrained
from mimo.tokenizers.base import Tokenizer
from mimo.types import Grammar, NamedTool

_SEARCH_SECONDS = 5.0
"""How long to look for the schema that is at fault."""


def held_to(params: Params, template: str | None, tokenizer: Tokenizer) -> Grammar | None:
    """The grammar of the answer, None for a free one. `template`: the model's chat template, None for MiMo's.

    Raises `UnsupportedParameter` for tools where the model has no form of call that we know, and `InvalidRequest`
    naming the schema that cannot be followed.
    """
    tools = params.tools if params.tool_choice != "none" else ()
    calls = call_format(template)
    if tools and (calls is None or tokenizer.control("<tool_call>") is None):
        raise UnsupportedParameter("tools: the form in which this model writes calls is not known", param="tools")
    grammar = answer_grammar(tools, params.tool_choice, params.json_format, calls, parallel=params.parallel_tool_calls)
    if grammar is not None and (problem := trials.problem(grammar.text)):
        _refuse(params, calls, problem)
    return grammar


def _refuse(params: Params, calls: CallFormat | None, problem: str) -> None:
    """Raise for the one schema that makes the grammar impossible, or for all of it where none is found in time."""
    until = monotonic() + _SEARCH_SECONDS
    if params.json_format is not None:
        alone = answer_grammar((), "auto", params.json_format, None)
        if alone is not None and (words := trials.problem(alone.text)):
            path = "response_format.json_schema.schema"
            raise InvalidRequest(f"{path} cannot be followed: {words}", param=path)
    for at, tool in enumerate(params.tools):
        if monotonic() > until:
            break
        alone = answer_grammar((tool,), NamedTool(tool.name), None, calls)
        if constrained(tool, params.tool_choice) and alone is not None and (words := trials.problem(alone.text)):
            path = f"tools[{at}].function.parameters"
            raise InvalidRequest(f"{path} cannot be followed: {words}", param=path)
    path = "tools" if params.tools else "response_format"
    raise InvalidRequest(f"{path} cannot be followed together: {problem}", param=path)
