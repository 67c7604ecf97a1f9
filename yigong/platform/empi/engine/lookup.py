"""The loop of a look-up: keys of one record, the rows that share one, their scores."""

from __future__ import annotations

from yigong.platform.empi.engine.blocking import key_of
from yigong.platform.empi.engine.compare import levels_of
from yigong.platform.empi.engine.kernels import I64, I16s, I32s, I64s, U32s, kernel
from yigong.platform.empi.engine.score import score_of


@kernel
def keys_of(row: I64s, program: I64s, variants: I64, out: I64s) -> I64:
    """The key of one record under each variant, 0 where it has none."""
    for variant in range(variants):
        out[variant] = key_of(row, 0, program, variant)
    return 0


@kernel
def look_up(
    row: I64s, rows: I64s, width: I64, program: I64s, variants: I64, keys: I64s, who: U32s, starts: I64s, bits: I64,
    cap: I64, comparing: I64s, count: I64, alike: I64s, kin: I16s, weights: I32s, relations: I64s, related: I64,
    floor: I64, found: U32s, scores: I32s, most: I64,
) -> I64:  # fmt: skip
    """Rows that share a key with *row* and score at least *floor*; how many there are."""
    seen = 0
    for variant in range(variants):
        k = key_of(row, 0, program, variant)
        if k == 0:
            continue
        bucket = (k >> (64 - bits)) & ((1 << bits) - 1)
        at, end = starts[bucket], starts[bucket + 1]
        while at < end and keys[at] != k:
            at += 1
        stop = at
        while stop < end and stop - at <= cap and keys[stop] == k:
            stop += 1
        if stop - at > cap:
            continue
        for t in range(at, stop):
            new = seen < most
            for s in range(seen):
                if found[s] == who[t]:
                    new = False
            if new:
                found[seen] = who[t]
                seen += 1
    made = 0
    for s in range(seen):
        other = int(found[s])
        score = score_of(
            levels_of(row, 0, rows, other * width, comparing, count, alike, kin), count, weights, relations, related
        )
        if score >= floor:
            found[made] = other
            scores[made] = score
            made += 1
    return made
