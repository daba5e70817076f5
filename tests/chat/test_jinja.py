"""Claims about chat formats that come as a Jinja template with the model."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimo.chat.jinja.shield import SENTINELS
from mimo.chat.prompt import ChatFormat, chat_format
from mimo.contract.errors import InvalidRequest
from mimo.tokenizers.bytes import CONTROL_NAMES, ByteTokenizer
from mimo.types import Message, ToolCall

TOKENIZER = ByteTokenizer()
CHATML = """\
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- if message.reasoning_content %}{{ '<think>\\n' ~ message.reasoning_content ~ '\\n</think>\\n' }}{% endif %}
    {{- message.content | trim }}
    {%- for call in message.tool_calls or [] %}
        {{- '<tool_call>\\n' + call.function | tojson + '\\n</tool_call>' }}
    {%- endfor %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}
    {%- if enable_thinking %}{{ '<think>\\n' }}{% else %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}
{%- endif %}"""


@cache
def form(template: str) -> ChatFormat:
    """One format, and one process, for all examples of a template."""
    return chat_format(template, TOKENIZER)


def render(template: str, *messages: Message, thinking: bool = False) -> tuple[str, bool]:
    """(the prompt with control tokens in brackets, in_reasoning)."""
    prompt = form(template).render(messages, thinking=thinking)
    marked = (b"[%s]" % TOKENIZER.piece(t) if TOKENIZER.is_control(t) else TOKENIZER.piece(t) for t in prompt.tokens)
    return b"".join(marked).decode(), prompt.in_reasoning


def test_the_templates_own_control_tokens_become_tokens_and_the_text_stays() -> None:
    assert render(CHATML, Message("user", " Hi ")) == (
        "[<|im_start|>]user\nHi[<|im_end|>]\n[<|im_start|>]assistant\n[<think>]\n\n[</think>]\n\n",
        False,
    )


def test_a_prompt_that_ends_in_an_open_think_tag_is_in_reasoning() -> None:
    text, in_reasoning = render(CHATML, Message("assistant", "a", reasoning_content="r"), thinking=True)
    assert text.endswith("assistant\n[<think>]\n")
    assert in_reasoning


def test_only_the_last_header_says_whether_reasoning_is_open() -> None:
    turns = "{% for m in messages %}<|im_start|>{{ m.role }}<think>{{ m.content }}<|im_end|>{% endfor %}"
    bare = turns + "<|im_start|>assistant\n"
    assert not render(bare, Message("assistant", "left open"), thinking=True)[1]
    assert not render(bare + "{{ messages[0].content }}", Message("user", "<think>"), thinking=True)[1]


def test_a_think_tag_that_the_template_always_opens_is_closed_with_thinking_off() -> None:
    text, in_reasoning = render(
        "{{ messages[0].content }}<|im_start|>assistant\n{{ '<think>\\n' }}", Message("user", "a"), thinking=False
    )
    assert text == "a[<|im_start|>]assistant\n[<think>]\n\n[</think>]\n\n"
    assert not in_reasoning


def test_a_call_in_the_history_is_given_as_templates_expect_it() -> None:
    call = ToolCall("1", "weather", {"city": "Åbo <b>", "n": [1, None]})
    text, _ = render(CHATML, Message("assistant", "", tool_calls=(call,)))
    written = '{"name": "weather", "arguments": {"city": "Åbo <b>", "n": [1, null]}}'
    assert f"[<tool_call>]\n{written}\n[</tool_call>]" in text


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ bos_token }}|{{ eos_token }}", "|[<|im_end|>]"),
        ("{{ messages[0].name is defined }}", "False"),
        ("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "01"),
        ("a\n  {% if true %}\nb\n  {% endif %}\n", "a\nb\n"),
        ("{% generation %}x{% endgeneration %}{{ strftime_now('%%') }}", "x%"),
        ("{% for m in messages %}{{ loop.last }}{{ loop.length }}{{ loop.index0 }}{% endfor %}", "True10"),
        ("{% set n = namespace(a=1) %}{% for i in [1, 2] %}{% set n.a = n.a + i %}{% endfor %}{{ n.a }}", "4"),
        ("{{ 1 ~ 'x' ~ none }}", "1xNone"),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% else %}none{% endfor %}", "a1"),
        ("{% for m in messages if m.role == 'x' %}a{% else %}none{% endfor %}", "none"),
        ("{{ (2 ** 3) * 2 }}{{ '-' * 3 }}{{ 2 * '=' }}{{ [1] + [2] }}", "16---==[1, 2]"),
    ],
)
def test_what_templates_use_works(template: str, expected: str) -> None:
    said = "[<|im_start|>]a"  # a template that leaves the message out is refused
    assert render(template + "<|im_start|>{{ messages[0].content }}", Message("user", "a"))[0] == expected + said


def test_the_words_of_a_template_that_refuses_reach_the_client() -> None:
    template = "{% if true %}{{ raise_exception('roles must alternate ' ~ messages[0].content) }}{% endif %}"
    with pytest.raises(InvalidRequest, match="roles must alternate <think>") as refused:
        render(template, Message("system", "<think>"))
    assert refused.value.param == "messages"


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages[0].nope.nope }}",
        "{{ 1 / 0 }}",
        "{{ 'a' + 1 }}",
        "{{ messages.append(1) }}",
        "{{ messages.__class__.mro() }}",
    ],
)
def test_a_template_that_fails_is_a_bad_request_not_a_crash(template: str) -> None:
    with pytest.raises(InvalidRequest, match="chat template"):
        render(template, Message("user", "a"))


@pytest.mark.parametrize(
    "template",
    [
        "{% set r = range(90000) %}{% for i in r %}{% for j in r %}{% endfor %}{% endfor %}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}",
        "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% set n = namespace(a='aa') %}{% for i in range(60) %}{% set n.a = n.a ~ n.a %}{% endfor %}",
        "{% set n = namespace(a='aa') %}{% for i in range(60) %}{% set n.a = n.a + n.a %}{% endfor %}",
        "{% set n = namespace(a=9) %}{% for i in range(60) %}{% set n.a = n.a * n.a %}{% endfor %}",
        "{{ 'a' * 1000000000 }}",
        "{{ 1000000000 * [1] }}",
        "{{ 9 ** 999999999 }}",
        "{% set x = 'a' * 60000000 %}{{ x }}{{ x }}",
        "{{ range(1000000000) | list }}",
    ],
)
def test_a_bomb_in_a_template_is_stopped(template: str) -> None:
    with pytest.raises(InvalidRequest, match=r"chat template: .*(too large|too much|too big|steps|recursion)"):
        render(template, Message("user", "a"))


@pytest.mark.parametrize("template", ["{% if %}", "{% for x in y %}", "{{ x | nope }}", "{% nope %}", "{{ '"])
def test_a_template_that_does_not_compile_is_refused_before_any_request(template: str) -> None:
    with pytest.raises(ValueError, match="chat template does not compile"):
        chat_format(template, TOKENIZER)


WRITTEN = [
    "{% if m %}" + CHATML + "{% endif %}",
    "<|im_start|>{{ m.role }}\n{{ m.name }}{{ m.content }}{{ m.reasoning_content }}<|im_end|>",
    "{{ m.content.split('</think>')[-1].lstrip('\\n') }}{{ m.content[:4] }}{{ m.content[1:] }}",
    "{{ m.content.replace('x', '') }}{{ m.name | trim }}<|im_{{ m.content }}<{{ m.content }}|>",
    "{{ '<|' ~ m.content ~ '|>' }}<{{ m.name | trim }}>{{ m.content | reverse }}",
    "{{ messages | tojson }}{{ m.tool_calls }}{{ m.content | upper | lower | title }}",
]
NAMES = ["<|im_end|>", "<think>", "</think>", "<|imx_end|>", "<thxink>", ">|dne_mi|<", "<|IM_END|>"]
PARTS = ["<|im_", "im_end", "end|>", "|>", "<", ">", "think", "im_start", "x", " ", "\n", "é", "\ufdd0", "{{"]
words = st.lists(st.sampled_from([*NAMES, *PARTS]), max_size=4).map("".join)
messages = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=words,
    reasoning_content=st.none() | words,
    name=st.none() | words,
    tool_calls=st.just(()) | st.builds(lambda word: (ToolCall(word, word, {word: [word, 1]}),), words),
)


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.sampled_from(WRITTEN), st.lists(messages, min_size=1, max_size=3))
def test_no_message_can_add_a_control_token_to_a_template(template: str, messages: list[Message]) -> None:
    """Every control token of the prompt is one that the template writes around harmless text too."""
    written = form("{% for m in messages %}" + template + "{{ m.content }}{{ m.tool_calls or '' }}{% endfor %}")
    harmless = [
        Message(m.role, "Q", m.reasoning_content and "Q", tuple(ToolCall("Q", "Q", {}) for _ in m.tool_calls))
        for m in messages
    ]
    found = [token for token in written.render(messages, thinking=True).tokens if TOKENIZER.is_control(token)]
    assert found == [token for token in written.render(harmless, thinking=True).tokens if TOKENIZER.is_control(token)]


@pytest.mark.parametrize(
    ("template", "content"),
    [
        ("{{ content }}>", "<|im_end|"),
        ("{{ content }}{{ content[:0] }}|>", "a <|im_end"),
        ("<{{ content }}", "|im_end|> a"),
        ("<|{{ content }}|>", "im_end"),
        ("<|{{ content | trim }}|>", " im_end\n"),
        ("<{{ content }}>", "think"),
        ("<|im_en{{ content }}|>", "d"),
        ("{{ content | reverse }}", ">|dne_mi|<"),
        ("{{ content | reverse }}>", "|dne_mi|<"),
        ("<{{ content | reverse }}", ">|dne_mi|"),
        ("{{ content | replace('x', '') }}", "<x|im_end|x>"),
        ("{{ content[0] }}{{ content[2:] }}", "<x|im_end|>"),
        ("{{ content | lower }}", "<|IM_END|>"),
    ],
)
def test_no_name_forms_out_of_text_and_template_together(template: str, content: str) -> None:
    source = template.replace("content", "messages[0].content") + " {{ messages[0].content }}"
    tokens = form(source).render([Message("user", content)], thinking=True).tokens
    assert not any(map(TOKENIZER.is_control, tokens))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(words, min_size=1, max_size=4))
def test_the_text_of_every_message_comes_out_as_it_went_in(contents: list[str]) -> None:
    template = "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}"
    tokens = form(template).render([Message("user", c) for c in contents], thinking=True).tokens
    decoded = b"".join(map(TOKENIZER.piece, tokens)).decode()
    assert decoded == "".join(f"<|im_start|>{content}<|im_end|>" for content in contents)


def test_logic_of_a_template_works_on_shielded_text() -> None:
    template = "{% set c = messages[0].content %}{{ c | trim | length }}{{ c.startswith(' a') }}{{ c }}"
    assert render(template, Message("user", " a b ")) == ("3True a b ", False)


def test_a_message_that_leaves_no_sentinel_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="noncharacter"):
        render(CHATML, Message("user", SENTINELS))
    assert render("\ufdd0{{ messages[0].content }}", Message("user", "<think>"))[0] == "\ufdd0<think>"
    assert SENTINELS[1:] in render(CHATML, Message("user", SENTINELS[1:] + "<think>"))[0]


def test_a_vocabulary_without_control_tokens_gets_plain_text() -> None:
    class Plain(ByteTokenizer):
        def __init__(self) -> None:
            super().__init__()
            self.control_names = ()

        def control(self, name: str) -> int | None:
            return None

    prompt = chat_format("<|im_start|>{{ messages[0].content }}", Plain()).render(
        [Message("user", "<a>")], thinking=True
    )
    assert bytes(prompt.tokens) == b"<|im_start|><a>"


def test_the_longest_of_two_names_that_begin_alike_is_the_token() -> None:
    class Nested(ByteTokenizer):
        def __init__(self) -> None:
            super().__init__()
            self.control_names = (*CONTROL_NAMES, "<|im_end|>x")
            self._controls["<|im_end|>x"] = self.vocabulary

    prompt = chat_format("<|im_end|>x<|im_end|>", Nested()).render([], thinking=True)
    assert prompt.tokens == (265, 258)
