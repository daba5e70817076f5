"""The ways in which families of models write a call, a file and a row each, and which one a model's template uses.

A row says how its calls are marked, read and written as a grammar. What a model writes is read in every dialect that
has the same markers, whatever its template says; a grammar is made from one.
"""

from __future__ import annotations

from collections.abc import Sequence

from mimo.calls.base import CallFormat
from mimo.calls.hermes import HermesCalls
from mimo.calls.mimo.grammar import MimoCalls
from mimo.calls.parser import CallParser
from mimo.calls.spelled import SpelledCalls
from mimo.types import Markers, Tool

__all__ = ["FORMATS", "SPELLED", "CallFormat", "CallParser", "call_format", "call_parser"]

SPELLED = SpelledCalls()
"""For a model whose template knows no calls."""
FORMATS: tuple[CallFormat, ...] = (MimoCalls(), HermesCalls())


def call_format(template: str | None) -> CallFormat | None:
    """How calls are written by the model whose chat template this is (None: MiMo's own); None if no format fits."""
    if template is None:
        return FORMATS[0]
    return next((row for row in FORMATS if row.used_by(template)), None)


def call_parser(markers: Markers, tools: Sequence[Tool]) -> CallParser:
    """What reads one call between `markers`."""
    return CallParser([row for row in FORMATS if row.markers == markers], {tool.name: tool for tool in tools})
