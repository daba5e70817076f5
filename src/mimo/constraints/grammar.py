"""What a request asks of the form of its answer, as the text of one grammar; None where the answer is free.

    response_format                  the answer is JSON, or with tools a call instead
    tool_choice required, named      one call or more, nothing else
    tool_choice auto, strict tools   free text and calls, each call in its form

With `parallel_tool_calls: false` one call at most, and the turn ends after it. The text is Lark's syntax with
llguidance's additions: `%json`, and `<name>` for a control token. It begins where the reasoning has ended; the turn
ends only where it is complete. Objects hold the properties that their schema names (`json_schema/closed.py`). Knows no
tokenizer and no library.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from mimo.calls import CallFormat
from mimo.calls.base import WHITE_SPACE
from mimo.contract.errors import InvalidRequest
from mimo.contract.json_schema.closed import closed
from mimo.types import JsonFormat, NamedTool, Tool, ToolChoice

MAX_GRAMMAR = 4 << 20
"""Characters of the grammar of all functions together."""
_OPTIONS = '%llguidance {"no_forcing": true}'
"""Where only one text can follow, the model still chooses the tokens it is made of."""
_TEXT = "TEXT: /(?s:.+)/"
_TEXT_WITHOUT = "TEXT: /(?s:.+)/ & ~/(?s:.*){}(?s:.*)/"


def answer_grammar(
    tools: Sequence[Tool],
    choice: ToolChoice,
    json_format: JsonFormat | None,
    calls: CallFormat | None,
    *,
    parallel: bool = True,
    left_out: list[str] | None = None,
) -> str | None:
    """The grammar of the answer. `calls`: how the model writes calls; needed where there are tools. `left_out`: gets
    the paths of rules that are not enforced in such calls, of tools that are not strict.

    Raises `InvalidRequest` naming the path of what cannot be written in that form.
    """
    must_call = choice == "required" or isinstance(choice, NamedTool)
    if must_call:
        json_format = None
    elif json_format is None and not any(tool.enforced for tool in tools):
        return None
    alternatives: list[str] = []
    rules: list[str] = []
    if json_format is not None:
        alternatives.append("answer")
        rules.append(_json_rule(json_format))
    if tools:
        assert calls is not None
        free = not must_call and json_format is None
        alternatives.append(_calls(free, parallel))
        rules += _call_rules(tools, choice, calls, [] if left_out is None else left_out)
        rules += [_TEXT_WITHOUT.format(calls.markers.opens) if calls.spelled else _TEXT] if free else []
    return "\n".join([_OPTIONS, f"start: {' | '.join(alternatives)}", *rules]) + "\n"


def as_grammar(written: str) -> str:
    """A grammar that a client has written, as ours are."""
    return written if "%llguidance" in written else f"{_OPTIONS}\n{written}"


def _json_rule(json_format: JsonFormat) -> str:
    schema = {"type": "object"} if json_format.schema is None else closed(json_format.schema)
    return f"answer: %json {json.dumps({**schema, 'x-guidance': WHITE_SPACE})}"


def _calls(free: bool, parallel: bool) -> str:
    """How calls may stand: `free`, among text, or one after the other."""
    if free:
        return "TEXT? (call TEXT?)*" if parallel else "TEXT? call?"
    return 'call ("\\n"? call)*' if parallel else "call"


def _call_rules(tools: Sequence[Tool], choice: ToolChoice, calls: CallFormat, left_out: list[str]) -> list[str]:
    """The rule `call`, and those it is made of: the functions that may be called."""
    names: list[str] = []
    rules: list[str] = []
    size = 0
    for at, tool in enumerate(tools):
        if isinstance(choice, NamedTool) and tool.name != choice.name:
            continue
        names.append(f"f{at}")
        path = f"tools[{at}].function.parameters"
        wanted = replace(tool, followed=closed(tool.rules)) if tool.enforced else tool
        more = calls.rules(wanted, f"f{at}", path, None if tool.strict else left_out)
        if (size := size + sum(map(len, more))) > MAX_GRAMMAR:
            raise InvalidRequest(
                f"{path}: the grammar of this tool and those before is longer than {MAX_GRAMMAR} characters; "
                "send fewer or smaller ones, or strict: false",
                param=path,
            )
        rules += more
    opens, closes = map(json.dumps, calls.markers) if calls.spelled else calls.markers
    return [f"call: {opens} ({' | '.join(names)}) {closes}", *rules]
