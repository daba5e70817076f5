"""Accounts as an observer: every request is let in by its key's limits and budget, and paid for at its end."""

from __future__ import annotations

from collections.abc import Sequence

from mimo.accounts.accounts import Accounts
from mimo.accounts.charge import About, Charge, enter
from mimo.accounts.prices import dollars
from mimo.api.observer import Admission, Observation, Observer, Settlement

COST, NOTICE = "x-mimo-cost", "x-mimo-notice"


class Metering(Observer):
    """Nothing as long as there are no accounts."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def admit(self, admission: Admission) -> Observation:
        """Take one request from the limits. Raises `PermissionDenied`, `RateLimitExceeded`."""
        if not self._accounts.on:
            return Observation()
        return Metered(await enter(self._accounts, admission.key, admission.model), admission)


class Metered(Observation):
    """One request that is paid for."""

    def __init__(self, charge: Charge, admission: Admission) -> None:
        self._charge, self._admission = charge, admission
        self._allowed = 0

    @property
    def headers(self) -> Sequence[tuple[str, str]]:
        headers = self._charge.headers()
        if self._charge.capped:
            headers.append((NOTICE, f"the budget of the key pays for {self._allowed} tokens an answer"))
        return headers

    async def prepared(self, prompt_tokens: int, longest: int) -> int:
        self._allowed = await self._charge.reserve(prompt_tokens, self._admission.choices, longest)
        return self._allowed

    def first_token(self) -> None:
        self._charge.first_token()

    def closing(self, settlement: Settlement) -> Sequence[tuple[str, str]]:
        said = []
        if self._charge.capped and self._admission.params.stream and "length" in settlement.finish:
            said.append((NOTICE, "the budget of the key has ended an answer before its end"))
        if self._admission.tell_cost:
            said.append((COST, dollars(self._charge.cost(settlement.usage, settlement.exact))))
        return said

    def settle(self, settlement: Settlement) -> None:
        about = About(self._admission.request_id, self._admission.protocol, self._admission.engine)
        self._charge.settle(settlement.usage, settlement.exact, settlement.finish, settlement.error, about)
