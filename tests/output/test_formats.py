"""Claims about the table of call formats."""

from __future__ import annotations

from pathlib import Path

from mimo.output import formats
from mimo.output.formats import FORMATS, call_format

FOLDER = Path(formats.__file__).parent


def test_every_format_is_a_file_and_a_line_of_the_table() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "base", "mimo_values"}
    assert {row.name for row in FORMATS} == files == {type(row).__module__.rsplit(".", 1)[1] for row in FORMATS}


def test_the_template_tells_the_format() -> None:
    qwen = '{%- if tools %}<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
    coder = "{{- '<tool_call>\\n<function=' + tool_call.name + '>\\n' }}"
    for template, name in ((None, "mimo"), (coder, "mimo"), (qwen, "hermes")):
        found = call_format(template)
        assert found is not None and found.name == name
    assert call_format("[TOOL_CALLS]{{ tools }}") is None
