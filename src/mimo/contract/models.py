"""The models of the contract, one row each (contract section 1); an operator's own ids are further rows.

Everything that depends on the model id is read from here: validation, `GET /v1/models`, the OpenAPI document,
`mimo models`, the playground. What actually answers (nano, a GGUF, a cluster) is the engine's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Literal

from mimo.contract.errors import NotFound
from mimo.contract.parameters import PARAMETERS
from mimo.contract.table import ParameterTable

Modality = Literal["text", "image", "audio", "video"]

MOST_PER_MINUTE = 10**10
"""The largest limit of requests or tokens."""
MOST_PER_MILLION = 100_000
"""USD: what a request can cost at such a price fits into 64 bits."""


@dataclass(frozen=True, slots=True)
class Price:
    """USD per one million tokens, for prompts longer than `above` tokens, from the day `since` on (UTC). Of several
    days the newest in force counts, with all of its bands."""

    input: float
    cached_input: float
    output: float
    above: int = 0
    since: date = date.min


@dataclass(frozen=True, slots=True)
class Model:
    """What the contract promises for one model id. Token counts throughout; rates per minute, account and model.

    `table`: the parameters that its requests may have. `parameters`: the same with this model's own bounds and
    defaults, by which requests are checked. `alias_of`: the model whose limits an alias shares, "" for none.
    """

    id: str
    max_completion_tokens: int
    context_window: int
    thinking: bool
    input: tuple[Modality, ...] = ("text",)
    recommended_minimum: int = 1024
    requests_per_minute: int = 100
    tokens_per_minute: int = 10_000_000
    prices: tuple[Price, ...] = ()
    alias_of: str = ""
    created: int = 1764547200  # 2025-12-01: `created` of the OpenAI model object wants a date and the contract has none
    table: ParameterTable = field(default=PARAMETERS, repr=False)
    parameters: ParameterTable = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", self.table.of(self))

    @property
    def counts_as(self) -> str:
        """The id under which its use is limited and billed."""
        return self.alias_of or self.id


_ROWS = (
    Model(
        id="mimo-v2-pro",
        max_completion_tokens=128_000,
        context_window=1_048_576,
        thinking=True,
        prices=(Price(1.00, 0.20, 3.00), Price(2.00, 0.40, 6.00, above=256_000)),
    ),
    Model(
        id="mimo-v2-omni",
        max_completion_tokens=128_000,
        context_window=262_144,
        thinking=True,
        input=("text", "image", "audio", "video"),
        prices=(Price(0.40, 0.08, 2.00),),
    ),
    Model(
        id="mimo-v2-flash",
        max_completion_tokens=64_000,
        context_window=262_144,
        thinking=False,
        prices=(Price(0.10, 0.01, 0.30),),
    ),
)

MODELS: Mapping[str, Model] = MappingProxyType({row.id: row for row in _ROWS})


def with_models(rows: Iterable[Model], models: Mapping[str, Model] = MODELS) -> Mapping[str, Model]:
    """`models` plus the operator's own `rows`; a row of the same id replaces it."""
    return MappingProxyType({**models, **{row.id: row for row in rows}})


def alias(name: str, target: str, models: Mapping[str, Model] = MODELS) -> Model:
    """A full row called `name` that promises what `target` promises. Raises `NotFound` for an unknown target."""
    found = find_model(target, models)
    return replace(found, id=name, alias_of=found.counts_as)


def find_model(model_id: str, models: Mapping[str, Model] = MODELS) -> Model:
    """The row of `model_id`: exact, lower case as written. Raises `NotFound` naming the models there are."""
    row = models.get(model_id)
    if row is None:
        raise NotFound(f"there is no model {model_id[:80]!r}; the models are: {', '.join(models)}", param="model")
    return row
