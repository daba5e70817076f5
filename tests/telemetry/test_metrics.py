"""GET /metrics: what it counts is what happened, for every protocol and every way to end."""

from __future__ import annotations

import json
import time

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics
from tests.api.server import FLASH, start

from mimo.api.observer import Observer, Observers
from mimo.api.protocols import PROTOCOLS
from mimo.contract.models import MODELS
from mimo.engines.scripted.script import Script, ScriptedAnswer
from mimo.telemetry.cells import Cells
from mimo.telemetry.exposition import Page
from mimo.telemetry.metrics import Metrics
from mimo.telemetry.table import HIDDEN, METRICS, label_values

ASK = {
    "openai_chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}),
    "openai_responses": ("/v1/responses", {"input": "hi"}),
    "anthropic_messages": ("/v1/messages", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 100}),
    "openai_completions": ("/v1/completions", {"prompt": "hi"}),
}
ORDER = [*label_values([], [], []), "le", "worker", "engine", "version", "python", "served_model", "fingerprint"]
ENDLESS = ScriptedAnswer([{"repeat": 100_000, "steps": ["word "]}], when="endless")
SCRIPT = Script([ENDLESS, ScriptedAnswer(["<think>", "Let", " me", "</think>", "It", " is", "."])], queue=1000)


@pytest.fixture
def watched():
    """A server whose metrics are on."""
    cells = Cells(label_values([protocol.name for protocol in PROTOCOLS], list(MODELS), []))
    metrics = Metrics(cells.place(0))
    with start(SCRIPT, observer=Observers(Observer(), metrics), metrics=Page(cells, metrics)) as server:
        yield server


def samples(server) -> dict[tuple[str, ...], float]:
    """Name and label values of each sample, in the order of the table → its value."""
    page = server.http.get("/metrics")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = parser.text_string_to_metric_families(page.text)
    return {
        (one.name, *(one.labels[name] for name in sorted(one.labels, key=ORDER.index))): one.value
        for family in families
        for one in family.samples
    }


def waited(server, key, expected) -> dict[tuple[str, ...], float]:
    """The samples once that of `key` is as expected: a request is counted when its answer is out."""
    end = time.monotonic() + 60
    while (found := samples(server)).get(key) != expected and time.monotonic() < end:
        time.sleep(0.01)
    assert found.get(key) == expected, {name: value for name, value in found.items() if name[0] == key[0]}
    return found


def test_every_metric_of_the_table_is_on_the_page_with_its_words(watched):
    text = watched.http.get("/metrics").text
    for metric in METRICS.values():
        assert (f"# HELP {metric.name} {metric.help}\n" in text) == (metric.name != HIDDEN)
        assert (f"# TYPE {metric.name} {metric.kind}\n" in text) == (metric.name != HIDDEN)


@pytest.mark.parametrize("protocol", ASK)
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_counted_with_its_tokens_and_times(watched, protocol, stream):
    path, body = ASK[protocol]
    answer = watched.post(json.dumps({"model": "mimo-v2-pro", "stream": stream, **body}), path)
    assert answer.status_code == 200
    found = waited(watched, ("mimo_requests_total", protocol, "mimo-v2-pro", "200"), 1)
    assert found["mimo_tokens_total", "mimo-v2-pro", "prompt"] > 0
    raw = protocol == "openai_completions"  # where markers are text
    assert found["mimo_tokens_total", "mimo-v2-pro", "completion"] == 7
    assert found["mimo_tokens_total", "mimo-v2-pro", "reasoning"] == (0 if raw else 2)
    for name in ("time_to_first_token", "time_per_output_token", "queue_wait"):
        assert found[f"mimo_{name}_seconds_count", "mimo-v2-pro"] == 1, name
    whole = found["mimo_request_duration_seconds_sum", protocol, "mimo-v2-pro"]
    assert 0 < found["mimo_time_to_first_token_seconds_sum", "mimo-v2-pro"] <= whole < 60


@pytest.mark.parametrize(
    ("body", "model", "status", "reason"),
    [
        ('{"model": "mimo-v2-pro", "messages": [], "temperature": 3}', "unknown", "400", "invalid_request"),
        ('{"model": "mimo-v2-pro", "messages"', "unknown", "400", "invalid_request"),
        ('{"model": "gpt-99", "messages": [{"role": "user", "content": "hi"}]}', "unknown", "404", "not_found"),
        (
            json.dumps({"model": FLASH, "messages": [{"role": "user", "content": "word " * 300_000}]}),
            FLASH,
            "400",
            "context_length_exceeded",
        ),
    ],
)
def test_a_refused_request_is_counted_by_its_reason(watched, body, model, status, reason):
    assert watched.post(body).status_code == int(status)
    found = waited(watched, ("mimo_requests_total", "openai_chat", model, status), 1)
    assert found["mimo_rejected_total", "openai_chat", reason] == 1
    assert found["mimo_tokens_total", FLASH, "completion"] == 0


def test_a_client_that_left_is_counted_as_such_with_the_tokens_it_got(watched):
    with watched.connect() as client:
        client.sendall(watched.raw_chat(stream=True, max_completion_tokens=60_000))
        got = b""
        while b"word" not in got:
            more = client.recv(2**16)
            assert more, got
            got += more
        assert samples(watched)["mimo_choices_running",] == 1
    found = waited(watched, ("mimo_requests_total", "openai_chat", FLASH, "499"), 1)
    assert 0 < found["mimo_tokens_total", FLASH, "completion"] < 60_000
    assert found["mimo_choices_running",] == 0 and ("mimo_rejected_total", "openai_chat") not in found


def test_an_answer_that_breaks_off_is_counted_under_the_error_and_not_as_a_success(watched):
    with watched.connect() as client:
        client.sendall(watched.raw_chat(stream=True, max_completion_tokens=60_000))
        client.recv(2**16)
        watched.call(watched.engine.close())
        found = waited(watched, ("mimo_requests_total", "openai_chat", FLASH, "503"), 1)
    assert ("mimo_requests_total", "openai_chat", FLASH, "200") not in found


def test_names_that_clients_make_up_add_no_series(watched):
    before = len(samples(watched))
    for made_up in range(50):
        body = {"model": f"m{made_up}", "user": f"u{made_up}", "messages": [{"role": "user", "content": "secret"}]}
        assert watched.post(json.dumps(body)).status_code == 404
        watched.http.get(f"/v1/{made_up}")
    found = waited(watched, ("mimo_requests_total", "openai_chat", "unknown", "404"), 50)
    assert len(found) - before < 70  # the series of two labels, one of them a histogram
    assert not any("secret" in part or part == "m1" for key in found for part in key)


def test_the_page_comes_in_the_form_that_is_asked_for(watched):
    asked = watched.http.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert asked.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in openmetrics.text_string_to_metric_families(asked.text)}
    assert {"mimo_requests", "mimo_time_to_first_token_seconds", "mimo_build_info"} <= names
    for nonsense in ("application/openmetrics-text; version=abc", "text/plain; version=", ";;;,", "é" * 100):
        answer = watched.http.get("/metrics", headers={"accept": nonsense.encode()})
        assert answer.status_code == 200, nonsense


def test_who_answers_and_what_the_process_needs_is_on_the_page(watched):
    found = samples(watched)
    (build,) = (key for key in found if key[0] == "mimo_build_info")
    assert build[1] == "scripted" and found["mimo_ready",] == 1
    assert found["process_resident_memory_bytes", "0"] > 10**6


def test_without_metrics_there_is_no_such_page():
    with start() as server:
        assert server.http.get("/metrics").status_code == 404
