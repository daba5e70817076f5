"""A parameter is stated once: its row says default, bounds and words, and nothing else in the package does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from mimo.contract.parameters import PARAMETERS
from mimo.contract.request import Params
from mimo.types import Sampling

PACKAGE = Path(__file__).parents[2] / "src" / "mimo"
TABLES = {"contract/parameters.py", "contract/models.py"}
"""Where numbers of the contract may stand."""
NUMBERS = {
    name: row.default
    for name, row in PARAMETERS.items()
    if isinstance(row.default, int | float) and not isinstance(row.default, bool) and name != "n"
}
"""But for `n`, a name that many things have."""
TELLING = {value for value in NUMBERS.values() if value not in (0, 1)}
"""Defaults that are hardly anything else by chance."""


def restated(source: str) -> Iterator[int]:
    """Lines that give a parameter its documented default again, or fall back to a value that only a row should hold."""
    for node in ast.walk(ast.parse(source)):
        for name, value in _named(node):
            wanted = TELLING if name is None else {NUMBERS[name]} if name in NUMBERS else set()
            if isinstance(value, ast.Constant) and type(value.value) in (int, float) and value.value in wanted:
                yield value.lineno


def _named(node: ast.AST) -> Iterator[tuple[str | None, ast.expr | None]]:
    """Values that are given to a name, and fallbacks, which have none."""
    match node:
        case ast.AnnAssign(target=ast.Name(id=name), value=value):
            yield name, value
        case ast.arguments():
            names = [arg.arg for arg in (*node.posonlyargs, *node.args)]
            with_default = names[len(names) - len(node.defaults) :] + [arg.arg for arg in node.kwonlyargs]
            for name, value in zip(with_default, (*node.defaults, *node.kw_defaults), strict=True):
                yield from ((name, value), (None, value))
        case ast.Call(func=ast.Attribute(attr="get" | "setdefault" | "pop"), args=[_, value]):
            yield None, value
        case ast.BoolOp(op=ast.Or(), values=[*_, value]) | ast.IfExp(orelse=value):
            yield None, value
        case ast.Call():
            yield from ((keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg)
        case ast.Dict():
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value


def test_no_documented_default_stands_outside_the_table() -> None:
    found = [
        f"{path.relative_to(PACKAGE).as_posix()}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).as_posix() not in TABLES
        for line in restated(path.read_text("utf-8"))
    ]
    assert found == [], "read it from the row: PARAMETERS or a model's `parameters`"


@pytest.mark.parametrize(
    "source",
    [
        "class A:\n    top_p: float = 0.95",
        "def f(x, temperature=1.0): ...",
        "def f(*, limit: int = 1024): ...",
        'given.get("max_completion_tokens", given.get("max_tokens", 1024))',
        "limit = given or 1024",
        "limit = given if given else 1024",
        "Sampling(temperature=1.0)",
        '{"top_p": 0.95}',
    ],
)
def test_a_restated_default_is_seen(source: str) -> None:
    assert list(restated(source))


def test_params_and_sampling_have_no_defaults_and_every_field_of_the_draw_has_a_row() -> None:
    with pytest.raises(TypeError):
        Sampling()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Params()  # type: ignore[call-arg]
    drawn = {row.field.removeprefix("sampling.") for row in PARAMETERS.values() if row.field.startswith("sampling.")}
    assert set(Sampling.__struct_fields__) - drawn == {"logprobs"}, "logprobs: two rows decide"
