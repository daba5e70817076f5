"""For people who test applications that talk to a model: a real server on a free port, with nano or a script.

    with served(script=Script([ScriptedAnswer(["Hello", "!"])])) as server:
        OpenAI(base_url=server.base_url, api_key="-")…

pytest finds the fixture `mimo_server` by itself (`mimo.testing.plugin`). A name is imported when it is first used, so
that the plugin costs nothing in test runs that do not want it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mimo.engines.scripted.engine import ScriptedEngine
    from mimo.engines.scripted.script import Script, ScriptedAnswer
    from mimo.testing.process import DidNotStart, Served, served
    from mimo.tokenizers.bytes import ByteTokenizer

__all__ = ["ByteTokenizer", "DidNotStart", "Script", "ScriptedAnswer", "ScriptedEngine", "Served", "served"]

_HOMES = {
    "ByteTokenizer": "mimo.tokenizers.bytes",
    "DidNotStart": "mimo.testing.process",
    "Script": "mimo.engines.scripted.script",
    "ScriptedAnswer": "mimo.engines.scripted.script",
    "ScriptedEngine": "mimo.engines.scripted.engine",
    "Served": "mimo.testing.process",
    "served": "mimo.testing.process",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'mimo.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
