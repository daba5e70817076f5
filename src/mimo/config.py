"""The settings of a server, and the only reader of flags, environment and settings file.

Every field of `Settings` is a flag (`--drain-seconds`), an environment variable (`MIMO_DRAIN_SECONDS`) and a key of the
TOML file given by `--config` (`drain_seconds`); the flag wins over the variable, the variable over the file. What a
field means, its bounds and its choices stand in its row; `SETTINGS` is the same as a table. Knows no engine's insides.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from mimo.contract.errors import NotFound, StartError
from mimo.contract.models import MODELS, Model, alias, find_model, with_models
from mimo.engines import ENGINES
from mimo.types import MediaKind


class ConfigError(StartError):
    """A setting that cannot be used: the message names it, what is allowed, and where it came from."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What one field of `Settings` is to a person.

    `shown`: the default in words, where the value does not say it. `bounds`: least and most. `choices`: the values
    allowed, of each item where it is a list. `flag`: False for what only the file can hold.
    """

    group: str
    help: str
    shown: str = ""
    bounds: tuple[int, int] | None = None
    choices: tuple[str, ...] = ()
    flag: bool = True
    name: str = ""
    kind: type = str
    """int, float, bool, str or Path; of each item where it is a list."""
    is_list: bool = False

    @property
    def option(self) -> str:
        """The flag, as written on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"MIMO_{self.name.upper()}"


def _setting(default: Any, group: str, help: str, **more: Any) -> Any:
    return field(default=default, metadata={"setting": Setting(group, help, **more)})


_LISTENING, _ENGINE, _MODEL, _UPSTREAM = "Listening", "Engine", "Model in this process", "Upstream"
_ACCESS, _LIMITS, _ANSWERS, _FILE = "Keys and access", "Limits", "Requests and answers", "File only"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can choose. Times in seconds, sizes in bytes, windows in tokens."""

    host: str = _setting("127.0.0.1", _LISTENING, "Address to listen on; any but a loopback address needs API keys.")
    port: int = _setting(8000, _LISTENING, "Port to listen on; 0 takes a free one.", bounds=(0, 65535))
    workers: int = _setting(
        1, _LISTENING, "Processes that answer; more than one needs an upstream engine.", bounds=(1, 256)
    )
    drain_seconds: float = _setting(
        30.0, _LISTENING, "Grace period after SIGTERM: seconds that running requests get to finish.", bounds=(0, 86400)
    )
    engine: str = _setting(
        "local", _ENGINE, " ".join(f"{name}: {row.summary}." for name, row in ENGINES.items()),
        choices=tuple(ENGINES),
    )  # fmt: skip
    script: Path | None = _setting(None, _ENGINE, "Script of the scripted engine (JSON).")
    chat_template: str | None = _setting(
        None, _ENGINE, "Chat template to use: a file of Jinja, or chatml.", shown="the model's own"
    )
    model: Path | None = _setting(
        None, _MODEL, "GGUF file to serve.", shown="nano, the small model in the package"
    )  # fmt: skip
    slots: int | None = _setting(
        None, _MODEL, "Sequences that run at once.", shown="32 for nano, 4 for other files", bounds=(2, 256)
    )
    context_window: int | None = _setting(
        None, _MODEL, "Tokens of each sequence.", shown="the model's own, at most 8192 for other files than nano",
        bounds=(16, 2**24),
    )  # fmt: skip
    chunk: int = _setting(
        64, _MODEL, "Prompt tokens decoded between two steps of the running streams.", bounds=(1, 2**16)
    )
    threads: int | None = _setting(
        None, _MODEL, "Threads that compute.", bounds=(1, 1024),
        shown="one a core, in short calls one less; for nano one in short calls",
    )  # fmt: skip
    gpu_layers: int = _setting(
        -1, _MODEL, "Layers on the GPU, with a GPU build of llama.cpp; -1 for all.", bounds=(-1, 10**6)
    )
    llama_library: Path | None = _setting(
        None, _MODEL, "Another build of llama.cpp (a shared library).", shown="the packaged one"
    )
    batch_invariant: bool = _setting(
        True, _MODEL, "The same seed gives the same tokens, bit for bit, whatever else runs at the time."
    )
    upstream: tuple[str, ...] = _setting((), _UPSTREAM, "Upstream base URL; comma-separate several for failover.")
    upstream_model: str | None = _setting(
        None, _UPSTREAM, "The model's name at the upstream.", shown="the only one it serves"
    )
    upstream_key: str | None = _setting(None, _UPSTREAM, "API key sent to the upstream.")
    upstream_timeout: float = _setting(
        300.0, _UPSTREAM, "Seconds without data from the upstream before giving up.", bounds=(1, 86400)
    )
    upstream_wait: float = _setting(
        60.0, _UPSTREAM, "Seconds to wait at start until the upstream is ready.", bounds=(0, 86400)
    )
    tokenizer: Path | None = _setting(
        None, _UPSTREAM, "The upstream model's tokenizer.json, its folder, or any GGUF of the model."
    )
    media: tuple[MediaKind, ...] | None = _setting(
        None, _UPSTREAM, "What the upstream's model takes besides text, comma-separated, or none.",
        shown="all for hosted, none for the others", choices=get_args(MediaKind),
    )  # fmt: skip
    api_keys: tuple[str, ...] = _setting(
        (), _ACCESS, "Keys that clients may send, comma-separated.", shown="none: open, on loopback addresses only"
    )
    insecure: bool = _setting(False, _ACCESS, "Allow a server without keys on an address other than loopback.")
    cors_origin: tuple[str, ...] = _setting(
        (), _ACCESS, "Origins whose web pages may call the API, comma-separated; * for any."
    )
    allowed_hosts: tuple[str, ...] = _setting(
        (), _ACCESS, "Host names that requests may be addressed to, besides IP addresses, localhost and --host, "
        "comma-separated; .example.com for all below it, * for any.", shown="none without keys, any with keys",
    )  # fmt: skip
    metrics: Literal["open", "key", "off"] | None = _setting(
        None, _ACCESS, "Who may read GET /metrics: open for anybody, key for those with an API key, off for nobody.",
        shown="open on a loopback address, key on any other", choices=("open", "key", "off"),
    )  # fmt: skip
    allow_media_urls: bool = _setting(
        False, _ACCESS, "Fetch media that clients name by URL, from public addresses only."
    )
    queue: int = _setting(256, _LIMITS, "Choices that may wait for a slot; more get 429.", bounds=(0, 10**6))
    body_limit: int | None = _setting(
        None, _LIMITS, "Bytes of the largest request body.", bounds=(1, 2**40),
        shown="16 MiB; 72 MB where the engine takes media",
    )  # fmt: skip
    body_seconds: float = _setting(
        60.0, _LIMITS, "Seconds a request body may take to arrive, plus one per 64 KiB received.", bounds=(1, 86400)
    )
    data_dir: Path | None = _setting(
        None, _ANSWERS, "Folder for files and batches.", shown="the user's data directory, ~/.local/share/mimo on Linux"
    )
    strict: bool = _setting(False, _ANSWERS, "Refuse unknown request fields instead of reporting them.")
    repetition_truncation: bool = _setting(True, _ANSWERS, "End an answer that has entered a loop.")
    require_reasoning_passback: bool = _setting(
        False, _ANSWERS,
        "Refuse an assistant message with tool calls that comes back without its reasoning, as the hosted API did.",
    )  # fmt: skip
    models: tuple[Mapping[str, Any], ...] = _setting(
        (), _FILE, "Model ids of your own: id, like (the model to take every other field from), any field.", flag=False
    )
    aliases: Mapping[str, str] = field(
        default_factory=dict, metadata={"setting": Setting(_FILE, "Other names of models.", "none", flag=False)}
    )


def _rows() -> Mapping[str, Setting]:
    hints = get_type_hints(Settings)
    rows = {}
    for row in fields(Settings):
        kinds = get_args(hints[row.name]) or (hints[row.name],)
        is_list = any(get_origin(kind) is tuple for kind in (hints[row.name], *kinds))
        kind = next((kind for kind in kinds if kind in (int, float, bool, Path)), str)
        rows[row.name] = replace(row.metadata["setting"], name=row.name, kind=kind, is_list=is_list)
    return MappingProxyType(rows)


SETTINGS: Mapping[str, Setting] = _rows()
"""Every setting by name, in the order of `Settings`."""
DEFAULTS = Settings()


def number_text(number: float) -> str:
    """A bound as a person reads it: large powers of two as powers."""
    for extra, suffix in ((0, ""), (1, "-1")):
        power = int(number) + extra
        if power > 2**20 and power & (power - 1) == 0:
            return f"2^{power.bit_length() - 1}{suffix}"
    return f"{number:g}" if abs(number) < 10**6 else f"{number:,.0f}"


def default_text(row: Setting) -> str:
    """The default of a setting as a person reads it."""
    value = getattr(DEFAULTS, row.name)
    if row.shown:
        return row.shown
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value in (None, ()) else f"{value:g}" if isinstance(value, float) else str(value)


def load_settings(
    flags: Mapping[str, object], *, file: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Merge the three sources. Flags that are None were not given. Raises `ConfigError`."""
    given: dict[str, tuple[object, str]] = {}
    if file is not None:
        for name, value in _read(file).items():
            if name not in SETTINGS:
                raise ConfigError(f"{file}: unknown setting {name}; known are {', '.join(SETTINGS)}")
            given[name] = value, str(file)
    for row in SETTINGS.values():
        if row.flag and environment.get(row.variable):
            given[row.name] = environment[row.variable], row.variable
        if flags.get(row.name) is not None:
            given[row.name] = flags[row.name], row.option
    return Settings(**{name: _convert(SETTINGS[name], value, origin) for name, (value, origin) in given.items()})


def model_rows(settings: Settings) -> Mapping[str, Model]:
    """The contract's models, the operator's own (`[[models]]` with `id`, `like` and any field) and the aliases."""
    rows = MODELS
    try:
        for row in settings.models:
            changes = {name: value for name, value in row.items() if name not in ("id", "like")}
            if kept := {"table", "parameters"} & changes.keys():
                raise TypeError(f"{kept.pop()} cannot be set: the parameters are those of the contract")
            base = find_model(str(row.get("like", "mimo-v2-flash")), rows)
            rows = with_models([replace(base, id=str(row["id"]), **changes)], rows)
        for name, target in settings.aliases.items():
            rows = with_models([alias(name, target, rows)], rows)
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


def _convert(row: Setting, value: object, origin: str) -> Any:
    """`value` as the type of the setting. Raises `ConfigError`."""
    if isinstance(value, Path):
        return value
    if row.is_list and isinstance(value, str):
        value = _items(row, value, origin)
    for item in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(item, str) and not item.strip():
            raise ConfigError(f"{origin}: {row.name} must not be blank; leave it out for its default")
        if row.choices and item not in row.choices:
            raise ConfigError(f"{origin}: {row.name} must be one of {', '.join(row.choices)}, got {item}")
    try:
        made = msgspec.convert(value, get_type_hints(Settings)[row.name], strict=False, dec_hook=_hook)
    except (msgspec.ValidationError, ValueError) as problem:
        raise ConfigError(f"{origin}: {row.name}: {problem}") from problem
    if row.bounds and not row.bounds[0] <= made <= row.bounds[1]:
        raise ConfigError(f"{origin}: {row.name} must be between {row.bounds[0]} and {row.bounds[1]}, got {made}")
    return made


def _items(row: Setting, text: str, origin: str) -> tuple[str, ...]:
    """The items of a comma-separated list. Raises `ConfigError` where there are none, which nobody means."""
    items = tuple(part.strip() for part in text.split(",") if part.strip())
    if not items:
        raise ConfigError(
            f"{origin}: {row.name} must name at least one, comma-separated, got {text!r}; or leave it out"
        )
    return () if row.choices and items == ("none",) else items
