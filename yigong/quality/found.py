"""What the rules said of a part, gathered over its frames: counts are added up, rows beyond some number lie on the disk meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

#: so many rows that only a stricter threshold would fail are kept in any case; beyond it five times the failing ones
KEPT_ANYWAY, KEPT_SHARE = 50_000, 5
IN_MEMORY = 200_000  # rows listed; those before them go to a folder that only this process reads
TOGETHER = 16  # frames whose counts are added up at a time
_WHOSE = ["rule", "org_code"]


class Found:
    """Counts, measured values and listed rows of one part. As a context: the folder is gone at its end."""

    def __init__(self) -> None:
        self.tallies: list[pl.DataFrame] = []
        self._spreads: list[pl.DataFrame] = []
        self._rows: list[pl.DataFrame] = []
        self._sums: list[pl.DataFrame] = []
        self._files: list[Path] = []
        self._stack = ExitStack()

    def __enter__(self) -> Found:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._stack.close()

    def count(self, tally: pl.DataFrame, spread: pl.DataFrame) -> None:
        """Add what was counted and measured in a frame."""
        self.tallies.append(tally)
        if spread.height:
            self._spreads.append(spread)
        if len(self.tallies) > TOGETHER:
            self.tallies = [_tallied(self.tallies)]
            self._spreads = [_spread(self._spreads)] if self._spreads else []

    def counts(self) -> tuple[pl.DataFrame, pl.DataFrame | None]:
        """`rule org_code month rows judged failed` and `rule org_code month bin count`."""
        return _tallied(self.tallies), _spread(self._spreads) if self._spreads else None

    def fail(self, rows: pl.DataFrame) -> None:
        """Add listed rows of a frame: those that fail, and those that only a stricter threshold would fail."""
        if rows.is_empty():
            return
        self._rows.append(rows)
        self._sums.append(rows.group_by(_WHOSE).agg(pl.len().alias("all"), pl.col("failing").sum().alias("now")))
        if sum(r.height for r in self._rows) > IN_MEMORY:
            self._put_away()

    def _put_away(self) -> None:
        if not self._files:
            self._folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="yigong-quality-")))
        file = self._folder / f"{len(self._files)}.parquet"
        pl.concat(self._rows).write_parquet(file, compression="lz4")
        self._files.append(file)
        self._rows = []

    def failures(self) -> Iterator[pl.DataFrame]:
        """All failing rows; those kept for stricter thresholds only where they are not too many."""
        if not self._sums:
            return
        sums = pl.concat(self._sums).group_by(_WHOSE).agg(pl.col("all", "now").sum())
        many = sums.filter(pl.col("all") > pl.max_horizontal(pl.lit(KEPT_ANYWAY), pl.col("now") * KEPT_SHARE))
        for rows in (*(pl.scan_parquet(file) for file in self._files), *(r.lazy() for r in self._rows)):
            held = rows.collect()
            yield pl.concat([held.filter("failing"), held.filter(~pl.col("failing")).join(many, on=_WHOSE, how="anti")])


def _tallied(frames: list[pl.DataFrame]) -> pl.DataFrame:
    rows = pl.concat(frames)
    return rows.group_by("rule", "org_code", "month").agg(pl.col("rows", "judged", "failed").sum()).select(rows.columns)


def _spread(frames: list[pl.DataFrame]) -> pl.DataFrame:
    rows = pl.concat(frames)
    return rows.group_by("rule", "org_code", "month", "bin").agg(pl.col("count").sum()).select(rows.columns)
