"""Jinja for chat templates that came with somebody's model file: the usual extras, and bounds.

A template cannot reach Python, cannot change what it is given, and is stopped when it takes too many steps (a turn of
a loop or a call is one) or writes or joins too much. These bounds are counts, not seconds, so the same messages always
pass or always fail. Not all work is counted (a filter over a long list, the width of a format): what bounds the rest is
the process that it runs in (`worker.py`). Knows no message and no token.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sized
from datetime import datetime
from typing import NoReturn

from jinja2 import Template, nodes, pass_context
from jinja2.exceptions import TemplateError, TemplateRuntimeError, TemplateSyntaxError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

MAX_STEPS = 1_000_000
MAX_TEXT = 64 * 2**20
"""Characters of any text or list that `+`, `*` or `~` make."""
OWN_TEXT, TIMES = 2**20, 8
"""Characters of the output: what a template writes of its own, and how often it may write what it was given."""
MAX_BITS = 4096
"""Of a whole number that `*` or `**` make."""
_STEPS = "steps taken"  # no name a template could write


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment: white space around blocks dropped, loop controls, `tojson` without escapes."""

    intercepted_binops = frozenset({"+", "*", "**"})

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation])
        self.filters.update(tojson=_tojson, counted=_counted, joined=_joined)
        self.globals.update(raise_exception=_raise_exception, strftime_now=_strftime_now)

    def compiled(self, source: str) -> Template:
        """The template of `source`. Raises ValueError with one line saying what is wrong with it."""
        try:
            code = self.compile(_Bounded().visit(self.parse(source)))
            return Template.from_code(self, code, self.make_globals(None))
        except TemplateSyntaxError as problem:
            raise ValueError(f"the chat template does not compile: line {problem.lineno}: {problem.message}") from None
        except Exception as problem:  # whatever Python's own compiler makes of it
            raise ValueError(f"the chat template does not compile: {type(problem).__name__}: {problem}") from None

    def call(__self, __context: Context, __obj: object, *args: object, **kwargs: object) -> object:
        _step(__context)
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        if isinstance(left, int):
            left, right = (right, left) if operator == "*" else (left, right)
        match operator, left, right:
            case "+", str() | list() | tuple(), str() | list() | tuple():
                size = len(left) + len(right)
            case "*", str() | list() | tuple(), int():
                size = len(left) * right
            case "*", int(), int():
                size = left.bit_length() + right.bit_length()
            case "**", int(), int():
                size = left.bit_length() * right
            case _:
                size = 0
        if size > (MAX_TEXT if isinstance(left, Sized) else MAX_BITS):
            raise TemplateRuntimeError(f"the result of {operator} is too large")
        return super().call_binop(context, operator, left, right)


def rendered(template: Template, variables: Mapping[str, object], given: int = 2**20) -> str:
    """The output of `template`; `given`: the size of `variables` in bytes. Raises whatever the template does,
    `TemplateRuntimeError` at a bound."""
    parts: list[str] = []
    size = 0
    for part in template.generate({**variables, _STEPS: [0]}):
        parts.append(part)
        size += len(part)
        if size > OWN_TEXT + TIMES * given:
            raise TemplateRuntimeError("the template writes too much")
    return "".join(parts)


class _Generation(Extension):
    """`{% generation %}…{% endgeneration %}` marks what was learnt in training; here it is just its body."""

    tags = frozenset({"generation"})  # type: ignore[assignment]  # Jinja only reads it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Bounded(NodeTransformer):
    """Every loop counts its turns, every `~` its characters."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, "counted", [], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, "joined", [], [], None, None, lineno=node.lineno)


def _step(context: Context) -> None:
    steps = context.parent[_STEPS]
    steps[0] += 1
    if steps[0] > MAX_STEPS:
        raise TemplateRuntimeError(f"the template takes more than {MAX_STEPS} steps")


@pass_context
def _counted(context: Context, values: Iterable[object]) -> Iterator[object]:
    for value in values:
        _step(context)
        yield value


def _joined(parts: list[object]) -> str:
    texts = [str(part) for part in parts]
    if sum(map(len, texts)) > MAX_TEXT:
        raise TemplateRuntimeError("the result of ~ is too large")
    return "".join(texts)


def _tojson(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as it is read by a model: nothing escaped for ASCII or for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)
