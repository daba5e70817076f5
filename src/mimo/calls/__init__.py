"""The ways in which families of models write a call, one file each, and which one a model's template uses.

The parser reads all of them whatever the template (`calls/parser.py`); a format is what a grammar is made from.
"""

from __future__ import annotations

from mimo.calls.base import CallFormat
from mimo.calls.hermes import HermesCalls
from mimo.calls.mimo.grammar import MimoCalls

__all__ = ["FORMATS", "CallFormat", "call_format"]

FORMATS: tuple[CallFormat, ...] = (MimoCalls(), HermesCalls())


def call_format(template: str | None) -> CallFormat | None:
    """How calls are written by the model whose chat template this is (None: MiMo's own); None if no format fits."""
    if template is None:
        return FORMATS[0]
    return next((row for row in FORMATS if row.used_by(template)), None)
