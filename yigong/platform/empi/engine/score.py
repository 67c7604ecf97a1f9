"""Scores of pairs: the prior and the weights of their levels, as whole numbers of 1/256 bit, so that every sum is exact."""

from __future__ import annotations

from yigong.platform.empi.engine.compare import levels_of
from yigong.platform.empi.engine.kernels import I64, I16s, I32s, I64s, U32s, inner, kernel

UNIT = 256  # weights are whole numbers of 1/256 bit
# weights: [prior][comparison * 32 + level][relation * 1024 + level * 32 + level]


@inner
def score_of(levels, count, weights, relations, related):  # type: ignore[no-untyped-def]
    """The score of packed levels."""
    total = weights[0]
    for t in range(count):
        total += weights[1 + t * 32 + ((levels >> (5 * t)) & 31)]
    base = 1 + count * 32
    for r in range(related):
        a, b = relations[2 * r], relations[2 * r + 1]
        total += weights[base + r * 1024 + ((levels >> (5 * a)) & 31) * 32 + ((levels >> (5 * b)) & 31)]
    return total


@kernel
def score_rows(
    rows: I64s, width: I64, left: U32s, right: U32s, lo: I64, hi: I64, program: I64s, count: I64, alike: I64s,
    kin: I16s, weights: I32s, relations: I64s, related: I64, levels: I64s, scores: I32s,
) -> I64:  # fmt: skip
    """Levels and scores of given pairs of rows."""
    for t in range(lo, hi):
        got = levels_of(rows, int(left[t]) * width, rows, int(right[t]) * width, program, count, alike, kin)
        levels[t] = got
        scores[t] = score_of(got, count, weights, relations, related)
    return 0
