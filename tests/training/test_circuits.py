"""The initialisation copies before it has learnt anything, and practice rows hold what they claim."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
np = pytest.importorskip("numpy")


def copied(lay_it: bool) -> float:
    """Share of repeated random tokens that a fresh model of the CPU size gives right."""
    from training.circuits import lay
    from training.config import SIZES
    from training.model import Nano

    model = Nano(SIZES["cpu"], seed=1)
    if lay_it:
        lay(model)
    text = torch.randint(17, 4096, (8, 30), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        guessed = model(torch.cat((text, text), 1))[:, 30:-1].argmax(-1)
    return float((guessed == text[:, 1:]).float().mean())


def test_the_laid_circuits_copy_and_a_plain_initialisation_does_not():
    assert copied(True) > 0.9
    assert copied(False) < 0.05


def test_the_saved_head_is_the_embedding_without_its_constant():
    from training.circuits import LOUD, head_of, lay
    from training.config import SIZES
    from training.model import Nano

    model = Nano(SIZES["test"], seed=1)
    lay(model)
    assert torch.equal(model.lm_head.weight, head_of(model))
    assert torch.equal(model.lm_head.weight[:, 1:] * LOUD, model.model.embed_tokens.weight[:, 1:])
    assert not model.lm_head.weight[:, 0].any()


def test_practice_teaches_only_what_stood_before_in_the_same_text():
    from training.practice import practice

    tokens, positions, document, learnt = practice(np.random.default_rng(3), 4096, 16)
    found = 0
    for row, place in learnt.nonzero().tolist():
        start = place - int(positions[row, place])
        before, pair = tokens[row, start : place - 1].tolist(), tokens[row, place - 1 : place + 1].tolist()
        assert document[row, start] == document[row, place]
        assert any(before[i : i + 2] == pair for i in range(len(before))), "a pair that did not come before"
        found += 1
    assert found > 1000 and not learnt[document == 0].any()


def test_long_conversations_share_their_rows_with_short_ones_and_nothing_is_lost():
    from training.corpus import ROWS, pack, together

    rng = np.random.default_rng(4)

    def items(low, high, count):
        sizes = rng.integers(low, high, count)
        return [(rng.integers(17, 4096, size).astype(np.uint16), np.ones(size, bool)) for size in sizes]

    short, long = items(20, ROWS[0] + 1, 200), items(ROWS[0] + 1, ROWS[-1] + 1, 30)
    rows = together(short, long)
    packed = [ids for length in ROWS for row in rows[length] for ids, _ in row]
    assert sorted(map(bytes, packed)) == sorted(bytes(ids) for ids, _ in (*short, *long))
    for length in ROWS:
        arrays = pack(rows[length], length)
        assert (
            arrays["learnt"].sum() == (arrays["document"] > 0).sum() == sum(len(i) for r in rows[length] for i, _ in r)
        )
    assert any(len(row) > 1 for length in ROWS[1:] for row in rows[length])
