"""The grammar of the answer to a request, checked before anything is sampled, or a 400 that says why there is none.

Joins the text of a grammar (`grammar.py`) to its trial (`trial.py`). Knows no engine and no vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from time import monotonic

from mimo.calls import SPELLED, CallFormat, call_format
from mimo.constraints.grammar import answer_grammar, as_grammar
from mimo.constraints.trial import trials
from mimo.contract.errors import InvalidRequest, UnsupportedParameter
from mimo.contract.json_schema.schema import LARK, with_inner
from mimo.contract.request import Params
from mimo.tokenizers.base import Tokenizer
from mimo.types import NamedTool, Tool

_SEARCH_SECONDS = 5.0
"""How long to look for the schema that is at fault."""


def offered_calls(
    tools: Sequence[Tool], template: str | None, tokenizer: Tokenizer, *, spells: bool = False
) -> CallFormat | None:
    """How the model whose chat template this is (None: MiMo's) calls `tools`; None where none are offered. `spells`:
    the prompt asks for them as text.

    Raises `UnsupportedParameter` where the model has no form of call that we know.
    """
    if not tools:
        return None
    if spells:
        return SPELLED
    calls = call_format(template)
    if calls is not None and calls.name == SPELLED.of and tokenizer.control(calls.markers.opens) is None:
        return SPELLED
    if calls is None or tokenizer.control(calls.markers.opens) is None:
        raise UnsupportedParameter("tools: the form in which this model writes calls is not known", param="tools")
    return calls


def checked_grammar(
    params: Params, tools: Sequence[Tool], calls: CallFormat | None, left_out: list[str] | None = None
) -> str | None:
    """The grammar of the answer, None for a free one. `tools`: those offered, called in the form `calls`. `left_out`:
    gets the paths of rules that cannot be enforced, of tools that are not strict.

    May wait for seconds of processor time: never to be called on the event loop where there is a schema. Raises
    `InvalidRequest` naming the schema that cannot be followed.
    """
    dropped: list[str] = [] if left_out is None else left_out

    def grammar_of(offered: Sequence[Tool]) -> str | None:
        choice, parallel = params.tool_choice, params.parallel_tool_calls
        return answer_grammar(offered, choice, params.json_format, calls, parallel=parallel, left_out=dropped)

    grammar = grammar_of(tools)
    for path, written in _texts(tools, calls):
        if problem := trials.problem(as_grammar(written)):
            raise InvalidRequest(f"{path} cannot be followed: {problem}", param=path)
    if grammar is None or not (problem := trials.problem(grammar)):
        return grammar
    relaxed = [_any_of(tool, f"tools[{at}].function.parameters", dropped) for at, tool in enumerate(tools)]
    if relaxed != list(tools) and (looser := grammar_of(relaxed)) is not None and not trials.problem(looser):
        return looser
    until = monotonic() + _SEARCH_SECONDS
    for path, alone in _parts(params, tools, calls):
        if words := trials.problem(alone):
            raise InvalidRequest(f"{path} cannot be followed: {words}", param=path)
        if monotonic() > until:
            break
    path = "tools" if tools else "response_format"
    raise InvalidRequest(f"{path} cannot be followed together: {problem}", param=path)


def _any_of(tool: Tool, path: str, left_out: list[str]) -> Tool:
    """`tool` with `oneOf` read as `anyOf`, where it need not be strict: the library follows the one only where it sees
    that no two parts fit together."""
    if tool.strict or not tool.enforced:
        return tool

    def change(schema: object, where: str) -> object:
        if not isinstance(schema, Mapping):
            return schema
        made = {key: with_inner(key, value, change, f"{where}.{key[:64]}") for key, value in schema.items()}
        if "oneOf" in made and "anyOf" not in made:
            left_out.append(f"{where}.oneOf")
            made = {"anyOf" if key == "oneOf" else key: value for key, value in made.items()}
        return made

    rules = change(tool.rules, path)
    assert isinstance(rules, Mapping)
    return tool if rules == tool.rules else replace(tool, followed=rules)


def _texts(tools: Sequence[Tool], calls: CallFormat | None) -> Iterator[tuple[str, str]]:
    """The path of each grammar that a value must follow, and that grammar."""
    for at, tool in enumerate(tools if calls else ()):
        for key, written in calls.texts(tool).items() if calls else ():
            yield f"tools[{at}].function.parameters.properties.{key[:64]}.{LARK}", written


def _parts(params: Params, tools: Sequence[Tool], calls: CallFormat | None) -> Iterator[tuple[str, str]]:
    """The path of each schema that the answer must fit, with the grammar that it makes alone."""
    if params.json_format is not None and (alone := answer_grammar((), "auto", params.json_format, None)):
        yield params.json_format.path or "response_format", alone
    for at, tool in enumerate(tools):
        if tool.enforced and (alone := answer_grammar((tool,), NamedTool(tool.name), None, calls)):
            yield f"tools[{at}].function.parameters", alone
