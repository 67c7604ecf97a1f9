"""From standard rows to scored pairs: keys sorted rule by rule, pairs made once each, scores by table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from yigong.platform.empi.engine import blocking, score, tables
from yigong.platform.empi.engine.kernels import THREADS, pool, split
from yigong.platform.empi.engine.model import Model

EVERYTHING = -(1 << 30)


@dataclass(frozen=True)
class Runs:
    """Rows that meet under each rule, and the rules each row is left out of because too many meet there."""

    rows: NDArray[np.int64]
    spaces: list[NDArray[np.uint32]]
    void: NDArray[np.uint32]


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
    void = np.zeros(max(1, rows.size // model.width), np.uint32)
    jobs = [pool().submit(_space, rows, model, space) for space in range(len(model.keys))]
    spaces = []
    for space, job in enumerate(jobs):
        kept, long = job.result()
        void[long] |= np.uint32(1 << space)
        spaces.append(kept)
    return Runs(rows, spaces, void)


def _space(rows: NDArray[np.int64], model: Model, space: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    program, starts = model.key_program
    n = rows.size // model.width
    room = max(1, n * int(starts[space + 1] - starts[space]))
    keys, who = np.empty(room, np.int64), np.empty(room, np.uint32)
    made = blocking.gather_keys(rows, n, model.width, program, int(starts[space]), int(starts[space + 1]), keys, who)
    bits = 11 if made > 50_000 else 6
    blocking.sort_keys(
        keys,
        who,
        made,
        np.empty(made + 1, np.int64),
        np.empty(made + 1, np.uint32),
        np.empty(1 << bits, np.int64),
        bits,
    )
    void = np.zeros(max(1, n), np.uint32)
    kept = np.empty(made + 1, np.uint32)
    used = blocking.keep_runs(keys, who, made, model.cap, 1, void, kept)
    return kept[:used].copy(), np.flatnonzero(void)


def make(runs: Runs, model: Model, floor: int, *, nth: int = 1, spaces: list[int] | None = None) -> list[Pairs]:
    """The pairs of each rule that score at least *floor*, those of earlier rules left out."""
    wanted = range(len(model.keys)) if spaces is None else spaces
    jobs = []
    for space in wanted:
        parts = THREADS if runs.spaces[space].size > 20_000 else 1
        edges = _edges(runs.spaces[space], parts)
        jobs.append([pool().submit(_make, runs, model, space, a, b, floor, nth) for a, b in edges])
    return [_joined([j.result() for j in parts]) for parts in jobs]


def _edges(run: NDArray[np.uint32], parts: int) -> list[tuple[int, int]]:
    cuts = [0]
    for i in range(1, parts):
        at = run.size * i // parts
        while at < run.size and not run[at] & blocking.START:
            at += 1
        cuts.append(at)
    return list(zip(cuts, [*cuts[1:], run.size], strict=True))


def _make(runs: Runs, model: Model, space: int, lo: int, hi: int, floor: int, nth: int) -> Pairs:
    known, (program, starts) = tables.load(), model.key_program
    room = max(1024, 2 * (hi - lo) // nth)
    while True:
        made = Pairs(
            np.empty(room, np.uint32), np.empty(room, np.uint32), np.empty(room, np.int64), np.empty(room, np.int32)
        )
        n = blocking.make_pairs(
            runs.spaces[space], lo, hi, runs.rows, model.width, program, starts, space, runs.void, model.program,
            len(model.comparisons), known.alike, known.kin, model.weights, model.relation_program,
            len(model.relations), floor, nth, made.left, made.right, made.levels, made.scores, room,
        )  # fmt: skip
        if n >= 0:
            return Pairs(made.left[:n], made.right[:n], made.levels[:n], made.scores[:n])
        room *= 3


def _joined(parts: list[Pairs]) -> Pairs:
    if len(parts) == 1:
        return parts[0]
    fields = ("left", "right", "levels", "scores")
    return Pairs(*(np.concatenate([getattr(p, f) for p in parts]) for f in fields))


def joined(parts: list[Pairs]) -> Pairs:
    """All pairs in one."""
    return _joined(parts)


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


def key_frame(rows: NDArray[np.int64], model: Model) -> pl.DataFrame:
    """Every key of every row: ``row, rule, key``, for an index that finds who is worth comparing."""
    program, starts = model.key_program
    n, parts = rows.size // model.width, []
    for space in range(len(model.keys)):
        room = max(1, n * int(starts[space + 1] - starts[space]))
        keys, who = np.empty(room, np.int64), np.empty(room, np.uint32)
        made = blocking.gather_keys(
            rows, n, model.width, program, int(starts[space]), int(starts[space + 1]), keys, who
        )
        parts.append((who[:made], np.full(made, space, np.uint8), keys[:made]))
    columns = [np.concatenate(c) for c in zip(*parts, strict=True)]
    return pl.DataFrame(dict(zip(("row", "rule", "key"), columns, strict=True))).sort("row", "rule", "key")
