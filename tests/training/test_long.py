"""Long rows: what counts for many is what many would be, and what a schema wrote is not learnt."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest

torch = pytest.importorskip("torch")
np = pytest.importorskip("numpy")


def model_of(seed: int = 1):
    from training.config import SIZES
    from training.model import Nano

    model = Nano(SIZES["test"], seed).eval()
    for layer in model.model.layers:
        if layer.self_attn.sinks is not None:
            layer.self_attn.sinks.data.normal_(generator=torch.Generator().manual_seed(2))
    return model


def hidden(model, tokens, positions, weight):
    with torch.no_grad():
        return model.model(tokens, positions, torch.zeros_like(tokens), weight)[0]


@pytest.mark.parametrize("length", [5, 16, 17, 100])
def test_a_long_row_of_weight_one_is_the_ordinary_forward(length):
    model = model_of()
    tokens = torch.randint(20, 320, (2, length), generator=torch.Generator().manual_seed(3))
    positions = torch.arange(length).expand_as(tokens)
    plain = hidden(model, tokens, positions, None)
    torch.testing.assert_close(hidden(model, tokens, positions, torch.ones(2, length)), plain, rtol=1e-4, atol=1e-4)


def test_a_key_of_weight_three_counts_as_three_equal_keys():
    from training.model import whole

    dice = torch.Generator().manual_seed(4)
    query, key, value = (torch.randn(1, 2, 6, size, generator=dice) for size in (8, 8, 4))
    twice = [0, 1, 1, 1, 2, 3, 4, 5]
    weight = torch.tensor([[1.0, 3.0, 1.0, 1.0, 1.0, 1.0]])
    copied = whole(query[:, :, twice], key[:, :, twice], value[:, :, twice], torch.ones(1, 8))
    torch.testing.assert_close(whole(query, key, value, weight)[:, :, 2:], copied[:, :, 4:], rtol=1e-5, atol=1e-5)


def test_a_stretched_row_goes_as_far_as_asked_and_learns_outside_of_what_counts_for_many():
    from training.stretch import stretch

    tokens = np.random.default_rng(0).integers(20, 300, 2000)
    tokens[::50], tokens[1::50] = 1, 7
    reached = []
    for seed in range(40):
        positions, weight, learnt = stretch(np.random.default_rng(seed), tokens, np.ones(2000, bool), 7, 32_768)
        assert (np.diff(positions) > 0).all() and positions[-1] < 32_768
        assert abs(positions[-1] + 1 - weight.sum()) < weight.max() * 51
        assert (weight[learnt] == 1).all() and not learnt[weight > 1].any()
        inside = (np.arange(1999) % 50) != 49
        assert (np.diff(positions)[inside] == 1).all(), "an exchange has no gap within"
        reached.append(positions[-1])
    assert max(reached) > 20_000 and min(reached) < 5_000


def test_what_a_schema_wrote_is_not_learnt():
    from training.chat import pieces
    from training.data.people import person

    forced = answers = 0
    for seed in range(200):
        made = person(Random(seed))
        assert json.loads(made.turns[-1].content) == made.check["json"]
        wanted = ""
        for answer in (turn for turn in made.turns if turn.role == "assistant"):
            assert json.loads(answer.content) and answer.content.startswith(answer.forced)
            wanted += (answer.reasoning or "") + answer.content[len(answer.forced) :]
            forced, answers = forced + bool(answer.forced), answers + 1
        assert "".join(piece.text for piece in pieces(made) if piece.learnt and not piece.special) == wanted
    assert answers / 4 < forced < answers * 3 / 4


def test_questions_of_a_long_conversation_are_answered_with_what_was_said_before():
    from training.data.long import Facts

    rng, facts = Random(5), Facts()
    said = ""
    for _ in range(200):
        said += " ".join(turn.content for turn in facts.tell(rng))
        asked, value = facts.ask(rng)
        assert value.lower() in said.lower() and value in asked[-1].content


def test_a_gguf_gives_its_weights_back():
    """The shipped file as float32, through llama.cpp: the same logits as the training forward on what was read."""
    gguf = pytest.importorskip("gguf")
    pytest.importorskip("xllamacpp")
    pytest.importorskip("tokenizers")
    import tempfile
    from pathlib import Path

    from gguf.constants import GGMLQuantizationType as Kind
    from training.config import SIZES
    from training.export import state_of, write_gguf
    from training.llama import Llama
    from training.model import Nano
    from training.tokenizer import read

    file = Path(__file__).parents[2] / "src/mimo/nano/nano.gguf"
    base = float(gguf.GGUFReader(file).fields["mimo2.rope.freq_base"].contents())
    size = replace(SIZES["cpu"], theta_full=base)
    model = Nano(size).eval()
    model.load_state_dict(state_of(file, size))
    tokens = torch.randint(20, 4096, (1, 200), generator=torch.Generator().manual_seed(6))
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        write_gguf(Path(folder) / "f32.gguf", size, model.state_dict(), json.loads(read(file)), Kind.F32)
        llama = Llama(Path(folder) / "f32.gguf", exact=True)
        logits = llama.decode([(int(token), at, 0, True) for at, token in enumerate(tokens[0])])
        llama.close()
        ours = model(tokens)[0].numpy()
    assert abs(logits - ours).max() <= 1e-4 * abs(ours).max()
