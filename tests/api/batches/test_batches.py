"""Files and batches with OpenAI's own SDK, against `mimo serve` as a process: what it keeps outlives it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from mimo.api.batches.batch import read_lines
from mimo.api.batches.store import Store
from mimo.engines.scripted.script import Script, ScriptedAnswer
from mimo.testing import served

FLASH = "mimo-v2-flash"
CHAT = "/v1/chat/completions"
SCRIPT = Script([
    ScriptedAnswer([{"repeat": 4000, "steps": ["x", "y", "z "]}], when="endless"),
    ScriptedAnswer(["Hello", "!"]),
], delay=0.002)  # fmt: skip


def client_of(url: str, key: str = "unused") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served("--data-dir", str(tmp_path_factory.mktemp("data")), script=SCRIPT) as server:
        yield server.url


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with client_of(url) as found:
        yield found


def line(name: str, text: str = "hi", **body: object) -> dict[str, object]:
    messages = [{"role": "user", "content": text}]
    return {"custom_id": name, "method": "POST", "url": CHAT, "body": {"model": FLASH, "messages": messages, **body}}


def jsonl(*lines: object) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines)


def begin(client: openai.OpenAI, *lines: object, **more: object) -> Any:
    sent = client.files.create(file=("in.jsonl", jsonl(*lines)), purpose="batch")
    return client.batches.create(input_file_id=sent.id, endpoint=CHAT, **{"completion_window": "24h", **more})


def retrieved(client: openai.OpenAI, batch_id: str) -> Any:
    return client.batches.retrieve(batch_id)


def ended(client: openai.OpenAI, batch_id: str, seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while (batch := retrieved(client, batch_id)).status not in ("completed", "failed", "expired", "cancelled"):
        assert time.monotonic() < end, batch
        time.sleep(0.1)
    return batch


def rows(client: openai.OpenAI, file_id: str) -> dict[str, Any]:
    found = [json.loads(row) for row in client.files.content(file_id).text.splitlines()]
    return {row["custom_id"]: row for row in found}


def test_a_file_is_kept_listed_given_back_and_deleted(client):
    content = b'{"a": 1}\r\n\xff\x00 any bytes\n\n'
    sent = client.files.create(file=("names é.jsonl", content), purpose="batch")
    assert (sent.bytes, sent.purpose, sent.status) == (len(content), "batch", "processed")
    assert client.files.retrieve(sent.id) == sent
    assert client.files.content(sent.id).content == content
    others = [client.files.create(file=("b", b"b"), purpose="user_data").id for _ in range(2)]
    assert {one.id for one in client.files.list(limit=1)} >= {sent.id, *others}  # turns the pages
    assert sent.id not in {one.id for one in client.files.list(purpose="user_data")}
    for file_id in (sent.id, *others):
        assert client.files.delete(file_id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.content(sent.id)


def test_every_line_is_answered_and_errors_go_into_a_file_of_their_own(client):
    lines = [line("one"), line("two", max_tokens=1), line("bad", temperature=9), line("nobody", model="nope")]
    batch = begin(client, *lines, metadata={"who": "me"})
    assert batch.status in ("validating", "in_progress")
    batch = ended(client, batch.id)
    assert (batch.status, batch.metadata) == ("completed", {"who": "me"})
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (4, 2, 2)
    good, bad = rows(client, batch.output_file_id), rows(client, batch.error_file_id)
    assert good.keys() == {"one", "two"} and bad.keys() == {"bad", "nobody"}
    said = good["one"]["response"]
    assert said["status_code"] == 200 and said["body"]["choices"][0]["message"]["content"] == "Hello!"
    assert good["two"]["response"]["body"]["choices"][0]["finish_reason"] == "length"
    assert bad["bad"]["response"]["body"]["error"]["param"] == "temperature"
    assert bad["nobody"]["response"]["status_code"] == 404
    assert batch.id in {one.id for one in client.batches.list(limit=1)}


@pytest.mark.parametrize(
    ("lines", "param", "number"),
    [
        ([line("a"), line("a")], "custom_id", 2),
        ([line("a"), {**line("b"), "url": "/v1/completions"}], "url", 2),
        ([{**line("a"), "method": "GET"}], "method", 1),
        ([{**line("a"), "body": "text"}], "body", 1),
        ([line("a", stream=True)], "body.stream", 1),
        ([line("")], "custom_id", 1),
        ([[1]], None, 1),
        ([], "input_file_id", None),
    ],
    ids=str,
)
def test_a_file_that_is_wrong_fails_the_batch_and_names_the_line(client, lines, param, number):
    batch = begin(client, *lines)
    assert batch.status == "failed" and batch.failed_at
    assert (batch.errors.data[0].param, batch.errors.data[0].line) == (param, number)
    with pytest.raises(openai.BadRequestError):
        client.batches.cancel(batch.id)


def test_what_a_batch_cannot_be_is_refused_by_name(client, url):
    sent = client.files.create(file=("in", jsonl(line("a"))), purpose="batch")
    good = {"input_file_id": sent.id, "endpoint": CHAT, "completion_window": "24h"}
    for name, value in (("endpoint", "/v1/embeddings"), ("completion_window", "8d"), ("completion_window", None),
                        ("input_file_id", 5), ("metadata", {"a": 1})):  # fmt: skip
        answer = httpx.post(f"{url}/v1/batches", json={**good, name: value})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)
    assert httpx.post(f"{url}/v1/batches", json={**good, "input_file_id": "file-../../x"}).status_code == 404
    for path in ("/v1/files/..%2f..%2fetc", "/v1/files/x/content", "/v1/batches/y"):
        assert httpx.get(f"{url}{path}").status_code == 404
    assert httpx.get(f"{url}/v1/files?limit=0").json()["error"]["param"] == "limit"
    assert httpx.get(f"{url}/v1/batches?after=z").json()["error"]["param"] == "after"
    assert httpx.post(f"{url}/v1/files", content=b"x").status_code == 415
    form = {"content-type": "multipart/form-data; boundary=b"}
    for body in (b"", b"nonsense", b"--b\r\n\r\n", b'--b\r\ncontent-disposition: form-data; name="file"\r\n\r\nx'):
        assert httpx.post(f"{url}/v1/files", content=body, headers=form).status_code == 400
    fields = {"data": {"purpose": "fine-tune"}, "files": {"file": b"x"}}
    assert httpx.post(f"{url}/v1/files", **fields).json()["error"]["param"] == "purpose"
    assert (
        httpx.post(f"{url}/v1/files", data={"purpose": "batch"}, files={"other": b"x"}).json()["error"]["param"]
        == "file"
    )


def test_a_cancelled_batch_keeps_what_it_has(client):
    batch = begin(client, line("quick"), line("slow", "endless", max_tokens=4000))
    end = time.monotonic() + 60
    while not retrieved(client, batch.id).request_counts.completed:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert client.batches.cancel(batch.id).status == "cancelling"
    batch = ended(client, batch.id)
    assert batch.status == "cancelled" and batch.cancelled_at
    assert rows(client, batch.output_file_id).keys() == {"quick"}


def test_a_batch_that_takes_too_long_expires(client):
    batch = begin(client, line("quick"), line("slow", "endless", max_tokens=4000), completion_window="2s")
    batch = ended(client, batch.id)
    assert batch.status == "expired" and batch.expired_at >= batch.expires_at
    late = rows(client, batch.error_file_id)
    assert late["slow"]["error"]["code"] == "batch_expired" and late["slow"]["response"] is None


def test_a_batch_survives_a_restart_and_no_line_is_answered_twice(tmp_path):
    names = [f"line {at}" for at in range(40)]
    lines = [line(name, "endless" if at == 20 else "hi", max_tokens=900) for at, name in enumerate(names)]
    short = ("--data-dir", str(tmp_path), "--drain-seconds", "0.1")
    with served(*short, script=SCRIPT) as server, client_of(server.url) as client:
        batch = begin(client, *lines)
        while not retrieved(client, batch.id).request_counts.completed:
            time.sleep(0.01)
    with served("--data-dir", str(tmp_path), script=SCRIPT) as server, client_of(server.url) as client:
        batch = ended(client, batch.id, 120)
        assert batch.status == "completed"
        text = client.files.content(batch.output_file_id).text
        assert sorted(json.loads(row)["custom_id"] for row in text.splitlines()) == sorted(names)


def test_a_key_sees_its_own_files_and_batches_only(tmp_path):
    with served("--data-dir", str(tmp_path), "--api-keys", "one,two", script=SCRIPT) as server:
        with client_of(server.url, "one") as mine, client_of(server.url, "two") as theirs:
            batch = begin(mine, line("a"))
            assert list(theirs.files.list()) == [] and list(theirs.batches.list()) == []
            for ask in (lambda: theirs.files.content(batch.input_file_id), lambda: theirs.batches.retrieve(batch.id)):
                with pytest.raises(openai.NotFoundError):
                    ask()
            assert ended(mine, batch.id).status == "completed"
        assert httpx.get(f"{server.url}/v1/files").status_code == 401


def test_without_a_data_directory_files_are_a_404_that_says_so(serving):
    with serving() as server:
        answer = server.http.get("/v1/files")
        assert answer.status_code == 404 and "data directory" in answer.json()["error"]["message"]


def test_a_result_that_a_crash_cut_short_is_done_again(tmp_path):
    store = Store(tmp_path)
    sent = store.files.add(jsonl(line("a"), line("b")), "in", "batch", "")
    batch = store.create(CHAT, sent.id, "24h", "", "scripted/a")
    store.add_result(batch, b'{"custom_id":"a"}', True)
    with open(tmp_path / "batches" / f"{batch.id}.output", "ab") as file:
        file.write(b'{"custom_id":"b","resp')
    assert [one.custom_id for one in store.left(batch)] == ["b"]
    store.add_result(batch, b'{"custom_id":"b"}', True)
    assert store.left(batch) == [] and batch.completed == 2


def test_one_process_at_a_time_runs_a_batch(tmp_path):
    one, other = Store(tmp_path), Store(tmp_path)
    sent = one.files.add(jsonl(line("a")), "in", "batch", "")
    batch = one.create(CHAT, sent.id, "24h", "", "scripted/a")
    with one.locked(batch) as mine, other.locked(batch) as theirs:
        assert mine is not None and theirs is None
    with other.locked(batch) as theirs:
        assert theirs is not None


def test_a_server_leaves_the_batches_of_another_engine_alone(tmp_path):
    store = Store(tmp_path)
    sent = store.files.add(jsonl(line("a")), "in", "batch", "")
    foreign = store.create(CHAT, sent.id, "24h", "", "local/other")
    with served("--data-dir", str(tmp_path), script=SCRIPT) as server, client_of(server.url) as client:
        assert ended(client, begin(client, line("b")).id).status == "completed"  # begun later, and looked at later
        assert client.batches.retrieve(foreign.id).status == "in_progress"


def test_live_requests_come_first(tmp_path):
    small = ("--data-dir", str(tmp_path), "--slots", "4", "--context-window", "512")
    with served(*small) as server, client_of(server.url) as client:
        lines = [line(f"line {at}", "Tell me a story", ignore_eos=True, max_tokens=200) for at in range(12)]
        batch = begin(client, *lines)
        while not retrieved(client, batch.id).request_counts.completed:
            time.sleep(0.02)
        messages = [{"role": "user", "content": "hi"}]
        answer = client.chat.completions.create(model=FLASH, messages=messages, max_tokens=5, n=2)
        assert len(answer.choices) == 2
        assert client.batches.retrieve(batch.id).status == "in_progress"  # half of the slots were free for it
        client.batches.cancel(batch.id)
        assert ended(client, batch.id).status == "cancelled"


def test_lines_are_counted_as_an_editor_counts_them():
    lines, errors = read_lines(b"\n" + jsonl(line("a")) + b"\n{\n", CHAT)
    assert [one.custom_id for one in lines] == ["a"]
    assert [one["line"] for one in errors] == [4]
