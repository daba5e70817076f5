"""A listener between a client and the server that passes everything on and keeps what was asked and answered.

What a client shows may hide that a request was refused and tried again in another form; here it is seen.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

_ENDS = (b"data: [DONE]", b"event: message_stop", b"event: response.completed", b"event: response.incomplete")
"""How the last event of a stream begins."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request and its answer."""

    method: str
    path: str
    asked: bytes
    status: int
    streamed: bool
    answered: bytes

    @property
    def complete(self) -> bool:
        """Whether a streamed answer came to its last event."""
        return not self.streamed or self.answered.rstrip().split(b"\n\n")[-1].startswith(_ENDS)

    @property
    def line(self) -> str:
        """The request and its answer in a line, as the transcripts of docs/clients.md have them."""
        try:
            body = json.loads(self.asked or b"{}")
        except ValueError:
            body = {}
        said = [f"{self.method} {self.path}"]
        if self.asked:
            said.append(f"{len(self.asked):,} bytes")
        for name, words in (("tools", "tools"), ("messages", "messages"), ("input", "items")):
            if isinstance(body.get(name), list):
                said.append(f"{len(body[name])} {words}")
        counts = {name.decode(): int(count) for name, count in _COUNTS.findall(self.answered)}
        came = [str(self.status), *(["streamed"] if self.streamed else [])]
        came += [f"{words} {counts[name]:,}" for name, words in _SHOWN.items() if name in counts]
        return f"{', '.join(said)} → {', '.join(came)}"


_COUNTS = re.compile(rb'"(\w+_tokens)": ?(\d+)')
_SHOWN = {
    "prompt_tokens": "prompt",
    "input_tokens": "input",
    "cached_tokens": "cached",
    "cache_read_input_tokens": "cached",
    "completion_tokens": "completion",
    "output_tokens": "output",
}


def keep_transcript(record: list[Recorded], test: str) -> None:
    """Write what passed to a file in the folder MIMO_TRANSCRIPTS, if there is one."""
    if folder := os.environ.get("MIMO_TRANSCRIPTS"):
        name = re.sub(r"\W+", "-", test).strip("-")
        Path(folder, f"{name}.txt").write_text("".join(f"{one.line}\n" for one in record))


@contextlib.contextmanager
def recorder(url: str) -> Iterator[tuple[str, list[Recorded]]]:
    """The address to give a client in place of `url`, and what has passed so far."""
    address = urlsplit(url)
    record: list[Recorded] = []

    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"  # the end of the connection ends an answer

        def relay(self) -> None:
            asked = self.rfile.read(int(self.headers.get("content-length") or 0))
            server = HTTPConnection(address.hostname or "", address.port, timeout=120)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            server.request(self.command, self.path, asked, {**headers, "connection": "close"})
            answer = server.getresponse()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.end_headers()
            answered = b""
            try:
                while piece := answer.read1():
                    answered += piece
                    self.wfile.write(piece)
            finally:
                streamed = (answer.getheader("content-type") or "").startswith("text/event-stream")
                record.append(Recorded(self.command, self.path, asked, answer.status, streamed, answered))
                server.close()

        do_GET = do_POST = do_HEAD = do_OPTIONS = relay

        def log_message(self, format: str, *arguments: object) -> None:
            return

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    listener.daemon_threads = True
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}", record
    finally:
        listener.shutdown()
        listener.server_close()
