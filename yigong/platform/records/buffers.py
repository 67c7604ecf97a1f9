"""The columns of a frame as plain arrays: made once, read by the hash and by COPY. No object is made for a value."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import polars as pl

_UNEQUAL = object()


@cache
def kernels() -> Any:
    """The compiled loops, loaded when rows are to be written for the first time."""
    return importlib.import_module("yigong.platform.records.kernels")


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of texts of any length: where each begins, the bytes of all, and which are given."""

    offsets: np.ndarray
    data: np.ndarray
    given: np.ndarray


@dataclass(slots=True)
class Buffers:
    """The arrays of one frame; they are good for this frame and no other."""

    frame: pl.DataFrame
    _texts: dict[str, Texts] = field(default_factory=dict)
    _same: dict[str, Any] = field(default_factory=dict)

    def texts(self, name: str) -> Texts:
        """The arrays of a text column."""
        if name not in self._texts:
            self._texts[name] = texts(self.frame.get_column(name))
        return self._texts[name]

    def same(self) -> dict[str, Any]:
        """The columns whose rows all say one thing, with what they say."""
        for name in self.frame.columns:
            if name not in self._same:
                self._same[name] = _alike(self.frame.get_column(name))
        return {name: value for name, value in self._same.items() if value is not _UNEQUAL}


def _alike(column: pl.Series) -> Any:
    """The one value of a text column, or of one that is wholly null."""
    if column.null_count() == len(column):
        return None
    if column.dtype != pl.String or column.null_count():
        return _UNEQUAL
    first = column[0]
    if first != column[len(column) // 2] or first != column[-1] or not (column == first).all():
        return _UNEQUAL
    return first


def texts(column: pl.Series) -> Texts:
    """The arrays of a text column."""
    array = column.cast(pl.String).rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    places = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    held = np.frombuffer(data, dtype=np.uint8) if data is not None and data.size else np.zeros(1, dtype=np.uint8)
    return Texts(places, held, given(column))


def given(column: pl.Series) -> np.ndarray:
    """Which rows of a column are not null."""
    if not column.null_count():
        return np.ones(len(column), dtype=np.bool_)
    return column.is_not_null().to_numpy()
