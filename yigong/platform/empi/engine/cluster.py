"""Clusters by falling weight under guards: two trusted numbers never meet, and all cross pairs must agree on the whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yigong.platform.empi.engine.compare import levels_of
from yigong.platform.empi.engine.hashing import mix
from yigong.platform.empi.engine.kernels import I64, I16s, I32s, I64s, U8s, U32s, fetch, inner, kernel, split
from yigong.platform.empi.engine.score import score_of


@inner
def root_of(root, i):  # type: ignore[no-untyped-def]
    """The row that stands for the cluster of row *i*."""
    while root[i] != i:
        root[i] = root[root[i]]
        i = int(root[i])
    return i


@inner
def fetch_edge(e, left, right, scores, levels):  # type: ignore[no-untyped-def]
    """Has what is known of a pair fetched."""
    fetch(left, e)
    fetch(right, e)
    fetch(scores, e)
    fetch(levels, e)


@inner
def fetch_node(i, root, next_of, size, held, best, reason, rows, width):  # type: ignore[no-untyped-def]
    """Has what is known of row *i* fetched."""
    fetch(root, i)
    fetch(next_of, i)
    fetch(size, i)
    fetch(held, i)
    fetch(best, i)
    fetch(reason, i)
    fetch(rows, i * width)
    fetch(rows, i * width + 8)


@inner
def forbidden(levels, program, count):  # type: ignore[no-untyped-def]
    """Whether one of the levels keeps two records apart whatever else agrees."""
    for t in range(count):  # noqa: SIM110  - kernels know no generators
        if (program[t * 12 + 5] >> ((levels >> (5 * t)) & 31)) & 1:
            return True
    return False


@inner
def agree(
    rows, width, i, j, many, others, next_of, odd, total, program, count, alike, kin, weights, relations, related, clip, need,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Whether all pairs of two clusters agree on the whole, records *i* and *j* with *total*; asks no more than it must."""
    rest, wanted, u = many * others - 1, need * many * others, i
    for _ in range(many):
        v = j
        for _ in range(others):
            if (u != i) or (v != j):
                if total + rest * clip < wanted or (odd == 0 and total - rest * clip >= wanted):
                    return total - rest * clip >= wanted
                got = levels_of(rows, u * width, rows, v * width, program, count, alike, kin)
                if forbidden(got, program, count):
                    return False
                total += max(-clip, min(clip, score_of(got, count, weights, relations, related)))
                rest -= 1
            v = int(next_of[v])
        u = int(next_of[u])
    return total >= wanted


@kernel
def begin(
    rows: I64s, width: I64, lo: I64, hi: I64, number: I64, veto: I64, root: U32s, next_of: U32s, size: U32s, held: I64s,
    odd: U8s,
) -> I64:  # fmt: skip
    """Every row a cluster of its own, with its trusted number and whether it may meet a veto.

    *veto* is the column of a name's newborn bits where only those can lead to a veto, -1 where nothing can, -2 else.
    """
    for i in range(lo, hi):
        root[i] = i
        next_of[i] = i
        size[i] = 1
        state = rows[i * width + number + 1] & 7 if number >= 0 else 0
        held[i] = rows[i * width + number] if state == 4 or state == 6 else 0
        odd[i] = (rows[i * width + veto] >> 47) & 1 if veto >= 0 else -1 - veto
    return 0


@kernel
def grow(
    order: U32s, edges: I64, left: U32s, right: U32s, scores: I32s, levels: I64s, rows: I64s, width: I64, program: I64s,
    count: I64, alike: I64s, kin: I16s, weights: I32s, relations: I64s, related: I64, clip: I64, need: I64, most: I64,
    root: U32s, next_of: U32s, size: U32s, held: I64s, odd: U8s, best: I32s, reason: U32s, refused: U8s,
) -> I64:  # fmt: skip
    """Joins clusters along the edges in *order*; notes the best score and reason of every record."""
    joined = 0
    for t in range(edges):
        if t + 32 < edges:
            fetch_edge(int(order[t + 32]), left, right, scores, levels)
            near = int(order[t + 16])
            fetch_node(int(left[near]), root, next_of, size, held, best, reason, rows, width)
            fetch_node(int(right[near]), root, next_of, size, held, best, reason, rows, width)
        e = int(order[t])
        i, j = int(left[e]), int(right[e])
        a, b = root_of(root, i), root_of(root, j)
        if a != b:
            if held[a] != 0 and held[b] != 0 and held[a] != held[b]:
                refused[e] = 1
                continue
            if int(size[a]) + int(size[b]) > most:
                refused[e] = 2
                continue
            if forbidden(levels[e], program, count):
                refused[e] = 4
                continue
            known = max(-clip, min(clip, scores[e]))
            if (size[a] > 1 or size[b] > 1) and not agree(
                rows, width, i, j, int(size[a]), int(size[b]), next_of, odd[a] | odd[b], known, program, count, alike, kin,
                weights, relations, related, clip, need,
            ):  # fmt: skip
                refused[e] = 3
                continue
            if size[a] < size[b]:
                a, b = b, a
            root[b] = a
            size[a] += size[b]
            odd[a] |= odd[b]
            next_of[a], next_of[b] = next_of[b], next_of[a]
            if held[a] == 0:
                held[a] = held[b]
            joined += 1
        for w in (i, j):
            if reason[w] == 0 or scores[e] > best[w]:
                best[w] = scores[e]
                reason[w] = e + 1
    return joined


@kernel
def settle(root: U32s, n: I64) -> I64:
    """Every row pointed at the root of its cluster."""
    for i in range(n):
        root[i] = root_of(root, i)
    return 0


@kernel
def knots(left: U32s, right: U32s, edges: I64, n: I64, root: U32s) -> I64:
    """The rows that hang together along any edges: the same root for all of them."""
    for i in range(n):
        root[i] = i
    for e in range(edges):
        if e + 16 < edges:
            fetch(root, int(left[e + 16]))
            fetch(root, int(right[e + 16]))
        a, b = root_of(root, int(left[e])), root_of(root, int(right[e]))
        if a < b:
            root[b] = a
        else:
            root[a] = b
    for i in range(n):
        root[i] = root_of(root, i)
    return 0


@kernel
def digest_rows(rows: I64s, width: I64, lo: I64, hi: I64, out: I64s) -> I64:
    """A digest of what each row says."""
    for row in range(lo, hi):
        h = 1
        for u in range(width):
            h = mix(h, rows[row * width + u])
        out[row] = h
    return 0


def falling(
    rows: NDArray[np.int64], width: int, left: NDArray[np.uint32], right: NDArray[np.uint32], scores: NDArray[np.int32]
) -> NDArray[np.uint32]:
    """Places of the pairs by falling score; ties by what stands in the records, and only then by their places."""
    said = np.empty(max(1, rows.size // width), np.int64)
    split(lambda a, b: digest_rows(rows, width, a, b, said), rows.size // width)
    key = (said[left] ^ said[right]) & ((1 << 40) - 1)
    key |= (np.int64(1 << 22) - scores) << 40
    order = np.argsort(key)
    key = key[order]
    same = np.zeros(key.size + 1, bool)
    same[1:-1] = key[1:] == key[:-1]
    tied = np.flatnonzero(same[1:] | same[:-1])
    some = order[tied]
    order[tied] = some[np.lexsort((right[some], left[some], key[tied]))]
    return order.astype(np.uint32)


def shares(
    order: NDArray[np.uint32], left: NDArray[np.uint32], knot: NDArray[np.uint32], parts: int
) -> list[NDArray[np.uint32]]:
    """The order cut into so many, whole knots in each: what happens in one knot does not depend on any other."""
    if parts == 1:
        return [order]
    share = (knot * np.uint32(2654435769) >> np.uint32(16)) % np.uint32(parts)
    of = share.astype(np.uint8)[left[order]]
    return [order[of == part] for part in range(parts)]
