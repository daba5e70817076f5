"""The process in which a chat template runs: it can be killed, and has bounds of time and memory that nothing escapes.

Started by `renderer.py` as `python -m mimo.chat.jinja.worker SECONDS BYTES`. Of its messages the first is the source of
the template, the others the variables of each rendering. Knows no message and no token.
"""

from __future__ import annotations

import json
import sys
from functools import partial

import msgspec
from jinja2 import Template

from mimo.chat.jinja.sandbox import Sandbox, rendered
from mimo.child.worker import Limited, bound, received, send, serve, streams

_WORDS = 2000
"""Characters of a template's own error that are passed on."""
_DEEP = 3000
"""Calls within calls: what Jinja's compiler needs for the deepest expression that a template may hold."""


class _Mapping(dict[str, object]):
    """An object of a client's: a template that prints it as it is gets JSON, which is what models read."""

    def __repr__(self) -> str:
        return json.dumps(self, ensure_ascii=False)

    __str__ = __repr__


class _List(list[object]):
    """A list of a client's, printed as JSON too."""

    def __repr__(self) -> str:
        return json.dumps(self, ensure_ascii=False)

    __str__ = __repr__


def printable(value: object) -> object:
    """`value` with every mapping and list in it made one that is printed as JSON."""
    if isinstance(value, dict):
        return _Mapping((key, printable(item)) for key, item in value.items())
    return _List(map(printable, value)) if isinstance(value, list) else value


def main(seconds: float, memory: int) -> None:
    """Answer until the standard input ends. `seconds` of processor for each answer, `memory` in bytes for the whole."""
    asked, answers = streams()
    bound(memory)
    sys.setrecursionlimit(_DEEP)
    source = msgspec.msgpack.decode(received(asked), type=str)
    with Limited(seconds):
        template = None
        try:
            template = Sandbox().compiled(source)
            answer: dict[str, object] = {}
        except (ValueError, MemoryError, RecursionError) as problem:
            answer = {"problem": str(problem) or f"the chat template does not compile: {type(problem).__name__}"}
    send(answers, answer)
    if template is not None:
        serve(asked, answers, seconds, partial(_answer, template))


def _answer(template: Template, body: bytes) -> dict[str, object]:
    try:
        values = printable(msgspec.msgpack.decode(body))
        assert isinstance(values, dict)
        output = rendered(template, values, len(body))
        output.encode()
        return {"output": output}
    except MemoryError:
        return {"problem": "the template takes too much memory", "spent": True}
    except UnicodeEncodeError as problem:
        return {"problem": f"the template writes the lone surrogate U+{ord(problem.object[problem.start]):04X}"}
    except Exception as problem:  # a template can raise anything that Python can
        words = str(problem).encode(errors="replace").decode()
        return {"problem": words[:_WORDS] or type(problem).__name__}


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
