"""Look-up in memory: who among a million records may be this person, answered from sorted keys in microseconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yigong.platform.empi.engine import lookup, pairs, tables
from yigong.platform.empi.engine.model import Model
from yigong.platform.empi.engine.score import UNIT

MOST = 4096  # candidates that one look-up compares at most


@dataclass(frozen=True)
class Found:
    """A record that may be of the same person."""

    row: int
    score: float  # bits


class Memory:
    """All records of a county in standard form with an index over their keys; blocks too large for bulk are left out."""

    def __init__(self, rows: NDArray[np.int64], model: Model) -> None:
        self.rows, self.model = rows, model
        self.keys, self.who = _sorted_keys(rows, model)
        self.bits = max(1, int(self.keys.size).bit_length() - 2)
        steps = np.arange((1 << self.bits) + 1, dtype=np.uint64) << np.uint64(64 - self.bits)
        self.starts = np.searchsorted(self.keys.view(np.uint64), steps[:-1]).astype(np.int64)
        self.starts = np.append(self.starts, self.keys.size)
        self.found, self.scores = np.empty(MOST, np.uint32), np.empty(MOST, np.int32)
        self._prepare()

    def _prepare(self) -> None:
        known, model = tables.load(), self.model
        program, starts = model.key_program
        held = (
            self.rows, model.width, program, int(starts[-1]), self.keys.view(np.int64), self.who, self.starts, self.bits,
            model.cap, model.program, len(model.comparisons), known.alike, known.kin, model.weights,
            model.relation_program, len(model.relations),
        )  # fmt: skip
        self._held = held  # keeps alive what the addresses below point to
        self._facts = [f.ctypes.data if isinstance(f, np.ndarray) else f for f in held]

    def look_up(self, row: NDArray[np.int64], least: float = 0.0, most: int = 10) -> list[Found]:
        """The records that score at least so many bits against one standard row, the best first."""
        n = lookup.look_up(row, *self._facts, int(least * UNIT), self.found, self.scores, MOST)
        best = np.argsort(-self.scores[:n], kind="stable")[:most]
        return [Found(int(self.found[i]), float(self.scores[i]) / UNIT) for i in best]


def _sorted_keys(rows: NDArray[np.int64], model: Model) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """All keys of all rows in unsigned order, with their rows."""
    parts = pairs.all_keys(rows, model)
    keys = np.concatenate([k for _, k in parts]).view(np.uint64)
    who = np.concatenate([w for w, _ in parts])
    order = np.argsort(keys, kind="stable")
    return keys[order], who[order]
