"""The tests on texts that nearly every rule is made of, at the speed of memory: present, one of some codes, of a length, of a form.

Short texts (up to 12 bytes) lie inside the column's views; they are looked at in machine code, the few longer ones by
Polars. Small frames go through Polars alone, so that nothing has to be compiled for a form or a test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import polars as pl

from yigong.standards.quality.forms import Automaton

#: from this many rows on machine code is worth loading
MANY = 20_000
INLINE = 12


def missing(x: pl.Expr) -> pl.Expr:
    """Whether a text is not recorded or empty; never unknown."""
    return x.str.len_bytes().fill_null(0) == 0


def one_of(x: pl.Expr, codes: Sequence[str]) -> pl.Expr:
    """Whether a text is one of the codes."""
    table = _short(codes)
    if table is None:
        return x.is_in(list(codes))

    def test(column: pl.Series) -> pl.Series:
        if not _many(len(column)):
            return column.is_in(list(codes))
        return _flags(_machine().one_of(_views(column), table), len(column), column)

    return x.map_batches(test, return_dtype=pl.Boolean, is_elementwise=True)


def length_between(x: pl.Expr, least: float, most: float) -> pl.Expr:
    """Whether a text has so many signs."""

    def slow(column: pl.Series) -> pl.Series:
        return column.str.len_chars().is_between(least, most)

    def fast(views: np.ndarray, later: np.ndarray) -> Any:
        return _machine().length_between(views, least, most, later)

    return _with_later(x, slow, fast)


def of_form(x: pl.Expr, pattern: str, automaton: Automaton) -> pl.Expr:
    """Whether a text has the form of a pattern that is anchored at both ends."""

    def slow(column: pl.Series) -> pl.Series:
        return column.str.contains(pattern)

    def fast(views: np.ndarray, later: np.ndarray) -> Any:
        if automaton.shape is not None:
            return _machine().of_shape(views, automaton.shape), 0
        return _machine().of_form(views, automaton.steps, automaton.accepts, later)

    return _with_later(x, slow, fast)


def alone(keys: Sequence[pl.Expr]) -> pl.Expr:
    """Whether no other row agrees in all keys."""

    def test(columns: Sequence[pl.Series]) -> pl.Series:
        frame = pl.DataFrame([c.alias(str(i)) for i, c in enumerate(columns)])
        if not _many(frame.height):
            return ~frame.is_duplicated()
        mixed = pl.sum_horizontal(pl.col(c).hash(i) * (2 * i + 1) for i, c in enumerate(frame.columns))
        maybe = pl.Series(_machine().repeated(frame.select(mixed).to_series().to_numpy()))
        return pl.repeat(True, frame.height, eager=True).scatter(maybe, ~frame[maybe].is_duplicated())

    return pl.map_batches(list(keys), test, return_dtype=pl.Boolean)


def _with_later(
    x: pl.Expr, slow: Callable[[pl.Series], pl.Series], fast: Callable[[np.ndarray, np.ndarray], Any]
) -> pl.Expr:
    """A test in machine code, with the texts that are not inside their views tested by Polars."""

    def test(column: pl.Series) -> pl.Series:
        if not _many(len(column)):
            return slow(column)
        views = _views(column)
        later = np.empty(len(column), dtype=np.uint32)
        bits, waiting = fast(views, later)
        if waiting > len(column) // 2:
            return slow(column)
        said = _flags(bits, len(column), column)
        if not waiting:
            return said
        rows = pl.Series(later[:waiting])
        return said.scatter(rows, slow(column.gather(rows)))

    return x.map_batches(test, return_dtype=pl.Boolean, is_elementwise=True)


def _views(column: pl.Series) -> np.ndarray:
    """The views of a text column: two words of 64 bits each, the length in the lowest 32."""
    array: Any = column.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    words = np.frombuffer(array.buffers()[1], dtype=np.uint64).reshape(-1, 2)
    return words[array.offset : array.offset + len(column)]


def _flags(bits: np.ndarray, size: int, column: pl.Series | None) -> pl.Series:
    """Packed bits as flags, unknown where the column is not recorded."""
    import pyarrow as pa

    array = pa.Array.from_buffers(pa.bool_(), size, [None, pa.py_buffer(bits)])
    said = pl.Series(array)
    if column is None or not column.null_count():
        return said
    return pl.select(pl.when(column.is_not_null()).then(said)).to_series()


def _short(codes: Sequence[str]) -> np.ndarray | None:
    """The codes as views; None when one of them is too long."""
    coded = [c.encode() for c in codes]
    if any(len(c) > INLINE for c in coded):
        return None
    packed = b"".join(len(c).to_bytes(4, "little") + c.ljust(INLINE, b"\0") for c in coded)
    return np.frombuffer(packed, dtype=np.uint64).reshape(-1, 2).copy()


@cache
def _is_able() -> bool:
    """Whether this installation can make machine code; a small one cannot and goes through Polars."""
    return bool(find_spec("numba") and find_spec("pyarrow"))


def _many(rows: int) -> bool:
    return rows >= MANY and _is_able()


def _machine() -> Any:
    from yigong.standards.quality import machine

    return machine
