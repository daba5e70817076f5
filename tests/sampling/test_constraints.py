"""Constraints: what is not allowed is never sampled, a forced token always is, and the constraint hears of it."""

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.requests import sampling
from tests.sampling import reference
from tests.sampling.rows import row

from mimo.sampling import NO_TOKEN, Sampler

Answer = int | NDArray[np.uint32] | None


class Scripted:
    """Gives its answers in turn, again and again, and notes what it hears."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.asked, self.accepted = answers, 0, list[int]()

    def allowed(self) -> Answer:
        self.asked += 1
        return self.answers[(self.asked - 1) % len(self.answers)]

    def accept(self, token: int) -> None:
        self.accepted.append(token)


def words(allowed: NDArray[np.bool_]) -> NDArray[np.uint32]:
    padded = np.zeros((len(allowed) + 31) // 32 * 32, bool)
    padded[: len(allowed)] = allowed
    return np.packbits(padded, bitorder="little").view(np.uint32)


@pytest.mark.parametrize("n", [8, 31, 32, 33, 1000, 8192])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_only_allowed_tokens_are_sampled(n: int, temperature: float) -> None:
    random, raw = np.random.default_rng(n), row("flat", n, n)
    for share in (0.1, 0.5, 1.0):
        allowed = random.random(n) < share
        allowed[random.integers(n)] = True
        constraint = Scripted(words(allowed))
        sampler = Sampler(1, n, threads=1)
        sampler.begin(0, sampling(temperature=temperature, top_p=1.0, logit_bias=((0, 1.5),)), constraint=constraint)
        expected = reference.adjust(raw, {}, logit_bias=((0, 1.5),), allowed=allowed)
        np.testing.assert_array_equal(sampler.trace(raw, 0).adjusted, expected)
        tokens = [sampler.sample(raw[None].copy(), [0]).tokens[0] for _ in range(20)]
        assert allowed[tokens].all()
        assert constraint.accepted == tokens


def test_an_allowed_token_far_below_all_others_is_sampled() -> None:
    allowed = np.zeros(1000, bool)
    allowed[[17, 900]] = True
    z = np.zeros((1, 1000), np.float32)
    z[0, [17, 900]] = -500
    sampler = Sampler(1, 1000, threads=1)
    sampler.begin(0, sampling(), constraint=Scripted(words(allowed)))
    assert {sampler.sample(z.copy(), [0]).tokens[0] for _ in range(50)} == {17, 900}


def test_a_forced_token_is_sampled_whatever_its_logit_and_counts_as_sampled() -> None:
    constraint = Scripted(3, None)
    sampler = Sampler(2, 10, threads=1)
    sampler.begin(0, sampling(temperature=0, presence_penalty=1.5, logprobs=1), constraint=constraint)
    sampler.begin(1, sampling(temperature=0))
    z = np.zeros((2, 10), np.float32)
    z[:, 5], z[0, 3] = 1, -2
    drawn = sampler.sample(z.copy(), [1, 0])
    assert drawn.tokens == [5, 3]
    assert drawn.logprobs[1].logprob == pytest.approx(reference.logprobs(z[1])[3], abs=2e-6)
    z[1, 5] = -np.inf
    z[1, 3] = 1
    drawn = sampler.sample(z.copy(), [1, 0])
    assert drawn.tokens == [5, 0], "the presence penalty brought token 3 below the others"
    assert constraint.accepted == [3, 0]


def test_a_constraint_ends_with_its_choice() -> None:
    sampler = Sampler(1, 10, threads=1)
    z = np.arange(10, dtype=np.float32)[None]
    sampler.begin(0, sampling(temperature=0), constraint=Scripted(2))
    assert sampler.sample(z.copy(), [0]).tokens == [2]
    sampler.begin(0, sampling(temperature=0))
    assert sampler.sample(z.copy(), [0]).tokens == [9]


def test_a_constraint_that_allows_nothing_gives_no_token_and_accepts_none() -> None:
    constraint = Scripted(np.zeros(1, np.uint32))
    sampler = Sampler(1, 10, threads=1)
    sampler.begin(0, sampling(), constraint=constraint)
    assert sampler.sample(np.zeros((1, 10), np.float32), [0]).tokens == [NO_TOKEN]
    assert constraint.accepted == []


@pytest.mark.parametrize("answer", [10, -1, np.zeros(2, np.uint32), np.zeros(1, np.int32)])
def test_an_answer_that_is_no_allowed_set_is_an_error_and_the_next_step_works(answer: Answer) -> None:
    sampler = Sampler(1, 10, threads=1)
    sampler.begin(0, sampling(), constraint=Scripted(answer))
    with pytest.raises(ValueError, match="must be"):
        sampler.sample(np.zeros((1, 10), np.float32), [0])
    sampler.begin(0, sampling(temperature=0))
    assert sampler.sample(np.zeros((1, 10), np.float32), [0]).tokens == [0]
