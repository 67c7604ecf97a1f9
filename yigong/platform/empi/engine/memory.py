"""Look-up in memory: who among a million records may be this person, answered from sorted keys in microseconds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from yigong.platform.empi.engine import lookup, pairs, tables
from yigong.platform.empi.engine.model import Model
from yigong.platform.empi.engine.score import UNIT

MOST = 4096  # candidates that one look-up compares at most
PLACES = 4 * MOST  # of the hash table that tells which candidates were met before
TURNS = 1 << 31


class Found(NamedTuple):
    """A record that may be of the same person."""

    row: int
    score: float  # bits


class Memory:
    """All records of a county in standard form with an index over their keys; blocks too large for bulk are left out.

    Look-ups of several threads wait for each other: all work in the same room, which is asked for once.
    """

    def __init__(self, rows: NDArray[np.int64], model: Model) -> None:
        self.rows, self.model = rows, model
        self.keys, self.who = _sorted_keys(rows, model)
        self.bits = max(1, int(self.keys.size).bit_length() - 2)
        steps = np.arange((1 << self.bits) + 1, dtype=np.uint64) << np.uint64(64 - self.bits)
        self.starts = np.searchsorted(self.keys.view(np.uint64), steps[:-1]).astype(np.int64)
        self.starts = np.append(self.starts, self.keys.size)
        self.row, self.asked, self.met = (
            np.zeros(model.width, np.int64),
            np.zeros(3, np.int64),
            np.zeros(PLACES, np.int64),
        )
        self.found, self.scores = np.empty(MOST, np.uint32), np.empty(MOST, np.int32)
        self._ask, self._alone = self._bound(), threading.Lock()

    def _bound(self) -> Callable[[], int]:
        known, (program, starts), model = tables.load(), self.model.key_program, self.model
        self._kept = (
            self.row, self.rows, model.width, program, int(starts[-1]), self.keys.view(np.int64), self.who, self.starts,
            self.bits, model.program, len(model.comparisons), known.alike, known.kin, model.weights,
            model.relation_program, len(model.relations), np.empty(int(starts[-1]), np.int64), self.met, PLACES - 1,
            np.empty(MOST, np.uint32), MOST, self.asked, self.found, self.scores,
        )  # fmt: skip
        return lookup.look_up.bound(*self._kept)  # type: ignore[attr-defined,no-any-return]

    def look_up(self, row: NDArray[np.int64], least: float = 0.0, most: int = 10) -> list[Found]:
        """The records that score at least so many bits against one standard row, the best first."""
        with self._alone:
            turn = int(self.asked[0]) + 1
            if turn == TURNS:
                self.met[:], turn = 0, 1
            self.row[:] = row
            self.asked[:] = turn, least * UNIT, min(most, MOST)
            n = self._ask()
            found, scores = self.found[:n].tolist(), self.scores[:n].tolist()
        return [Found(f, s / UNIT) for f, s in zip(found, scores, strict=True)]


def _sorted_keys(rows: NDArray[np.int64], model: Model) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """All keys of all rows in unsigned order, with their rows; without those under which more meet than bulk compares."""
    parts = pairs.all_keys(rows, model)
    keys = np.concatenate([k for _, k in parts]).view(np.uint64)
    who = np.concatenate([w for w, _ in parts])
    order = np.argsort(keys, kind="stable")
    keys, who = keys[order], who[order]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: keys.size])
    sizes = np.diff(np.append(first, keys.size))
    kept = np.repeat(sizes <= model.cap, sizes)
    return keys[kept], who[kept]
