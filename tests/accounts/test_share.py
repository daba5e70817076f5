"""A process's share: nothing in it is given out twice, whatever is taken, put back and given back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as some

from mimo.accounts.bucket import Level, Limit
from mimo.accounts.share import Share
from mimo.accounts.want import Grant

LIMIT = Limit("x", 1000)
STEPS = some.lists(
    some.tuples(some.sampled_from(["take", "back", "grant", "look", "all"]), some.integers(0, 500)), max_size=80
)


@settings(derandomize=True, max_examples=500, deadline=None)
@given(steps=STEPS)
def test_what_is_here_with_requests_and_back_in_the_store_is_what_was_given(steps):
    share = Share(LIMIT)
    received = running = returned = 0
    for kind, amount in steps:
        if kind == "take":
            running += share.take(amount)
        elif kind == "back":
            running, put = max(0, running - amount), min(running, amount)
            share.back(put)
        elif kind == "grant":
            share.granted(Grant(amount, Level(0, 0), 0), 0, 0, 0)
            received += amount
        else:
            returned += share.unneeded() if kind == "look" else share.all()
        assert share.left + running + returned == received
        assert share.left >= 0


def test_what_was_used_beyond_is_given_back_as_a_debt():
    share = Share(LIMIT)
    share.granted(Grant(100, Level(0, 0), 0), 0, 0, 0)
    share.take(100)
    share.back(-40)
    assert (share.unneeded(), share.left) == (-40, 0)
