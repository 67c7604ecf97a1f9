"""The loop of a look-up: keys of one record, the rows that share one, their scores."""

from __future__ import annotations

from yigong.platform.empi.engine.blocking import key_of
from yigong.platform.empi.engine.compare import levels_of
from yigong.platform.empi.engine.kernels import I64, I16s, I32s, I64s, U32s, fetch, inner, kernel
from yigong.platform.empi.engine.score import score_of


@kernel
def keys_of(row: I64s, program: I64s, variants: I64, out: I64s) -> I64:
    """The key of one record under each variant, 0 where it has none."""
    for variant in range(variants):
        out[variant] = key_of(row, 0, program, variant)
    return 0


@inner
def first_met(place, turn, row, met):  # type: ignore[no-untyped-def]
    """Whether this turn meets *row* for the first time; notes it in the hash table *met*, whose older turns count as empty."""
    mark = (turn << 32) | row
    at = ((row * 2654435761) >> 12) & place
    while met[at] >> 32 == turn:
        if met[at] == mark:
            return False
        at = (at + 1) & place
    met[at] = mark
    return True


@inner
def place_best(found, scores, made, most, row, score):  # type: ignore[no-untyped-def]
    """Puts a row where its score belongs among the best *most*, behind equals; how many there are."""
    at = min(made, most - 1)
    if made == most and scores[at] >= score:
        return made
    while at > 0 and scores[at - 1] < score:
        found[at], scores[at] = found[at - 1], scores[at - 1]
        at -= 1
    found[at], scores[at] = row, score
    return min(made + 1, most)


@kernel
def look_up(
    row: I64s, rows: I64s, width: I64, program: I64s, variants: I64, keys: I64s, who: U32s, starts: I64s, bits: I64,
    comparing: I64s, count: I64, alike: I64s, kin: I16s, weights: I32s, relations: I64s, related: I64,
    mine: I64s, met: I64s, place: I64, seen: U32s, room: I64, asked: I64s, found: U32s, scores: I32s,
) -> I64:  # fmt: skip
    """The best rows that share a key with *row*, the best first; how many there are.

    *asked*: the turn (a number not asked with before), the least score, how many rows at most.

    What lies far away in memory is fetched for all keys, then for all rows, before the first is looked at.
    """
    shift, low, turn, floor, most = 64 - bits, (1 << bits) - 1, asked[0], asked[1], asked[2]
    for variant in range(variants):
        mine[variant] = key_of(row, 0, program, variant)
        fetch(starts, (mine[variant] >> shift) & low)
    for variant in range(variants):
        at = starts[(mine[variant] >> shift) & low]
        fetch(keys, at)
        fetch(who, at)
    many = 0
    for variant in range(variants):
        k = mine[variant]
        bucket = (k >> shift) & low
        at, end = starts[bucket], starts[bucket + 1]
        while at < end and keys[at] != k:
            at += 1
        while k != 0 and at < end and keys[at] == k and many < room:
            other = int(who[at])
            if first_met(place, turn, other, met):
                for u in range(0, width, 8):
                    fetch(rows, other * width + u)
                seen[many] = other
                many += 1
            at += 1
    made = 0
    for s in range(many):
        other = int(seen[s])
        got = levels_of(row, 0, rows, other * width, comparing, count, alike, kin)
        score = score_of(got, count, weights, relations, related)
        if score >= floor:
            made = place_best(found, scores, made, most, other, score)
    return made
