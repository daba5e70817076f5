"""Pictures in this process against llama-server with the same two files: `python -m bench.media --mmproj FILE`.

    first token   from sending a request with a picture of 512 × 512 pixels, never seen before, to its first token
    a token       of a text stream, alone and while pictures come one after the other without a pause

Both in turns. What mimo encodes in one piece is one picture or one sound; a thread of its own does it, so the stream
shares the processor with it and waits for the picture's prompt, which is decoded in chunks as any other.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from bench.machine import wait_or_kill
from bench.peers import line
from bench.rounds import interleaved, middle, ratios
from mimo.nano import gguf_path
from mimo.testing import served

SYSTEM = "You are MiMo, a helpful AI assistant engineered by Xiaomi."
ASK = "What is this?"


def picture(seed: int) -> str:
    """A PNG in base64, of few colours so that it is small."""
    few = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(few).resize((512, 512), Image.Resampling.NEAREST).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def chat(content: object, **more: object) -> bytes:
    """A request to mimo."""
    body = {
        "model": "mimo-v2-omni",
        "thinking": {"type": "disabled"},
        "messages": [{"role": "user", "content": content}],
    }
    return json.dumps({**body, **more}).encode()


def seen(data: str, **more: object) -> bytes:
    """A request about a picture."""
    url = f"data:image/png;base64,{data}"
    return chat([{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": ASK}], **more)


def pieces(address: str, path: str, body: bytes) -> Iterator[bytes]:
    """The events of a streamed answer as they come."""
    connection = http.client.HTTPConnection(address, timeout=120)
    connection.request("POST", path, body, {"content-type": "application/json"})
    answer = connection.getresponse()
    if answer.status != 200:
        raise OSError(f"{path}: {answer.status} {answer.read()[:300]!r}")
    for event in answer:
        if event.startswith(b"data: {"):
            yield event
    connection.close()


def first_token(address: str, path: str, body: bytes, skip: int) -> float:
    """Seconds to the event after the first `skip`."""
    begun, found = time.perf_counter(), 0.0
    for at, _ in enumerate(pieces(address, path, body)):
        if at == skip:
            found = time.perf_counter() - begun
    return found


def a_token(address: str, tokens: int, others: list[bytes]) -> float:
    """Seconds for each token of a stream, while `others` are sent, over and over."""
    stop = threading.Event()

    def send() -> None:
        at = 0
        while not stop.is_set():
            for _ in pieces(address, "/v1/chat/completions", others[at % len(others)]):
                pass
            at += 1

    thread = threading.Thread(target=send)
    if others:
        thread.start()
    body = chat("Tell me a story.", stream=True, max_completion_tokens=tokens, ignore_eos=True)
    times = [time.perf_counter() for _ in pieces(address, "/v1/chat/completions", body)]
    stop.set()
    if others:
        thread.join()
    return (times[-1] - times[1]) / (tokens - 1)


@contextmanager
def llama_server(model: Path, mmproj: Path) -> Iterator[str]:
    """llama-server with both files, by its address."""
    command = [sys.executable, "-m", "bench.llama_server", str(model), "2", "2048", "1", "1", str(mmproj)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as it:
        try:
            yield line(it, 120).removeprefix("http://")
        finally:
            it.kill()
            wait_or_kill(it)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mmproj", type=Path, required=True, help="towers that fit the model")
    parser.add_argument("--model", type=Path, default=gguf_path())
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    flags = ["--mmproj", str(args.mmproj), "--slots", "4", "--context-window", "2048"]
    flags += [] if args.model == gguf_path() else ["--model", str(args.model)]
    with served(*flags) as server, llama_server(args.model, args.mmproj) as other:
        ours = server.url.removeprefix("http://")
        with http_get(other, "/props") as props:
            marker = json.load(props).get("media_marker", "<__media__>")
        fresh = iter(range(10**6))
        asked = (
            f"<|im_start|>system\n{SYSTEM}<|im_end|><|im_start|>user\n{marker}{ASK}<|im_end|><|im_start|>assistant\n"
        )

        def here() -> float:
            body = seen(picture(next(fresh)), stream=True, max_completion_tokens=4, ignore_eos=True)
            return first_token(ours, "/v1/chat/completions", body, 1)

        def there() -> float:
            prompt = {"prompt_string": f"{asked}<think></think>", "multimodal_data": [picture(next(fresh))]}
            body = {"prompt": prompt, "n_predict": 4, "stream": True, "cache_prompt": False, "ignore_eos": True}
            return first_token(other, "/completion", json.dumps(body).encode(), 0)

        found = interleaved({"mimo": here, "llama-server": there}, args.rounds)
        others = [seen(picture(10**7 + at), max_completion_tokens=1, stream=True) for at in range(40)]
        streams = {"alone": lambda: a_token(ours, 200, []), "with pictures": lambda: a_token(ours, 200, others)}
        gaps = interleaved(streams, args.rounds)
    print("| measure | median | least |\n|---|---|---|")
    for name, series in found.items():
        print(f"| first token, {name} | {middle(series) * 1e3:.0f} ms | {min(series) * 1e3:.0f} ms |")
    print(f"| mimo ÷ llama-server | {middle(ratios(found['mimo'], found['llama-server'])):.2f} | |")
    for name, series in gaps.items():
        print(f"| a token of a stream, {name} | {middle(series) * 1e3:.2f} ms | {min(series) * 1e3:.2f} ms |")
    print(f"| with pictures ÷ alone | {middle(ratios(gaps['with pictures'], gaps['alone'])):.2f} | |")


@contextmanager
def http_get(address: str, path: str) -> Iterator[http.client.HTTPResponse]:
    """The answer to a GET."""
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("GET", path)
    yield connection.getresponse()
    connection.close()


if __name__ == "__main__":
    main()
