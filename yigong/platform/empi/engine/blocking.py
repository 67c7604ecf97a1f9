"""Which pairs are worth comparing: records that share one of several exact keys.

A *space* is a declared rule; a record may stand in it under several keys (variants). Keys of one space are sorted, runs
that are too long are given up, and a pair is made only in the first space in which both records meet.
"""

from __future__ import annotations

from yigong.platform.empi.engine.compare import levels_of
from yigong.platform.empi.engine.hashing import mix
from yigong.platform.empi.engine.kernels import I64, I16s, I32s, I64s, U32s, inner, kernel
from yigong.platform.empi.engine.parse import number_date
from yigong.platform.empi.engine.score import score_of

#: what a key may be made of; a part is (number of the kind, column)
PARTS = (
    "value", "sounds", "signs", "surname", "day", "year", "month", "village", "mother", "number_day", "lunar_day",
    "given", "group", "number", "tone", "start", "year_month_or_day",
)  # fmt: skip
# a key program: for each variant 10 integers: space, salt, then up to four (part, column) pairs; part -1 ends
VARIANT = 10
START = 0x80000000


@inner
def part_of(x, i, part, c):  # type: ignore[no-untyped-def]
    """One part of a key from the record at *x[i]*; 0 when the record lacks it."""
    v = x[i + c]
    if part == 0 or part == 14 or part == 15:
        return v if part == 0 else (x[i + c + 1] if part == 14 else v & 0xFFFFF)
    if part == 1:
        return x[i + c + 2] if ((x[i + c + 1] >> 47) & 1) == 0 else 0
    if part == 2:
        return x[i + c + 3]
    if part == 3:
        first = (x[i + c + 1] >> 55) & 3
        return x[i + c + 2] & ((1 << (10 * first)) - 1) if first > 0 else 0
    if part == 4:
        return v & 0x1FFFFF if (v & 31) != 0 else 0
    if part == 5:
        return (v >> 9) & 0xFFF
    if part == 6:
        return (v >> 5) & 0xFFFF if (v & 31) != 0 else 0
    if part == 7:
        return (v >> 19) & 0xFFFFF
    if part == 8:
        return x[i + c + 3] if ((x[i + c + 1] >> 47) & 1) != 0 else 0
    if part == 9:
        return (
            number_date(v) & 0x1FFFFF
            if (x[i + c + 1] & 7) == 3 or (x[i + c + 1] & 7) == 4 or (x[i + c + 1] & 7) == 6
            else 0
        )
    if part == 10:
        return (v >> 38) & 0x1FFFF
    if part == 11:
        first, p = (x[i + c + 1] >> 55) & 3, x[i + c + 2]
        return p >> (10 * first) if first > 0 and ((x[i + c + 1] >> 47) & 1) == 0 else 0
    if part == 12:
        return v >> 12 if ((v >> 12) & 127) != 0 and ((v >> 19) & 0xFFFFF) != 0 else 0
    if part == 13:
        return v if (x[i + c + 1] & 7) != 0 else 0
    return 0


@inner
def key_of(x, i, keys, variant):  # type: ignore[no-untyped-def]
    """The key of the record at *x[i]* under a variant; 0 when a part is missing."""
    at = variant * 10
    h = keys[at + 1]
    for t in range(4):
        part = keys[at + 2 + 2 * t]
        if part < 0:
            break
        v = part_of(x, i, part, keys[at + 3 + 2 * t])
        if v == 0:
            return 0
        h = mix(h, v)
    return h if h != 0 else 1


@kernel
def keys_of_rows(rows: I64s, lo: I64, hi: I64, width: I64, keys: I64s, variant: I64, out: I64s) -> I64:
    """The keys of all rows under one variant."""
    for row in range(lo, hi):
        out[row] = key_of(rows, row * width, keys, variant)
    return 0


@kernel
def gather_keys(rows: I64s, n: I64, width: I64, keys: I64s, first: I64, last: I64, out: I64s, who: U32s) -> I64:
    """The keys of one space (variants first to last) with their rows, empty ones and repeated ones left out."""
    made = 0
    for row in range(n):
        before = made
        for variant in range(first, last):
            k = key_of(rows, row * width, keys, variant)
            if k == 0:
                continue
            seen = False
            for t in range(before, made):
                if out[t] == k:
                    seen = True
            if not seen:
                out[made] = k
                who[made] = row
                made += 1
    return made


@kernel
def sort_keys(keys: I64s, who: U32s, n: I64, keys2: I64s, who2: U32s, counts: I64s, bits: I64) -> I64:
    """Brings equal keys together: two passes by the low digits, then each small group in place."""
    size = 1 << bits
    mask = size - 1
    for turn in range(2):
        shift = bits * turn
        for t in range(size):
            counts[t] = 0
        for t in range(n):
            k = keys[t] if turn == 0 else keys2[t]
            counts[(k >> shift) & mask] += 1
        total = 0
        for t in range(size):
            c = counts[t]
            counts[t] = total
            total += c
        for t in range(n):
            k = keys[t] if turn == 0 else keys2[t]
            to = counts[(k >> shift) & mask]
            counts[(k >> shift) & mask] = to + 1
            if turn == 0:
                keys2[to] = k
                who2[to] = who[t]
            else:
                keys[to] = k
                who[to] = who2[t]
    low = (1 << (2 * bits)) - 1
    for t in range(1, n):
        k, w = keys[t], who[t]
        s = t
        while s > 0 and (keys[s - 1] & low) == (k & low) and keys[s - 1] > k:
            keys[s] = keys[s - 1]
            who[s] = who[s - 1]
            s -= 1
        keys[s] = k
        who[s] = w
    return 0


@kernel
def keep_runs(keys: I64s, who: U32s, n: I64, cap: I64, bit: I64, void: U32s, out: U32s) -> I64:
    """Rows of runs of 2 to *cap* equal keys, the first of each run marked; rows of longer runs are noted in *void*."""
    made, t = 0, 0
    while t < n:
        e = t + 1
        while e < n and keys[e] == keys[t]:
            e += 1
        if e - t > cap:
            for s in range(t, e):
                void[who[s]] |= bit
        elif e - t > 1:
            for s in range(t, e):
                out[made] = who[s] | (0x80000000 if s == t else 0)
                made += 1
        t = e
    return made


@inner
def meets(x, i, j, a, b, keys, spaces, s, void):  # type: ignore[no-untyped-def]
    """Whether two rows meet in space *s*."""
    if ((void[a] | void[b]) >> s) & 1:
        return False
    for v in range(spaces[s], spaces[s + 1]):
        k = key_of(x, i, keys, v)
        if k != 0:
            for w in range(spaces[s], spaces[s + 1]):
                if key_of(x, j, keys, w) == k:
                    return True
    return False


@inner
def met_before(x, i, j, a, b, keys, spaces, space, void):  # type: ignore[no-untyped-def]
    """Whether two rows already meet in an earlier space."""
    for s in range(space):  # noqa: SIM110  - kernels know no generators
        if meets(x, i, j, a, b, keys, spaces, s, void):
            return True
    return False


@kernel
def make_pairs(
    runs: U32s, lo: I64, hi: I64, rows: I64s, width: I64, keys: I64s, spaces: I64s, space: I64, void: U32s,
    program: I64s, count: I64, alike: I64s, kin: I16s, weights: I32s, relations: I64s, related: I64, floor: I64,
    nth: I64, left: U32s, right: U32s, levels: I64s, scores: I32s, room: I64,
) -> I64:  # fmt: skip
    """Pairs of one space that score at least *floor*; of every *nth* run only; -1 when there is not room enough."""
    made, t = 0, lo
    while t < hi:
        e = t + 1
        while e < hi and (runs[e] & 0x80000000) == 0:
            e += 1
        if nth <= 1 or (int(runs[t]) * 2654435761 >> 7) % nth == 0:
            for s in range(t, e):
                a = int(runs[s] & 0x7FFFFFFF)
                for u in range(s + 1, e):
                    b = int(runs[u] & 0x7FFFFFFF)
                    i, j = a * width, b * width
                    if a == b or met_before(rows, i, j, a, b, keys, spaces, space, void):
                        continue
                    got = levels_of(rows, i, rows, j, program, count, alike, kin)
                    score = score_of(got, count, weights, relations, related)
                    if score < floor:
                        continue
                    if made >= room:
                        return -1
                    left[made] = min(a, b)
                    right[made] = max(a, b)
                    levels[made] = got
                    scores[made] = score
                    made += 1
        t = e
    return made


@kernel
def meetings(
    rows: I64s, width: I64, left: U32s, right: U32s, lo: I64, hi: I64, keys: I64s, spaces: I64s, count: I64,
    void: U32s, out: I64s,
) -> I64:  # fmt: skip
    """All spaces in which each pair meets, one bit for each."""
    for t in range(lo, hi):
        a, b, mask = int(left[t]), int(right[t]), 0
        for s in range(count):
            if meets(rows, a * width, b * width, a, b, keys, spaces, s, void):
                mask |= 1 << s
        out[t] = mask
    return 0
