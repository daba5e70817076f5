"""A web page can do nothing: neither a page of another origin, nor one that points its own name at this address."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from mimo.api.access import names_of
from mimo.testing import served

CHAT = "/v1/chat/completions"
BODY = json.dumps({"model": "mimo-v2-flash", "messages": [{"role": "user", "content": "hi"}]})
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def guarded(serving) -> Iterator[httpx.Client]:
    with serving(hosts=names_of("127.0.0.1"), cors_origins=["https://a.example"]) as server:
        yield server.http


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "https://a.example.evil.example"]
)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
def test_a_page_of_another_origin_is_refused_whatever_it_sends(guarded, origin, kind):
    answer = guarded.post(CHAT, content=BODY, headers={"origin": origin, "content-type": kind})
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["code"] == "permission_denied" and "--cors-origin" in error["message"]
    assert "access-control-allow-origin" not in answer.headers


def test_a_foreign_page_is_refused_before_its_body_has_come(guarded):
    with socket.create_connection((guarded.base_url.host, guarded.base_url.port), timeout=10) as client:
        head = (
            f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example\r\ncontent-length: 999999\r\n\r\n"
        )
        client.sendall(head.encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 403")


def test_an_allowed_page_and_the_server_s_own_are_answered(guarded):
    allowed = guarded.post(CHAT, content=BODY, headers={"origin": "https://a.example", **JSON})
    assert allowed.status_code == 200
    own = guarded.post(CHAT, content=BODY, headers={"origin": str(guarded.base_url).rstrip("/"), **JSON})
    assert own.status_code == 200


def test_a_page_must_send_json_and_a_program_need_not(guarded):
    plain = {"content-type": "application/x-www-form-urlencoded"}  # what curl -d sends
    refused = guarded.post(CHAT, content=BODY, headers={"origin": "https://a.example", **plain})
    assert refused.status_code == 415
    assert refused.json()["error"]["code"] == "unsupported_media_type"
    assert guarded.post(CHAT, content=BODY, headers=plain).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example"]
)
def test_a_name_that_is_not_the_server_s_is_refused(guarded, host):
    for path in (CHAT, "/v1/messages"):
        answer = guarded.post(path, content=BODY, headers={"host": host})
        assert answer.status_code == 403
        assert "--allowed-hosts" in answer.json()["error"]["message"]
    assert guarded.get("/v1/models", headers={"host": host}).status_code == 403


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:99", "localhost.", "a.localhost", "127.0.0.1", "[::1]:8000", "10.1.2.3"]
)
def test_addresses_and_names_of_this_machine_are_taken(guarded, host):
    assert guarded.post(CHAT, content=BODY, headers={"host": host}).status_code == 200


def test_names_below_an_allowed_one_are_taken(serving):
    with serving(hosts={".example.com"}) as server:
        assert server.http.get("/v1/models", headers={"host": "api.example.com"}).status_code == 200
        assert server.http.get("/v1/models", headers={"host": "example.com.evil"}).status_code == 403


def test_a_preflight_to_a_private_network_is_answered_for_allowed_pages_only(guarded):
    wanted = {"access-control-request-method": "POST", "access-control-request-private-network": "true"}
    allowed = guarded.options(CHAT, headers={"origin": "https://a.example", **wanted})
    assert allowed.headers["access-control-allow-private-network"] == "true"
    other = guarded.options(CHAT, headers={"origin": "https://evil.example", **wanted})
    assert "access-control-allow-private-network" not in other.headers


@pytest.mark.parametrize(
    ("options", "named"), [((), 403), (("--api-keys", "secret"), 401), (("--allowed-hosts", "evil.example"), 200)]
)
def test_an_open_server_checks_the_name_by_default_and_one_with_keys_needs_the_key(tmp_path, options, named):
    script = tmp_path / "script.json"
    script.write_text('{"answers": [{"steps": ["hi"]}]}')
    with served("--engine", "scripted", "--script", str(script), *options) as (url, _):
        answer = httpx.get(f"{url}/v1/models", headers={"host": "evil.example"})
        assert answer.status_code == named


@pytest.mark.parametrize("name", ["host", "origin"])
@pytest.mark.parametrize("foreign_first", [True, False])
def test_a_second_header_does_not_hide_a_foreign_one(serving, name, foreign_first):
    with serving(hosts=names_of("127.0.0.1")) as server, server.connect() as client:
        own = f"127.0.0.1:{server.port}" if name == "host" else server.url
        values = ["https://evil.example" if name == "origin" else "evil.example", own]
        lines = "".join(f"{name}: {value}\r\n" for value in (values if foreign_first else values[::-1]))
        lines += "" if name == "host" else f"host: 127.0.0.1:{server.port}\r\n"
        client.sendall(f"GET /v1/models HTTP/1.1\r\n{lines}connection: close\r\n\r\n".encode())
        assert client.recv(100).startswith(b"HTTP/1.1 403")
