"""The random number of a step, the draw, and that neither other rows nor threads change a row.

Random tests use fixed seeds and so never fail by chance on a given build; the odds stated are those of failing for a
correct sampler had the seeds been drawn anew.
"""

import numpy as np
import pytest
from numba import njit
from tests.requests import sampling
from tests.sampling import reference
from tests.sampling.rows import KINDS, row

from mimo.sampling import Sampler
from mimo.sampling.draw import philox, uniform
from mimo.types import Sampling

# Random123 1.14, tests/kat_vectors, philox4x32 10: counter, key, result. The third is digits of pi.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


ALARM = 4.892  # standard deviations of a normal for a false alarm of 1e-6, both sides


def kolmogorov(numbers: np.ndarray) -> float:
    """sqrt(n) times the largest distance from the uniform distribution; above 2.694 with odds of 1e-6."""
    n, ordered = len(numbers), np.sort(numbers)
    steps = np.arange(n + 1) / n
    return float(max(np.max(ordered - steps[:-1]), np.max(steps[1:] - ordered)) * np.sqrt(n))


def chi_squared(observed: np.ndarray, expected: np.ndarray) -> float:
    """Pearson's statistic as standard deviations of a normal (Wilson and Hilferty, 1931)."""
    freedom = len(observed) - 1
    statistic = float(((observed - expected) ** 2 / expected).sum())
    return float(((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / np.sqrt(2 / (9 * freedom)))


@njit
def compiled_philox(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    return philox(c0, c1, c2, c3, k0, k1)


@njit
def uniforms(seed, choice, steps):  # type: ignore[no-untyped-def]
    numbers = np.empty(steps)
    for step in range(steps):
        numbers[step] = uniform(seed, choice, np.uint64(step))
    return numbers


def draws(seed: int, choice: int = 0, steps: int = 8) -> list[float]:
    return uniforms(np.uint64(seed), np.uint64(choice), steps).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_the_generator_gives_the_published_vectors(
    counter: tuple[int, ...], key: tuple[int, ...], result: tuple[int, ...]
) -> None:
    assert reference.philox(counter, key) == result  # type: ignore[arg-type]
    assert compiled_philox(*map(np.uint64, counter), *map(np.uint64, key)) == result


def test_a_number_is_the_published_generators_for_seed_choice_and_step() -> None:
    random = np.random.default_rng(0)
    for _ in range(100):
        seed, choice = int(random.integers(2**63)), int(random.integers(2**32))
        assert draws(seed, choice, 3) == [reference.uniform(seed, choice, step) for step in range(3)]


def test_every_bit_of_the_seed_and_of_the_choice_counts() -> None:
    seed = 0x2545F4914F6CDD1D
    sequences = [draws(seed), *(draws(seed ^ (1 << bit)) for bit in range(63))]
    sequences += [draws(seed, 1 << bit) for bit in range(32)]
    numbers = np.array(sequences)
    assert len(np.unique(numbers)) == numbers.size
    tokens = []
    for bit in range(63):
        sampler = Sampler(1, 152576, threads=1)
        sampler.begin(0, sampling(seed=1 << bit))
        tokens.append(sampler.sample(np.zeros((1, 152576), np.float32), [0]).tokens[0])
    assert len(set(tokens)) > 55


def test_the_numbers_are_uniform_and_independent_of_each_other() -> None:
    """False alarm 1e-6 for each of the five: 200,000 numbers of one seed; the first of 20,000 neighbouring seeds and of
    20,000 choices; and the correlation between neighbouring steps and seeds."""
    one = uniforms(np.uint64(12345), np.uint64(0), 200_000)
    seeds = np.array([draws(seed, 0, 1)[0] for seed in range(20_000)])
    choices = np.array([draws(9, choice, 1)[0] for choice in range(20_000)])
    for numbers in (one, seeds, choices):
        assert numbers.min() >= 0
        assert numbers.max() < 1
        assert kolmogorov(numbers) < 2.694
    for numbers in (one, seeds):
        assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) * np.sqrt(len(numbers) - 1) < ALARM


@pytest.mark.parametrize("top_p", [0.8, 1.0])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_drawn_as_often_as_their_probability_says(temperature: float, top_p: float) -> None:
    """32,000 draws, seeds 0 … 31, 1,000 steps each, chi-squared against the reference; false alarm 1e-6 each."""
    raw = row("flat", 200, 4)
    kept = reference.keep(raw, temperature, top_p)
    sampler = Sampler(32, 200)
    for slot in range(32):
        sampler.begin(slot, sampling(temperature=temperature, top_p=top_p, seed=slot))
    counts = np.zeros(200)
    for _ in range(1000):
        np.add.at(counts, sampler.sample(np.tile(raw, (32, 1)), range(32)).tokens, 1)
    assert counts.sum() == counts[kept.ids].sum() == 32_000
    expected = kept.probabilities * 32_000
    often = expected >= 10
    observed = np.append(counts[kept.ids][often], counts[kept.ids][~often].sum() + 1)
    expected = np.append(expected[often], expected[~often].sum() + 1)
    assert chi_squared(observed, expected) < ALARM


def mixed_params(slot: int) -> Sampling:
    return sampling(
        temperature=(0.0, 0.6, 1.0, 1.8)[slot % 4],
        top_p=(0.5, 0.95, 1.0)[slot % 3],
        frequency_penalty=0.3 * (slot % 2),
        seed=slot * 2**40,
        logprobs=2 if slot % 7 == 0 else None,
    )


@pytest.mark.parametrize("n", [1000, 20000])
def test_a_row_gives_the_same_whatever_else_runs_and_with_any_number_of_threads(n: int) -> None:
    kinds = sorted(KINDS)
    rows = np.stack([row(kinds[i % len(kinds)], n, i) for i in range(33)])
    random = np.random.default_rng(1)

    def run(threads: int, batches: list[list[int]]) -> dict[int, list[object]]:
        sampler = Sampler(33, n, threads)
        seen: dict[int, list[object]] = {slot: [] for slot in range(33)}
        for slot in range(33):
            sampler.begin(slot, mixed_params(slot), slot % 5)
        for batch in batches:
            drawn = sampler.sample(rows[batch].copy(), batch)
            for i, slot in enumerate(batch):
                seen[slot].append((drawn.tokens[i], drawn.logprobs.get(i)))
        return seen

    alone = run(1, [[slot] for _ in range(4) for slot in range(33)])
    together = [random.permutation(33).tolist() for _ in range(4)]
    for threads in (1, 2, 3):
        assert run(threads, together) == alone


def test_the_same_seed_gives_the_same_tokens_and_another_gives_others() -> None:
    def tokens(seed: int, choice: int) -> list[int]:
        sampler = Sampler(1, 8192, threads=1)
        sampler.begin(0, sampling(seed=seed), choice)
        return [sampler.sample(row("flat", 8192, step)[None], [0]).tokens[0] for step in range(20)]

    assert tokens(1, 0) == tokens(1, 0)
    assert tokens(1, 0) != tokens(1, 1)
    assert tokens(1, 0) != tokens(1 + 2**62, 0)
