"""Claims about the table of call formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from mimo import calls as formats
from mimo.calls import FORMATS, call_format
from mimo.calls.base import within
from mimo.constraints.plan import offered_calls
from mimo.contract.errors import UnsupportedParameter
from mimo.tokenizers.bytes import ByteTokenizer
from mimo.types import Tool

FOLDER = Path(formats.__file__).parent


def test_every_format_is_a_file_and_a_line_of_the_table() -> None:
    members = {path.stem for path in FOLDER.iterdir() if not path.name.startswith("__")}
    members -= {"base", "parser", "arguments", "json_text", "scanner", "spelled"}
    assert {row.name for row in FORMATS} == members == {type(row).__module__.split(".")[2] for row in FORMATS}


def test_the_template_tells_the_format() -> None:
    qwen = '{%- if tools %}<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
    coder = "{{- '<tool_call>\\n<function=' + tool_call.name + '>\\n' }}"
    for template, name in ((None, "mimo"), (coder, "mimo"), (qwen, "hermes")):
        found = call_format(template)
        assert found is not None and found.name == name
    assert call_format("[TOOL_CALLS]{{ tools }}") is None


def test_a_vocabulary_without_the_marker_refuses_tools_by_name() -> None:
    class Plain(ByteTokenizer):
        def control(self, name: str) -> int | None:
            return None if name == "<tool_call>" else super().control(name)

    with pytest.raises(UnsupportedParameter) as refused:
        offered_calls((Tool("f"),), None, Plain())
    assert refused.value.param == "tools"
    assert offered_calls((), None, Plain()) is None
    assert offered_calls((Tool("f"),), None, ByteTokenizer()) is FORMATS[0]


def test_references_are_moved_and_values_that_look_like_one_are_not() -> None:
    root = {"properties": {"$ref": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"enum": [{"$ref": "#"}, "x"]}}}
    assert within(root, "/$defs/root") == {
        "properties": {"$ref": {"$ref": "#/$defs/root/$defs/a"}}, "$defs": {"a": {"enum": [{"$ref": "#"}, "x"]}},
    }  # fmt: skip
