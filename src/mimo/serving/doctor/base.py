"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`said`: what was looked at and what it is. `do`: what to do about it, where anything is to be done. `note`: a
    server starts all the same; `wrong`: it does not, or does not work."""

    state: State
    said: str
    do: str = ""
