"""The settings of a server, and the only reader of environment, file and flags.

Every field of `Settings` is a flag (`--drain-seconds`), an environment variable (`MIMO_DRAIN_SECONDS`) and a key of the
TOML file given by `--config` (`drain_seconds`); the flag wins over the variable, the variable over the file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from mimo.contract.errors import NotFound, StartError
from mimo.contract.models import MODELS, Model, find_model, with_models


class ConfigError(StartError):
    """A setting that cannot be used: the message names it, what is allowed, and where it came from."""


def _setting(default: Any, help: str, **more: Any) -> Any:
    return field(default=default, metadata={"help": help, **more})


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can choose. Times in seconds, sizes in bytes, windows in tokens."""

    host: str = _setting("127.0.0.1", "Address to listen on; any but loopback needs API keys.")
    port: int = _setting(8000, "Port to listen on; 0 takes a free one.")
    engine: Literal["local", "scripted", "llama-server", "vllm", "sglang", "hosted"] = _setting(
        "local", "local: a GGUF in this process. scripted: plays a script. The others: a server at --upstream."
    )
    upstream: tuple[str, ...] = _setting((), "Address of the engine behind; more, comma separated, for failover.")
    upstream_model: str | None = _setting(None, "The model's name there, where it serves several.")
    upstream_key: str | None = _setting(None, "API key to send there.")
    upstream_timeout: float = _setting(300.0, "Seconds of silence from there that are too long.")
    upstream_wait: float = _setting(60.0, "How long to wait for it at the start.")
    workers: int = _setting(1, "Processes that answer, for engines behind --upstream.")
    media: tuple[Literal["image", "audio", "video"], ...] | None = _setting(
        None, "What the model behind takes: image, audio, video, comma separated, or none; default: all with hosted."
    )
    allow_media_urls: bool = _setting(False, "Fetch media that clients name by URL, from public addresses only.")
    tokenizer: Path | None = _setting(None, "The model's tokenizer.json, its folder, or any GGUF of it.")
    chat_template: str | None = _setting(None, "Chat template in place of the model's own: a file of Jinja, or chatml.")
    model: Path | None = _setting(None, "GGUF file to serve; default: nano, the small model in the package.")
    script: Path | None = _setting(None, "Script of the scripted engine (JSON).")
    slots: int | None = _setting(None, "Sequences that run at once; default 32 for nano, 4 for other files.")
    context_window: int | None = _setting(None, "Tokens of each sequence; default the model's own, at most 8192.")
    chunk: int = _setting(64, "Prompt tokens decoded between two steps of the running streams.")
    queue: int = _setting(256, "Requests that may wait for a slot; more get 429.")
    threads: int | None = _setting(
        None, "Threads that compute; default: one a core, but in short calls one less, and one in all for nano."
    )
    gpu_layers: int = _setting(-1, "Layers on the GPU, with a GPU build of llama.cpp; -1: all.")
    llama_library: Path | None = _setting(None, "Another build of llama.cpp than the packaged one.")
    batch_invariant: bool = _setting(True, "Same seed, same tokens, bit for bit, whatever else runs beside.")
    api_keys: tuple[str, ...] = _setting((), "Keys a client may send, comma separated; none: open, loopback only.")
    insecure: bool = _setting(False, "Allow an open server on an address other than loopback.")
    strict: bool = _setting(False, "Refuse unknown request fields instead of reporting them.")
    cors_origin: tuple[str, ...] = _setting((), "Origins whose pages may call the API, comma separated; * for any.")
    allowed_hosts: tuple[str, ...] = _setting(
        (),
        "Names that requests may come by beside addresses, localhost and --host, comma separated; .example.com for all "
        "below it, * for any. Without it an open server takes those alone, and one with keys takes any name.",
    )
    body_limit: int | None = _setting(None, "Largest request body; default 16 MiB, and 72 MB where media are taken.")
    body_seconds: float = _setting(60.0, "How long a request's body may take to arrive, plus a second every 64 KiB.")
    repetition_truncation: bool = _setting(True, "End an answer that has entered a loop.")
    require_reasoning_passback: bool = _setting(
        False, "Refuse an assistant message with calls that comes back without its reasoning, as the hosted API did."
    )
    drain_seconds: float = _setting(30.0, "How long running streams may go on after SIGTERM.")
    models: tuple[Mapping[str, Any], ...] = _setting((), "Own model rows, in the file only.", flag=False)
    aliases: Mapping[str, str] = field(
        default_factory=dict, metadata={"help": "Other names of models, in the file only.", "flag": False}
    )


_BOUNDS: Mapping[str, tuple[int, int]] = {
    "port": (0, 65535),
    "slots": (1, 256),  # llama.cpp's own bound
    "context_window": (16, 2**24),
    "chunk": (1, 2**16),
    "queue": (0, 10**6),
    "threads": (1, 1024),
    "gpu_layers": (-1, 10**6),
    "body_limit": (1, 2**40),
    "upstream_timeout": (1, 86400),
    "upstream_wait": (0, 86400),
    "workers": (1, 256),
    "drain_seconds": (0, 86400),
    "body_seconds": (1, 86400),
}


def load_settings(
    flags: Mapping[str, object], *, file: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Merge the three sources. Flags that are None were not given. Raises `ConfigError`."""
    known = {row.name: row for row in fields(Settings)}
    given: dict[str, object] = {}
    origin: dict[str, str] = {}
    if file is not None:
        for name, value in _read(file).items():
            if name not in known:
                raise ConfigError(f"{file}: unknown setting {name}; known are {', '.join(known)}")
            given[name], origin[name] = value, str(file)
    for name, row in known.items():
        variable = f"MIMO_{name.upper()}"
        if environment.get(variable) and row.metadata.get("flag", True):
            given[name], origin[name] = environment[variable], variable
        if flags.get(name) is not None:
            given[name], origin[name] = flags[name], f"--{name.replace('_', '-')}"
    for name in ("api_keys", "cors_origin", "allowed_hosts", "upstream", "media"):
        if isinstance(text := given.get(name), str):
            given[name] = tuple(part.strip() for part in text.split(",") if part.strip())
    if given.get("media") == ("none",):
        given["media"] = ()
    values = {name: _convert(name, value, origin[name]) for name, value in given.items()}
    settings = Settings(**values)
    for name, (least, most) in _BOUNDS.items():
        value = getattr(settings, name)
        if value is not None and not least <= value <= most:
            raise ConfigError(f"{origin[name]}: {name} must be between {least} and {most}, got {value}")
    return settings


def model_rows(settings: Settings) -> Mapping[str, Model]:
    """The contract's models, the operator's own (`[[models]]` with `id`, `like` and any field) and the aliases."""
    rows = MODELS
    try:
        for row in settings.models:
            changes = {name: value for name, value in row.items() if name not in ("id", "like")}
            base = find_model(str(row.get("like", "mimo-v2-flash")), rows)
            rows = with_models([replace(base, id=str(row["id"]), **changes)], rows)
        for name, target in settings.aliases.items():
            rows = with_models([replace(find_model(target, rows), id=name)], rows)
    except (KeyError, TypeError, NotFound) as problem:
        raise ConfigError(f"models in the config file: {problem}") from problem
    return rows


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except (OSError, ValueError) as problem:
        raise ConfigError(f"config file {file}: {problem}") from problem


def _hook(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    raise NotImplementedError


def _convert(name: str, value: object, origin: str) -> Any:
    kind = get_type_hints(Settings)[name]
    if isinstance(value, Path):
        return value
    if get_origin(kind) is Literal and value not in get_args(kind):
        raise ConfigError(f"{origin}: {name} must be one of {', '.join(get_args(kind))}, got {value}")
    try:
        return msgspec.convert(value, kind, strict=False, dec_hook=_hook)
    except (msgspec.ValidationError, ValueError) as problem:
        raise ConfigError(f"{origin}: {name}: {problem}") from problem
