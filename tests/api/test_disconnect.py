"""A client that goes away frees its place in the engine, whatever it was waiting for."""

from __future__ import annotations

import socket
import time

import pytest

from mimo.engines.scripted.script import Script, ScriptedAnswer


@pytest.fixture(scope="module")
def slow(serving):
    with serving(Script([ScriptedAnswer([{"repeat": 100_000, "steps": ["word "]}])], delay=0.005, queue=50)) as server:
        yield server


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_its_place(slow, stream):
    with slow.connect() as client:
        client.sendall(slow.raw_chat(stream=stream, max_completion_tokens=60_000))
        if stream:
            assert client.recv(100).startswith(b"HTTP/1.1 200")
        assert slow.running(1) == 1
    left = time.monotonic()
    assert slow.running(0) == 0
    assert time.monotonic() - left < 30
    assert slow.app.running == set()


def test_a_client_that_resets_the_connection_frees_its_place(slow):
    client = slow.connect()
    client.sendall(slow.raw_chat(stream=True, max_completion_tokens=60_000))
    assert client.recv(100)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    assert slow.running(0) == 0


def test_a_client_that_leaves_while_sending_its_body_is_forgotten(slow):
    with slow.connect() as client:
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
        time.sleep(0.1)
        assert len(slow.app.running) == 1
    end = time.monotonic() + 60
    while slow.app.running and time.monotonic() < end:
        time.sleep(0.01)
    assert slow.app.running == set()


def test_many_clients_leaving_at_once_leave_nothing_behind(slow):
    clients = [slow.connect() for _ in range(40)]
    for client in clients:
        client.sendall(slow.raw_chat(stream=True, max_completion_tokens=60_000))
    assert slow.running(40) == 40
    for client in clients:
        client.close()
    assert slow.running(0) == 0


def test_a_client_that_leaves_without_reading_frees_its_place(server):
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.connect(("127.0.0.1", server.port))
        deaf.sendall(server.raw_chat(stream=True, n=8, max_completion_tokens=5000))
        time.sleep(0.5)
        assert server.engine.load().running == 1  # stuck in a write: nothing is generated that nobody takes
    assert server.running(0) == 0


def test_a_client_that_reads_slowly_gets_everything(server):
    with server.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.sendall(server.raw_chat(stream=True, max_completion_tokens=2000))
        received = b""
        time.sleep(0.5)
        while not received.endswith(b"0\r\n\r\n"):
            piece = client.recv(65536)
            assert piece
            received += piece
        assert received.count(b'"word "') == 2000
        assert b"data: [DONE]\n\n" in received
