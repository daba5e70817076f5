"""`resolve()`: every bound inclusive, every wrong value refused by name, nothing clamped, and no other exception."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimo.contract.errors import InvalidRequest
from mimo.contract.models import MODELS
from mimo.contract.parameters import PARAMETERS
from mimo.contract.request import Params
from mimo.contract.resolve import resolve

PRO, FLASH = MODELS["mimo-v2-pro"], MODELS["mimo-v2-flash"]


def refusal(fields, model=FLASH, **options):
    with pytest.raises(InvalidRequest) as refused:
        resolve(fields, model, **options)
    return refused.value


def applied(params, name):
    """The value of the parameter `name`, wherever in `params` it is kept."""
    return getattr(params.sampling if hasattr(params.sampling, name) else params, name)


TOOL = {"type": "function", "function": {"name": "f"}}
NUMBERS = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}
INTEGERS = {"seed": (0, 2**63 - 1), "n": (1, 8), "max_completion_tokens": (1, 64_000), "max_tokens": (1, 64_000)}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_may_be_either_bound_and_nothing_beyond(name):
    low, high = NUMBERS[name]
    for value in (low, high, float(low), float(high), (low + high) / 2):
        used = applied(resolve({name: value}, FLASH).params, name)
        assert used == value and type(used) is float
    for value in (math.nextafter(low, -9), math.nextafter(high, 9), low - 1, high + 1, 10**400, -(10**400), 1e308):
        error = refusal({name: value})
        assert error.param == name
        assert error.message.startswith(f"{name} must be between {low} and {high}, got ")


@pytest.mark.parametrize("name", INTEGERS)
def test_an_integer_may_be_either_bound_and_nothing_beyond(name):
    low, high = INTEGERS[name]
    where = "max_completion_tokens" if name == "max_tokens" else name
    for value in (low, high):
        assert applied(resolve({name: value}, FLASH).params, where) == value
    for beyond in (low - 1, high + 1, low + 0.5, 10**30):
        assert refusal({name: beyond}).param == name


def test_an_integer_written_as_a_float_is_one():
    params = resolve({"n": 2.0, "max_completion_tokens": 1e3, "seed": 5.0}, FLASH).params
    assert (params.n, params.max_completion_tokens, params.sampling.seed) == (2, 1000, 5)
    assert all(type(value) is int for value in (params.n, params.max_completion_tokens, params.sampling.seed))


@pytest.mark.parametrize("name", [*NUMBERS, *INTEGERS, "top_logprobs"])
@pytest.mark.parametrize("value", ["1", True, False, [], [1], {}, math.nan, math.inf, -math.inf], ids=repr)
def test_nothing_but_a_json_number_is_a_number(name, value):
    error = refusal({name: value, "logprobs": True})
    assert error.param == name
    assert error.message.startswith(f"{name} must be ")


def test_the_largest_limit_is_the_models_own():
    assert resolve({"max_completion_tokens": 128_000}, PRO).params.max_completion_tokens == 128_000
    assert resolve({"max_completion_tokens": 64_000}, FLASH).params.max_completion_tokens == 64_000
    assert refusal({"max_completion_tokens": 128_001}, PRO).message == (
        "max_completion_tokens must be between 1 and 128000 for mimo-v2-pro, got 128001"
    )


def test_the_limit_wins_over_its_alias_but_the_alias_is_checked_too():
    assert resolve({"max_tokens": 5}, FLASH).params.max_completion_tokens == 5
    assert resolve({"max_tokens": 5, "max_completion_tokens": 9}, FLASH).params.max_completion_tokens == 9
    assert resolve({"max_tokens": 5, "max_completion_tokens": None}, FLASH).params.max_completion_tokens == 5
    assert refusal({"max_tokens": 0, "max_completion_tokens": 9}).param == "max_tokens"


@pytest.mark.parametrize(
    ("value", "applied"),
    [("x", ("x",)), (["x"], ("x",)), (["a", "b", "c", "d"], ("a", "b", "c", "d")), ([], ()), (["a", "a"], ("a",))],
)
def test_stop_takes_one_to_four_texts(value, applied):
    assert resolve({"stop": value}, FLASH).params.stop == applied


@pytest.mark.parametrize(
    ("value", "param"),
    [
        ("", "stop"), (["a"] * 5, "stop"), ([""], "stop[0]"), (["a", None], "stop[1]"), ({}, "stop"), (1, "stop"),
        ([["a"]], "stop[0]"), (True, "stop"),
    ],
)  # fmt: skip
def test_stop_takes_nothing_else(value, param):
    assert refusal({"stop": value}).param == param


def test_stream_options_need_a_stream():
    assert resolve({"stream": True, "stream_options": {"include_usage": True}}, FLASH).params.include_usage is True
    assert resolve({"stream": True, "stream_options": {}}, FLASH).params.include_usage is False
    assert resolve({"stream": False, "stream_options": None}, FLASH).params.include_usage is False
    for fields in ({}, {"stream": False}, {"stream": None}):
        assert refusal({**fields, "stream_options": {"include_usage": True}}).param == "stream_options"
    assert refusal({"stream": True, "stream_options": {"include_usage": 1}}).param == "stream_options.include_usage"


SWITCHES = [
    ({"thinking": {"type": "enabled"}}, True),
    ({"thinking": {"type": "disabled"}}, False),
    ({"thinking": {"type": "adaptive"}}, True),
    ({"reasoning_effort": "minimal"}, True),
    ({"reasoning_effort": "low"}, True),
    ({"reasoning_effort": "medium"}, True),
    ({"reasoning_effort": "high"}, True),
    ({"reasoning_effort": "xhigh"}, True),
    ({"reasoning_effort": "max"}, True),
    ({"reasoning_effort": "none"}, False),
    ({"chat_template_kwargs": {"enable_thinking": True}}, True),
    ({"chat_template_kwargs": {"enable_thinking": False}}, False),
]


@pytest.mark.parametrize(("first", "on"), SWITCHES, ids=str)
def test_each_name_of_the_thinking_switch_works_on_every_model(first, on):
    for model in MODELS.values():
        assert resolve(first, model).params.thinking is on


@pytest.mark.parametrize(("first", "on"), SWITCHES, ids=str)
@pytest.mark.parametrize(("second", "also"), SWITCHES, ids=str)
def test_two_names_of_the_switch_agree_or_are_refused(first, on, second, also):
    if first.keys() == second.keys():
        return
    if on == also:
        assert resolve({**first, **second}, FLASH).params.thinking is on
    else:
        error = refusal({**first, **second})
        assert error.param in {*first, *second}
        assert all(name in error.message for name in {*first, *second})


def test_a_switch_that_says_nothing_leaves_the_models_default():
    for fields in (
        {"chat_template_kwargs": {}},
        {"chat_template_kwargs": {"enable_thinking": None}},
        {"thinking": None},
    ):
        assert resolve(fields, PRO).params.thinking is True
        assert resolve(fields, FLASH).params.thinking is False
    assert refusal({"thinking": {}}).param == "thinking.type"
    assert refusal({"thinking": {"type": "auto"}}).param == "thinking.type"
    assert refusal({"reasoning_effort": "most"}).param == "reasoning_effort"


def test_a_thinking_budget_counts_only_with_thinking_on():
    on = {"type": "enabled", "budget_tokens": 0}
    assert resolve({"thinking": on}, FLASH).params.thinking_budget == 0
    assert resolve({"thinking": {**on, "type": "disabled"}}, FLASH).params.thinking_budget is None
    for budget in (-1, 1.5, "9", True):
        assert refusal({"thinking": {**on, "budget_tokens": budget}}).param == "thinking.budget_tokens"


def test_top_logprobs_need_logprobs():
    assert resolve({"logprobs": True, "top_logprobs": 20}, FLASH).params.sampling.logprobs == 20
    assert resolve({"logprobs": False, "top_logprobs": 0}, FLASH).params.sampling.logprobs is None
    assert refusal({"top_logprobs": 1}).param == "top_logprobs"
    assert refusal({"logprobs": True, "top_logprobs": 21}).param == "top_logprobs"


def test_min_tokens_are_at_most_the_limit_and_ends_are_not_taken_from_a_grammar():
    assert resolve({"min_tokens": 9, "max_tokens": 9}, FLASH).params.min_tokens == 9
    assert resolve({"ignore_eos": True}, FLASH).params.ignore_eos is True
    error = refusal({"min_tokens": 10, "max_tokens": 9})
    assert (error.param, error.message) == ("min_tokens", "min_tokens must be at most max_completion_tokens, 9, got 10")
    for value in (-1, 64_001, 0.5, "1", True):
        assert refusal({"min_tokens": value, "max_tokens": 64_000}).param == "min_tokens"
    for odd in (1, "true", []):
        assert refusal({"ignore_eos": odd}).param == "ignore_eos"
    strict = {"type": "function", "function": {"name": "f", "strict": True}}
    for fields in (
        {"response_format": {"type": "json_object"}},
        {"tools": [TOOL], "tool_choice": "required"},
        {"tools": [strict]},
    ):
        assert refusal({**fields, "ignore_eos": True}).param == "ignore_eos"
        assert refusal({**fields, "min_tokens": 1}).param == "min_tokens"
    assert resolve({"tools": [TOOL], "min_tokens": 1, "ignore_eos": True}, FLASH).params.min_tokens == 1


def test_logit_bias_takes_token_ids_and_bounded_numbers():
    used = resolve({"logit_bias": {"7": -100, "3": 100, "5": 0.5, "1": None}}, FLASH).params.sampling.logit_bias
    assert used == ((3, 100.0), (5, 0.5), (7, -100.0))
    for bias in ({"a": 1}, {"-1": 1}, {"1.0": 1}, {"": 1}, {"٣": 1}, {"1": 100.5}, {"1": "2"}, {"1": True}, [], 3):
        assert refusal({"logit_bias": bias}).param.startswith("logit_bias")


def test_what_asks_for_nothing_is_accepted():
    fields = {
        "tools": [], "tool_choice": "auto", "parallel_tool_calls": False, "response_format": {"type": "text"},
        "user": "me", "metadata": {"a": "b"}, "store": True,
    }  # fmt: skip
    assert resolve(fields, FLASH, draw_seed=lambda: 0) == resolve({}, FLASH, draw_seed=lambda: 0)


def test_unknown_fields_are_reported_with_the_nearest_name_or_refused():
    assert resolve({"temperatur": 1, "max_token": 2, "zzz": 3}, FLASH).ignored == (
        "temperatur; did you mean temperature?",
        "max_token; did you mean max_tokens?",
        "zzz",
    )
    error = refusal({"temperatur": 1}, strict=True)
    assert error.param == "temperatur" and "did you mean temperature?" in error.message
    assert resolve({"model": "m", "messages": []}, FLASH, strict=True).ignored == ()


@pytest.mark.parametrize(
    ("fields", "reports"),
    [
        ({"tool_choice": {"type": "function", "function": {"name": "f", "zzz": 1}}}, ["tool_choice.function.zzz"]),
        ({"tools": [{**TOOL, "x": 1}]}, ["tools[0].x"]),
        ({"tools": [TOOL, {"type": "function", "function": {"name": "g", "descripton": ""}}], "tool_choice": "auto"},
         ["tools[1].function.descripton; did you mean description?"]),
        ({"stream": True, "stream_options": {"usage": True, "include_usag": 1}},
         ["stream_options.usage", "stream_options.include_usag; did you mean include_usage?"]),
        ({"thinking": {"type": "enabled", "budget_token": 1}},
         ["thinking.budget_token; did you mean budget_tokens?"]),
        ({"chat_template_kwargs": {"add_generation_prompt": True}}, ["chat_template_kwargs.add_generation_prompt"]),
        ({"response_format": {"type": "json_object", "schem": {}}}, ["response_format.schem; did you mean schema?"]),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"x-note": 1}, "y": 2}}},
         ["response_format.json_schema.y"]),
        ({"metadata": {"a": {"b": 1}}, "logit_bias": {"7": 1}}, []),
    ],
    ids=str,
)  # fmt: skip
def test_members_nobody_knows_are_reported_by_their_path_at_any_depth_or_refused(fields, reports):
    fields = {"tools": [TOOL], **fields}
    assert list(resolve(fields, FLASH).ignored) == reports
    if reports:
        error = refusal(fields, strict=True)
        assert (error.param, reports[0] in error.message) == (reports[0].partition(";")[0], True)


def test_an_unknown_name_with_dots_and_semicolons_is_repeated_as_it_is():
    name = "temperature; did. you"
    assert resolve({name: 1}, FLASH).ignored[0].startswith(name)
    assert refusal({name: 1}, strict=True).param == name


def test_ten_thousand_unknown_fields_take_no_time():
    fields = {f"field number {at}": at for at in range(10_000)}
    assert len(resolve(fields, FLASH).ignored) == 10_000


def test_a_drawn_seed_is_within_range_and_new_each_time():
    seeds = {resolve({}, FLASH).params.sampling.seed for _ in range(50)}
    assert len(seeds) == 50  # odds of a false alarm: 1e-16
    assert all(0 <= seed < 2**63 for seed in seeds)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=10,
)
likely = (
    st.sampled_from([0, 1, 2, -1, 0.5, 1024, 64_001, 2**63, "a", "none", "low", "auto", True, False, [], {}])
    | st.fixed_dictionaries({}, optional={"type": st.sampled_from(["enabled", "disabled", "text"]) | json_values})
    | st.dictionaries(st.integers(-1, 99).map(str), json_values, max_size=3)
)
requests = st.dictionaries(
    st.sampled_from([*PARAMETERS, "model", "extra"]) | st.text(max_size=12), json_values | likely
)


@settings(max_examples=200, deadline=None)
@given(fields=requests, model=st.sampled_from(list(MODELS.values())), strict=st.booleans())
def test_any_json_gives_params_or_an_invalid_request(fields, model, strict):
    try:
        params = resolve(fields, model, strict=strict).params
    except InvalidRequest as error:
        assert error.status == 400
        assert error.param is not None
        assert len(error.message) < 400
        error.message.encode()  # whatever came, the message can be sent
        return
    assert isinstance(params, Params)
    assert 0 <= params.sampling.temperature <= 2 and 0 <= params.sampling.top_p <= 1
    assert 1 <= params.max_completion_tokens <= model.max_completion_tokens
    assert len(params.stop) <= 4 and all(params.stop)
    assert all(type(getattr(params, name)) is bool for name in ("stream", "thinking", "include_usage"))
    for name, value in fields.items():  # applied exactly: what was given is what is used
        if name in ("temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "n") and value is not None:
            assert applied(params, name) == value


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from([*NUMBERS, *INTEGERS]), value=json_values)
def test_messages_say_name_allowed_and_what_came(name, value):
    try:
        resolve({name: value}, FLASH)
    except InvalidRequest as error:
        assert re.match(rf"{name} must be .*between -?\d+ and \d+.*, got .+", error.message, re.DOTALL)
