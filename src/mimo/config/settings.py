"""The settings of a server, one row each: what it means, its default, its bounds and its choices.

Every field of `Settings` is a flag (`--drain-seconds`), an environment variable (`MIMO_DRAIN_SECONDS`) and a key of the
settings file (`drain_seconds`). `SETTINGS` is the same as a table. Knows no source of a value and no engine's insides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from mimo.contract.errors import StartError
from mimo.engines import ENGINES
from mimo.types import MediaKind


class ConfigError(StartError):
    """A setting that cannot be used: the message names it, what is allowed, and where it came from."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What one field of `Settings` is to a person.

    `shown`: the default in words, where the value does not say it. `bounds`: least and most. `choices`: the values
    allowed, of each item where it is a list. `flag`: False for what only the file can hold. `example`: a value to show
    where the default is none. `secret`: whether it is kept off screens.
    """

    group: str
    help: str
    shown: str = ""
    bounds: tuple[int, int] | None = None
    choices: tuple[str, ...] = ()
    flag: bool = True
    example: Any = None
    secret: bool = False
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
_LOG = "Log and traces"


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
    script: Path | None = _setting(None, _ENGINE, "Script of the scripted engine (JSON).", example="script.json")
    chat_template: str | None = _setting(
        None, _ENGINE, "Chat template to use: a file of Jinja, or chatml.", shown="the model's own", example="chatml"
    )
    model: Path | None = _setting(
        None, _MODEL, "GGUF file to serve.", shown="nano, the small model in the package",
        example="~/models/MiMo-V2.6-Distill-Qwen-9B-Q4_K_M.gguf",
    )  # fmt: skip
    mmproj: str | None = _setting(
        None, _MODEL, "GGUF file with towers for images and sound (an mmproj), or none.",
        shown="the one next to the model's file", example="~/models/mmproj.gguf",
    )  # fmt: skip
    slots: int | None = _setting(
        None, _MODEL, "Sequences that run at once.", shown="32 for nano, 4 for other files", bounds=(2, 256), example=4
    )
    context_window: int | None = _setting(
        None, _MODEL, "Tokens of each sequence.", shown="the model's own, at most 8192 for other files than nano",
        bounds=(16, 2**24), example=16384,
    )  # fmt: skip
    chunk: int = _setting(
        64, _MODEL, "Prompt tokens decoded between two steps of the running streams.", bounds=(1, 2**16)
    )
    prompt_cache: int | None = _setting(
        None, _MODEL, "MiB of memory for prompts and answers that no slot holds any more; 0 for none.",
        bounds=(0, 2**24), shown="1024, or half of what the model leaves of the memory", example=4096,
    )  # fmt: skip
    threads: int | None = _setting(
        None, _MODEL, "Threads that compute.", bounds=(1, 1024),
        shown="one a core, in short calls one less; for nano one in short calls", example=4,
    )  # fmt: skip
    gpu_layers: int = _setting(
        -1, _MODEL, "Layers on the GPU, with a GPU build of llama.cpp; -1 for all.", bounds=(-1, 10**6)
    )
    llama_library: Path | None = _setting(
        None,
        _MODEL,
        "Another build of llama.cpp (a shared library).",
        shown="the packaged one",
        example="/opt/llama.cpp/libllama.so",
    )
    batch_invariant: str = _setting(
        "seeded", _MODEL, "Whose tokens are the same, bit for bit, whatever else runs: those of requests with a seed "
        "(where the model's fast kernels allow it), always (with slower kernels where need be), or off.",
        choices=("seeded", "always", "off"),
    )  # fmt: skip
    draft: str = _setting(
        "forced", _MODEL, "Tokens to guess ahead and verify in one call: those that a grammar forces, or with "
        "prompt-lookup what followed in the prompt too, for answers that repeat it. No guess changes an answer.",
        choices=("forced", "prompt-lookup"),
    )  # fmt: skip
    upstream: tuple[str, ...] = _setting(
        (), _UPSTREAM, "Upstream base URL; comma-separate several for failover.", example=("http://127.0.0.1:8001",)
    )
    upstream_model: str | None = _setting(
        None,
        _UPSTREAM,
        "The model's name at the upstream.",
        shown="the only one it serves",
        example="XiaomiMiMo/MiMo-V2-Flash",
    )
    upstream_key: str | None = _setting(
        None, _UPSTREAM, "API key sent to the upstream.", example="sk-upstream", secret=True
    )
    upstream_timeout: float = _setting(
        300.0, _UPSTREAM, "Seconds without data from the upstream before giving up.", bounds=(1, 86400)
    )
    upstream_wait: float = _setting(
        60.0, _UPSTREAM, "Seconds to wait at start until the upstream is ready.", bounds=(0, 86400)
    )
    tokenizer: Path | None = _setting(
        None,
        _UPSTREAM,
        "The upstream model's tokenizer.json, its folder, or any GGUF of the model.",
        example="~/models/MiMo-V2-Flash",
    )
    exact_penalties: bool = _setting(
        False,
        _UPSTREAM,
        "Keep penalties that the upstream cannot, by a request a token: exact, and slow.",
    )
    media: tuple[MediaKind, ...] | None = _setting(
        None, _UPSTREAM, "What the upstream's model takes besides text, comma-separated, or none.",
        shown="all for hosted, none for the others", choices=get_args(MediaKind), example=("image",),
    )  # fmt: skip
    api_keys: tuple[str, ...] = _setting(
        (),
        _ACCESS,
        "Keys that clients may send, comma-separated.",
        shown="none: open, on loopback addresses only",
        example=("sk-change-me",),
        secret=True,
    )
    accounts: str | None = _setting(
        None, _ACCESS, "Where the keys of mimo keys and the ledger are kept: postgresql://USER@HOST/DATABASE.",
        shown="accounts.db in the data directory, from the first key on", example="postgresql://mimo@localhost/mimo",
    )  # fmt: skip
    insecure: bool = _setting(False, _ACCESS, "Allow a server without keys on an address other than loopback.")
    cors_origin: tuple[str, ...] = _setting(
        (),
        _ACCESS,
        "Origins whose web pages may call the API, comma-separated; * for any.",
        example=("https://app.example.com",),
    )
    allowed_hosts: tuple[str, ...] = _setting(
        (), _ACCESS, "Host names that requests may be addressed to, besides IP addresses, localhost and --host, "
        "comma-separated; .example.com for all below it, * for any.", shown="none without keys, any with keys",
        example=("mimo.example.com",),
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
        shown="16 MiB; 72 MB where the engine takes media", example=16777216,
    )  # fmt: skip
    body_seconds: float = _setting(
        60.0, _LIMITS, "Seconds a request body may take to arrive, plus one per 64 KiB received.", bounds=(1, 86400)
    )
    data_dir: Path | None = _setting(
        None,
        _ANSWERS,
        "Folder for accounts, files and batches.",
        shown="the user's data directory, ~/.local/share/mimo on Linux",
        example="~/mimo-data",
    )
    strict: bool = _setting(False, _ANSWERS, "Refuse unknown request fields instead of reporting them.")
    repetition_truncation: bool = _setting(True, _ANSWERS, "End an answer that has entered a loop.")
    require_reasoning_passback: bool = _setting(
        False, _ANSWERS,
        "Refuse an assistant message with tool calls that comes back without its reasoning, as the hosted API did.",
    )  # fmt: skip
    log_format: Literal["text", "json"] = _setting(
        "text", _LOG, "Lines on stderr: text for people, json for programs.", choices=("text", "json")
    )
    traces: str | None = _setting(
        None, _LOG, "OTLP address to send traces to, over HTTP; needs mimo[otel].", example="http://localhost:4318"
    )
    access_log: bool = _setting(True, _LOG, "Log a line for every request: never what was said, keys by name alone.")
    models: tuple[Mapping[str, Any], ...] = _setting(
        (), _FILE, "Model ids of your own: id, like (the model to take every other field from), any field.", flag=False,
        example=({"id": "team-model", "like": "mimo-v2-flash", "max_completion_tokens": 8000},),
    )  # fmt: skip
    aliases: Mapping[str, str] = field(
        default_factory=dict,
        metadata={
            "setting": Setting(
                _FILE, "Other names of models.", "none", flag=False, example={"gpt-4o-mini": "mimo-v2-flash"}
            )
        },
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
