"""Whatever a template does, rendering ends within its bounds, and the next message is answered."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from mimo.chat.jinja.format import JinjaFormat
from mimo.chat.jinja.renderer import Bounds, Renderer, TemplateRefusal
from mimo.contract.errors import InvalidRequest
from mimo.tokenizers.bytes import ByteTokenizer
from mimo.types import Message

BOUNDS = Bounds(seconds=0.5, memory=256 * 2**20, patience=30)
BOMBS = {
    "sort in a loop": "{% for i in range(9999) %}{% set x = range(99999) | list | sort %}{% endfor %}",
    "sum of sorts": "{% for i in range(999) %}{{ range(99999) | map('string') | sort | join | length }}{% endfor %}",
    "doubling by join": "{% set n = namespace(a='aa') %}{% for i in range(60) %}"
    "{% set n.a = [n.a, n.a] | join %}{% endfor %}",
    "doubling by %": "{% set n = namespace(a='aa') %}{% for i in range(60) %}"
    "{% set n.a = '%s%s' % (n.a, n.a) %}{% endfor %}",
    "doubling by format": "{% set n = namespace(a='aa') %}{% for i in range(60) %}"
    "{% set n.a = '%s%s' | format(n.a, n.a) %}{% endfor %}",
    "doubling by str.format": "{% set n = namespace(a='aa') %}{% for i in range(60) %}"
    "{% set n.a = '{0}{0}'.format(n.a) %}{% endfor %}",
    "doubling by replace": "{% set n = namespace(a='aa') %}{% for i in range(60) %}"
    "{% set n.a = n.a | replace('a', 'aa') %}{% endfor %}",
    "center": "{{ 'a' | center(10**9) }}",
    "str.center": "{{ 'a'.center(10**9) }}",
    "ljust": "{{ 'a'.ljust(999999999) }}",
    "width of a format": "{{ '%999999999d' % 1 }}",
    "width by argument": "{{ '%*d' % (999999999, 1) }}",
    "width of str.format": "{{ '{:999999999}'.format(1) }}",
    "indent": "{{ ('a\n' * 9999) | indent(999999) }}",
    "wordwrap": "{% for i in range(99999) %}{{ ('a ' * 99999) | wordwrap(2) | length }}{% endfor %}",
    "batch": "{{ range(9) | batch(10**9, 'x') | list }}",
    "slice": "{{ range(9) | slice(10**8) | list | length }}",
    "tojson of a wide list": "{% set x = [range(9999) | list] * 9999 %}{{ x | tojson(indent=99999) }}",
    "powers": "{% for i in range(99999) %}{% set x = (7 ** 1000) ** 4 %}{% set y = x | string %}{% endfor %}",
    "round": "{{ 1.5 | round(10**9) }}{% for i in range(999999) %}{{ 1.1 | round(300) }}{% endfor %}",
    "recursion": "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "unique": "{% for i in range(9999) %}{{ range(99999) | unique | list | length }}{% endfor %}",
    "groupby": "{% for i in range(9999) %}{{ range(9999) | map('string') | groupby(0) | list | length }}{% endfor %}",
    "product of lists": "{% set x = range(9999) | list %}{% for i in x %}{{ (x * 999) | length }}{% endfor %}",
    "lipsum": "{{ lipsum(n=99999, min=9999, max=99999) }}",
    "lipsum many": "{% for i in range(9999) %}{{ lipsum(n=99) | length }}{% endfor %}",
    "split": "{% for i in range(9999) %}{{ ('a' * 999999).split('a') | length }}{% endfor %}",
    "urlize": "{% for i in range(9999) %}{{ ('http://a.b ' * 9999) | urlize | length }}{% endfor %}",
    "striptags": "{% for i in range(9999) %}{{ ('<a>' * 99999) | striptags | length }}{% endfor %}",
    "random": "{% for i in range(9999) %}{{ (range(99999) | list | random) ~ (range(99999) | max) }}{% endfor %}",
    "cycler": "{% for i in range(9999) %}{{ cycler(*range(99999)).next() }}{% endfor %}",
    "strftime": "{% for i in range(9999) %}{{ strftime_now('%c' * 99999) }}{% endfor %}",
}


def guarded(bomb: str) -> str:
    """A template that goes off on a message that says so, and answers others."""
    return "{{ messages[0].content }}{% if 'bomb' in messages[0].content %}" + bomb + "{% endif %}"


@pytest.fixture(params=BOMBS)
def bomb(request: pytest.FixtureRequest) -> Iterator[JinjaFormat]:
    form = JinjaFormat(ByteTokenizer(), guarded(BOMBS[request.param]), BOUNDS)
    yield form
    form.close()


def test_a_bomb_ends_in_a_refusal_and_the_next_message_is_answered(bomb: JinjaFormat) -> None:
    begun = time.monotonic()
    with pytest.raises(InvalidRequest, match="chat template"):
        bomb.render([Message("user", "bomb")], thinking=False)
    assert time.monotonic() - begun < 20
    assert bytes(bomb.render([Message("user", "hi")], thinking=False).tokens) == b"hi"


@pytest.mark.parametrize(
    "source",
    [
        "(" * 200 + "1" + ")" * 200,
        "{{ " + "(" * 90_000 + "1" + ")" * 90_000 + " }}",
        "{{ " + "-" * 100_000 + "1 }}",
        "{{ " + "not " * 100_000 + "1 }}",
        "{% if a %}" * 5_000 + "{% endif %}" * 5_000,
        "{{ [" * 2_000,
        "{{ 'a' | center(2000000000) }}",
        "{{ 9 ** 9 ** 9 ** 9 }}",
        "{{ (9 ** 9) | string | list | join('a' * 99) | center(999999999) }}",
        "{{ '\\ud800' }}",
        "\x00{{ 1 }}",
    ],
)
def test_a_source_that_is_too_much_to_compile_is_a_line_or_works(source: str) -> None:
    begun = time.monotonic()
    try:
        renderer = Renderer(source, BOUNDS)
    except ValueError as problem:
        assert "\n" not in str(problem)
    else:
        try:
            renderer.render({"messages": []})
        except TemplateRefusal as problem:
            assert str(problem)
        renderer.close()
    assert time.monotonic() - begun < 20


def test_a_template_that_takes_too_long_for_any_message_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"cannot be used: .*seconds"):
        JinjaFormat(ByteTokenizer(), BOMBS["sort in a loop"], BOUNDS)


def test_a_lone_surrogate_that_a_template_writes_is_refused() -> None:
    form = JinjaFormat(ByteTokenizer(), guarded("{{ '\\ud800' }}"), BOUNDS)
    with pytest.raises(InvalidRequest, match=r"lone surrogate U\+D800"):
        form.render([Message("user", "bomb")], thinking=False)


def test_a_rendering_ends_when_the_format_is_closed() -> None:
    form = JinjaFormat(ByteTokenizer(), guarded(BOMBS["sort in a loop"]), Bounds(seconds=60, patience=90))
    problems: list[BaseException] = []

    def render() -> None:
        try:
            form.render([Message("user", "bomb")], thinking=False)
        except InvalidRequest as problem:
            problems.append(problem)

    threads = [threading.Thread(target=render) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    begun = time.monotonic()
    form.close()
    for thread in threads:
        thread.join(5)
    assert len(problems) == 3 and time.monotonic() - begun < 5


def test_the_process_of_a_template_knows_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIMO_API_KEYS", "secret")
    renderer = Renderer("{{ 1 }}")
    with open(f"/proc/{renderer._process.pid}/environ", "rb") as file:
        assert b"secret" not in file.read()
    renderer.close()


def test_a_process_that_was_killed_is_replaced() -> None:
    renderer = Renderer("{{ messages[0] }}")
    assert renderer._process.pid is not None
    os.kill(renderer._process.pid, signal.SIGKILL)
    with pytest.raises(TemplateRefusal):
        renderer.render({"messages": ["a"]})
    assert renderer.render({"messages": ["a"]}) == "a"
    renderer.close()
