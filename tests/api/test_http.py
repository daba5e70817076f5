"""What every answer has, whatever the route: request id, envelope, methods, limits, CORS; and the small routes."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
from dataclasses import replace

import pytest
from tests.api.server import SCRIPT, Server
from tests.engines.upstream.fronts import until

from mimo.api.app import App
from mimo.api.backend import BODY_LIMIT
from mimo.api.request_body import Room
from mimo.api.route import Route, Routes
from mimo.api.routes import ROUTES
from mimo.chat.prompt import chat_format
from mimo.contract.errors import ServiceUnavailable
from mimo.engines.scripted.engine import ScriptedEngine

ENVELOPE = {"code", "message", "param", "type"}


def test_a_sane_request_id_comes_back_and_any_other_is_replaced(server):
    assert server.http.get("/healthz", headers={"x-request-id": "My.id_7-x"}).headers["x-request-id"] == "My.id_7-x"
    for bad in ("", "a b", "x" * 129, 'a"b', "ü".encode()):
        made = server.http.get("/healthz", headers={"x-request-id": bad}).headers["x-request-id"]
        assert re.fullmatch(r"req_[0-9a-f]{24}", made)


def test_every_kind_of_answer_has_a_request_id(server):
    answers = [
        server.chat("hi"), server.chat("hi", stream=True), server.chat("hi", n=0), server.http.get("/nope"),
        server.http.put("/v1/models"), server.http.options("/v1/models"), server.http.head("/docs"),
        server.http.get("/openapi.json"),
    ]  # fmt: skip
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == len(ids)


def test_an_unknown_path_is_a_404_in_the_envelope(server):
    for path in ("/v1", "/v1/models/", "/v1/nope", "/V1/models", "/v1/chat/completions/", "/%00", "/../etc"):
        answer = server.http.get(path)
        assert (answer.status_code, set(answer.json()["error"])) == (404, ENVELOPE), path
        assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(("method", "path"), ROUTES.table)
def test_a_wrong_method_is_a_405_that_names_the_right_ones(server, method, path):
    answer = server.http.request("PATCH", path.replace("{id}", "mimo-v2-pro"))
    assert answer.status_code == 405
    known = {own for own, pattern in ROUTES.table if pattern == path}
    known |= {"OPTIONS", "HEAD"} if "GET" in known else {"OPTIONS"}
    assert set(answer.headers["allow"].split(", ")) == known and method in known
    error = answer.json()["error"]
    assert error.get("code") == "method_not_allowed" or error["type"] == "invalid_request_error"
    options = server.http.options(path)
    assert (options.status_code, options.headers["allow"]) == (204, answer.headers["allow"])


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/v1/models", "/healthz", "/nope"])
def test_head_is_get_without_the_body(server, path):
    get, head = server.http.get(path), server.http.head(path)
    assert head.status_code == get.status_code
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]
    assert int(head.headers["content-length"]) == len(get.content)


def test_a_body_over_the_limit_is_a_413_before_and_while_it_is_read(serving):
    with serving(body_limit=1000) as server:
        declared = server.post(b"x" * 1001)
        assert declared.status_code == 413
        assert declared.json()["error"]["code"] == "request_too_large"
        assert "1000 bytes" in declared.json()["error"]["message"]
        chunked = server.http.post("/v1/chat/completions", content=(b"x" * 100 for _ in range(11)))
        assert chunked.status_code == 413
        assert server.post(b"x" * 1000).status_code == 400
        assert server.chat("hi").status_code == 200


def test_a_body_of_exactly_the_limit_is_read(server):
    assert server.post(b" " * BODY_LIMIT).status_code == 400
    assert server.post(b" " * (BODY_LIMIT + 1)).status_code == 413


def test_a_body_declared_too_large_is_refused_before_it_is_sent(server):
    with server.connect() as client:
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n")
        answer = client.recv(1000)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"\r\nconnection: close\r\n" in answer


def test_large_bodies_that_arrive_at_once_are_bounded_together_and_small_ones_go_on(serving):
    half = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 150000\r\n\r\n{" + b" " * 100_000
    with serving(body_limit=200_000) as server:  # room for four of them
        server.app.backend = replace(server.app.backend, room=Room(0))
        large = {"messages": [{"role": "user", "content": "hi"}], "model": "mimo-v2-flash", "user": "x" * 100_000}
        with contextlib.ExitStack() as stack:
            for _ in range(8):
                stack.enter_context(server.connect()).sendall(half)
            assert until(lambda: server.app.backend.room.taken > 700_000)
            refused = server.post(json.dumps(large))
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert "large bodies" in refused.json()["error"]["message"]
            assert server.chat("hi").status_code == 200
        assert until(lambda: server.app.backend.room.taken == 0), "they have left"
        assert server.post(json.dumps(large)).status_code == 200
        assert server.app.backend.room.taken == 0


def test_a_lying_content_length_is_no_way_in(server):
    with server.connect() as client:
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n")
        assert client.recv(100).split()[1] in (b"400", b"413")
    assert server.chat("hi").status_code == 200


class Panic(BaseException):
    """What a library in Rust raises where it panics: no Exception."""


def test_a_panic_is_an_error_in_the_envelope_and_the_server_goes_on(caplog):
    async def panics(backend, exchange, argument):
        raise Panic("assertion failed: /srv/secret")

    engine = ScriptedEngine(SCRIPT)
    routes = Routes({**ROUTES.table, ("GET", "/panics"): Route(panics, "Panics")})
    server = Server(App(engine, chat_format(None, engine.tokenizer), routes=routes), engine)
    try:
        answer = server.http.get("/panics")
        assert answer.status_code == 500 and answer.json()["error"]["code"] == "internal_error"
        assert "secret" not in answer.text and "Panic" in caplog.text
        assert server.chat().status_code == 200
    finally:
        server.stop()


def test_our_own_bug_shows_nothing_but_the_request_id(serving, caplog):
    with serving() as server:
        server.engine.info = None  # the next route that looks at it fails
        with caplog.at_level(logging.ERROR, logger="mimo.api"):
            answer = server.http.get("/v1/models", headers={"x-request-id": "the-id"})
        assert answer.status_code == 500
        assert answer.json()["error"] == {
            "code": "internal_error", "message": "internal error; request id the-id", "param": None, "type": "error",
        }  # fmt: skip
        assert "request the-id failed" in caplog.text and "Traceback" in caplog.text
        assert server.http.get("/healthz").status_code == 200


def test_health_and_readiness(server):
    assert server.http.get("/healthz").json() == server.http.get("/health").json() == {"status": "ok"}
    assert server.http.get("/readyz").json() == {"status": "ready", "engine": "scripted"}


def test_the_root_leads_to_the_documentation(server):
    for answer in (server.http.get("/"), server.http.head("/")):
        assert (answer.status_code, answer.headers["location"], answer.content) == (307, "/docs", b"")
    assert server.http.head("/", follow_redirects=True).status_code == 200


def test_while_loading_the_api_is_503_and_the_process_healthy(serving):
    with serving() as server:
        backend = server.app.backend
        server.app.backend = replace(backend, loaded=ServiceUnavailable.loading)
        assert not server.app.backend.ready
        for path in ("/v1/models", "/readyz"):
            answer = server.http.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
            assert int(answer.headers["retry-after"]) > 0
        assert server.chat("hi").status_code == 503
        assert server.http.get("/healthz").status_code == 200
        assert server.http.get("/docs").status_code == 200
        server.app.answer_with(backend.engine, backend.chat_format)
        assert server.app.backend.ready
        assert server.chat("hi").status_code == 200


def test_one_connection_serves_many_requests(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        for stream in (False, True, False):
            client.sendall(server.raw_chat(stream=stream, max_completion_tokens=5))
            end = b"0\r\n\r\n" if stream else b"}}}"
            received = b""
            while not received.endswith(end):
                piece = client.recv(65536)
                assert piece, received
                received += piece
            assert received.startswith(b"HTTP/1.1 200")


def test_cors_is_closed_unless_configured(server, serving):
    page = {"origin": "https://a.example", "access-control-request-method": "POST"}
    assert not [name for name in server.http.options("/v1/models", headers=page).headers if "access-control" in name]
    with serving(cors_origins=["https://a.example"], keys=["secret"]) as open_to_a:
        preflight = open_to_a.http.options(
            "/v1/chat/completions", headers={**page, "access-control-request-headers": "authorization,x-stainless-os"}
        )
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == "https://a.example"
        assert preflight.headers["access-control-allow-methods"] == "POST, OPTIONS"
        assert preflight.headers["access-control-allow-headers"] == "authorization,x-stainless-os"
        refused = open_to_a.http.get("/v1/models", headers={"origin": "https://a.example"})
        assert refused.status_code == 401  # and yet the page may read why
        assert refused.headers["access-control-allow-origin"] == "https://a.example"
        assert "x-mimo-parameters" in refused.headers["access-control-expose-headers"]
        assert refused.headers["vary"] == "origin"
        other = open_to_a.http.get("/healthz", headers={"origin": "https://b.example"})
        assert "access-control-allow-origin" not in other.headers
    with serving(cors_origins=["*"]) as open_to_all:
        answer = open_to_all.http.get("/healthz", headers={"origin": "https://b.example"})
        assert answer.headers["access-control-allow-origin"] == "https://b.example"


def test_errors_are_json_even_when_a_stream_was_asked_for(server):
    answer = server.chat("hi", stream=True, temperature=3)
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.text)["error"]["param"] == "temperature"
