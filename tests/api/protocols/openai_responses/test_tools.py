"""The tools that clients of the Responses API send: functions, custom ones, namespaces, those of its servers."""

from __future__ import annotations

import json
import re

import pytest

from mimo.api.policy import Policy
from mimo.api.protocols.openai_responses.request import decode
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import MODELS
from mimo.engines.scripted.script import Script, ScriptedAnswer

FLASH = "mimo-v2-flash"
EMPTY = {"type": "object", "properties": {}}
FUNCTION = {"type": "function", "name": "f", "parameters": EMPTY}
PATCH = {"type": "custom", "name": "patch", "description": "Apply a patch."}
SPACE = {"type": "namespace", "name": "agents", "description": "Agents", "tools": [{**FUNCTION, "name": "close"}]}
SEARCH = {"type": "web_search", "external_web_access": False}
EDITS = """start: "*** Begin" LF line+ "*** End" LF?
line: ("+" | "-" | " ") /[^\\n]*/ LF
%import common.LF"""
EDIT = re.compile(r"\*\*\* Begin\n([-+ ][^\n]*\n)+\*\*\* End\n?")
LARK = {**PATCH, "format": {"type": "grammar", "syntax": "lark", "definition": EDITS}}
BIASED = dict.fromkeys('</parmet>function=\n+- *Bgd"', 0.0)
"""Letters of the markers, so that ends come by and by."""
TEXT = 'a "b"\n<c>\n*** end'


def called(name, *parameters):
    return ["<tool_call>", f"<function={name}>", *parameters, "</function>", "</tool_call>"]


@pytest.fixture(scope="module")
def server(serving):
    script = Script([
        ScriptedAnswer(called("patch", f"<parameter=input>{TEXT}</parameter>"), when="patch it"),
        ScriptedAnswer(called("agents.close"), when="close it"),
        ScriptedAnswer(["Hello"]),
    ])  # fmt: skip
    with serving(script) as running:
        yield running


def read(strict=False, **fields):
    body = {"model": FLASH, "input": "hi", **fields}
    return decode(json.dumps(body).encode(), MODELS, Policy(strict=strict))


def ask(server, **fields):
    return server.post(json.dumps({"model": FLASH, "input": "hi", **fields}), "/v1/responses")


def test_tools_of_the_server_s_own_are_left_out_and_reported(server):
    answer = ask(server, tools=[SEARCH, FUNCTION, {"type": "mcp", "server_label": "x"}])
    assert answer.status_code == 200
    assert answer.headers["x-mimo-ignored"] == "tools[0], tools[2]"
    assert [tool["name"] for tool in answer.json()["tools"]] == ["f"]
    with pytest.raises(InvalidRequest, match=r"tools\[0\]"):
        read(strict=True, tools=[SEARCH, FUNCTION])
    assert ask(server, tools=[SEARCH]).status_code == 200


@pytest.mark.parametrize("choice", [{"type": "web_search"}, {"type": "mcp", "server_label": "x"}, "required"])
def test_a_tool_of_the_server_s_own_that_is_forced_is_refused(server, choice):
    answer = ask(server, tools=[SEARCH], tool_choice=choice)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("tool_choice")


def test_an_error_in_a_tool_names_its_place_among_the_client_s(server):
    for tools, path in (
        ([SEARCH, {**FUNCTION, "name": "no name"}], "tools[1].name"),
        ([SEARCH, {**SPACE, "tools": [FUNCTION, {**FUNCTION, "parameters": 5}]}], "tools[1].tools[1].parameters"),
        ([5], "tools[0]"),
        ([{"name": "f"}], "tools[0].type"),
        ([{**PATCH, "format": {"type": "grammar", "syntax": "peg", "definition": "x"}}], "tools[0].format.syntax"),
        ([{**PATCH, "format": {"type": "grammar", "syntax": "regex"}}], "tools[0].format.definition"),
    ):
        error = ask(server, tools=tools).json()["error"]
        assert error["param"] == path and error["message"].startswith(path), error


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_of_a_custom_tool_is_text(server, stream):
    answer = ask(server, input="patch it", tools=[FUNCTION, PATCH], stream=stream)
    if stream:
        events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
        pieces = [event["delta"] for event in events if event["type"] == "response.custom_tool_call_input.delta"]
        (done,) = [event for event in events if event["type"] == "response.custom_tool_call_input.done"]
        assert "".join(pieces) == done["input"] == TEXT
        assert not [event for event in events if "function_call" in event["type"]]
        (item,) = events[-1]["response"]["output"]
    else:
        (item,) = answer.json()["output"]
    assert item["id"].startswith("ctc_") and item["call_id"].startswith("call_")
    assert (item["type"], item["name"], item["input"]) == ("custom_tool_call", "patch", TEXT)


def test_a_custom_call_and_its_output_come_back_in_the_history():
    request = read(
        tools=[PATCH],
        input=[
            {"role": "user", "content": "patch it"},
            {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": TEXT},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "done"},
        ],
    ).request
    call = request.messages[1].tool_calls[0]
    assert (call.name, call.arguments) == ("patch", {"input": TEXT})
    assert (request.messages[2].role, request.messages[2].content) == ("tool", "done")


def test_a_regular_expression_holds_the_text_of_a_custom_tool():
    form = {"type": "grammar", "syntax": "regex", "definition": "a+|b"}
    (tool,) = read(tools=[{**PATCH, "format": form}]).request.params.tools
    assert tool.strict and tool.parameters["properties"]["input"] == {"type": "string", "pattern": "^(?:a+|b)$"}
    (tool,) = read(tools=[LARK]).request.params.tools
    assert tool.strict and tool.parameters["properties"]["input"]["x-mimo-lark"] == EDITS


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_grammar_in_lark_holds_the_text_of_a_custom_tool(serving, forced, seed):
    choice = {"type": "custom", "name": "patch"} if forced else "auto"
    opened = [] if forced else ["<tool_call>", "<function=patch>"]
    script = Script([ScriptedAnswer([*opened, {"repeat": 900, "steps": [{"logits": BIASED}]}])])
    with serving(script) as server:
        answer = ask(server, tools=[LARK], tool_choice=choice, seed=seed, parallel_tool_calls=False)
    assert answer.status_code == 200 and "x-mimo-ignored" not in answer.headers
    (item,) = answer.json()["output"]
    assert item["type"] == "custom_tool_call" and EDIT.fullmatch(item["input"]), item


@pytest.mark.parametrize(
    ("definition", "words"),
    [("start: (", "cannot be followed"), ("nothing: /a/", "cannot be followed"), ("", "cannot")],
)
def test_a_grammar_that_does_not_compile_is_refused_by_its_path(server, definition, words):
    form = {"type": "grammar", "syntax": "lark", "definition": definition}
    error = ask(server, tools=[SEARCH, FUNCTION, {**PATCH, "format": form}]).json()["error"]
    assert error["param"] == "tools[2].format.definition" and words in error["message"], error


HERMES = "{{ tools | tojson }}{% for m in messages %}{{ m.content }}{% endfor %}<tool_call>{'arguments'}</tool_call>"
PLAIN = "{% for m in messages %}{{ m.content }}{% endfor %}"


@pytest.mark.parametrize("template", [HERMES, PLAIN], ids=["hermes", "spelled"])
@pytest.mark.parametrize("seed", range(3))
def test_a_grammar_in_lark_holds_the_text_in_a_call_of_json(serving, template, seed):
    biased = {**BIASED, **dict.fromkeys("{}:,_l", 0.0), "\\": 3.0, "*": 2.0}
    script = Script([ScriptedAnswer([{"repeat": 900, "steps": [{"logits": biased}]}])])
    with serving(script, template=template) as server:
        server.engine.chat_template = template
        choice = {"type": "custom", "name": "patch"}
        answer = ask(server, tools=[FUNCTION, LARK], tool_choice=choice, seed=seed, parallel_tool_calls=False)
    assert answer.status_code == 200 and "x-mimo-ignored" not in answer.headers, answer.text
    (item,) = answer.json()["output"]
    assert item["type"] == "custom_tool_call" and EDIT.fullmatch(item["input"]), item


def test_tools_of_a_namespace_are_called_in_it(server):
    answer = ask(server, input="close it", tools=[SPACE])
    (item,) = answer.json()["output"]
    assert (item["type"], item["namespace"], item["name"]) == ("function_call", "agents", "close")
    again = [
        {"role": "user", "content": "close it"},
        item,
        {"type": "function_call_output", "call_id": item["call_id"], "output": "ok"},
    ]
    assert read(input=again, tools=[SPACE]).request.messages[1].tool_calls[0].name == "agents.close"
    assert ask(server, input=again, tools=[SPACE]).status_code == 200


def test_tools_among_the_input_are_added():
    more = {"type": "additional_tools", "role": "developer", "tools": [FUNCTION, SEARCH]}
    decoded = read(input=[more, {"role": "user", "content": "hi"}], tools=[PATCH])
    assert [tool.name for tool in decoded.request.params.tools] == ["patch", "f"]
    assert decoded.ignored == ("input[0].tools[1]",)
    assert [message.content for message in decoded.request.messages] == ["hi"]


def test_only_the_allowed_tools_are_offered():
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}
    params = read(tools=[PATCH, FUNCTION], tool_choice=choice).request.params
    assert ([tool.name for tool in params.tools], params.tool_choice) == (["f"], "required")
    with pytest.raises(InvalidRequest, match=r"tool_choice.tools\[0\].name"):
        read(tools=[PATCH], tool_choice=choice)


def test_an_empty_input_is_answered_from_the_instructions(server):
    assert ask(server, input=[], instructions="Say hello").status_code == 200
    assert ask(server, input=[]).status_code == 200


@pytest.mark.parametrize("most", [0, 3])
def test_a_limit_on_tools_of_the_server_s_own_is_kept_since_there_are_none(server, most):
    answer = ask(server, max_tool_calls=most)
    assert answer.status_code == 200 and answer.json()["max_tool_calls"] == most
    assert "x-mimo-ignored" not in answer.headers
    assert ask(server, max_tool_calls=-1).json()["error"]["param"] == "max_tool_calls"


@pytest.mark.parametrize("kind", ["web_search_call", "mcp_call", "local_shell_call", "compaction", "tool_search_call"])
def test_calls_of_the_server_s_own_tools_in_a_history_are_left_out_and_reported(kind):
    decoded = read(input=[{"role": "user", "content": "hi"}, {"type": kind, "id": "x", "status": "completed"}])
    assert decoded.ignored == ("input[1]",)
    assert len(decoded.request.messages) == 1
