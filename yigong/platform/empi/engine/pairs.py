"""From standard rows to scored pairs: keys sorted rule by rule, pairs made once each, scores by table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yigong.platform.empi.engine import blocking, lookup, score, tables
from yigong.platform.empi.engine.kernels import THREADS, pool, split
from yigong.platform.empi.engine.model import Model

if TYPE_CHECKING:
    import polars as pl

EVERYTHING = -(1 << 30)


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
    height = rows.size // model.width
    void = np.zeros(max(1, height), np.uint32)
    prints = np.empty(max(1, height * int(model.key_program[1][-1])), np.uint32)
    jobs = [pool().submit(_space, rows, model, space, prints) for space in range(len(model.keys))]
    spaces = []
    for space, job in enumerate(jobs):
        kept, long = job.result()
        void[long] |= np.uint32(1 << space)
        spaces.append(kept)
    return Runs(rows, spaces, prints, void)


def _space(
    rows: NDArray[np.int64], model: Model, space: int, prints: NDArray[np.uint32]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    program, starts = model.key_program
    n, first, last = rows.size // model.width, int(starts[space]), int(starts[space + 1])
    bits = max(1, int(n).bit_length())
    cells = np.empty(max(1, n * (last - first)), np.int64)
    made = blocking.gather_cells(rows, n, model.width, program, first, last, bits, cells, prints, int(starts[-1]))
    cells = cells[:made]
    cells.sort()
    long = np.zeros(max(1, n), np.uint8)
    kept = np.empty(made + made // 2 + 1, np.uint32)
    used = blocking.keep_runs(cells, made, bits, model.cap, long, kept)
    return kept[:used].copy(), np.flatnonzero(long)


def make(runs: Runs, model: Model, floor: int, *, nth: int = 1) -> Pairs:
    """The pairs that score at least *floor*, each once, in the order of the rules under which they first meet."""
    jobs = []
    for space, run in enumerate(runs.spaces):
        edges = _edges(run, THREADS if run.size > 20_000 else 1)
        jobs += [pool().submit(_make, runs, model, space, a, b, floor, nth) for a, b in edges]
    return _joined([job.result() for job in jobs])


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
            return Pairs(made.left[:n].copy(), made.right[:n].copy(), made.levels[:n].copy(), made.scores[:n].copy())
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
