"""Numbers that the grammar library keeps: it reads doubles, and not each of them to the last digit.

A whole number up to 2^53 is kept, and a fraction whose digits as a whole number are at most that, with an exponent
of at most 22; of any other the grammar might ask for its neighbour. Knows no path and no 400.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

LARGEST = 2**53
_EXPONENT = 22


def is_exact(value: object) -> bool:
    """Whether every number in `value` (JSON) is kept."""
    waiting = [value]  # a list, not recursion: the value may be deep
    while waiting:
        match waiting.pop():
            case bool():
                pass
            case int() as number if abs(number) > LARGEST:
                return False
            case float() as number if not _kept(number):
                return False
            case list() as items:
                waiting += items
            case Mapping() as members:
                waiting += members.values()
    return True


def _kept(number: float) -> bool:
    _, digits, exponent = Decimal(repr(number)).as_tuple()
    return isinstance(exponent, int) and int("".join(map(str, digits))) <= LARGEST and abs(exponent) <= _EXPONENT
