"""The tables against the contract's numbers, written out here a second time on purpose."""

from __future__ import annotations

import json

import pytest

from mimo.contract.errors import ApiError, NotFound
from mimo.contract.models import MODELS, alias, find_model, with_models
from mimo.contract.parameters import PARAMETERS
from mimo.contract.request import Params
from mimo.contract.resolve import resolve
from mimo.types import Sampling

MILLION = 10_000_000

CONTRACT_MODELS = {
    #  id            largest  window     thinking input                                 prices: in, cached, out, above
    "mimo-v2-pro": (128_000, 1_048_576, True, {"text"}, [(1.00, 0.20, 3.00, 0), (2.00, 0.40, 6.00, 256_000)]),
    "mimo-v2-omni": (128_000, 262_144, True, {"text", "image", "audio", "video"}, [(0.40, 0.08, 2.00, 0)]),
    "mimo-v2-flash": (64_000, 262_144, False, {"text"}, [(0.10, 0.01, 0.30, 0)]),
}

CONTRACT_ERRORS = {
    ("invalid_request", 400), ("context_length_exceeded", 400), ("unsupported_input", 400),
    ("unsupported_parameter", 400), ("authentication_failed", 401), ("insufficient_balance", 402),
    ("permission_denied", 403), ("not_found", 404), ("method_not_allowed", 405), ("request_too_large", 413),
    ("unsupported_media_type", 415),
    ("rate_limit_exceeded", 429), ("internal_error", 500), ("upstream_error", 502), ("service_unavailable", 503),
    ("upstream_timeout", 504),
}  # fmt: skip

BOUNDS = {  # both bounds are inclusive
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "seed": (0, 2**63 - 1),
    "n": (1, 8),
    "top_logprobs": (0, 20),
}


def test_the_models_are_those_of_the_contract():
    assert set(MODELS) == set(CONTRACT_MODELS)
    for name, (largest, window, thinking, takes, prices) in CONTRACT_MODELS.items():
        row = MODELS[name]
        assert row.id == name
        assert (row.max_completion_tokens, row.context_window, row.thinking) == (largest, window, thinking)
        assert set(row.input) == takes
        assert row.recommended_minimum == 1024
        assert (row.requests_per_minute, row.tokens_per_minute) == (100, MILLION)
        assert [(price.input, price.cached_input, price.output, price.above) for price in row.prices] == prices


def test_the_errors_are_those_of_the_contract():
    tree = [ApiError]
    for error in tree:
        tree += error.__subclasses__()
    assert {(error.code, error.status) for error in tree[1:]} == CONTRACT_ERRORS
    assert all(error.__doc__ for error in tree)


def test_the_parameters_are_those_of_the_contract():
    assert set(PARAMETERS) == {
        "temperature", "top_p", "max_completion_tokens", "frequency_penalty", "presence_penalty", "stream", "stop",
        "max_tokens", "stream_options", "thinking", "reasoning_effort", "chat_template_kwargs", "seed", "n",
        "logprobs", "top_logprobs", "logit_bias", "ignore_eos", "min_tokens",
        "tools", "tool_choice", "parallel_tool_calls", "response_format", "user", "metadata", "store",
    }  # fmt: skip
    for name, (low, high) in BOUNDS.items():
        assert (PARAMETERS[name].minimum, PARAMETERS[name].maximum) == (low, high)


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.id)
def test_nothing_sent_means_the_documented_defaults(model):
    resolved = resolve({}, model, draw_seed=lambda: 42)
    assert resolved.ignored == ()
    assert resolved.params == Params(
        sampling=Sampling(1.0, 0.95, 0.0, 0.0, seed=42, logit_bias=(), logprobs=None),
        max_completion_tokens=1024,
        stream=False,
        stop=(),
        ignore_eos=False,
        min_tokens=0,
        include_usage=False,
        continuous_usage=False,
        thinking=CONTRACT_MODELS[model.id][2],
        thinking_budget=None,
        n=1,
        tools=(),
        tool_choice="auto",
        parallel_tool_calls=True,
        json_format=None,
        seed_given=False,
        thinking_given=False,
    )
    assert resolve(dict.fromkeys(PARAMETERS), model, draw_seed=lambda: 42) == resolved


def test_every_row_can_be_published_as_json():
    for model in MODELS.values():
        for row in model.parameters.values():
            json.dumps([row.default, row.minimum, row.maximum, row.recommended, row.schema()], allow_nan=False)
        assert row.description and row.type


def test_an_unknown_id_is_refused_with_the_list_and_ids_are_exact():
    for name in ("mimo-v2-flash ", "MiMo-V2-Flash", "mimo", "", "mimo-v2-flash\n"):
        with pytest.raises(NotFound, match="mimo-v2-pro, mimo-v2-omni, mimo-v2-flash") as refused:
            find_model(name)
        assert refused.value.param == "model"


def test_an_alias_is_a_full_row_and_leaves_the_table_alone():
    row = alias("gpt-4o", "mimo-v2-flash")
    assert (row.id, row.max_completion_tokens) == ("gpt-4o", 64_000)
    assert set(with_models([row])) == {*MODELS, "gpt-4o"}
    assert "gpt-4o" not in MODELS
    with pytest.raises(NotFound):
        alias("a", "nope")
