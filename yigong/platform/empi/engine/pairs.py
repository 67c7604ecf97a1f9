"""From standard rows to scored pairs: keys sorted rule by rule, pairs made once each, scores by table."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from yigong.platform.empi.engine import blocking, lookup, score, tables
from yigong.platform.empi.engine.kernels import THREADS, pool, split
from yigong.platform.empi.engine.model import Model

if TYPE_CHECKING:
    import polars as pl

EVERYTHING = -(1 << 30)
TOGETHER = 6  # keys of a row made in one passage


@dataclass(frozen=True)
class Runs:
    """Rows that meet under each rule; prints of all their keys; the rules each row is left out of because too many meet."""

    rows: NDArray[np.int64]
    spaces: list[NDArray[np.uint32]]
    prints: NDArray[np.uint32]
    void: NDArray[np.uint32]

    @property
    def cells(self) -> int:
        """How many rows stand in all blocks together."""
        return sum(int(np.count_nonzero(s < blocking.START)) for s in self.spaces)


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows with packed levels and scores (whole numbers of 1/256 bit)."""

    left: NDArray[np.uint32]
    right: NDArray[np.uint32]
    levels: NDArray[np.int64]
    scores: NDArray[np.int32]

    def __len__(self) -> int:
        return self.left.size


def runs_of(rows: NDArray[np.int64], model: Model) -> Runs:
    """Sorts the keys of every rule."""
    height, starts = rows.size // model.width, model.key_program[1]
    void = np.zeros(max(1, height), np.uint32)
    prints = np.empty(max(1, height * int(starts[-1])), np.uint32)
    spaces: list[NDArray[np.uint32]] = []
    for first, last in _groups(starts.tolist()):
        parts = split(partial(_cells, rows, model, first, last, prints), height)
        jobs = [pool().submit(_kept, cells, height, model.cap) for cells in zip(*parts, strict=True)]
        for job in jobs:
            kept, long = job.result()
            void[long] |= np.uint32(1 << len(spaces))
            spaces.append(kept)
    return Runs(rows, spaces, prints, void)


def _groups(starts: list[int]) -> list[tuple[int, int]]:
    """Rules whose keys are made in one passage over the rows: few at a time, for the sake of memory."""
    edges = [0]
    for space in range(1, len(starts)):
        if starts[space] - starts[edges[-1]] > TOGETHER and space - 1 > edges[-1]:
            edges.append(space - 1)
    return list(itertools.pairwise([*edges, len(starts) - 1]))


def _cells(
    rows: NDArray[np.int64], model: Model, first: int, last: int, prints: NDArray[np.uint32], lo: int, hi: int
) -> list[NDArray[np.int64]]:
    """The keys of some rules with their rows, one array for each rule."""
    (program, starts), made = model.key_program, np.zeros(last - first, np.int64)
    edges = [(int(start) - int(starts[first])) * (hi - lo) for start in starts[first : last + 1]]
    cells = np.empty(max(1, edges[-1]), np.int64)
    blocking.gather_cells(
        rows, lo, hi, model.width, program, starts, first, last, _bits(rows.size // model.width), cells, prints,
        int(starts[-1]), made,
    )  # fmt: skip
    return [cells[at : at + n] for at, n in zip(edges, made.tolist(), strict=False)]


def _bits(height: int) -> int:
    return max(1, height.bit_length())


def _kept(parts: tuple[NDArray[np.int64], ...], height: int, cap: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The runs of one rule, and the rows whose runs are too long."""
    cells = np.concatenate(parts)
    cells.sort()
    long = np.zeros(max(1, height), np.uint8)
    kept = np.empty(cells.size + cells.size // 2 + 1, np.uint32)
    used = blocking.keep_runs(cells, cells.size, _bits(height), cap, long, kept)
    return cut(kept, used), np.flatnonzero(long)


def cut(array: NDArray[Any], size: int) -> NDArray[Any]:
    """The array without what lies behind *size*; the memory goes back and nothing is copied."""
    array.resize(size, refcheck=False)
    return array


def make(runs: Runs, model: Model, floor: int, *, nth: int = 1, spend: bool = False) -> Pairs:
    """The pairs that score at least *floor*, each once, in the order of the rules under which they first meet.

    *spend*: drop the runs of each rule when its pairs are made.
    """
    jobs = []
    for space, run in enumerate(runs.spaces):
        edges = _edges(run, THREADS if run.size > 20_000 else 1)
        jobs.append([pool().submit(_make, runs, model, space, a, b, floor, nth) for a, b in edges])
    made: list[Pairs] = []
    for space in range(len(jobs)):
        made += [job.result() for job in jobs[space]]
        jobs[space] = []
        if spend:
            runs.spaces[space] = np.empty(0, np.uint32)
    return _joined(made)


def _edges(run: NDArray[np.uint32], parts: int) -> list[tuple[int, int]]:
    cuts = [0]
    for i in range(1, parts):
        at = run.size * i // parts
        while at < run.size and not run[at] & blocking.START:
            at += 1
        cuts.append(at)
    return list(zip(cuts, [*cuts[1:], run.size], strict=True))


def _make(runs: Runs, model: Model, space: int, lo: int, hi: int, floor: int, nth: int) -> Pairs:
    known, starts = tables.load(), model.key_program[1]
    room = max(1024, 2 * (hi - lo) // nth)
    while True:
        made = Pairs(
            np.empty(room, np.uint32), np.empty(room, np.uint32), np.empty(room, np.int64), np.empty(room, np.int32)
        )
        n = blocking.make_pairs(
            runs.spaces[space], lo, hi, runs.rows, model.width, runs.prints, int(starts[-1]), starts, space, runs.void,
            model.program, len(model.comparisons), known.alike, known.kin, model.weights, model.relation_program,
            len(model.relations), floor, nth, made.left, made.right, made.levels, made.scores, room,
        )  # fmt: skip
        if n >= 0:
            return Pairs(cut(made.left, n), cut(made.right, n), cut(made.levels, n), cut(made.scores, n))
        room *= 3


def _joined(parts: list[Pairs]) -> Pairs:
    """All pairs in one; the parts are dropped as they are copied."""
    total, done = sum(len(p) for p in parts), 0
    made = Pairs(*(np.empty(total, kind) for kind in (np.uint32, np.uint32, np.int64, np.int32)))
    while parts:
        part = parts.pop(0)
        for f in ("left", "right", "levels", "scores"):
            getattr(made, f)[done : done + len(part)] = getattr(part, f)
        done += len(part)
    return made


def meetings(runs: Runs, model: Model, some: Pairs) -> NDArray[np.int64]:
    """All rules under which each pair meets, one bit for each."""
    program, starts = model.key_program
    made = np.empty(max(1, len(some)), np.int64)
    split(
        lambda a, b: blocking.meetings(
            runs.rows, model.width, some.left, some.right, a, b, program, starts, len(model.keys), runs.void, made
        ),
        len(some),
    )
    return made[: len(some)]


def score_between(rows: NDArray[np.int64], model: Model, left: NDArray[np.uint32], right: NDArray[np.uint32]) -> Pairs:
    """Levels and scores of given pairs of rows."""
    known = tables.load()
    made = Pairs(left, right, np.empty(max(1, left.size), np.int64), np.empty(max(1, left.size), np.int32))
    split(
        lambda a, b: score.score_rows(
            rows, model.width, left, right, a, b, model.program, len(model.comparisons), known.alike, known.kin,
            model.weights, model.relation_program, len(model.relations), made.levels, made.scores,
        ),
        left.size,
    )  # fmt: skip
    return Pairs(left, right, made.levels[: left.size], made.scores[: left.size])


def all_keys(rows: NDArray[np.int64], model: Model) -> list[tuple[NDArray[np.uint32], NDArray[np.int64]]]:
    """For every rule the keys of all rows: rows and keys."""
    program, starts = model.key_program
    n, parts = rows.size // model.width, []
    for first, last in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        room = max(1, n * (last - first))
        keys, who = np.empty(room, np.int64), np.empty(room, np.uint32)
        made = blocking.all_keys(rows, n, model.width, program, first, last, keys, who)
        parts.append((who[:made], keys[:made]))
    return parts


def key_frame(rows: NDArray[np.int64], model: Model) -> pl.DataFrame:
    """Every key of every row: ``row, rule, key``, for an index that finds who is worth comparing."""
    import polars as pl

    parts = [(who, np.full(who.size, space, np.uint8), keys) for space, (who, keys) in enumerate(all_keys(rows, model))]
    columns = [np.concatenate(c) for c in zip(*parts, strict=True)]
    return pl.DataFrame(dict(zip(("row", "rule", "key"), columns, strict=True))).sort("row", "rule", "key")


def keys_of(row: NDArray[np.int64], model: Model) -> list[tuple[int, int]]:
    """Rule and key of one standard row, each once."""
    program, starts = model.key_program
    edges = starts.tolist()
    made = np.empty(edges[-1], np.int64)
    lookup.keys_of(row, program, edges[-1], made)
    found = [(rule, key) for rule, a in enumerate(edges[:-1]) for key in made[a : edges[rule + 1]].tolist() if key]
    return list(dict.fromkeys(found))
