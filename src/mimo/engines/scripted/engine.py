"""The engine that plays a script: which answer fits a prompt, and how many run at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from mimo.contract.errors import EngineError, RateLimitExceeded
from mimo.engines.base import Capabilities, EngineInfo, Load, TokenEngine
from mimo.engines.limits import check_logit_bias, check_window
from mimo.engines.scripted.script import Move, Script, ScriptedTokenizer, moves_of
from mimo.engines.scripted.stream import ScriptedStream
from mimo.sampling import warm
from mimo.types import TokenRequest


class ScriptedEngine(TokenEngine):
    """Plays a `Script`."""

    capabilities = Capabilities(grammar=True, prompt_logprobs=True, thinks_first=True)

    def __init__(self, script: Script, name: str = "script") -> None:
        self.script = script
        self.tokenizer: ScriptedTokenizer = ScriptedTokenizer()
        self._moves = [(answer.when, list(moves_of(answer.steps, self.tokenizer))) for answer in script.answers]
        self._running: set[ScriptedStream] = set()
        digest = sha256(msgspec.json.encode(script)).hexdigest()[:12]
        self.info = EngineInfo("scripted", name, script.context_window, f"scripted-{name}-{digest}")

    @classmethod
    def from_file(cls, path: Path) -> ScriptedEngine:
        """The engine of a script file. Raises `EngineError` naming the file and what is wrong in it."""
        try:
            return cls(msgspec.json.decode(path.read_bytes(), type=Script), path.stem)
        except (OSError, ValueError, msgspec.MsgspecError) as problem:
            raise EngineError(f"script {path}: {problem}") from problem

    @property
    def draws(self) -> bool:
        """Whether a step is sampled."""
        return any(isinstance(move, dict) for _, moves in self._moves for move in moves)

    def generate(self, request: TokenRequest) -> ScriptedStream:
        room = check_window(request, self.info)
        check_logit_bias(request.sampling, self.tokenizer.vocabulary)
        if len(self._running) >= self.script.queue:
            raise RateLimitExceeded("the queue is full; try again", headers={"retry-after": "1"})
        moves, delay = self._moves_for(request.prompt), self.script.delay
        forget = self._running.discard
        stream = ScriptedStream(request, moves, self.tokenizer, delay=delay, room=room, forget=forget)
        self._running.add(stream)
        return stream

    def load(self) -> Load:
        return Load(running=len(self._running))

    async def close(self) -> None:
        for stream in list(self._running):
            stream.fail()

    def _moves_for(self, prompt: tuple[int, ...]) -> list[Move]:
        text = b"".join(map(self.tokenizer.piece, prompt)).decode(errors="replace")
        return next((moves for when, moves in self._moves if when in text), [])


@dataclass(frozen=True, slots=True)
class Options:
    """The setting that this engine reads, by its name on the command line."""

    script: Path | None = None


async def start(options: Options, on_progress: object = None) -> ScriptedEngine:
    """The engine of a script file. A script that draws compiles the sampler now and not during the first request.

    Raises `EngineError`."""
    if options.script is None:
        raise EngineError("the scripted engine needs a script: --script FILE")
    engine = ScriptedEngine.from_file(options.script)
    if engine.draws:
        await asyncio.to_thread(warm)
    return engine
