"""A 64-bit number for the content of each row, the same on every machine and with every version of every library."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from yigong.platform.records.buffers import Buffers, given, kernels

_PRIME = np.uint64(1099511628211)
_START = np.uint64(14695981039346656037)


def text_hash(text: str) -> int:
    """The number of one text, signed as the database keeps it."""
    return int(_seed(text).astype(np.int64))


def row_hash(buffers: Buffers, columns: Iterable[str]) -> pl.Series:
    """One number for each row over *columns*; their order and columns that are null do not matter.

    So a data set may gain columns without all its rows seeming to have changed.
    """
    same = buffers.same()
    total = np.zeros(buffers.frame.height, dtype=np.uint64)
    alike = 0
    for name in columns:
        if name not in same:
            _add(total, buffers, name, _seed(name))
        elif same[name] is not None:
            alike += _one(same[name].encode(), _seed(name))
    total += np.uint64(alike & 0xFFFFFFFFFFFFFFFF)
    return pl.Series("row_hash", total.view(np.int64))


def _one(text: bytes, seed: np.uint64) -> int:
    total = np.zeros(1, dtype=np.uint64)
    data = np.frombuffer(text or bytes(1), dtype=np.uint8)
    kernels().add_texts(total, np.array([0, len(text)]), data, np.ones(1, dtype=np.bool_), seed)
    return int(total[0])


def _seed(text: str) -> np.uint64:
    value = int(_START)
    for byte in text.encode():
        value = (value ^ byte) * int(_PRIME) & 0xFFFFFFFFFFFFFFFF
    return np.uint64(value)


def _add(total: np.ndarray, buffers: Buffers, name: str, seed: np.uint64) -> None:
    column = buffers.frame.get_column(name)
    if column.dtype == pl.String:
        held = buffers.texts(name)
        kernels().add_texts(total, held.offsets, held.data, held.given, seed)
    else:
        kernels().add_numbers(total, _numbers(column), given(column), seed)


def _numbers(column: pl.Series) -> np.ndarray:
    """The column's physical values as 64 bits."""
    physical = column.to_physical()
    if physical.dtype.is_float():
        return physical.cast(pl.Float64).fill_null(0.0).to_numpy().view(np.uint64)
    return physical.cast(pl.Int64).fill_null(0).to_numpy().view(np.uint64)
