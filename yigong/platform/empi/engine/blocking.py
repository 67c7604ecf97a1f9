"""Which pairs are worth comparing: records that share one of several exact keys.

A *space* is a declared rule; a record may stand in it under several keys (variants). Keys of one space are sorted, runs
that are too long are given up, and a pair is made only in the first space in which both records meet.
"""

from __future__ import annotations

from yigong.platform.empi.engine.compare import levels_of
from yigong.platform.empi.engine.hashing import mix
from yigong.platform.empi.engine.kernels import I64, I16s, I32s, I64s, U8s, U32s, fetch, inner, kernel
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
def all_keys(rows: I64s, n: I64, width: I64, keys: I64s, first: I64, last: I64, out: I64s, who: U32s) -> I64:
    """The keys of one space (variants first to last) with their rows, empty ones and repeated ones left out."""
    made = 0
    for row in range(n):
        before = made
        for variant in range(first, last):
            k = key_of(rows, row * width, keys, variant)
            seen = k == 0
            for t in range(before, made):
                if out[t] == k:
                    seen = True
            if not seen:
                out[made] = k
                who[made] = row
                made += 1
    return made


@inner
def print_of(k):  # type: ignore[no-untyped-def]
    """The print of a key: its upper 31 bits, never 0."""
    p = (k >> 33) & 0x7FFFFFFF
    return p if p != 0 else 1


@kernel
def gather_cells(
    rows: I64s, lo: I64, hi: I64, width: I64, keys: I64s, spaces: I64s, first: I64, last: I64, bits: I64, out: I64s,
    prints: U32s, count: I64, made: I64s,
) -> I64:  # fmt: skip
    """Keys of the spaces *first* to *last* as numbers: the upper part of the key and, in the lower *bits*, the row; all prints.

    Each space has a stretch of *out* with room for every variant of the rows *lo* to *hi*; *made* says how much it holds.
    """
    low = (1 << bits) - 1
    for s in range(last - first):
        made[s] = 0
    for row in range(lo, hi):
        for s in range(first, last):
            start = (spaces[s] - spaces[first]) * (hi - lo) + made[s - first]
            at = start
            for variant in range(spaces[s], spaces[s + 1]):
                k = key_of(rows, row * width, keys, variant)
                prints[row * count + variant] = print_of(k) if k != 0 else 0
                cell = (k & ~low) | row
                seen = k == 0
                for t in range(start, at):
                    if out[t] == cell:
                        seen = True
                if not seen:
                    out[at] = cell
                    at += 1
            made[s - first] += at - start
    return 0


@kernel
def keep_runs(cells: I64s, n: I64, bits: I64, cap: I64, long: U8s, out: U32s) -> I64:
    """Runs of 2 to *cap* sorted cells of one key: a head with its print, then the rows; rows of longer runs are noted."""
    made, t, low = 0, 0, (1 << bits) - 1
    while t < n:
        e = t + 1
        while e < n and (cells[e] & ~low) == (cells[t] & ~low):
            e += 1
        if e - t > cap:
            for s in range(t, e):
                long[cells[s] & low] = 1
        elif e - t > 1:
            out[made] = 0x80000000 | print_of(cells[t])
            made += 1
            for s in range(t, e):
                out[made] = cells[s] & low
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
def share_print(prints, i, j, first, last):  # type: ignore[no-untyped-def]
    """Whether two rows have a key of one space in common, told by prints."""
    for v in range(first, last):
        p = prints[i + v]
        if p != 0:
            for w in range(first, last):
                if prints[j + w] == p:
                    return True
    return False


@inner
def met_before(prints, count, a, b, spaces, space, void):  # type: ignore[no-untyped-def]
    """Whether two rows already meet in an earlier space."""
    barred = void[a] | void[b]
    for s in range(space):
        if (barred >> s) & 1 == 0 and share_print(prints, a * count, b * count, spaces[s], spaces[s + 1]):
            return True
    return False


@inner
def least_print(prints, i, j, first, last):  # type: ignore[no-untyped-def]
    """The smallest print of one space that two rows have in common, 0 for none."""
    least = 0
    for v in range(first, last):
        p = int(prints[i + v])
        if p != 0 and (least == 0 or p < least):
            for w in range(first, last):
                if prints[j + w] == p:
                    least = p
    return least


@inner
def fetch_rows(runs, at, end, rows, width, prints, variants):  # type: ignore[no-untyped-def]
    """Has the rows of coming runs and their prints fetched; where it stopped."""
    while at < end:
        if (runs[at] & 0x80000000) == 0:
            row = int(runs[at])
            for u in range(0, width, 8):
                fetch(rows, row * width + u)
            for u in range(0, variants, 16):
                fetch(prints, row * variants + u)
            fetch(prints, row * variants + variants - 1)
        at += 1
    return at


@kernel
def make_pairs(
    runs: U32s, lo: I64, hi: I64, rows: I64s, width: I64, prints: U32s, variants: I64, spaces: I64s, space: I64,
    void: U32s, program: I64s, count: I64, alike: I64s, kin: I16s, weights: I32s, relations: I64s, related: I64, floor: I64,
    nth: I64, left: U32s, right: U32s, levels: I64s, scores: I32s, room: I64,
) -> I64:  # fmt: skip
    """Pairs of one space that score at least *floor*; of every *nth* run only; -1 when there is not room enough."""
    made, t, first, last, near = 0, lo, spaces[space], spaces[space + 1], lo
    while t < hi:
        near = fetch_rows(runs, max(near, t), min(hi, t + 24), rows, width, prints, variants)
        e, head = t + 1, int(runs[t] & 0x7FFFFFFF)
        while e < hi and (runs[e] & 0x80000000) == 0:
            e += 1
        if nth <= 1 or (int(runs[t + 1]) * 2654435761 >> 7) % nth == 0:  # spark.py chooses the same blocks
            for s in range(t + 1, e):
                a = int(runs[s])
                for u in range(s + 1, e):
                    b = int(runs[u])
                    if a == b or met_before(prints, variants, a, b, spaces, space, void):
                        continue
                    least = least_print(prints, a * variants, b * variants, first, last)
                    if least != head and ((void[a] | void[b]) >> space) & 1 == 0:
                        continue
                    got = levels_of(rows, a * width, rows, b * width, program, count, alike, kin)
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
