"""The tokenizer of a model that runs elsewhere, from a file here: a GGUF (its vocabulary alone is read) or a
tokenizer.json with the other files of its folder. Says also which chat template the model brings.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mimo.contract.errors import EngineError
from mimo.tokenizers.base import Tokenizer
from mimo.tokenizers.hub import cached, is_hub_id

MIMO = frozenset({"mimo2", "mimo_v2", "mimo_v2_flash"})
"""MiMo's architectures: the first is a GGUF's name for it, the others are model types of config.json files."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A tokenizer, and the model's own chat template, "" where it brings none; None: MiMo's."""

    tokenizer: Tokenizer
    template: str | None


def load_tokenizer(path: Path) -> Loaded:
    """Read `path`: a GGUF, a tokenizer.json, a folder that holds one, or the id of a model on the Hugging Face hub that
    was fetched before. Raises `EngineError`."""
    if not path.exists():
        path = cached(str(path)) or path
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise EngineError(f"{file}: no such file{how_to_fetch(str(path))}")
    if file.suffix != ".json":
        return _of_gguf(file)
    try:
        from mimo.tokenizers.huggingface import JsonTokenizer, chat_template, model_type
    except ModuleNotFoundError as problem:
        raise EngineError(
            f"{file}: reading a tokenizer.json needs the package {problem.name}: pip install 'mimo[upstream]', "
            "or give --tokenizer a GGUF of the model"
        ) from None

    kind = model_type(file.parent)
    template = None if kind in MIMO else chat_template(file.parent)
    if template is None and kind not in (None, *MIMO):  # a bare tokenizer.json says nothing: MiMo's, as its name says
        template = ""
    return Loaded(JsonTokenizer(file), template)


def how_to_fetch(name: str) -> str:
    """The command that fetches what is needed of a model on the hub, as the end of an error; "" for other names."""
    if not is_hub_id(name) or name.endswith((".gguf", ".json")):
        return ""
    files = "tokenizer.json tokenizer_config.json config.json generation_config.json"
    return f", and it is not in the Hugging Face cache here; fetch it: hf download {name} {files}"


def _of_gguf(path: Path) -> Loaded:
    from mimo.llamacpp.gguf import read_header
    from mimo.llamacpp.library import Library
    from mimo.tokenizers.gguf import Vocabulary

    library = Library()
    header = read_header(library, path)
    params = library.llama_model_default_params()
    params.vocab_only = True
    model = library.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        raise EngineError(f"{path}: {'; '.join(library.errors) or 'llama.cpp cannot load its vocabulary'}")
    vocabulary = Vocabulary(library, model)  # keeps the model: as long as the process
    if header.architecture in MIMO:
        return Loaded(vocabulary, None)
    template: bytes | None = library.llama_model_chat_template(model, None)
    return Loaded(vocabulary, (template or b"").decode(errors="replace"))
