"""Traces: the spans of a request say what happened when, under OpenTelemetry's names, and nothing of what was said."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.trace import SpanKind, StatusCode
from tests.api.server import FLASH, start

from mimo.api.observer import Observer, Observers
from mimo.engines.scripted.script import Script, ScriptedAnswer
from mimo.telemetry.conventions import OF_ADMISSION, OF_REQUEST, OF_SETTLEMENT
from mimo.telemetry.traces import Traces
from mimo.testing import served

PROMPT, ANSWER, STOP, USER = "hippopotamus", "rhinoceros", "aardvark", "wombat"
SCRIPT = Script([ScriptedAnswer([{"repeat": 100_000, "steps": ["word "]}], when="endless"), ScriptedAnswer([ANSWER])])


@pytest.fixture
def traced():
    """A server, and what it has exported."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with start(SCRIPT, observer=Observers(Observer(), Traces(provider))) as server:
        yield server, exporter


def root_of(exporter: InMemorySpanExporter) -> tuple[Any, dict[str, Any]]:
    """The span of the one request there was, and those below it by name."""
    end = time.monotonic() + 60
    while not (roots := [one for one in exporter.get_finished_spans() if one.kind == SpanKind.SERVER]):
        assert time.monotonic() < end
        time.sleep(0.01)
    root: Any = roots[0]
    assert len(roots) == 1
    below: dict[str, Any] = {one.name: one for one in exporter.get_finished_spans() if one is not root}
    assert all(one.parent.span_id == root.context.span_id for one in below.values())
    return root, below


def test_every_genai_name_of_the_table_is_one_of_the_conventions():
    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    names = {name for name in (*OF_REQUEST, *OF_ADMISSION, *OF_SETTLEMENT) if name.startswith("gen_ai.")}
    assert names <= known, names - known


@pytest.mark.parametrize("stream", [False, True])
def test_the_spans_of_an_answer_follow_each_other_and_say_what_it_was(traced, stream):
    server, exporter = traced
    assert server.chat(PROMPT, stream=stream, temperature=0.5, seed=7, stop=[STOP], user=USER).status_code == 200
    root, below = root_of(exporter)
    assert root.name == f"chat {FLASH}" and list(below) == ["admission", "queue", "prompt", "answer"]
    ordered = [root.start_time, *(time for one in below.values() for time in (one.start_time, one.end_time))]
    assert ordered == sorted(ordered) and ordered[-1] <= root.end_time
    assert [event.name for event in root.events] == ["first_token", "finish"]
    tags = root.attributes
    assert (tags["gen_ai.operation.name"], tags["gen_ai.request.model"]) == ("chat", FLASH)
    assert (tags["gen_ai.request.temperature"], tags["gen_ai.request.seed"]) == (0.5, 7)
    assert tags["gen_ai.usage.output_tokens"] == 1 and tags["gen_ai.usage.input_tokens"] > 0
    assert tags["gen_ai.response.finish_reasons"] == ("stop",) and tags["gen_ai.request.stream"] is stream
    assert tags["http.response.status_code"] == 200 and root.status.status_code == StatusCode.UNSET


def test_nothing_that_was_said_is_in_a_span(traced):
    server, exporter = traced
    server.chat(PROMPT, stop=[STOP], user=USER, metadata={"a": USER})
    server.chat(PROMPT, temperature=9)
    server.chat(PROMPT, model=USER)
    end = time.monotonic() + 60
    while len([one for one in exporter.get_finished_spans() if one.kind == SpanKind.SERVER]) < 3:
        assert time.monotonic() < end
        time.sleep(0.01)
    everything = "".join(one.to_json() for one in exporter.get_finished_spans())
    assert not any(word in everything for word in (PROMPT, ANSWER, STOP, USER))


def test_the_trace_of_the_client_goes_on_and_nonsense_begins_one(traced):
    server, exporter = traced
    trace = "0af7651916cd43dd8448eb211c80319c"
    body = json.dumps({"model": FLASH, "messages": [{"role": "user", "content": "hi"}]})
    server.post(body, traceparent=f"00-{trace}-b7ad6b7169203331-01")
    root, _ = root_of(exporter)
    assert f"{root.context.trace_id:032x}" == trace and f"{root.parent.span_id:016x}" == "b7ad6b7169203331"
    exporter.clear()
    assert server.post(body, traceparent="00-nonsense" * 20).status_code == 200
    root, _ = root_of(exporter)
    assert root.parent is None


def test_a_refused_request_is_a_span_with_its_error(traced):
    server, exporter = traced
    assert server.chat(temperature=9).status_code == 400
    root, below = root_of(exporter)
    assert (root.name, below) == ("chat", {})
    assert root.attributes["error.type"] == "invalid_request" and root.status.status_code == StatusCode.UNSET


def test_an_answer_that_breaks_off_is_an_error(traced):
    server, exporter = traced
    with server.connect() as client:
        client.sendall(server.raw_chat(stream=True, max_completion_tokens=60_000))
        client.recv(2**16)
        server.call(server.engine.close())
        root, _ = root_of(exporter)
    assert root.attributes["error.type"] == "service_unavailable" and root.status.status_code == StatusCode.ERROR


def test_a_server_sends_its_spans_to_an_otlp_receiver():
    got: list[ExportTraceServiceRequest] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"]))))
            assert self.path == "/v1/traces"
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with served(
        "--traces", f"http://127.0.0.1:{receiver.server_port}", script=Script([ScriptedAnswer([ANSWER])])
    ) as at:
        body = {"model": FLASH, "messages": [{"role": "user", "content": PROMPT}]}
        assert httpx.post(f"{at.url}/v1/chat/completions", json=body, timeout=60).status_code == 200
    receiver.shutdown()  # what had not been sent was sent when the server ended
    (resource,) = got[0].resource_spans
    attributes = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert attributes["service.name"] == "mimo"
    names = [span.name for scope in resource.scope_spans for span in scope.spans]
    assert sorted(names) == sorted(["admission", "queue", "prompt", "answer", f"chat {FLASH}"])
    assert PROMPT not in str(got) and ANSWER not in str(got)


def test_a_receiver_that_is_away_costs_no_answer():
    with served("--traces", "http://127.0.0.1:9", script=Script([ScriptedAnswer([ANSWER])])) as (url, process):
        body = {"model": FLASH, "messages": [{"role": "user", "content": PROMPT}]}
        assert httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60).status_code == 200
        process.terminate()
        assert process.wait(60) == 0
