"""What the tests of the local engine ask of nano, and all of what comes back."""

from __future__ import annotations

from msgspec.structs import replace
from tests.requests import token_request

from mimo.engines.local.engine import LocalEngine
from mimo.types import MediaRow, TokenBatch, TokenRequest


def prompt(engine: LocalEngine, text: str, thinking: bool = False) -> tuple[int, ...]:
    """A user's turn in MiMo's format, tags by id."""
    control, encode = engine.tokenizer.control, engine.tokenizer.encode
    opened, closed = control("<|im_start|>"), control("<|im_end|>")
    tail = [] if thinking else [control("<think>"), control("</think>")]
    tokens = [opened, *encode(f"user\n{text}"), closed, opened, *encode("assistant\n"), *tail]
    return tuple(token for token in tokens if token is not None)


def ask(engine: LocalEngine, text: str = "Tell me a story.", size: int = 0, **more: object) -> TokenRequest:
    """A generation that does not end by itself (the end tokens are biased away), its prompt filled up to `size`."""
    bias = tuple((token, -100.0) for token in sorted(engine.tokenizer.end_ids))
    values: dict[str, object] = {"max_completion_tokens": 40, "seed": 7, "logit_bias": bias, **more}
    tokens = prompt(engine, text)
    filler = tuple(engine.tokenizer.encode(f"{text} b c d e f"))
    while len(tokens) < size:
        tokens = tokens[:3] + filler[: size - len(tokens)] + tokens[3:]
    return token_request(tokens, **values)  # type: ignore[arg-type]


async def collect(engine: LocalEngine, generation: TokenRequest) -> list[list[TokenBatch]]:
    """All that was sampled, by choice."""
    choices: list[list[TokenBatch]] = [[] for _ in range(generation.n)]
    async for batch in engine.generate(generation):
        for sampled in batch:
            choices[sampled.choice].append(sampled)
    return choices


def tokens(choice: list[TokenBatch]) -> list[int]:
    return [token for sampled in choice for token in sampled.tokens]


def with_rows(
    engine: LocalEngine, *rows: tuple[int, ...], text: str = "Tell me a story.", **more: object
) -> TokenRequest:
    """As `ask`, with what stands for media before the text."""
    request = ask(engine, text, **more)
    prompt = request.prompt[:3] + tuple(token for one in rows for token in one) + request.prompt[3:]
    return replace(request, prompt=prompt)


def rows_in(ids: tuple[int, ...]) -> int:
    return sum(isinstance(token, MediaRow) for token in ids)
