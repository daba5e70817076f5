"""Chat templates that lie in wait: each does its harm on a message that says `bomb`, and answers others.

Harm is what multiplies: a body of work, a loop around it. A fixed list, named by its parts.
"""

from __future__ import annotations

from collections.abc import Iterator

WORK = {
    "sort": "{% set x = range(99999) | list | sort %}",
    "join": "{% set x = range(99999) | join %}",
    "map and join": "{% set x = range(99999) | map('string') | join('-') %}",
    "groupby": "{% set x = range(9999) | map('string') | groupby(0) | list %}",
    "unique": "{% set x = range(99999) | unique | list %}",
    "batch": "{% set x = range(99999) | batch(2) | list %}",
    "sum": "{% set x = range(99999) | sum %}",
    "dictsort": "{% set x = dict(a=range(99999) | list, b=1) | dictsort | string %}",
    "replace": "{% set x = ('a' * 999999) | replace('a', 'bb') %}",
    "upper": "{% set x = ('a' * 9999999) | upper %}",
    "wordcount": "{% set x = ('a ' * 999999) | wordcount %}",
    "wordwrap": "{% set x = ('a ' * 99999) | wordwrap(2) %}",
    "indent": "{% set x = ('a\n' * 99999) | indent(99) %}",
    "split": "{% set x = ('a,' * 999999).split(',') %}",
    "reverse": "{% set x = range(999999 // 11) | list | reverse | list %}",
    "tojson": "{% set x = range(99999) | list | tojson %}",
    "format": "{% set x = '%999999s' % messages[0].content %}",
    "center": "{% set x = messages[0].content | center(9999999) %}",
    "striptags": "{% set x = ('<a>' * 99999) | striptags %}",
    "urlize": "{% set x = ('http://a.b ' * 9999) | urlize %}",
    "escape": "{% set x = ('<' * 999999) | escape %}",
    "power": "{% set x = (7 ** 1000) ** 4 %}{% set y = x | string %}",
    "cycler": "{% set x = cycler(*range(99999)) %}",
    "lipsum": "{% set x = lipsum(n=99) %}",
}
LOOPS = {
    "in a loop": "{% for i in range(99999) %}WORK{% endfor %}",
    "in loops within loops": "{% for i in range(9999) %}{% for j in range(99) %}WORK{% endfor %}{% endfor %}",
    "in a macro that calls itself": "{% macro f(n) %}WORK{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "in a recursive loop": "{% for i in [1, 2] recursive %}WORK{{ loop([1, 2]) }}{% endfor %}",
}
DOUBLING = {
    "+": "n.a + n.a", "~": "n.a ~ n.a", "*": "n.a * 2", "join": "[n.a, n.a] | join", "%": "'%s%s' % (n.a, n.a)",
    "format": "'%s%s' | format(n.a, n.a)", "str.format": "'{0}{0}'.format(n.a)", "replace": "n.a | replace('a', 'aa')",
    "str.replace": "n.a.replace('a', 'aa')", "str.join": "n.a.join([n.a, n.a])",
    "center": "n.a.center(n.a | length * 2)", "ljust": "n.a.ljust(n.a | length * 2)",
    "indent": "n.a | indent(n.a | length, true)",
    "tojson": "[n.a, n.a] | tojson", "string of a list": "[n.a, n.a] | string", "urlencode": "(n.a ~ n.a) | urlencode",
}  # fmt: skip
WIDE = {
    "center": "{{ 'a' | center(10**9) }}",
    "str.center": "{{ 'a'.center(10**9) }}",
    "ljust": "{{ 'a'.ljust(10**10) }}",
    "zfill": "{{ 'a'.zfill(10**9) }}",
    "%d": "{{ '%999999999d' % 1 }}",
    "%*d": "{{ '%*d' % (999999999, 1) }}",
    "%s": "{{ '%999999999s' % 'a' }}",
    "str.format": "{{ '{:999999999}'.format(1) }}",
    "nested str.format": "{{ '{:{}}'.format(1, 999999999) }}",
    "expandtabs": "{{ '\t'.expandtabs(999999999) }}",
    "batch": "{{ range(9) | batch(10**9, 'x') | list }}",
    "slice": "{{ range(9) | slice(10**8) | list | length }}",
    "range": "{{ range(10**9) | list }}",
    "power": "{{ 9 ** 999999999 }}",
    "a long integer as text": "{{ (10 ** 1200) ** 3 | string | length }}{{ 1 / 0 }}",
    "round": "{{ 1.5 | round(10**9) }}{{ 1 / 0 }}",
    "a lone surrogate": "{{ '\\ud800' }}",
    "half a surrogate pair in an error": "{{ raise_exception('\\udfff') }}",
    "an error of megabytes": "{{ raise_exception('x' * 9999999) }}",
    "an error of sentinels": "{{ raise_exception('\ufdd0' * 999) }}",
    "an attribute of Python": "{{ messages.__class__.__mro__[1].__subclasses__() }}",
    "globals": "{{ raise_exception.__globals__ }}{{ 1 / 0 }}",
    "format string attribute": "{{ '{0.__class__.__mro__}'.format(messages) }}{{ 1 / 0 }}",
    "cycle in a namespace": "{% set n = namespace() %}{% set n.a = n %}{{ n | tojson }}",
    "changing the messages": "{{ messages.clear() }}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import 'os' as os %}{{ os }}",
    "no such filter": "{{ [1] | map('nope') | list }}",
}


def templates() -> Iterator[tuple[str, str]]:
    """(name, source): more than 150."""
    for work, body in WORK.items():
        for loop, around in LOOPS.items():
            yield f"{work} {loop}", guarded(around.replace("WORK", body))
    for name, double in DOUBLING.items():
        start = "{% set n = namespace(a='aa') %}"
        turn = "{% set n.a = " + double + " %}"
        yield f"doubling by {name}", guarded(start + "{% for i in range(99) %}" + turn + "{% endfor %}{{ n.a }}")
        yield (
            f"doubling and writing by {name}",
            guarded(start + "{% for i in range(99) %}" + turn + "{{ n.a }}{% endfor %}"),
        )
    for name, source in WIDE.items():
        yield name, guarded(source)


def guarded(bomb: str) -> str:
    return "{{ messages[0].content }}{% if 'bomb' in messages[0].content %}" + bomb + "{% endif %}"
