"""Models whose own chat template is missing or unusable: they serve what needs none, and chat is refused by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.engines.local.other_models import write_llama

from mimo.nano import gguf_path
from mimo.testing import served

GO = '{{- range $i, $_ := .Messages }}{{ if eq .Role "user" }}<|im_start|>user\n{{ .Content }}{{ end }}{{ end }}'
MODEL = "mimo-v2-flash"
CHATS = {
    "/v1/chat/completions": {},
    "/v1/responses": {"input": "hi", "messages": None},
    "/v1/messages": {"max_tokens": 4},
    "/v1/messages/count_tokens": {},
    "/v1/tokenize": {},
}


def without_template(path: Path) -> None:
    write_llama(path, template=None)


def with_go_template(path: Path) -> None:
    write_llama(path, template=GO)


def with_empty_template(path: Path) -> None:
    write_llama(path, template=" \n")


def without_think(path: Path) -> None:
    path.write_bytes(gguf_path().read_bytes().replace(b"<think>", b"<thinq>"))


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (without_template, "its file brings no chat template"),
        (with_empty_template, "its file brings no chat template"),
        (with_go_template, "the chat template does not compile"),
        (without_think, "<think>, which the vocabulary lacks"),
    ],
)
def test_a_model_without_a_usable_template_completes_and_refuses_chat_by_name(
    tmp_path: Path, write: object, why: str
) -> None:
    path = tmp_path / "tiny.gguf"
    write(path)  # type: ignore[operator]
    with served("--model", str(path), "--context-window", "128", "--slots", "2") as (url, _):
        http = httpx.Client(base_url=url, timeout=30)
        body = {"model": MODEL, "prompt": "Hello", "max_completion_tokens": 4}
        assert http.post("/v1/completions", json=body).status_code == 200
        assert http.post("/v1/tokenize", json={"text": "Hello"}).json()["count"]
        for route, fields in CHATS.items():
            body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], **fields}
            answer = http.post(route, json={name: value for name, value in body.items() if value is not None})
            assert answer.status_code == 400, (route, answer.text)
            assert why in answer.text and "--chat-template" in answer.text, answer.text


def test_the_operator_may_give_another_template(tmp_path: Path) -> None:
    path, file = tmp_path / "tiny.gguf", tmp_path / "mine.jinja"
    write_llama(path, template=None)
    file.write_text("{% for m in messages %}<|im_start|>{{ m.role }}: {{ m.content }}{% endfor %}")
    ids = {}
    for template in ("chatml", str(file)):
        with served("--model", str(path), "--context-window", "128", "--chat-template", template) as (url, _):
            body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_completion_tokens": 4}
            assert httpx.post(f"{url}/v1/chat/completions", json=body).status_code == 200
            body = {"model": MODEL, "messages": body["messages"]}
            ids[template] = "".join(httpx.post(f"{url}/v1/tokenize", json=body).json()["pieces"])
    assert ids == {
        "chatml": "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
        str(file): "<|im_start|>user: hi",
    }


@pytest.mark.parametrize(
    ("content", "words"), [(None, "no such file"), ("", "empty"), (GO, "does not compile"), ("\udcff", "not UTF-8")]
)
def test_a_template_of_the_operators_that_is_no_good_is_one_line(
    tmp_path: Path, content: str | None, words: str
) -> None:
    file = tmp_path / "mine.jinja"
    if content is not None:
        file.write_bytes(content.encode(errors="surrogateescape"))
    command = [sys.executable, "-m", "mimo", "serve", "--port", "0", "--chat-template", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode == 1 and words in done.stderr.lower().replace("utf-8", "UTF-8")
    assert lines[-1].startswith("mimo: chat_template: ") and "Traceback" not in done.stderr
