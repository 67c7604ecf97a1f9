"""A 64-bit number for the content of each row, the same on every machine and with every version of every library."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from numba import njit

_PRIME = np.uint64(1099511628211)
_START = np.uint64(14695981039346656037)
_EMPTY = np.uint64(0)


@njit(cache=True, nogil=True)
def _mixed(value: np.uint64) -> np.uint64:
    """The finishing steps of splitmix64: near values lie far apart."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True)
def _add_texts(total: np.ndarray, offsets: np.ndarray, data: np.ndarray, given: np.ndarray, seed: np.uint64) -> None:
    for row in range(len(total)):
        if not given[row]:
            continue
        value = seed
        for place in range(offsets[row], offsets[row + 1]):
            value = (value ^ np.uint64(data[place])) * np.uint64(1099511628211)
        total[row] += _mixed(value)


@njit(cache=True, nogil=True)
def _add_numbers(total: np.ndarray, values: np.ndarray, given: np.ndarray, seed: np.uint64) -> None:
    for row in range(len(total)):
        if given[row]:
            total[row] += _mixed(_mixed(values[row]) ^ seed)


def text_hash(text: str) -> int:
    """The number of one text, signed as the database keeps it."""
    return int(_seed(text).astype(np.int64))


def row_hash(frame: pl.DataFrame, columns: Iterable[str]) -> pl.Series:
    """One number for each row over *columns*; their order and columns that are null do not matter.

    So a data set may gain columns without all its rows seeming to have changed.
    """
    total = np.zeros(frame.height, dtype=np.uint64)
    for name in columns:
        _add(total, frame.get_column(name), _seed(name))
    return pl.Series("row_hash", total.view(np.int64))


def _seed(text: str) -> np.uint64:
    value = int(_START)
    for byte in text.encode():
        value = (value ^ byte) * int(_PRIME) & 0xFFFFFFFFFFFFFFFF
    return np.uint64(value)


def _add(total: np.ndarray, column: pl.Series, seed: np.uint64) -> None:
    given = column.is_not_null().to_numpy()
    if not given.any():
        return
    if column.dtype == pl.String:
        offsets, data = _buffers(column)
        _add_texts(total, offsets, data, given, seed)
    else:
        _add_numbers(total, _numbers(column), given, seed)


def _buffers(column: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Offsets and bytes of a text column, without a copy of each text."""
    array = column.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    places = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    return places, np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, dtype=np.uint8)


def _numbers(column: pl.Series) -> np.ndarray:
    """The column's physical values as 64 bits."""
    physical = column.to_physical()
    if physical.dtype.is_float():
        return physical.cast(pl.Float64).fill_null(0.0).to_numpy().view(np.uint64)
    return physical.cast(pl.Int64).fill_null(0).to_numpy().view(np.uint64)
