"""Rows whose groups lie together, and what each group says, taken by places instead of group by group. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl


@dataclass(frozen=True, slots=True)
class Runs:
    """The rows of a frame, those of a group one after the other, groups in the order in which they first came."""

    rows: pl.DataFrame
    starts: np.ndarray  # place of the first row of each group
    ends: np.ndarray  # place after its last

    @classmethod
    def of(cls, rows: pl.DataFrame, by: Sequence[str]) -> Runs:
        """The runs of *rows* by the columns *by*; null is a value like any other."""
        starts = _starts(rows, by)
        if rows[starts].select(pl.struct(by).is_duplicated().any()).item():
            came = pl.col("_came").first().over(by)
            rows = rows.with_row_index("_came").sort(came, maintain_order=True).drop("_came")
            starts = _starts(rows, by)
        return cls(rows, starts, np.append(starts[1:], rows.height))

    @property
    def sizes(self) -> np.ndarray:
        """How many rows each group has."""
        return self.ends - self.starts

    def first(self, column: pl.Series) -> pl.Series:
        """The first value that each group gives; null where it gives none."""
        if not column.null_count():
            return column.gather(self.starts)
        there = column.is_not_null().arg_true().to_numpy()
        if not len(there):
            return column.gather(self.starts)
        found = there[np.minimum(np.searchsorted(there, self.starts), len(there) - 1)]
        some = (found >= self.starts) & (found < self.ends)
        return column.gather(_places(found, some))

    def least(self, column: pl.Series) -> pl.Series:
        """The smallest value of each group, of numbers or moments; null where it gives none."""
        return self._reduced(np.minimum, column, np.iinfo(np.int64).max)

    def most(self, column: pl.Series) -> pl.Series:
        """The largest value of each group, of whole numbers or moments; null where it gives none."""
        return self._reduced(np.maximum, column, np.iinfo(np.int64).min)

    def _reduced(self, by: np.ufunc, column: pl.Series, none: int) -> pl.Series:
        values = column.to_physical().cast(pl.Int64).fill_null(none).to_numpy()
        found = pl.Series(column.name, by.reduceat(values, self.starts))
        return found.set(found == none, None).cast(column.dtype)

    def count(self, marked: pl.Series) -> pl.Series:
        """How many rows of each group are marked."""
        return pl.Series(marked.name, np.add.reduceat(marked.to_numpy().astype(np.int64), self.starts))

    def nth(self, number: int) -> pl.Series:
        """The place of the row of that number, from 0, in each group; null where it has not as many."""
        at = self.starts + number
        return _places(at, at < self.ends)


def _starts(rows: pl.DataFrame, by: Sequence[str]) -> np.ndarray:
    """Where a row differs from the one before it."""
    differs = rows.select(pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in by))
    marks = differs.to_series().to_numpy().copy()
    marks[:1] = True
    return np.flatnonzero(marks)


def _places(at: np.ndarray, some: np.ndarray) -> pl.Series:
    places = pl.Series("place", at.astype(np.uint32))
    return places if some.all() else places.set(~pl.Series(some), None)
