"""The generated text: the same for the same seed, and right where a right answer exists."""

from __future__ import annotations

import json
import re
from collections import Counter
from random import Random

import pytest


def test_generators_give_the_same_conversation_for_the_same_seed():
    from training.data import conversations

    assert list(conversations(10, 300)) == list(conversations(10, 300))
    assert list(conversations(10, 300))[100:] == list(conversations(110, 200))


def test_every_skill_file_is_in_the_table():
    from pathlib import Path

    import training.data
    from training.data import LONG, SKILLS

    files = {path.stem for path in Path(training.data.__file__).parent.glob("*.py")} - {
        "__init__",
        "words",
        "lists",
        "made_up",
    }
    assert {make.__module__.rsplit(".", 1)[1] for make, _ in (*SKILLS.values(), *LONG)} == files


def test_training_seeds_end_where_evaluation_begins():
    pytest.importorskip("tokenizers")
    from pathlib import Path

    from training.corpus import build
    from training.data import EVALUATION_SEED

    with pytest.raises(AssertionError):
        build(Path("unused"), EVALUATION_SEED - 10, 20, 1)


def test_words_of_held_out_schemas_are_in_no_name_of_training():
    from training.data import conversations
    from training.data.made_up import KEPT_BACK

    for made in conversations(0, 4000):
        keys = json.loads(made.turns[-1].content) if made.skill == "json" else {}
        names = [tool["name"] for tool in made.tools] + [key for tool in made.tools for key in properties(tool)]
        pieces = {piece for name in [*names, *keys] for piece in re.findall("[A-Z]?[a-z]+|[A-Z]+", name)}
        assert not {piece.lower() for piece in pieces} & KEPT_BACK


def properties(tool):
    return tool["parameters"]["properties"]


def test_the_keys_kept_back_are_written_nowhere_in_training():
    from training.data import conversations
    from training.data.made_up import NEW_KEYS

    seen = Counter(
        word for made in conversations(0, 4000) for turn in made.turns for word in re.findall("[a-z]+", turn.content)
    )
    assert not {word for word in NEW_KEYS if seen[word]}


def test_column_steps_end_in_the_right_number():
    from training.data.arithmetic import minus_steps, plus_steps

    rng = Random(1)
    for _ in range(500):
        a, b = rng.randrange(1000), rng.randrange(1000)
        assert plus_steps(a, b).endswith(f": {a + b}")
        assert re.search(rf"(: |: )-?{abs(a - b)}$", minus_steps(a, b)) and minus_steps(a, b).endswith(str(a - b))


def test_json_answers_are_the_data_asked_for():
    from training.data.json_objects import json_object

    for seed in range(200):
        made = json_object(Random(seed))
        assert json.loads(made.turns[-1].content) == made.check["json"]


def test_contract_facts_are_those_of_the_code():
    models = pytest.importorskip("mimo.contract.models")
    from training.data.contract import LARGEST, WINDOW

    for row in models.MODELS.values():
        if row.id in LARGEST:
            assert LARGEST[row.id] == str(row.max_completion_tokens) and WINDOW[row.id] == str(row.context_window)
