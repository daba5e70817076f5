"""The training forward, transformers' class and llama.cpp are the same function."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
gguf = pytest.importorskip("gguf")
pytest.importorskip("tokenizers")


@pytest.fixture(scope="module")
def small():
    """A model of the test size with nothing left at its initial zero, so that each part matters."""
    from training.config import SIZES
    from training.model import Nano

    size = SIZES["test"]
    model = Nano(size, seed=3)
    generator = torch.Generator().manual_seed(4)
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if name.endswith(("sinks", "e_score_correction_bias")):
            value.data.normal_(0.0, 0.5, generator=generator)
        elif value.dim() == 1:
            value.data.add_(torch.randn(value.shape, generator=generator) * 0.1)
        elif "lm_head" in name or "gate.weight" in name:
            value.data.mul_(20)
    return size, model.eval()


def tokens_for(size, count=100):
    return torch.randint(20, size.vocabulary, (1, count), generator=torch.Generator().manual_seed(5))


def test_training_forward_equals_transformers_class(small):
    from training.export import hf_config
    from transformers import MiMoV2FlashConfig, MiMoV2FlashForCausalLM

    size, model = small
    theirs = MiMoV2FlashForCausalLM(MiMoV2FlashConfig(**hf_config(size), attn_implementation="eager")).eval()
    theirs.load_state_dict(model.state_dict())
    tokens = tokens_for(size)
    with torch.no_grad():
        ours, reference = model(tokens), theirs(tokens).logits
    assert (ours - reference).abs().max() <= 1e-5 * reference.abs().max()


def test_packed_conversations_do_not_see_each_other(small):
    size, model = small
    tokens = tokens_for(size, 60)
    document = torch.tensor([[1] * 25 + [2] * 35])
    positions = torch.tensor([[*range(25), *range(35)]])
    with torch.no_grad():
        packed = model.lm_head(model.model(tokens, positions, document)[0])
        alone = model(tokens[:, 25:])
    torch.testing.assert_close(packed[:, 25:], alone, rtol=1e-4, atol=1e-4)


def test_safetensors_load_into_transformers_and_give_the_same_logits(small, tmp_path):
    from training.export import write_hf
    from transformers import AutoModelForCausalLM

    size, model = small
    write_hf(tmp_path, size, model.state_dict(), {"model": {"vocab": {}, "merges": []}})
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="eager").eval()
    tokens = tokens_for(size)
    with torch.no_grad():
        torch.testing.assert_close(theirs(tokens).logits, model(tokens), rtol=1e-4, atol=1e-4)


def test_llama_cpp_gives_transformers_logits_on_the_f32_export(small, tmp_path):
    """300 positions, f32 weights and cache, flash attention off: 1e-5 relative and every argmax equal."""
    pytest.importorskip("xllamacpp")
    from gguf.constants import GGMLQuantizationType as Kind
    from training.data import conversations
    from training.export import hf_config, write_gguf
    from training.llama import Llama
    from training.tokenizer import learn, texts_of
    from transformers import MiMoV2FlashConfig, MiMoV2FlashForCausalLM

    size, model = small
    texts = (text for conversation in conversations(0, 200) for text in texts_of(conversation))
    tokenizer = json.loads(learn(texts, size.vocabulary))
    write_gguf(tmp_path / "small.gguf", size, model.state_dict(), tokenizer, Kind.F32)
    theirs = MiMoV2FlashForCausalLM(MiMoV2FlashConfig(**hf_config(size), attn_implementation="eager")).eval()
    theirs.load_state_dict(model.state_dict())
    tokens = tokens_for(size, 300)
    with torch.no_grad():
        reference = theirs(tokens).logits[0].numpy()
    llama = Llama(tmp_path / "small.gguf", exact=True)
    logits = llama.decode([(int(t), i, 0, True) for i, t in enumerate(tokens[0])])
    llama.close()
    assert abs(logits - reference).max() <= 1e-5 * abs(reference).max()
    assert (logits.argmax(-1) == reference.argmax(-1)).all()


def test_a_step_of_training_lowers_the_loss_and_resumes(tmp_path):
    from argparse import Namespace

    import numpy as np
    from training.corpus import ROWS
    from training.train import train

    rng = np.random.default_rng(0)
    rows = {}
    for length in ROWS:
        rows[f"tokens_{length}"] = np.tile(rng.integers(20, 60, 8, np.uint16), (4, length // 8))
        rows[f"learnt_{length}"] = np.ones((4, length), bool)
        rows[f"document_{length}"] = np.ones((4, length), np.uint8)
    np.savez(tmp_path / "corpus.npz", **rows)
    args = Namespace(
        out=tmp_path,
        size="test",
        minutes=0,
        steps=8,
        tokens=1024,
        rate=0.01,
        table=8.0,
        fall=0.3,
        every=99,
        bound=1.8,
        practice=0.0,
        seed=1,
        compile=False,
        source=None,
        long=0.0,
    )
    records = list(train(args))
    assert records[-1]["loss"] < records[0]["loss"]
    args.steps = 10
    assert [record["step"] for record in train(args)] == [9, 10]


def test_the_choice_of_a_function_counts_more_than_its_arguments():
    from training.chat import SPECIALS
    from training.train import AHEAD, CHOICE, counted

    call = SPECIALS.index("<tool_call>")
    tokens = torch.tensor([[50] * 3 + [call] + [60] * 12 + [call] + [60] * 3, [50] * 20])
    weight = counted(tokens)
    assert weight.shape == tokens.shape and (weight[1] == 1).all()
    assert (weight[0, 4 : 4 + AHEAD] == CHOICE).all() and (weight[0, 17:] == CHOICE).all()
    assert (weight[0, :4] == 1).all() and (weight[0, 4 + AHEAD : 17] == 1).all()


def test_the_rate_rises_stays_and_falls_over_the_share_asked_for():
    from training.train import pace

    assert pace(0.0) < 0.05 and pace(0.1, 0.5) == 1.0 == pace(0.5, 0.5) and pace(0.75, 0.5) == 0.5
    assert pace(0.6, 0.3) == 1.0 and pace(0.6, 0.8) == 0.5 and pace(1.0) == 0.02


def test_bound_caps_every_head_of_queries_and_keys(small):
    from training.model import Nano
    from training.train import bound

    size, _ = small
    model = Nano(size, seed=1)
    matrix = model.model.layers[1].self_attn.k_proj.weight
    matrix.data.mul_(9)
    bound(model, 1.8)
    norms = matrix.view(-1, size.key_size, size.width).norm(dim=(1, 2))
    torch.testing.assert_close(norms, torch.full_like(norms, 1.8 * size.key_size**0.5))


def test_sizes_fit_quantised_rows_and_rotate_an_even_number():
    from training.config import SIZES

    for size in SIZES.values():
        rows = (size.width, size.dense_width, size.expert_width, size.heads * size.value_size)
        assert size.rotary % 2 == 0 and all(row % 32 == 0 for row in rows)


def test_template_renders_as_the_trainer_does():
    jinja2 = pytest.importorskip("jinja2")
    from training.chat import Conversation, Turn, pieces
    from training.data import conversations
    from training.data.tools import calling
    from training.export import TEMPLATE

    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    template = environment.from_string(TEMPLATE.read_text("utf-8"))
    rendered = 0
    made = [*conversations(50, 200), *(calling(Random(seed)) for seed in range(60))]
    for conversation in made:
        if conversation.turns[0].role == "text":
            continue
        messages = [
            {
                "role": turn.role,
                "content": turn.content,
                "reasoning_content": turn.reasoning,
                "tool_calls": [{"function": {"name": call.name, "arguments": call.arguments}} for call in turn.calls],
            }
            for turn in conversation.turns
        ]
        tools = [{"type": "function", "function": tool} for tool in conversation.tools]
        expected = "".join(piece.text for piece in pieces(conversation))
        assert template.render(messages=messages, tools=tools) == expected
        rendered += bool(tools)
    assert rendered > 20
    hello = Conversation((Turn("user", "Hello"),))
    for thinking in (True, False):
        text = template.render(
            messages=[{"role": "user", "content": "Hello"}], add_generation_prompt=True, enable_thinking=thinking
        )
        assert text == "".join(piece.text for piece in pieces(hello, thinking))


def test_special_names_in_text_stay_text(tmp_path: Path):
    from training.chat import SPECIALS, Conversation, Turn
    from training.data import conversations
    from training.tokenizer import Tokenizer, learn, texts_of

    texts = (text for conversation in conversations(0, 200) for text in texts_of(conversation))
    (tmp_path / "t.json").write_text(learn(texts, 400), "utf-8")
    tokenizer = Tokenizer(tmp_path / "t.json")
    plain, _ = tokenizer.encode(Conversation((Turn("user", "x"),)), True)
    typed, _ = tokenizer.encode(Conversation((Turn("user", "x" + "".join(SPECIALS)),)), True)
    assert [i for i in typed if i < len(SPECIALS)] == [i for i in plain if i < len(SPECIALS)]
