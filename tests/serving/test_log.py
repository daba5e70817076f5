"""What `mimo serve` writes on stderr: a line for every request, without a word of what was said and without secrets."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

KEY, WRONG = "sk-very-secret-0123456789", "sk-wrong-secret-9876543210"
PROMPT, ANSWER, QUERY = "hippopotamus", "rhinoceros", "aardvark"
SCRIPT = {"answers": [{"steps": [ANSWER]}]}


@contextmanager
def logging(*arguments: str):
    """A server with a key; yields its address and, when it has ended, what it wrote in `lines`."""
    with tempfile.TemporaryDirectory() as folder:
        script, log = Path(folder, "script.json"), Path(folder, "log")
        script.write_text(json.dumps(SCRIPT))
        command = [sys.executable, "-m", "mimo", "serve", "--port", "0", "--api-keys", KEY]
        command += ["--engine", "scripted", "--script", str(script), *arguments]
        lines: list[str] = []
        with log.open("w") as file:
            process = subprocess.Popen(command, stderr=file)
        try:
            end = time.monotonic() + 120
            while "docs at http" not in log.read_text() and time.monotonic() < end and process.poll() is None:
                time.sleep(0.05)
            url = log.read_text().partition("http://")[2].partition("/v1")[0]
            yield f"http://{url}", lines
        finally:
            process.terminate()
            process.wait(60)
            lines += log.read_text().splitlines()


def talk(url: str) -> None:
    """Requests of all kinds, with secrets wherever a client may put them."""
    head = {"authorization": f"Bearer {KEY}", "x-request-id": "mine-1", "cookie": KEY}
    body = {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": PROMPT}], "user": PROMPT}
    ask = f"{url}/v1/chat/completions?q={QUERY}"
    assert httpx.post(ask, json=body, headers=head).status_code == 200
    assert ANSWER in httpx.post(ask, json={**body, "stream": True}, headers=head).text
    assert httpx.post(ask, json={**body, PROMPT: 1, "temperature": 9}, headers=head).status_code == 400
    assert httpx.post(ask, json={**body, "model": PROMPT}, headers=head).status_code == 404
    assert httpx.post(ask, content=PROMPT, headers=head).status_code == 400
    assert httpx.post(ask, json=body, headers={"api-key": WRONG}).status_code == 401
    assert httpx.get(f"{url}/no%0a%1b[31m/such", headers=head).status_code == 404
    for path in ("/healthz", "/readyz", "/metrics"):
        assert httpx.get(url + path).status_code == 200


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_key_no_prompt_and_no_answer_is_in_the_log(form):
    with logging("--log-format", form) as (url, lines):
        talk(url)
        for path in (f"/v1/{KEY}", f"/{KEY}/models", f"/v1/models/{WRONG}"):  # a base URL that was put together wrongly
            assert httpx.get(url + path).status_code in (401, 404)
    text = "\n".join(lines)
    for secret in (KEY, WRONG, PROMPT, ANSWER, QUERY, KEY[3:], WRONG[3:]):
        assert secret not in text


def test_every_request_is_one_line_of_json_with_what_it_came_to():
    with logging("--log-format", "json") as (url, lines):
        talk(url)
    records = [json.loads(line) for line in lines]  # the banner too
    assert any("docs" in record.get("message", "") for record in records)
    access = [record for record in records if record["logger"] == "mimo.access"]
    assert [record["status"] for record in access] == [200, 200, 400, 404, 400, 401, 404]
    first, streamed, *_, wrong, nowhere = access
    assert first["path"] == "/v1/chat/completions" and first["request_id"] == "mine-1"
    assert (first["protocol"], first["model"], first["stream"]) == ("openai_chat", "mimo-v2-flash", "no")
    assert first["prompt_tokens"] > 0 and first["completion_tokens"] == 1 and first["finish"] == ["stop"]
    assert 0 < first["first_token_seconds"] <= first["seconds"] < 60 and first["key"].startswith("sha256:")
    assert streamed["stream"] == "yes" and access[2]["error"] == "invalid_request"
    assert wrong["error"] == "authentication_failed" and "key" not in wrong
    assert nowhere["path"] == "/no\n\x1b[31m/such"


def test_a_line_of_text_cannot_be_forged_by_a_path():
    with logging() as (url, lines):
        talk(url)
    (line,) = (line for line in lines if "/such" in line)
    assert r"404 GET /no\n\x1b[31m/such request_id=mine-1" in line


def test_without_an_access_log_only_what_is_wrong_is_written():
    with logging("--no-access-log") as (url, lines):
        talk(url)
    assert not any("POST /v1/chat/completions" in line for line in lines)


def test_a_key_of_an_account_appears_by_its_name(tmp_path):
    data = ("--data-dir", str(tmp_path))
    add = [sys.executable, "-m", "mimo", "keys", "add", "team-seven", *data]
    key = re.search(r"sk-\S+", subprocess.run(add, capture_output=True, text=True, check=True).stdout)
    assert key is not None
    with logging(*data) as (url, lines):
        body = {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": "hi"}]}
        head = {"authorization": f"Bearer {key[0]}"}
        assert httpx.post(f"{url}/v1/chat/completions", json=body, headers=head, timeout=60).status_code == 200
    (line,) = (line for line in lines if "POST /v1/chat/completions" in line)
    assert " key=team-seven " in line and key[0] not in line
