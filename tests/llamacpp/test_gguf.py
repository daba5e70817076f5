"""Files that are no good: one line that says which and why, before llama.cpp can abort."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.attack.hostile_gguf import nano

from mimo.contract.errors import EngineError
from mimo.llamacpp.gguf import read_header
from mimo.llamacpp.header import CONTEXT_DEFAULTS, XLLAMACPP_VERSION, ContextParams
from mimo.llamacpp.library import Library, check_defaults
from mimo.nano import gguf_path

LOAD = """
import sys
from pathlib import Path
from mimo.contract.errors import EngineError
from mimo.llamacpp.library import Library
from mimo.engines.local.model.model import LocalModel
from mimo.engines.local.model.options import ModelOptions
try:
    model = LocalModel(Library(), Path(sys.argv[1]), ModelOptions(slots=2, context_window=256, threads=1))
    model.decode_prompt(0, [0, 0], 0, last=True)
except EngineError as problem:
    sys.exit(f"mimo: {problem}")
"""


@pytest.fixture(scope="module")
def library() -> Library:
    return Library()


def load(path: Path) -> tuple[int, str]:
    """Load in a process of its own: a native abort must not end the tests. (exit status, standard error)."""
    done = subprocess.run([sys.executable, "-c", LOAD, str(path)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def test_the_shipped_file_has_a_good_header(library: Library) -> None:
    header = read_header(library, gguf_path())
    assert header.architecture == "mimo2"


@pytest.mark.parametrize("content", [b"", b"GGU", b"hello world" * 100, b"GGUF", b"GGUF\x03\0\0\0" + b"\xff" * 64])
def test_a_file_that_is_no_gguf_is_named(library: Library, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(EngineError, match=r"bad\.gguf") as problem:
        read_header(library, path)
    assert "\n" not in str(problem.value)


def test_a_missing_file_and_a_folder_are_named(library: Library, tmp_path: Path) -> None:
    for path in (tmp_path / "none.gguf", tmp_path):
        with pytest.raises(EngineError, match=path.name):
            read_header(library, path)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_named_with_the_reason(library: Library, tmp_path: Path, share: float) -> None:
    whole = gguf_path().read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(EngineError, match=r"cut\.gguf: (truncated|corrupt)"):
        read_header(library, path)


def test_damaged_headers_end_in_one_line_and_never_in_a_crash(tmp_path: Path) -> None:
    """Seed 3: ten files with eight damaged bytes in their first kilobyte; 1 and 70 are the exits that explain."""
    whole = gguf_path().read_bytes()
    dice = random.Random(3)
    for number in range(10):
        damaged = bytearray(whole)
        for _ in range(8):
            damaged[dice.randrange(4, 1024)] = dice.randrange(256)
        path = tmp_path / f"damaged{number}.gguf"
        path.write_bytes(damaged)
        status, error = load(path)
        assert status in (0, 1, 70), error
        if status:
            assert path.name in error.splitlines()[-1]


def changed(path: Path, name: str, value: object) -> Path:
    """nano with another value of a key."""
    file = nano()
    keys = tuple(replace(key, value=value) if key.name == name.encode() else key for key in file.keys)
    path.write_bytes(replace(file, keys=keys).bytes())
    return path


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("mimo2.rope.dimension_count", 0, "rope.dimension_count is 0; it must be at least 2"),
        ("mimo2.rope.dimension_count", 31, "rope.dimension_count is 31; it must be even"),
        ("mimo2.rope.dimension_count", 4096, "at most the attention.key_length of 96"),
        ("mimo2.context_length", 0, "context_length is 0; it must be between 16 and 2147483647"),
        ("mimo2.context_length", 2**31, "context_length is 2147483648"),
        ("mimo2.expert_used_count", 5, "expert_used_count is 5; there are 4 experts"),
        ("tokenizer.ggml.model", b"llama", "no token for the byte 0x00"),
        ("tokenizer.ggml.token_type", (5, [1]), "has 1 numbers for 4096 tokens"),
    ],
)
def test_a_header_that_would_hang_or_abort_llama_cpp_is_refused_by_key(
    library: Library, tmp_path: Path, name: str, value: object, words: str
) -> None:
    with pytest.raises(EngineError, match=rf"odd\.gguf: .*{words}"):
        read_header(library, changed(tmp_path / "odd.gguf", name, value))


def test_a_library_of_another_layout_is_refused_naming_both_versions() -> None:
    shifted = ContextParams(n_ctx=2048, n_batch=512)
    with pytest.raises(EngineError, match=rf"some 1\.2.*n_ctx is 2048.*{XLLAMACPP_VERSION}.*512"):
        check_defaults(shifted, CONTEXT_DEFAULTS, "some 1.2")


def test_a_library_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "libllama.so"
    path.write_bytes(b"\x7fELF")
    with pytest.raises(EngineError, match=r"libllama\.so"):
        Library(path)
