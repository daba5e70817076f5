"""What a request asks of the form of its answer, as one `Grammar`; None where nothing has to be held.

    response_format                  the answer is JSON, or with tools a call instead
    tool_choice required, named      one call or more, nothing else
    tool_choice auto, strict tools   free text and calls, each call in its form

With `parallel_tool_calls: false` one call at most, and the turn ends after it. Knows no tokenizer and no library.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from mimo.calls import CallFormat
from mimo.calls.base import WHITE_SPACE
from mimo.contract.errors import InvalidRequest
from mimo.contract.tools import constrained
from mimo.types import Grammar, JsonFormat, NamedTool, Tool, ToolChoice

MAX_GRAMMAR = 4 << 20
"""Characters of the grammar of all functions together."""
_OPTIONS = '%llguidance {"no_forcing": true}'
"""Where only one text can follow, the model still chooses the tokens it is made of."""


def answer_grammar(
    tools: Sequence[Tool],
    choice: ToolChoice,
    json_format: JsonFormat | None,
    calls: CallFormat | None,
    *,
    parallel: bool = True,
) -> Grammar | None:
    """The grammar of the answer. `calls`: how the model writes calls; needed where there are tools.

    Raises `InvalidRequest` naming the path of what cannot be held in that form.
    """
    forced = choice == "required" or isinstance(choice, NamedTool)
    held = forced or any(constrained(tool, choice) for tool in tools)
    if not held and json_format is None:
        return None
    rules: list[str] = []
    alternatives: list[str] = []
    if json_format is not None and not forced:
        schema = {"type": "object"} if json_format.schema is None else json_format.schema
        rules.append(f"answer: %json {json.dumps({**schema, 'x-guidance': WHITE_SPACE})}")
        alternatives.append("answer")
    if tools:
        assert calls is not None
        rules += _call_rules(tools, choice, calls)
        several = 'call ("\\n"? call)*' if parallel else "call"
        if held and not forced and json_format is None:
            several = "TEXT? (call TEXT?)*" if parallel else "TEXT? call?"
            rules.append("TEXT: /(?s:.+)/")
        alternatives.append(several)
    text = "\n".join([_OPTIONS, f"start: {' | '.join(alternatives)}", *rules]) + "\n"
    held_tools = [tool for tool in tools if constrained(tool, choice)]
    return Grammar(text, tuple(pair for tool in held_tools for pair in calls.json_values(tool)) if calls else ())


def _call_rules(tools: Sequence[Tool], choice: ToolChoice, calls: CallFormat) -> list[str]:
    """The rule `call`, and those it is made of: the functions that may be called."""
    names: list[str] = []
    rules: list[str] = []
    size = 0
    for at, tool in enumerate(tools):
        if isinstance(choice, NamedTool) and tool.name != choice.name:
            continue
        names.append(f"f{at}")
        path = f"tools[{at}].function.parameters"
        more = calls.rules(tool, f"f{at}", path, constrained=constrained(tool, choice))
        if (size := size + sum(map(len, more))) > MAX_GRAMMAR:
            raise InvalidRequest(
                f"{path}: the grammar of this tool and those before is longer than {MAX_GRAMMAR} characters; "
                "send fewer or smaller ones, or strict: false",
                param=path,
            )
        rules += more
    return [f"call: <tool_call> ({' | '.join(names)}) </tool_call>", *rules]
