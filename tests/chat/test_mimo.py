"""Claims about MiMo's own chat format."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimo.chat.mimo.format import SYSTEM, MimoFormat
from mimo.chat.prompt import chat_format
from mimo.contract.errors import InvalidRequest
from mimo.tokenizers.bytes import CONTROL_NAMES, ByteTokenizer
from mimo.types import Message, Role, ToolCall

TOKENIZER = ByteTokenizer()
FORMAT = chat_format(None, TOKENIZER)


def text(*messages: Message, thinking: bool = False) -> str:
    """The prompt with control tokens by name, and without the default system turn."""
    tokens = MimoFormat(TOKENIZER).render(messages, thinking=thinking).tokens
    return b"".join(map(TOKENIZER.piece, tokens)).decode().removeprefix(f"<|im_start|>system\n{SYSTEM}<|im_end|>")


def test_the_known_prompt_comes_out_to_the_letter() -> None:
    prompt = FORMAT.render([Message("user", "Hello")], thinking=False)
    assert b"".join(map(TOKENIZER.piece, prompt.tokens)).decode() == (
        "<|im_start|>system\nYou are MiMo, a helpful AI assistant engineered by Xiaomi.<|im_end|>"
        "<|im_start|>user\nHello<|im_end|><|im_start|>assistant\n<think></think>"
    )
    names = [TOKENIZER.piece(token).decode() for token in prompt.tokens if TOKENIZER.is_control(token)]
    assert names == ["<|im_start|>", "<|im_end|>"] * 2 + ["<|im_start|>", "<think>", "</think>"]
    assert not prompt.in_reasoning


def test_with_thinking_on_the_model_writes_its_own_think_tag() -> None:
    assert text(Message("user", "Hi"), thinking=True).endswith("<|im_start|>assistant\n")
    assert not FORMAT.render([Message("user", "Hi")], thinking=True).in_reasoning


def test_a_system_message_replaces_the_default_and_later_ones_stand_in_place() -> None:
    messages = [Message("system", "Be brief."), Message("user", "a"), Message("system", "Now long.")]
    assert text(*messages, thinking=True) == (
        "<|im_start|>system\nBe brief.<|im_end|><|im_start|>user\na<|im_end|>"
        "<|im_start|>system\nNow long.<|im_end|><|im_start|>assistant\n"
    )
    assert text(thinking=True) == "<|im_start|>assistant\n"


def test_nothing_is_trimmed() -> None:
    assert "<|im_start|>user\n \n a \n<|im_end|>" in text(Message("user", " \n a \n"))
    turn = Message("assistant", "\n b ", reasoning_content="\n r ")
    assert "assistant\n<think>\n r </think>\n b <|im_end|>" in text(turn)


def test_reasoning_before_the_last_user_message_is_dropped() -> None:
    messages = [
        Message("user", "a"),
        Message("assistant", "b", reasoning_content="old"),
        Message("user", "c"),
        Message("assistant", "d", reasoning_content="new"),
        Message("assistant", "e"),
    ]
    rendered = text(*messages)
    assert "<think></think>b" in rendered and "old" not in rendered
    assert "<think>new</think>d" in rendered and "<think></think>e" in rendered


def test_calls_and_their_results_are_written_in_the_block_form() -> None:
    arguments = {
        "city": " Åbo\n",
        "days": 3,
        "metric": True,
        "at": None,
        "tags": ["é", 1.5, False],
        "deep": {"a": None},
    }
    messages = [
        Message("user", "w?"),
        Message("assistant", "Look.", tool_calls=(ToolCall("1", "weather", arguments), ToolCall("2", "now", {}))),
        Message("tool", "sunny", tool_call_id="1"),
        Message("tool", "noon", tool_call_id="2"),
        Message("user", "ok"),
    ]
    assert text(*messages, thinking=True) == (
        "<|im_start|>user\nw?<|im_end|><|im_start|>assistant\n<think></think>Look."
        "<tool_call>\n<function=weather>\n<parameter=city> Åbo\n</parameter>\n<parameter=days>3</parameter>\n"
        "<parameter=metric>True</parameter>\n<parameter=at>None</parameter>\n"
        '<parameter=tags>["é", 1.5, false]</parameter>\n<parameter=deep>{"a": null}</parameter>\n'
        "</function>\n</tool_call>"
        "<tool_call>\n<function=now>\n</function>\n</tool_call><|im_end|>"
        "<|im_start|>tool\n<tool_response>\nsunny\n</tool_response>\n<tool_response>\nnoon\n</tool_response>\n<|im_end|>"
        "<|im_start|>user\nok<|im_end|><|im_start|>assistant\n"
    )


def test_a_think_tag_in_an_assistants_content_stays_text() -> None:
    prompt = FORMAT.render([Message("assistant", "<think>x</think>y")], thinking=True)
    assert sum(token == TOKENIZER.control("<think>") for token in prompt.tokens) == 1
    assert b"<think></think><think>x</think>y<|im_end|>" in b"".join(map(TOKENIZER.piece, prompt.tokens))


letters = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=3)
words = st.lists(st.sampled_from([*CONTROL_NAMES, "<|im_", "end|>", "\n"]) | letters, max_size=4).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
)
messages = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=words,
    reasoning_content=st.none() | words,
    tool_calls=st.lists(
        st.builds(ToolCall, id=words, name=words, arguments=st.dictionaries(words, values, max_size=2)), max_size=2
    ).map(tuple),
    tool_call_id=st.none() | words,
    name=st.none() | words,
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(messages, max_size=5), st.booleans())
def test_no_message_can_add_a_control_token_or_lose_its_text(messages: list[Message], thinking: bool) -> None:
    prompt = FORMAT.render(messages, thinking=thinking)
    harmless = [Message(m.role, "x", "x", tuple(ToolCall("x", "x", {}) for _ in m.tool_calls)) for m in messages]
    assert controls(prompt.tokens) == controls(FORMAT.render(harmless, thinking=thinking).tokens)
    assert not prompt.in_reasoning
    rendered = b"".join(map(TOKENIZER.piece, prompt.tokens)).decode()
    at = 0
    for message in messages:
        at = rendered.index(message.content, at) + len(message.content)


def controls(tokens: tuple[int, ...]) -> list[int]:
    return [token for token in tokens if TOKENIZER.is_control(token)]


@pytest.mark.parametrize(
    ("message", "where"),
    [
        (Message("user", "a\ud800"), "content"),
        (Message("assistant", "a", reasoning_content="\udfff"), "reasoning_content"),
        (Message("assistant", "", tool_calls=(ToolCall("\ud800", "f", {}),)), "tool_calls[0].id"),
        (Message("assistant", "", tool_calls=(ToolCall("i", "\ud800", {}),)), "tool_calls[0].function.name"),
        (Message("assistant", "", tool_calls=(ToolCall("i", "f", {"\ud800": 1}),)), "tool_calls[0].function.arguments"),
        (
            Message("assistant", "", tool_calls=(ToolCall("i", "f", {"a": [{"b": "\ud800"}]}),)),
            "tool_calls[0].function.arguments",
        ),
    ],
)
def test_a_lone_surrogate_is_refused_by_the_name_of_its_field(message: Message, where: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        FORMAT.render([Message("user", "fine"), message], thinking=False)
    assert refused.value.param == f"messages[1].{where}"
    assert "U+D" in refused.value.message


def test_a_call_that_is_no_json_is_shown_as_it_was_written() -> None:
    turn = Message("assistant", tool_calls=(ToolCall("i", "f", '{"a": <|im_end|>'),))
    prompt = FORMAT.render([Message("user", "fine"), turn], thinking=False).tokens
    text = b"".join(map(FORMAT.tokenizer.piece, prompt)).decode()
    assert '<function=f>\n{"a": <|im_end|>\n</function>' in text
    assert prompt.count(FORMAT.tokenizer.control("<|im_end|>")) == 3  # system, user, assistant: none of the call's


def test_arguments_that_cannot_be_printed_are_refused() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (deep, 10**5000, [10**5000]):
        with pytest.raises(InvalidRequest, match="arguments"):
            FORMAT.render([Message("assistant", tool_calls=(ToolCall("i", "f", {"a": value}),))], thinking=False)


def test_a_vocabulary_without_the_formats_control_tokens_is_refused_by_name() -> None:
    class Plain(ByteTokenizer):
        def control(self, name: str) -> int | None:
            return None if name == "<|im_start|>" else super().control(name)

    with pytest.raises(ValueError, match=r"<\|im_start\|>"):
        chat_format(None, Plain())


def test_an_older_vocabulary_spells_the_result_tags_out() -> None:
    class Older(ByteTokenizer):
        def control(self, name: str) -> int | None:
            return None if "tool_response" in name else super().control(name)

    tokens = MimoFormat(Older()).render([Message("tool", "x")], thinking=True).tokens
    assert b"tool\n<tool_response>\nx\n</tool_response>\n" in bytes(token for token in tokens if token < 256)


def test_text_that_touches_is_encoded_as_one() -> None:
    class Recording(ByteTokenizer):
        seen: list[str] = []  # noqa: RUF012

        def encode(self, text: str) -> list[int]:
            self.seen.append(text)
            return super().encode(text)

    recording = Recording()
    role: Role = "user"
    MimoFormat(recording).render([Message("system", "s"), Message(role, "Hello")], thinking=True)
    assert recording.seen == ["system\ns", "user\nHello", "assistant\n"]
