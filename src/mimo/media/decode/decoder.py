"""Decodes media for all requests of a server, in processes that can be killed. Call it from a thread: it waits.

Nothing that a file holds can end this process, keep it busy or make it open another file. Knows no request.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec
from typing import Any

import msgspec

from mimo.child.process import Bounds, Died, Process
from mimo.contract.errors import ServiceUnavailable, StartError
from mimo.media.content import refused
from mimo.media.decode.limits import Limits
from mimo.media.decoded import Decoded, Film, Picture, Sound
from mimo.types import Media, MediaKind

BOUNDS = Bounds(seconds=20.0, memory=2 * 2**30, patience=60.0)
_LARGE = 16 * 2**20
"""Bytes of a file or of what came out of it after which the process is replaced, since it would keep the memory."""
PROCESSES = 2


class Decoder:
    """At most `PROCESSES` files at once; those of further requests wait."""

    def __init__(self, limits: Limits | None = None, bounds: Bounds = BOUNDS) -> None:
        """Raises `StartError` where not even images can be decoded."""
        if find_spec("PIL") is None:
            raise StartError("media need pillow, which is not installed: pip install 'mimo[media]'")
        self.limits = limits or Limits()
        self.kinds: tuple[MediaKind, ...] = ("image", *(("audio", "video") if find_spec("av") else ()))
        self._all = [Process("mimo.media.decode.worker", bounds) for _ in range(PROCESSES)]
        self._idle = list(self._all)
        self._free = threading.Semaphore(PROCESSES)

    def warm(self) -> None:
        """Start a process, so that the first file need not wait for one."""
        if not self._all[-1].running:
            self._all[-1].start()

    def decode(self, media: Media) -> Decoded:
        """The content of `media`, which is fetched. Raises `InvalidRequest` with its path."""
        if not media.fetched:
            raise refused(media, "is a URL, which is not fetched here; send the content as a data URI")
        content = media.url[media.url.index(",") + 1 :].encode()
        task = {"kind": media.kind, "form": media.format, "base64": content, "fps": media.fps}
        message = msgspec.msgpack.encode({**task, "resolution": media.resolution, "limits": self.limits})
        with self._free:
            process = self._idle.pop()
            try:
                answer = self._asked(process, media, message)
            finally:
                self._idle.append(process)
        if (problem := answer.get("problem")) is not None:
            raise refused(media, str(problem))
        return self._value(answer)

    def _asked(self, process: Process, media: Media, message: bytes) -> dict[str, Any]:
        try:
            if not process.running:
                process.start()
            answer = process.ask(message)
        except Died as death:
            if death.cause == "closed":
                raise ServiceUnavailable.shutting_down() from None
            bounds = process.bounds
            smaller = "make it smaller or shorter"
            words = {
                "time": f"takes more than {bounds.seconds:g} seconds of processor to decode; {smaller}",
                "patience": f"was not decoded within {bounds.patience:g} seconds; {smaller}",
                "crash": f"cannot be decoded as {media.format}: the decoder failed on it; the file is damaged",
            }
            raise refused(media, words[death.cause]) from None
        if answer.get("spent") or len(message) > _LARGE or sum(map(_size, answer.values())) > _LARGE:
            process.end()
        return answer

    def _value(self, answer: dict[str, Any]) -> Decoded:
        if "samples" in answer:
            return Sound(answer["samples"], self.limits.rate)
        return Film(tuple(Picture(**frame) for frame in answer["frames"])) if "frames" in answer else Picture(**answer)

    def close(self) -> None:
        """End the processes; what waits for them ends with `ServiceUnavailable`. Idempotent."""
        for process in self._all:
            process.close()


def _size(value: object) -> int:
    if isinstance(value, list):
        return sum(_size(item) for frame in value for item in frame.values())
    return len(value) if isinstance(value, bytes) else 0
