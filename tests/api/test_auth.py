"""Keys: who may come in, by which header, and what is open to everybody."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def locked(serving):
    with serving(keys=["first-key", "clé"]) as server:
        yield server


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer first-key"},
        {"authorization": "bearer  first-key"},
        {"api-key": "first-key"},
        {"x-api-key": "first-key"},
        {"x-api-key": "clé".encode()},
        {"authorization": "Bearer placeholder", "x-api-key": "first-key"},
    ],
    ids=str,
)
def test_a_configured_key_opens_by_any_of_the_three_headers(locked, headers):
    assert locked.http.get("/v1/models", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer first-key2"},
        {"authorization": "Bearer first-ke"},
        {"authorization": "Basic first-key"},
        {"authorization": "first-key"},
        {"api-key": ""},
        {"x-api-key": "FIRST-KEY"},
    ],
    ids=str,
)
def test_anything_else_is_a_401(locked, headers):
    for answer in (locked.http.get("/v1/models", headers=headers), locked.post(b"{", **headers)):
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "authentication_failed"
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_refusal_does_not_repeat_the_key(locked):
    assert "hunter2" not in locked.http.get("/v1/models", headers={"api-key": "hunter2"}).text


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/openapi.json"])
def test_what_is_no_secret_needs_no_key(locked, path):
    assert locked.http.get(path).status_code == 200


def test_without_keys_everybody_comes_in_with_or_without_one(server):
    assert server.http.get("/v1/models", headers={"authorization": "Bearer whatever"}).status_code == 200
