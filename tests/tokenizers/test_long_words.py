"""A long word costs what its length says, in vocabularies of every kind, and keeps its tokens."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Callable, Iterator

import gguf
import pytest
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from mimo.engines.local.engine import LocalEngine
from mimo.llamacpp.library import Library
from mimo.tokenizers.gguf import Vocabulary
from mimo.tokenizers.huggingface import JsonTokenizer

PAIRS = [first + second for first in "abcdeq" for second in "abcde"]
WORDS = ["a" * 2**power for power in range(2, 7)] + ["▁" + pair for pair in PAIRS] + ["▁▁", "▁▁▁▁", "<b c>"]
TIKTOKEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\S)|\s+"
TEXTS = {
    "one letter": "a", "letters": "abcdeacbdq", "an unknown digit": "7", "no letter of a token": "é", "marks": "!",
    "unknown to all": "\ue123", "spaces": " ",
}  # fmt: skip


@pytest.fixture(scope="module")
def sentencepiece(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vocabulary]:
    """A vocabulary of pieces with scores, in which bytes spell what no piece has; without weights."""
    path, kind = tmp_path_factory.mktemp("spm") / "spm.gguf", gguf.TokenType
    pieces = ["▁", *"abcde", *PAIRS, *WORDS]
    write = gguf.GGUFWriter(path, "llama")
    write.add_tokenizer_model("llama")
    write.add_token_list(["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *pieces])
    write.add_token_scores([0.0] * 259 + [-float(at) for at in range(len(pieces))])
    write.add_token_types([kind.UNKNOWN, kind.CONTROL, kind.CONTROL, *[kind.BYTE] * 256, *[kind.NORMAL] * len(pieces)])
    write.add_context_length(512)
    write.add_embedding_length(64)
    write.add_block_count(2)
    write.add_feed_forward_length(64)
    write.add_head_count(4)
    write.add_layer_norm_rms_eps(1e-5)
    write.write_header_to_file()
    write.write_kv_data_to_file()
    write.close()
    library = Library()
    params = library.llama_model_default_params()
    params.vocab_only = True
    model = library.llama_model_load_from_file(str(path).encode(), params)
    yield Vocabulary(library, model)
    library.llama_model_free(model)


@pytest.fixture(scope="module")
def tiktoken(tmp_path_factory: pytest.TempPathFactory) -> JsonTokenizer:
    """Merges of bytes in the words that GPT-4's pattern finds."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = [*letters, *(pair for pair in PAIRS if "q" not in pair)]
    made = Tokenizer(models.BPE({name: at for at, name in enumerate(names)}, [(p[0], p[1]) for p in names if p[1:]]))
    split = pre_tokenizers.Split(Regex(TIKTOKEN), "isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(False, use_regex=False)])
    made.decoder = decoders.ByteLevel()
    file = tmp_path_factory.mktemp("tiktoken") / "tokenizer.json"
    made.save(str(file))
    return JsonTokenizer(file)


@pytest.fixture(scope="module", params=["sentencepiece", "tiktoken", "nano"])
def encode(request: pytest.FixtureRequest) -> Callable[[str], list[int]]:
    if request.param == "nano":
        nano: LocalEngine = request.getfixturevalue("nano")
        return nano.tokenizer.encode
    found: Vocabulary | JsonTokenizer = request.getfixturevalue(request.param)
    return found.encode


@pytest.mark.parametrize("name", TEXTS)
def test_a_long_word_costs_in_proportion_to_its_length(encode: Callable[[str], list[int]], name: str) -> None:
    """Four times the word in processor time of this thread, the least of 3: 4 times as long and a little more, where
    it was 16 times. So one of 1 MB takes half a second."""

    def seconds(size: int) -> float:
        text, spent = (TEXTS[name] * size)[:size], []
        for _ in range(3):
            begun = time.thread_time()
            assert encode(text)
            spent.append(time.thread_time() - begun)
        return min(spent)

    seconds(10_000)
    assert seconds(160_000) < 8 * seconds(40_000)


def test_a_text_in_pieces_has_the_tokens_of_the_whole(sentencepiece: Vocabulary) -> None:
    """40 texts of seed 4, of words that merge, unknown letters and spaces, up to ten pieces long; a wrong seam changes
    nearly every one of them."""
    dice = random.Random(4)
    parts = [
        "a",
        "aaaa",
        "ab",
        "q",
        "qa",
        "7",
        "é",
        " ",
        "  ",
        " ab",
        "<b c>",
        "<0x77>",
        "\n",
        "\ue000",
        *string.punctuation,
    ]
    for _ in range(40):
        some = dice.sample(parts, 6)
        text = "".join(dice.choices(some, k=dice.randrange(4_000, 12_000)))
        assert sentencepiece.encode(text) == sentencepiece._native(text)
        assert len(list(sentencepiece._seams.cut(text))) > 1 or len(text) < 5_000  # type: ignore[union-attr]
