"""Starting and stopping: what may be bound, what SIGTERM does to what runs, and that nothing outlives it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mimo.api.app import App
from mimo.api.backend import BODY_LIMIT
from mimo.api.routes import ROUTES
from mimo.serving.granian import ServeError, check_exposure, listen

SERVER = """
import asyncio, resource, sys
if int(sys.argv[4]):
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[4]),) * 2)
from mimo.api.app import App
from mimo.api.routes import ROUTES
from mimo.serving.granian import ServeError, serve
from mimo.chat.prompt import chat_format
from mimo.engines.scripted.engine import ScriptedEngine
from mimo.engines.scripted.script import Script, ScriptedAnswer

long = ScriptedAnswer([{"repeat": int(sys.argv[1]), "steps": ["x"]}])
script = Script([ScriptedAnswer(["a", "b"], when="short"), long], delay=float(sys.argv[3]))
engine = ScriptedEngine(script)
app = App(engine, chat_format(None, engine.tokenizer), routes=ROUTES)
try:
    asyncio.run(serve(app, "127.0.0.1", 0, float(sys.argv[2]), listening=lambda url: print(url, flush=True)))
except ServeError as problem:
    sys.exit(str(problem))
print("returned", flush=True)
"""


class Process:
    """A server process of its own, so that it can be sent signals."""

    def __init__(self, steps: int, drain_seconds: float, delay: float = 0.02, descriptors: int = 0) -> None:
        command = [sys.executable, "-c", SERVER, str(steps), str(drain_seconds), str(delay), str(descriptors)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def request(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text

    def chat(self, text: str, **fields: object) -> tuple[int, dict[str, str], str]:
        body = {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": text}], **fields}
        return self.request("POST", "/v1/chat/completions", body)

    def end(self, seconds: float = 60) -> str:
        """Everything it printed after its address, once it has ended."""
        out, _ = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0
        return out


@pytest.fixture
def process():
    started = []

    def start(steps: int, drain_seconds: float, delay: float = 0.02, descriptors: int = 0) -> Process:
        started.append(Process(steps, drain_seconds, delay, descriptors))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


def in_background(call):
    """Run `call` in a thread; the result is in the list once it is joined."""
    results = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    return thread, results


def test_sigterm_refuses_new_requests_and_finishes_running_streams(process):
    server = process(steps=60, drain_seconds=20)
    thread, results = in_background(lambda: server.chat("long", stream=True))
    time.sleep(0.3)
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    for status, headers, text in (server.chat("short"), server.request("GET", "/readyz")):
        assert (status, json.loads(text)["error"]["code"]) == (503, "service_unavailable")
        assert int(headers["retry-after"]) > 0
        assert headers["connection"] == "close"
    assert server.request("GET", "/healthz")[0] == 200
    thread.join(120)
    status, _, text = results[0]
    assert (status, text.count('"content":"x"')) == (200, 60)
    assert text.endswith("data: [DONE]\n\n")
    assert server.end() == "returned\n"


def test_what_is_not_finished_when_the_drain_is_over_ends_with_an_error(process):
    server = process(steps=100_000, drain_seconds=0.5)
    body = {"max_completion_tokens": 60_000}
    streaming, streamed = in_background(lambda: server.chat("long", stream=True, **body))
    waiting, waited = in_background(lambda: server.chat("long", **body))
    time.sleep(0.3)
    signalled = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    streaming.join(120)
    waiting.join(120)
    status, _, text = streamed[0]
    last = json.loads(text.rstrip().rsplit("\n\n", 1)[1].removeprefix("data: "))
    assert (status, last["error"]["code"]) == (200, "service_unavailable")
    assert "[DONE]" not in text
    status, headers, text = waited[0]
    assert (status, json.loads(text)["error"]["code"]) == (503, "service_unavailable")
    assert "retry-after" in headers
    assert server.end() == "returned\n"
    assert time.monotonic() - signalled < 40


@pytest.mark.parametrize("framing", ["content-length: 5000", "transfer-encoding: chunked"])
def test_bodies_that_are_half_sent_do_not_hold_up_sigterm(process, framing):
    server = process(steps=1, drain_seconds=60)
    clients = []
    for _ in range(5):
        client = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n{framing}\r\n\r\n4\r\n{{   \r\n"
        client.sendall(head.encode())
        clients.append(client)
    time.sleep(0.3)
    signalled = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    for client in clients:
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (503, "service_unavailable")
    assert server.end() == "returned\n"
    assert time.monotonic() - signalled < 6


def test_at_the_limit_of_descriptors_the_server_waits_and_does_not_spin(process):
    """200 connections where 64 descriptors are left: in three seconds less than a third of a processor."""
    server = process(steps=1, drain_seconds=1, descriptors=128)
    stat = Path(f"/proc/{server.process.pid}/stat")
    if not stat.exists():
        pytest.skip("looks at /proc")

    def spent() -> float:
        return sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    clients = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(200)]
    time.sleep(0.5)
    before = spent()
    time.sleep(3)
    assert spent() - before < 1
    for client in clients:
        client.close()
    assert server.request("GET", "/healthz")[0] == 200


def test_a_second_signal_ends_the_drain(process):
    server = process(steps=100_000, drain_seconds=60)
    thread, results = in_background(lambda: server.chat("long", stream=True, max_completion_tokens=60_000))
    time.sleep(0.3)
    server.process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    server.process.send_signal(signal.SIGTERM)
    thread.join(120)
    assert '"service_unavailable"' in results[0][2]
    assert server.end() == "returned\n"


def test_an_idle_server_stops_at_once_also_with_an_open_connection(process):
    server = process(steps=1, drain_seconds=60)
    with socket.create_connection(("127.0.0.1", server.port)) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        signalled = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.end() == "returned\n"
        assert time.monotonic() - signalled < 40


def test_a_client_that_does_not_read_cannot_hold_up_the_end(process):
    server = process(steps=100_000, drain_seconds=0.2, delay=0)
    body = b'{"model":"mimo-v2-flash","messages":[{"role":"user","content":"hi"}],"stream":true,"n":8}'
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.connect(("127.0.0.1", server.port))
        deaf.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        time.sleep(1)
        server.process.send_signal(signal.SIGTERM)
        assert server.end(20) == "returned\n"


def test_a_taken_port_is_one_clear_line():
    first = listen("127.0.0.1", 0)
    port = first.getsockname()[1]
    with pytest.raises(ServeError, match=f"cannot listen on 127.0.0.1:{port}: address already in use"):
        listen("127.0.0.1", port)
    first.close()
    again = listen("127.0.0.1", port)  # and free again at once
    again.close()


def test_an_address_that_is_none_is_one_clear_line():
    with pytest.raises(ServeError, match="there is no such address"):
        listen("no.such.host.invalid", 0)
    with pytest.raises(ServeError, match=r"cannot listen on 203\.0\.113\.7:0"):
        listen("203.0.113.7", 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_needs_no_key(host):
    check_exposure(App(routes=ROUTES).keys, host, insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1"])
def test_any_other_address_needs_a_key_or_the_word_insecure(host):
    with pytest.raises(ServeError, match="set --api-keys, or pass --insecure"):
        check_exposure(App(routes=ROUTES).keys, host, insecure=False)
    check_exposure(App(routes=ROUTES, keys=["k"]), host, insecure=False)
    check_exposure(App(routes=ROUTES).keys, host, insecure=True)


def test_a_body_that_trickles_in_is_given_up_with_a_400(serving):
    with serving(body_seconds=0.3) as server, server.connect() as client:
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
        began = time.monotonic()
        received = b""
        while b"}}" not in received and (piece := client.recv(65536)):
            received += piece
        assert received.startswith(b"HTTP/1.1 400") and b"the body must arrive within 0.3 seconds" in received
        assert b"connection: close" in received
        assert 0.2 < time.monotonic() - began < 40
        assert server.chat().status_code == 200


def test_a_slow_body_that_keeps_coming_is_waited_for(serving):
    with serving(body_seconds=0.3) as server, server.connect() as client:
        body = server.raw_chat(max_completion_tokens=1, user="x" * 400_000)
        for at in range(0, len(body), 65536):  # each piece buys a second more
            client.sendall(body[at : at + 65536])
            time.sleep(0.1)
        assert client.recv(12) == b"HTTP/1.1 200"


def test_a_refusal_before_the_body_was_read_leaves_the_connection_usable(server):
    with server.connect() as client:
        for _ in range(3):
            client.sendall(b"POST /v1/nope HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n" + b"x" * 60_000)
            received = b""
            while b"}}" not in received:
                received += (piece := client.recv(65536))
                assert piece, received
            assert received.startswith(b"HTTP/1.1 404") and b"connection: close" not in received


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("path", "headers", "size", "status"),
    [
        ("/v1/nope", {}, 8_000_000, 404),
        ("/v1/chat/completions", {"authorization": "Bearer wrong"}, 8_000_000, 401),
        ("/v1/chat/completions", {"origin": "https://evil.example"}, 8_000_000, 403),
        ("/v1/chat/completions", {"authorization": "Bearer right"}, BODY_LIMIT + 8_000_000, 413),
    ],
)
def test_a_client_that_sends_all_of_a_refused_body_sees_why(serving, path, headers, size, status, chunked):
    with serving(keys=["right"]) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for _ in range(2):  # the connection can be used again
            body = iter([b"x" * 1_000_000] * (size // 1_000_000)) if chunked else b"x" * size
            client.request("POST", path, body, headers, encode_chunked=chunked)
            answer = client.getresponse()
            assert (answer.status, answer.getheader("connection")) == (status, None)
            assert json.loads(answer.read())["error"]["message"]
        client.close()


def test_a_client_that_asks_before_it_sends_is_refused_at_once(server):
    with server.connect() as client:
        head = b"POST /v1/nope HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 600000\r\n\r\n"
        client.sendall(head)
        assert client.recv(65536).startswith(b"HTTP/1.1 404")


def test_a_refused_body_that_does_not_come_closes_the_connection_and_says_so(server):
    with server.connect() as client:
        client.sendall(b"POST /v1/nope HTTP/1.1\r\nhost: x\r\ncontent-length: 600000\r\n\r\n" + b"x" * 1000)
        assert b"connection: close" in client.recv(65536)
        assert server.chat("hi").status_code == 200
