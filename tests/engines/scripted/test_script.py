"""A script file is played as it is written: which answer, which tokens, when it ends, and what is wrong in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mimo.contract.errors import EngineError, RateLimitExceeded
from mimo.engines.scripted.engine import Options, ScriptedEngine, start
from mimo.types import Sampling, TokenRequest


def written(folder: Path, **script: object) -> Path:
    path = folder / "script.json"
    path.write_text(json.dumps(script))
    return path


def request(engine: ScriptedEngine, text: str, limit: int = 50) -> TokenRequest:
    sampling = Sampling(1.0, 1.0, 0.0, 0.0, 7, (), None)
    return TokenRequest(engine.tokenizer.encode(text), sampling, limit, n=1, min_tokens=0)


async def played(engine: ScriptedEngine, text: str = "hi", limit: int = 50) -> tuple[bytes, str | None]:
    """The bytes of the answer, and how it ended."""
    tokens: list[int] = []
    finish = None
    async for batch in engine.generate(request(engine, text, limit)):
        for one in batch:
            tokens += one.tokens
            finish = one.finish or finish
    return b"".join(map(engine.tokenizer.piece, tokens)), finish


async def test_the_first_answer_whose_words_are_in_the_prompt_is_played(tmp_path: Path) -> None:
    answers = [{"when": "rain", "steps": ["wet"]}, {"steps": ["dry"]}, {"when": "sun", "steps": ["never"]}]
    engine = await start(Options(written(tmp_path, answers=answers)))
    assert await played(engine, "will it rain?") == (b"wet", "stop")
    assert await played(engine, "the sun?") == (b"dry", "stop")


async def test_texts_bytes_and_repeats_are_one_token_each(tmp_path: Path) -> None:
    steps = ["ab", [0xC3], [0xA9], {"repeat": 2, "steps": ["x", "y"]}]
    engine = await start(Options(written(tmp_path, answers=[{"steps": steps}])))
    assert await played(engine) == ("abéxyxy".encode(), "stop")
    assert await played(engine, limit=3) == ("abé".encode(), "length")


async def test_a_step_of_logits_is_drawn_from_them_alone(tmp_path: Path) -> None:
    steps = [{"logits": {"yes": 1.0, "no": -200.0}}, "."]
    engine = await start(Options(written(tmp_path, answers=[{"steps": steps}])))
    assert await played(engine) == (b"yes.", "stop")


async def test_requests_beyond_the_queue_are_refused_and_taken_again_later(tmp_path: Path) -> None:
    engine = await start(Options(written(tmp_path, answers=[{"steps": ["a"]}], queue=1)))
    first = engine.generate(request(engine, "hi"))
    with pytest.raises(RateLimitExceeded):
        engine.generate(request(engine, "hi"))
    first.close()
    assert await played(engine) == (b"a", "stop")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ({"answers": [{"steps": [3]}]}, "Expected"),
        ({"answers": [{"steps": [{"jump": 3}]}]}, "a step must be a string, an array of bytes, logits"),
        ({"answers": [{"steps": [[256]]}]}, "bytes must be in range"),
        ({}, "missing required field `answers`"),
    ],
    ids=str,
)
async def test_a_broken_script_is_refused_by_file_and_reason(
    tmp_path: Path, script: dict[str, object], words: str
) -> None:
    path = written(tmp_path, **script)
    with pytest.raises(EngineError, match=words) as refused:
        await start(Options(path))
    assert str(path) in str(refused.value)


async def test_no_script_at_all_says_which_setting_names_it() -> None:
    with pytest.raises(EngineError, match="--script FILE"):
        await start(Options())
