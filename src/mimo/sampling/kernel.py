"""The numbered order of operations (see `pipeline.Sampler`) for rows of logits, compiled.

All rows of a step are one call; a row is computed from its own logits and slot alone, in a fixed order, so that neither
the other rows nor the threads change its result. Knows no Python object: slots, lists and results are arrays.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

import numpy as np

from mimo.sampling.arrays import MASKED, Scratch, Weighted
from mimo.sampling.compiler import compiled
from mimo.sampling.draw import pick, pick_in_row, uniform
from mimo.sampling.logprobs import log_normaliser, logprob, most_probable
from mimo.sampling.mask import apply_mask
from mimo.sampling.nucleus import STEEPEST, find_nucleus
from mimo.sampling.penalties import add_offsets, count_token, find
from mimo.sampling.weights import (
    FLOAT32_MAX,
    LOG2_E,
    WEIGHT_ERROR,
    block_sums,
    find_peaks,
    first_at_peak,
    flatten_infinite,
)

FLOAT64_MAX = 1.7976931348623157e308


@compiled
def take_logprobs(z, wanted, s, result):
    """Step 0. The maximum and the log normaliser of the raw row."""
    peak = find_peaks(z, s.peaks)
    normaliser = log_normaliser(z, peak, s.sums)
    result.top_size = 0
    for k in range(most_probable(z, s.peaks, wanted, s.taken.ids, s.taken.values)):
        result.top_ids[k] = s.taken.ids[k]
        result.top_logprobs[k] = logprob(s.taken.values[k], peak, normaliser)
        result.top_size += result.top_logprobs[k] > -np.inf
    return peak, normaliser


@compiled
def draw_token(z, peak, choice, s, result):
    """Steps 3 to 5 for a row whose maximum is finite."""
    steep, total = True, 0.0
    if choice.temperature > 0.0:
        scale = min(LOG2_E / choice.temperature, FLOAT64_MAX)
        steep = scale > STEEPEST
        total = 0.0 if steep else block_sums(z, peak, scale, s.sums)
    if choice.temperature == 0.0 or (not steep and choice.top_p * total * (1.0 + WEIGHT_ERROR) <= 1.0):
        token = first_at_peak(z, s.peaks, peak)
        result.edge_value, result.edge_id = peak, token
        return token
    if choice.top_p >= 1.0 and not steep:
        result.edge_value, result.edge_id = -FLOAT32_MAX, z.shape[0]
        return pick_in_row(z, peak, scale, s.sums, result.uniform, total)
    size, result.edge_value, result.edge_id = find_nucleus(z, peak, scale, choice.top_p, total, s)
    return np.int64(s.taken.ids[pick(s.taken.weights, size, s.partial, result.uniform)])


@compiled
def sample_row(z, rule, choice, ids, amounts, mask, s, result):
    """Steps 0 to 5 for one row; the token, or −1."""
    token, raw, known = np.int64(rule), np.float32(0), False
    raw_peak, normaliser = np.float32(0), 0.0
    result.uniform = uniform(choice.seed, choice.choice, choice.step)
    result.edge_id = -1
    if choice.logprobs >= 0:
        raw_peak, normaliser = take_logprobs(z, choice.logprobs, s, result)
    if rule < 0:
        if rule == MASKED:
            apply_mask(z, mask)
        add_offsets(z, ids, amounts, choice.listed, s.before)
        peak = find_peaks(z, s.peaks)
        if peak == -np.inf:
            return np.int64(-1)
        if peak == np.inf:
            peak, raw, known = flatten_infinite(z, s.peaks), np.float32(np.inf), True
        token = draw_token(z, peak, choice, s, result)
    if choice.logprobs >= 0:
        place = find(ids, choice.listed, np.int32(token)) if rule < 0 else np.int32(-1)
        if not known:
            raw = s.before[place] if place >= 0 else z[token]
        result.logprob = logprob(raw, raw_peak, normaliser)
    return token


@compiled
def scratch_of(blocks, partial, bins, ids, values, weights):
    """The names of what lies in a Room."""
    return Scratch(
        blocks[0],
        blocks[1],
        blocks[2],
        blocks[3],
        partial,
        bins,
        values[2],
        Weighted(ids[0], values[0], weights[0]),
        Weighted(ids[1], values[1], weights[1]),
    )


@compiled
def sample_rows(logits, slots, first, end, valid, keep, rules, choices, masks, results, offsets, s):
    """Rows first … end − 1. With `keep` the steps and counts advance. 1 when a list of offsets is full, else 0."""
    full = False
    for i in range(first, end):
        slot = np.uint64(slots[i])
        choice, result = choices[slot], results[i]
        ids, amounts = offsets.ids[slot], offsets.amounts[slot]
        token = sample_row(logits[i, :valid], rules[i], choice, ids, amounts, masks[slot], s, result)
        result.token = token
        if keep and token >= 0:
            choice.step += np.uint64(1)
            full |= count_token(token, choice, ids, offsets.counts[slot], offsets.biases[slot], amounts)
    return np.int64(full)
