"""Claims about compiled grammars that are kept: so many bytes and no more, and nothing of what was refused."""

from __future__ import annotations

import gc
import json

import pytest

from mimo.constraints.cache import Compiled, CompiledCache
from mimo.constraints.llguidance import compiled, vocabulary_of
from mimo.constraints.plan import checked_grammar
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import MODELS
from mimo.contract.resolve import resolve
from mimo.tokenizers.bytes import ByteTokenizer


def test_the_least_recently_used_goes_first_and_the_limit_is_never_passed() -> None:
    cache: CompiledCache[str] = CompiledCache(limit=1000 * 64)
    for name in (b"a", b"b", b"c"):
        cache.put(name, Compiled(name.decode(), characters=300, seconds=0))
    assert cache.get(b"a") is not None
    cache.put(b"d", Compiled("d", characters=300, seconds=0))
    assert [name for name in (b"a", b"b", b"c", b"d") if cache.get(name)] == [b"a", b"c", b"d"]
    cache.put(b"e", Compiled("e", characters=1001, seconds=0))
    assert cache.get(b"e") is None
    assert cache.size <= 1000 * 64


def test_a_grammar_that_grew_in_use_makes_room_for_the_next() -> None:
    cache: CompiledCache[str] = CompiledCache(limit=2**20)
    used = Compiled("used", characters=10, seconds=0)
    cache.put(b"used", used)
    used.seconds = 10.0
    cache.put(b"next", Compiled("next", characters=10, seconds=0))
    assert cache.get(b"used") is None
    assert cache.get(b"next") is not None


def test_thirty_large_grammars_stay_within_the_limit_of_the_cache() -> None:
    tokenizer = ByteTokenizer()
    kept = vocabulary_of(tokenizer).kept
    for number in range(30):
        schema = {"enum": [f"{number} {at:06}" for at in range(6000)]}
        compiled(f"start: answer\nanswer: %json {json.dumps(schema)}\n", tokenizer)
        assert kept.size <= 64 * 2**20
    assert 0 < len(kept) < 30


def test_a_refused_request_leaves_nothing() -> None:
    tokenizer = ByteTokenizer()
    marker = "x" * 5000 + "never kept"
    schema = {"type": "number", "minimum": 10, "maximum": 5, "description": marker}
    fields = {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}}
    params = resolve(fields, MODELS["mimo-v2-flash"]).params
    with pytest.raises(InvalidRequest, match="cannot be followed"):
        checked_grammar(params, (), None)
    del schema, fields, params
    gc.collect()
    assert len(vocabulary_of(tokenizer).kept) == 0
    assert not [thing for thing in gc.get_objects() if isinstance(thing, dict) and thing.get("description") == marker]
