"""The engine without a model: plays a given script of tokens, and samples where the script gives logits.

For people who test their own clients, and for our own tests. It knows no model and needs no library. A script is JSON:

    {"answers": [{"when": "weather", "steps": ["Sunny", {"logits": {".": 2.0, "!": 1.0}}]}, {"steps": ["Hi", "!"]}],
     "delay": 0.0, "context_window": 32768, "queue": 64}

The first answer whose `when` occurs in the prompt is played; without `when` it always fits. Every step is one token: a
string is the text it stands for (a control token's name, `<think>`, is that control token), an array of integers 0–255
its bytes, and `{"logits": {TEXT: LOGIT}}` is sampled with the request's parameters by the local engine's own sampler;
`{"random": true}` is too, over all tokens alike. `{"repeat": N, "steps": […]}` plays steps N times. After the last step
the turn ends. Under a grammar, steps that it does not allow are passed over, and what is missing
at the end is drawn at random. `delay`: seconds before each step.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import cast

import msgspec
import numpy as np

from mimo.constraints.answer import ThinkingFirst
from mimo.contract.errors import EngineError, RateLimitExceeded, ServiceUnavailable
from mimo.engines.base import Capabilities, EngineInfo, Load, TokenEngine, TokenStream
from mimo.engines.limits import check_logit_bias, check_window
from mimo.sampling import NO_TOKEN, Sampler, warm
from mimo.sampling.allowed import allows
from mimo.tokenizers.bytes import ByteTokenizer
from mimo.types import Allowed, Constrain, Constraint, TokenBatch, TokenLogprob, TokenRequest

Step = str | list[int] | dict[str, object]
Move = int | dict[int, float] | None
"""A step after reading the script: the token to play, or the logits to sample from, or all of them the same."""


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """What is played for prompts that hold `when` (every prompt if empty)."""

    steps: list[Step]
    when: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """The file, decoded. `delay` in seconds a step, `context_window` in tokens, `queue` in requests at once."""

    answers: list[ScriptedAnswer]
    delay: float = 0.0
    context_window: int = 32768
    queue: int = 64


class ScriptedTokenizer(ByteTokenizer):
    """One byte a token for prompts, and one token more for each distinct text of the script."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: dict[bytes, int] = {}

    def text(self, text: str | bytes) -> int:
        """The id that stands for `text`, made on first use; the name of a control token is that token."""
        if isinstance(text, str):
            if (control := self.control(text)) is not None:
                return control
            text = text.encode()
        if text not in self._texts:
            self._texts[text] = self.vocabulary
            self.pieces.append(text)
            self.vocabulary += 1
        return self._texts[text]


class ScriptedEngine(TokenEngine):
    """Plays a `Script`."""

    capabilities = Capabilities(grammar=True, prompt_logprobs=True, thinks_first=True)

    def __init__(self, script: Script, name: str = "script") -> None:
        self.script = script
        self.tokenizer: ScriptedTokenizer = ScriptedTokenizer()
        self._moves = [(answer.when, list(self._read(answer.steps))) for answer in script.answers]
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
        stream = ScriptedStream(self, request, self._moves_for(request.prompt), room)
        self._running.add(stream)
        return stream

    def forget(self, stream: ScriptedStream) -> None:
        """A stream ended; ."""
        self._running.discard(stream)

    def load(self) -> Load:
        return Load(running=len(self._running))

    async def close(self) -> None:
        for stream in list(self._running):
            stream.fail()

    def _moves_for(self, prompt: tuple[int, ...]) -> list[Move]:
        text = b"".join(map(self.tokenizer.piece, prompt)).decode(errors="replace")
        return next((moves for when, moves in self._moves if when in text), [])

    def _read(self, steps: list[Step]) -> Iterator[Move]:
        for step in steps:
            match step:
                case str():
                    yield self.tokenizer.text(step)
                case list():
                    yield self.tokenizer.text(bytes(step))
                case {"logits": dict() as logits}:
                    yield {self.tokenizer.text(str(text)): float(value) for text, value in logits.items()}
                case {"random": True}:
                    yield None
                case {"repeat": int() as times, "steps": list() as inner}:
                    yield from list(self._read(inner)) * times
                case _:
                    raise ValueError(
                        f"a step must be a string, an array of bytes, logits, random or repeat, got {step!r}"
                    )


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


class ScriptedStream(TokenStream):
    """One request: every choice plays the same moves, with its own draws."""

    def __init__(self, engine: ScriptedEngine, request: TokenRequest, moves: list[Move], room: int) -> None:
        self._engine = engine
        self._moves = moves
        self._wanted = request.sampling.logprobs
        constrain = request.constrain
        self._guided = request.min_tokens > 0 or (constrain is not None and constrain.every_token)
        self._limit = min(request.max_completion_tokens, room)
        if (top := request.prompt_logprobs) is not None:
            known = (TokenLogprob(token, 0.0, ((token, 0.0),) if top else ()) for token in request.prompt[1:])
            self.prompt_logprobs = tuple(known)
        self._at = dict.fromkeys(range(request.n), 0)
        self._failed = False
        self._constraints = [self._rule(constrain, choice) for choice in self._at]
        self._ends = engine.tokenizer.end_ids
        self._plain = request.sampling.logprobs is None and not any(self._constraints)
        """Whether the script alone decides."""
        self._sampler: Sampler | None = None
        if self._guided or not all(isinstance(move, int) for move in moves):
            self._plain = False
            self._sampler = Sampler(request.n, engine.tokenizer.vocabulary, threads=1)
            for choice in self._at:
                self._sampler.begin(choice, request.sampling, choice, self._constraints[choice])

    def _rule(self, constrain: Constrain | None, choice: int) -> Constraint | None:
        """What `choice` must follow. Whether it thinks first, a script that says its first token says too."""
        rule = constrain(choice, self._limit) if constrain else None
        drawn = bool(self._moves) and not isinstance(self._moves[0], int)
        return rule.inner if isinstance(rule, ThinkingFirst) and not drawn else rule

    async def __aiter__(self) -> AsyncIterator[list[TokenBatch]]:
        delay = self._engine.script.delay
        self.begun = time.perf_counter()
        try:
            for count in range(1, self._limit + 1):
                await asyncio.sleep(delay)
                if self._failed:
                    raise ServiceUnavailable.shutting_down()
                batch = []
                for choice in tuple(self._at):
                    sampled = self._step(choice, count == self._limit)
                    batch.append(sampled)
                    if sampled.finish:
                        self.close_choice(choice)
                if not batch:
                    return
                yield batch
        finally:
            self.close()

    def _step(self, choice: int, last: bool) -> TokenBatch:
        if self._plain and (at := self._at[choice]) < len(self._moves):
            self._at[choice] = at + 1
            token = cast(int, self._moves[at])
            if token not in self._ends:
                return TokenBatch(choice, (token,), (), "length" if last else None)
            return TokenBatch(choice, (), finish="stop")
        token, logprob = self._play(choice)
        if token in self._engine.tokenizer.end_ids:
            return TokenBatch(choice, (), finish="stop")
        if logprob is None and self._wanted is not None:
            logprob = TokenLogprob(token, 0.0, ((token, 0.0),) if self._wanted else ())
        return TokenBatch(choice, (token,), (logprob,) if logprob else (), "length" if last else None)

    def _play(self, choice: int) -> tuple[int, TokenLogprob | None]:
        """The next token: the one that is forced, else the script's next that is allowed, else the end of the turn."""
        rule = self._constraints[choice]
        allowed = rule.allowed() if rule else None
        move = self._next(choice, allowed)
        if rule and isinstance(allowed, int):
            token = allowed
            if token in self._moves[self._at[choice] :]:  # the script closes its reasoning later: go on from there
                self._at[choice] = self._moves.index(token, self._at[choice]) + 1
        elif isinstance(move, int):
            token = move
        else:
            return self._draw(choice, move)
        if rule:
            rule.accept(token)
        return token, None

    def _next(self, choice: int, allowed: Allowed) -> Move:
        """The script's next step; those that a grammar does not allow are passed over."""
        guided = self._guided and isinstance(allowed, np.ndarray)
        while self._at[choice] < len(self._moves):
            move = self._moves[self._at[choice]]
            self._at[choice] += 1
            if not (guided and isinstance(move, int)) or allows(allowed, move):
                return move
        end = min(self._engine.tokenizer.end_ids)
        return end if not guided or allows(allowed, end) else None

    def _draw(self, choice: int, move: dict[int, float] | None) -> tuple[int, TokenLogprob | None]:
        assert self._sampler is not None
        row = np.full((1, self._engine.tokenizer.vocabulary), 0.0 if move is None else -np.inf, dtype=np.float32)
        if move is not None:
            row[0, list(move)] = list(move.values())
        drawn = self._sampler.sample(row, [choice])
        if drawn.tokens[0] == NO_TOKEN:  # nothing of the step's is allowed
            return self._draw(choice, None)
        known = drawn.logprobs.get(0)
        return drawn.tokens[0], TokenLogprob(drawn.tokens[0], known.logprob, known.top) if known is not None else None

    def close_choice(self, choice: int) -> None:
        self._at.pop(choice, None)

    def close(self) -> None:
        self._at.clear()
        self._engine.forget(self)

    def fail(self) -> None:
        """The engine is closing: the reader gets `ServiceUnavailable`."""
        self._failed = True
