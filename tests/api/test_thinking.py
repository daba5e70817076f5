"""Thinking is a switch: on, an answer begins with reasoning for certain; where a model cannot, the client hears it."""

from __future__ import annotations

import pytest

from mimo.chat.jinja.format import JinjaFormat
from mimo.engines.scripted.script import Script, ScriptedAnswer
from mimo.tokenizers.bytes import ByteTokenizer

DRAWN = Script([ScriptedAnswer([{"random": True}, "thought", "</think>", "answer"])])
PLAIN = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
SWITCHED = PLAIN + "{% if not enable_thinking %}none{% endif %}"
STRIPS = "{% for m in messages %}[{{ m.role }}]{{ m.content.split('</think>')[-1] }}{% endfor %}"
ON = {"thinking": {"type": "enabled"}}
PATHS = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "/v1/messages": {"messages": [{"role": "user", "content": "hi"}]},
    "/v1/responses": {"input": "hi"},
}


@pytest.mark.parametrize("more", [{"temperature": 1.5}, {"logit_bias": {"65": 100}}, {"n": 8, "top_p": 1.0}])
def test_thinking_begins_for_certain_whatever_is_drawn(serving, more):
    with serving(DRAWN) as server:  # among all tokens alike: by itself one answer in about 300 would begin with <think>
        for choice in server.chat(**ON, **more).json()["choices"]:
            assert (choice["message"]["reasoning_content"], choice["message"]["content"]) == ("thought", "answer")
        off = server.chat(thinking={"type": "disabled"}, **more).json()["choices"][0]["message"]
        assert off["reasoning_content"] is None


@pytest.mark.parametrize(("template", "thinks"), [(PLAIN, False), (SWITCHED, True), (STRIPS, True)])
def test_a_template_knows_thinking_where_it_writes_or_reads_it(template, thinks):
    assert JinjaFormat(ByteTokenizer(), template).thinks is thinks


def test_a_vocabulary_without_the_tags_cannot_think():
    class Plain(ByteTokenizer):
        def control(self, name):
            return None if "think" in name else super().control(name)

    assert not JinjaFormat(Plain(), SWITCHED).thinks


@pytest.mark.parametrize("path", PATHS)
def test_thinking_that_a_model_does_not_know_is_reported_and_off(serving, path):
    body = {"model": "mimo-v2-flash", **PATHS[path], **ON}
    with serving(DRAWN, template=PLAIN) as server:
        answer = server.http.post(path, json={**body, "max_tokens": 9} if path == "/v1/messages" else body)
        assert answer.status_code == 200
        assert "thinking" in answer.headers["x-mimo-ignored"].split(", ")
        assert "thinking=disabled" in answer.headers["x-mimo-parameters"]
        quiet = server.http.post(path, json={**body, "thinking": {"type": "disabled"}})
        assert "x-mimo-ignored" not in quiet.headers
        default = server.http.post(path, json={"model": "mimo-v2-pro", **PATHS[path], "max_tokens": 9})
        assert "thinking" not in default.headers.get("x-mimo-ignored", "").split(", ")  # nobody asked for it
        assert "thinking=disabled" in default.headers["x-mimo-parameters"]
    with serving(DRAWN, template=SWITCHED) as server:
        answer = server.http.post(path, json=body)
        assert "x-mimo-ignored" not in answer.headers
        assert "thinking=enabled" in answer.headers["x-mimo-parameters"]
