"""A chat template in a process of its own (`worker.py`), which is started again when it had to be killed.

Whatever a template does, rendering ends: with its output, with the template's own refusal, or at a bound. One rendering
at a time; from any thread. Knows no message and no token.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

import msgspec

from mimo.child.process import Bounds, Died, Process

__all__ = ["Bounds", "Renderer", "TemplateRefusal"]

_LARGE = 4 * 2**20
"""Bytes of a message after which the process is replaced, since it would keep the memory."""


class TemplateRefusal(Exception):
    """The template raised: its own words. `bound`: it ran into one, and the process is gone."""

    def __init__(self, words: str, bound: bool = False) -> None:
        super().__init__(words)
        self.bound = bound


class Renderer:
    """The template `source`. Raises ValueError with one line if it does not compile within `bounds`."""

    def __init__(self, source: str, bounds: Bounds | None = None) -> None:
        self._source = source
        self._process = Process("mimo.chat.jinja.worker", bounds or Bounds())
        self._lock = threading.Lock()
        try:
            self._start()
        except TemplateRefusal as problem:
            raise ValueError(str(problem)) from None

    def render(self, variables: Mapping[str, object]) -> str:
        """The output for `variables` (plain JSON values). Raises `TemplateRefusal`."""
        message = msgspec.msgpack.encode(variables)
        with self._lock:
            if not self._process.running:
                self._start()
            answer = self._asked(message)
            output = answer.get("output")
            if answer.get("spent") or len(message) > _LARGE or len(str(output)) > _LARGE:
                self._process.end()
        if not isinstance(output, str):
            raise TemplateRefusal(str(answer.get("problem")))
        return output

    def close(self) -> None:
        """End the process, and with it what it renders. Idempotent, from any thread."""
        self._process.close()
        with self._lock:
            self._process.end()

    def _start(self) -> None:
        try:
            self._process.start()
        except Died as death:
            raise self._refusal(death) from None
        answer = self._asked(msgspec.msgpack.encode(self._source))
        if problem := answer.get("problem"):
            self._process.end()
            raise TemplateRefusal(str(problem))

    def _asked(self, message: bytes) -> dict[str, object]:
        try:
            return self._process.ask(message)
        except Died as death:
            raise self._refusal(death) from None

    def _refusal(self, death: Died) -> TemplateRefusal:
        bounds = self._process.bounds
        words = {
            "closed": "the server is shutting down",
            "time": f"the template takes more steps than {bounds.seconds:g} seconds of processor allow",
            "patience": f"the template gave no answer in {bounds.patience:g} seconds",
            "crash": "the template is too much for its process, which died",
        }
        return TemplateRefusal(words[death.cause], bound=True)
