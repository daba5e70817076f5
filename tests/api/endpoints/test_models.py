"""GET /v1/models: the contract as data, and who really answers."""

from __future__ import annotations

import anthropic
import pytest

from mimo.contract.models import MODELS, Price, alias, with_models
from mimo.contract.models import Model as Row
from mimo.contract.parameters import PARAMETERS
from mimo.engines.scripted.script import Script, ScriptedAnswer


def test_the_list_has_every_model_and_each_one_has_its_own_address(server):
    listed = server.http.get("/v1/models").json()
    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == ["mimo-v2-pro", "mimo-v2-omni", "mimo-v2-flash"]
    for model in listed["data"]:
        assert server.http.get(f"/v1/models/{model['id']}").json() == model
        assert (model["object"], model["owned_by"]) == ("model", "mimo")


def test_a_model_object_holds_its_row_of_the_contract(server):
    model = server.http.get("/v1/models/mimo-v2-pro").json()
    assert model["context_window"] == 1_048_576
    assert model["max_completion_tokens"] == 128_000
    assert model["thinking"] is True
    assert model["input"] == ["text"]
    assert model["rate_limits"] == {"requests_per_minute": 100, "tokens_per_minute": 10_000_000}
    prices = [
        (price["above_prompt_tokens"], price["input"], price["cached_input"], price["output"])
        for price in model["prices"]
    ]
    assert prices == [(0, 1.0, 0.2, 3.0), (256_000, 2.0, 0.4, 6.0)]


def test_every_parameter_is_published_with_range_default_and_tip(server):
    for model_id, largest, thinking in (("mimo-v2-omni", 128_000, "enabled"), ("mimo-v2-flash", 64_000, "disabled")):
        model = server.http.get(f"/v1/models/{model_id}").json()
        described = {row["name"]: row for row in model["parameters"]}
        assert list(described) == list(PARAMETERS)
        limit = described["max_completion_tokens"]
        assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, largest, 1024)
        assert limit["recommended"] == [1024, largest]
        assert described["thinking"]["default"] == {"type": thinking}
        temperature = described["temperature"]
        assert (temperature["minimum"], temperature["maximum"], temperature["default"]) == (0, 2, 1.0)
        assert all(row["description"] for row in described.values())


def test_served_by_names_the_engine_and_the_smaller_window(server, serving):
    served = server.http.get("/v1/models/mimo-v2-flash").json()["served_by"]
    assert served == {
        "engine": "scripted",
        "model": "script",
        "context_window": 32768,
        "input": ["text"],
        "system_fingerprint": server.engine.info.fingerprint,
    }
    with serving(Script([ScriptedAnswer([])], context_window=10**7)) as wide:
        assert wide.http.get("/v1/models/mimo-v2-flash").json()["served_by"]["context_window"] == 262_144


def test_an_operators_models_and_aliases_are_full_rows(serving):
    own = Row("acme/tiny", 2000, 4000, thinking=True, prices=(Price(1, 2, 3),))
    models = with_models([own, alias("gpt-4o", "mimo-v2-flash")])
    with serving(models=models) as server:
        assert server.http.get("/v1/models/acme/tiny").json()["max_completion_tokens"] == 2000
        assert server.http.get("/v1/models/acme%2Ftiny").json()["id"] == "acme/tiny"
        assert server.http.get("/v1/models/gpt-4o").json()["max_completion_tokens"] == 64_000
        assert server.chat(model="gpt-4o").json()["model"] == "gpt-4o"
        assert "between 1 and 2000 for acme/tiny" in server.chat(model="acme/tiny", max_tokens=2001).text


@pytest.mark.parametrize("name", ["nope", "mimo-v2-FLASH", "mimo-v2-flash/x", "%F0%9F%98%80"])
def test_an_unknown_model_is_a_404_that_lists_the_models(server, name):
    error = server.http.get(f"/v1/models/{name}")
    assert error.status_code == 404
    assert all(model in error.json()["error"]["message"] for model in MODELS)


@pytest.mark.parametrize("base", ["", "/anthropic"], ids=["by the header", "by the path"])
def test_anthropics_sdk_lists_and_reads_the_models(server, base):
    with anthropic.Anthropic(
        base_url=f"{server.url}{base}", api_key="unused", max_retries=0, _strict_response_validation=True
    ) as client:
        listed = list(client.models.list())
        assert [model.id for model in listed] == list(MODELS)
        one = client.models.retrieve("mimo-v2-pro")
        assert one == listed[0]
        assert one.created_at.timestamp() == MODELS["mimo-v2-pro"].created
        assert one.max_tokens == 128_000
        with pytest.raises(anthropic.NotFoundError) as missing:
            client.models.retrieve("nope")
        assert missing.value.response.json()["error"]["type"] == "not_found_error"


def test_the_path_alone_gives_anthropics_form(server):
    assert server.http.get("/anthropic/v1/models").json()["first_id"] == "mimo-v2-pro"
    assert server.http.get("/v1/models").json()["object"] == "list"
