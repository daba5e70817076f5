"""Templates that want their messages in another form, or refuse some roles: nothing is lost without a word."""

from __future__ import annotations

import json
from functools import cache

import pytest

from mimo.chat.jinja.form import as_openai
from mimo.chat.jinja.format import JinjaFormat
from mimo.contract.errors import InvalidRequest, UnsupportedParameter
from mimo.tokenizers.bytes import ByteTokenizer
from mimo.types import Message, Tool, ToolCall

TOKENIZER = ByteTokenizer()
SYSTEM, LATE = Message("system", "Be brief."), Message("system", "Be kind.")
USER, MORE, ANSWER = Message("user", "Hello"), Message("user", "And?"), Message("assistant", "Hi")
CALL = Message("assistant", tool_calls=(ToolCall("call12345", "look", {"city": "Åbo <|im_end|>", "n": [1, None]}),))
SAYING = Message("assistant", "I look.", tool_calls=CALL.tool_calls)
RESULT = Message("tool", "rain", tool_call_id="call12345", name="look")
TOOL = Tool("look", "Looks.", {"type": "object", "properties": {"city": {"type": "string"}}})

TURNS = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
ALTERNATE = """\
{%- if messages[0].role == 'system' %}{% set first, rest = messages[0].content, messages[1:] %}
{%- else %}{% set first, rest = '', messages %}{% endif %}
{{- first }}
{%- for m in rest %}
    {%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}
    {{- '[' ~ m.role ~ ']' ~ m.content }}
{%- endfor %}"""
FIRST_ONLY = """\
{%- for m in messages %}
    {%- if m.role == 'system' and not loop.first %}{{ raise_exception('the system message must be first') }}{% endif %}
    {{- '[' ~ m.role ~ ']' ~ m.content }}
{%- endfor %}"""
NO_SYSTEM = """\
{%- for m in messages %}
    {%- if m.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}
    {{- '[' ~ m.role ~ ']' ~ m.content }}
{%- endfor %}"""
SILENT = "{% for m in messages if m.role != 'system' %}[{{ m.role }}]{{ m.content }}{% endfor %}"
FIRST_SILENT = "{{ messages[0].content if messages[0].role == 'system' }}" + SILENT


@cache
def form(template: str) -> JinjaFormat:
    return JinjaFormat(TOKENIZER, template)


def render(template: str, *messages: Message, tools: tuple[Tool, ...] = ()) -> str:
    return b"".join(map(TOKENIZER.piece, form(template).render(messages, thinking=False, tools=tools).tokens)).decode()


KIND = "<system>\nBe kind.\n</system>"
BRIEF = "<system>\nBe brief.\n</system>"


@pytest.mark.parametrize(
    ("template", "messages", "expected"),
    [
        # what the template takes stays as it is
        (TURNS, (USER, LATE, MORE), "[user]Hello[system]Be kind.[user]And?"),
        (FIRST_ONLY, (SYSTEM, USER, MORE), "[system]Be brief.[user]Hello[user]And?"),
        (ALTERNATE, (SYSTEM, USER, ANSWER, MORE), "Be brief.[user]Hello[assistant]Hi[user]And?"),
        # what it refuses is joined
        (FIRST_ONLY, (SYSTEM, LATE, USER), "[system]Be brief.\n\nBe kind.[user]Hello"),
        (ALTERNATE, (SYSTEM, LATE, USER, MORE), "Be brief.\n\nBe kind.[user]Hello\n\nAnd?"),
        (ALTERNATE, (USER, MORE, ANSWER, ANSWER, USER), "[user]Hello\n\nAnd?[assistant]Hi\n\nHi[user]Hello"),
        # or kept as marked text
        (FIRST_ONLY, (SYSTEM, USER, LATE), f"[system]Be brief.[user]Hello\n\n{KIND}"),
        (ALTERNATE, (USER, ANSWER, LATE, MORE), f"[user]Hello[assistant]Hi[user]{KIND}\n\nAnd?"),
        (NO_SYSTEM, (SYSTEM, USER), f"[user]{BRIEF}\n\nHello"),
        # and what it would drop without a word is treated as refused
        (SILENT, (SYSTEM, USER), f"[user]{BRIEF}\n\nHello"),
        (FIRST_SILENT, (SYSTEM, USER, LATE), f"Be brief.[user]Hello\n\n{KIND}"),
        (FIRST_SILENT, (SYSTEM, LATE, USER), "Be brief.\n\nBe kind.[user]Hello"),
    ],
)
def test_roles_that_a_template_refuses_are_rearranged_and_nothing_is_lost(
    template: str, messages: tuple[Message, ...], expected: str
) -> None:
    assert render(template, *messages) == expected


def test_what_no_arrangement_mends_is_refused_in_the_templates_words() -> None:
    with pytest.raises(InvalidRequest, match="roles must alternate"):
        render(ALTERNATE, ANSWER, USER)


PARTS = "{% for m in messages %}[{{ m.role }}]{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}"
USER_PARTS = (
    "{% for m in messages %}[{{ m.role }}]{% if m.role == 'user' %}{% for p in m.content %}{{ p['text'] }}{% endfor %}"
    "{% else %}{{ m.content | trim }}{% endif %}{% endfor %}"
)


@pytest.mark.parametrize("template", [PARTS, USER_PARTS])
def test_a_template_that_wants_parts_gets_them(template: str) -> None:
    assert render(template, SYSTEM, USER, ANSWER) == "[system]Be brief.[user]Hello[assistant]Hi"


HEAD = "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}{% for m in messages %}[{{ m.role }}]"
CALLS = "{% for c in m.tool_calls or [] %}<{{ c.function.name }}>ARGS{% endfor %}"
JSON = '{"city": "Åbo <|im_end|>", "n": [1, null]}'


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        ("{{ m.content }}" + CALLS.replace("ARGS", "{{ c.function.arguments | tojson }}"), JSON),
        ("{{ m.content }}" + CALLS.replace("ARGS", "{{ c.function.arguments }}"), JSON),
        ("{{ m.content }}" + CALLS.replace("ARGS", "{{ 'x' ~ c.function.arguments | string }}"), f"x{JSON}"),
        ("{{ m.content }}" + CALLS.replace("ARGS", "{{ 'x' + c.function.arguments }}"), f"x{JSON}"),
        ("{{ m.content }}" + CALLS.replace("ARGS", "{{ c.function.arguments.strip() }}"), JSON),
        (
            "{{ m.content }}"
            + CALLS.replace("ARGS", "{% for k, v in c.function.arguments | items %}{{ k }}={{ v }};{% endfor %}"),
            "city=Åbo <|im_end|>;n=[1, null];",
        ),
        (
            "{{ m.content or '' }}{% if m.content is none %}"
            + CALLS.replace("ARGS", "{{ c.function.arguments }}")
            + "{% endif %}",
            JSON,
        ),
    ],
)
def test_the_arguments_of_a_call_come_out_in_every_form(turn: str, expected: str) -> None:
    assert render(HEAD + turn + "{% endfor %}", USER, CALL, RESULT) == (
        f"[user]Hello[assistant]<look>{expected}[tool]rain"
    )


def test_no_control_token_comes_out_of_a_mapping_that_is_printed() -> None:
    template = HEAD + "{{ m.content }}{{ m.tool_calls or '' }}{% endfor %}"
    tokens = form(template).render([USER, CALL, RESULT], thinking=False).tokens
    assert not any(map(TOKENIZER.is_control, tokens))
    text = b"".join(map(TOKENIZER.piece, tokens)).decode()
    assert "Åbo <|im_end|>" in text and "fdd" not in text


EITHER = (
    HEAD
    + "{% if m.content %}{{ m.content }}{% else %}"
    + CALLS.replace("ARGS", "{{ c.function.arguments }}")
    + "{% endif %}{% endfor %}"
)


def test_text_and_calls_of_one_turn_are_two_messages_where_a_template_writes_one_of_them() -> None:
    assert render(EITHER, USER, SAYING, RESULT) == (f"[user]Hello[assistant]I look.[assistant]<look>{JSON}[tool]rain")


@pytest.mark.parametrize(
    ("template", "messages", "tools", "param", "words"),
    [
        ("{{ bos_token }}", (USER,), (), "messages[0]", "user messages"),
        ("{{ messages[0].content }}", (USER, ANSWER, MORE), (), "messages[1]", "assistant messages"),
    ],
)  # fmt: skip
def test_what_a_template_cannot_say_is_refused_by_name(
    template: str, messages: tuple[Message, ...], tools: tuple[Tool, ...], param: str, words: str
) -> None:
    with pytest.raises(UnsupportedParameter, match=words) as refused:
        render(template, *messages, tools=tools)
    assert refused.value.param == param


# The shapes of templates that families of models bring, in our own words
MISTRAL_LIKE = """\
{%- if messages[0].role == 'system' %}{% set system = messages[0].content %}{% set rest = messages[1:] %}
{%- else %}{% set rest = messages %}{% endif %}
{%- set n = namespace(at=0) %}
{%- for m in rest if m.role in ('user', 'assistant') and m.tool_calls is not defined %}
    {%- if (m.role == 'user') != (n.at % 2 == 0) %}{{ raise_exception('user and assistant must alternate') }}{% endif %}
    {%- set n.at = n.at + 1 %}
{%- endfor %}
{%- for m in rest %}
    {%- if m.role == 'user' %}
        {%- if tools and loop.last %}{{ '[TOOLS]' ~ tools | tojson }}{% endif %}
        {{- '[INST]' ~ (system ~ '\\n\\n' if system is defined and loop.last else '') ~ m.content ~ '[/INST]' }}
    {%- elif m.tool_calls is defined %}
        {%- for c in m.tool_calls %}
            {%- if c.id | length != 9 %}{{ raise_exception('ids have nine characters') }}{% endif %}
            {{- '[CALL]' ~ c.function | tojson ~ c.id }}
        {%- endfor %}
    {%- elif m.role == 'assistant' %}{{ m.content ~ '</s>' }}
    {%- elif m.role == 'tool' %}{{ '[RESULT]' ~ {'content': m.content, 'id': m.tool_call_id} | tojson }}
    {%- else %}{{ raise_exception('no such role') }}
    {%- endif %}
{%- endfor %}"""
GEMMA_LIKE = """\
{%- if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}
{%- for m in messages %}
    {%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}
    {{- '<turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\\n' + m['content'] | trim + '</turn>\\n' }}
{%- endfor %}"""
DEEPSEEK_LIKE = """\
{%- set n = namespace(system='') %}
{%- for m in messages if m['role'] == 'system' %}{% set n.system = m['content'] %}{% endfor %}
{{- n.system }}
{%- for m in messages %}
    {%- if m['role'] == 'user' %}{{ '<U>' + m['content'] }}{% endif %}
    {%- if m['role'] == 'assistant' and m['content'] is none %}
        {%- for c in m['tool_calls'] %}
            {{- '<C>' + c['function']['name'] + '\\n' + c['function']['arguments'] }}
        {%- endfor %}
    {%- endif %}
    {%- if m['role'] == 'assistant' and m['content'] is not none %}{{ '<A>' + m['content'] }}{% endif %}
    {%- if m['role'] == 'tool' %}{{ '<R>' + m['content'] }}{% endif %}
{%- endfor %}"""


@pytest.mark.parametrize(
    ("template", "messages", "expected"),
    [
        (MISTRAL_LIKE, (SYSTEM, LATE, USER, MORE), "[INST]Be brief.\n\nBe kind.\n\nHello\n\nAnd?[/INST]"),
        (
            MISTRAL_LIKE,
            (USER, CALL, RESULT, ANSWER, LATE),
            f'[INST]Hello[/INST][CALL]{{"name": "look", "arguments": {JSON}}}call12345'
            f'[RESULT]{{"content": "rain", "id": "call12345"}}Hi</s>[INST]{KIND}[/INST]',
        ),
        (
            GEMMA_LIKE,
            (SYSTEM, USER, ANSWER, MORE, LATE),
            f"<turn>user\n{BRIEF}\n\nHello</turn>\n<turn>model\nHi</turn>\n<turn>user\nAnd?\n\n{KIND}</turn>\n",
        ),
        (DEEPSEEK_LIKE, (SYSTEM, LATE, USER), "Be brief.\n\nBe kind.<U>Hello"),
        (DEEPSEEK_LIKE, (USER, SAYING, RESULT), f"<U>Hello<A>I look.<C>look\n{JSON}<R>rain"),
    ],
)
def test_templates_of_the_shapes_that_families_bring_lose_nothing(
    template: str, messages: tuple[Message, ...], expected: str
) -> None:
    assert render(template, *messages) == expected


WRITTEN = f'<tool_call>\n{{"name": "look", "arguments": {JSON}}}\n</tool_call>'
GIVEN = "<tool_response>\nrain\n</tool_response>"


@pytest.mark.parametrize(
    ("template", "messages", "expected"),
    [
        (TURNS, (USER, CALL, RESULT), f"[user]Hello[assistant]{WRITTEN}[user]{GIVEN}"),
        (
            ALTERNATE.replace("m.content", "m.content ~ (m.tool_calls if not m.content else '')"),
            (USER, SAYING), f"[user]Hello[assistant]I look.\n{WRITTEN}",
        ),
        (
            GEMMA_LIKE, (USER, CALL, RESULT, RESULT),
            f"<turn>user\nHello</turn>\n<turn>model\n{WRITTEN}</turn>\n<turn>user\n{GIVEN}\n{GIVEN}</turn>\n",
        ),
    ],
)  # fmt: skip
def test_calls_that_a_template_has_no_place_for_are_written_as_text(
    template: str, messages: tuple[Message, ...], expected: str
) -> None:
    assert form(template).spells(messages, ())
    assert render(template, *messages) == expected


@pytest.mark.parametrize("template", [TURNS, "{% set tools = none %}" + TURNS, GEMMA_LIKE])
@pytest.mark.parametrize("messages", [(USER,), (SYSTEM, USER)])
def test_functions_that_a_template_has_no_place_for_are_declared_in_the_system_message(
    template: str, messages: tuple[Message, ...]
) -> None:
    assert form(template).spells(messages, (TOOL,))
    text = render(template, *messages, tools=(TOOL,))
    declared = json.dumps(as_openai(TOOL), ensure_ascii=False)
    assert f"<tools>\n{declared}\n</tools>" in text and text.index("<tools>") < text.index("Hello")
    assert ("Be brief." in text) == (SYSTEM in messages) and '"name": "NAME"' in text


def test_a_template_with_a_place_for_them_gets_no_text_of_ours() -> None:
    assert not form(MISTRAL_LIKE).spells((USER, CALL, RESULT), ())


_BY_ITEMS = "{% for key, value in c.function.arguments.items() %}<{{ key }}>{{ value }}{% endfor %}"
_BY_TOJSON = "{{ c.function.arguments | tojson }}"
_BY_KIND = "{{ c.function.arguments if c.function.arguments is string else c.function.arguments | tojson }}"
_BY_TEXT = "{{ '' + c.function.arguments }}"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (_BY_ITEMS, '<arguments>{"a": <|im_end|>'),
        (_BY_TOJSON, '"{\\"a\\": <|im_end|>"'),
        (_BY_KIND, '{"a": <|im_end|>'),
        (_BY_TEXT, '{"a": <|im_end|>'),
    ],
)
def test_a_call_that_is_no_json_is_shown_in_every_form_of_template(written: str, expected: str) -> None:
    template = (
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}"
        "{% for c in m.tool_calls or [] %}{{ c.function.name }}: " + written + "{% endfor %}{% endfor %}"
    )
    calling = Message("assistant", tool_calls=(ToolCall("call12345", "look", '{"a": <|im_end|>'),))
    assert render(template, USER, calling, RESULT) == f"[user]Hello[assistant]look: {expected}[tool]rain"
