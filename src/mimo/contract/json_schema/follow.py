"""What follows from what: facts that hold when all, or one, of others do, solved in linear time.

The smallest solution: facts that only lean on each other do not hold. Knows no schema.
"""

from __future__ import annotations

from collections.abc import Iterable


class Facts:
    """Facts are numbers. Make them by `all_of` and `any_of`, then ask for those that hold."""

    def __init__(self) -> None:
        self._missing: list[int] = []  # for each fact: how many of its conditions must still come to hold
        self._leads_to: list[list[int]] = []

    def all_of(self, conditions: Iterable[int] = ()) -> int:
        """A new fact that holds when every one of `conditions` does; at once, if there are none."""
        fact = self._new(0)
        for condition in conditions:
            self._missing[fact] += 1
            self._leads_to[condition].append(fact)
        return fact

    def any_of(self, conditions: Iterable[int] = ()) -> int:
        """A new fact that holds when one of `conditions` does; `or_if` may add more."""
        fact = self._new(1)
        for condition in conditions:
            self.or_if(fact, condition)
        return fact

    def or_if(self, fact: int, condition: int) -> None:
        """`fact`, made by `any_of`, holds too when `condition` does."""
        self._leads_to[condition].append(fact)

    def holding(self) -> set[int]:
        """The facts that hold."""
        missing = list(self._missing)
        ready = [fact for fact, count in enumerate(missing) if not count]
        found = set(ready)
        while ready:
            for fact in self._leads_to[ready.pop()]:
                missing[fact] -= 1
                if missing[fact] <= 0 and fact not in found:
                    found.add(fact)
                    ready.append(fact)
        return found

    def _new(self, missing: int) -> int:
        self._missing.append(missing)
        self._leads_to.append([])
        return len(self._missing) - 1
