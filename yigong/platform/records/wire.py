"""Rows in PostgreSQL's binary COPY format (PostgreSQL documentation, COPY, "Binary Format"), written from Arrow buffers.

Columns are written one after another into the places of their rows, a window of rows at a time, so that the window
stays in the cache of the processor. No Python object is made for a value.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from yigong.platform.records.buffers import Buffers, Texts, given, kernels

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
WINDOW = 2048  # rows
EPOCH_DAYS = 10_957  # from 1970-01-01 to 2000-01-01, where PostgreSQL begins to count
EPOCH_US = EPOCH_DAYS * 86_400_000_000
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_TEXTS = ("text", "character varying", "jsonb", "numeric")
_WIDTHS = {
    "bigint": 8, "integer": 4, "smallint": 2, "date": 4, "timestamp with time zone": 8, "time without time zone": 8,
    "boolean": 1,
}  # fmt: skip


def encoded(
    buffers: Buffers, names: Sequence[str], kinds: Mapping[str, str], more: Mapping[str, Any]
) -> tuple[list[str], Iterator[memoryview]]:
    """The names of the columns in the order written, and the whole COPY stream in pieces.

    *names* are the columns of the frame to be written, *kinds* PostgreSQL's types by column, *more* further columns
    with the one value that all rows have.
    """
    same = {n: v for n, v in buffers.same().items() if n in names}
    told = {**{n: v for n, v in same.items() if v is not None}, **{n: v for n, v in more.items() if v is not None}}
    own = [n for n in names if n not in same]
    head = struct.pack(">h", len(told) + len(own)) + b"".join(_field(v, kinds[n]) for n, v in told.items())
    columns = [_column(buffers, n, kinds[n]) for n in own]
    return [*told, *own], _stream(buffers.frame.height, np.frombuffer(head, dtype=np.uint8), columns)


def _stream(height: int, head: np.ndarray, columns: Sequence[_Column]) -> Iterator[memoryview]:
    yield memoryview(HEADER)
    for first in range(0, height, WINDOW):
        last = min(first + WINDOW, height)
        at = np.full(last - first, len(head), dtype=np.int64)
        for column in columns:
            column.measure(at, first)
        ends = np.cumsum(at)
        out = np.empty(int(ends[-1]), dtype=np.uint8)
        at = ends - at
        kernels().put_same(out, at, head)
        for column in columns:
            column.put(out, at, first)
        yield out.data
    yield memoryview(TRAILER)


@dataclass(frozen=True, slots=True)
class _Long:
    """A column whose values have lengths of their own; jsonb begins with its version."""

    texts: Texts
    before: int

    def measure(self, sizes: np.ndarray, first: int) -> None:
        kernels().measure_long(sizes, self.texts.offsets, self.texts.given, first, 4 + self.before)

    def put(self, out: np.ndarray, at: np.ndarray, first: int) -> None:
        kernels().put_long(out, at, self.texts.offsets, self.texts.data, self.texts.given, first, self.before)


@dataclass(frozen=True, slots=True)
class _Fixed:
    """A column whose values are whole numbers of one width."""

    values: np.ndarray
    given: np.ndarray
    width: int

    def measure(self, sizes: np.ndarray, first: int) -> None:
        kernels().measure_fixed(sizes, self.given, first, self.width)

    def put(self, out: np.ndarray, at: np.ndarray, first: int) -> None:
        kernels().put_fixed(out, at, self.values, self.given, first, self.width)


_Column = _Long | _Fixed


def _column(buffers: Buffers, name: str, kind: str) -> _Column:
    bare, column = kind.partition("(")[0], buffers.frame.get_column(name)
    if bare == "numeric":
        return _Long(_numerics(column), 0)
    if bare in _TEXTS:
        return _Long(buffers.texts(name), 1 if bare == "jsonb" else 0)
    return _Fixed(_whole(column, bare), given(column), _WIDTHS[bare])


def _whole(column: pl.Series, kind: str) -> np.ndarray:
    """The values as PostgreSQL counts them."""
    held = column.dt.cast_time_unit("us") if column.dtype == pl.Datetime else column
    values = held.to_physical().cast(pl.Int64).fill_null(0)
    if kind == "date":
        values = values - EPOCH_DAYS
    elif kind == "timestamp with time zone":
        values = values - EPOCH_US
    elif kind == "time without time zone":
        values = values // 1000
    return values.to_numpy()


def _field(value: Any, kind: str) -> bytes:
    """One value with its length before it."""
    bare = kind.partition("(")[0]
    if bare in _WIDTHS:
        told = _moment_us(value) if isinstance(value, datetime) else int(value)
        return struct.pack(">i", _WIDTHS[bare]) + told.to_bytes(_WIDTHS[bare], "big", signed=True)
    body = _numeric(float(value)) if bare == "numeric" else (b"\1" if bare == "jsonb" else b"") + str(value).encode()
    return struct.pack(">i", len(body)) + body


def _moment_us(value: datetime) -> int:
    """Microseconds as PostgreSQL counts them."""
    return (value - _UNIX) // timedelta(microseconds=1) - EPOCH_US


def _numerics(column: pl.Series) -> Texts:
    """Numbers as PostgreSQL's numeric: the shortest decimal that is the same float."""
    there = given(column)
    values = column.cast(pl.Float64).fill_null(0.0).to_numpy()
    offsets = np.zeros(len(values) + 1, dtype=np.int64)
    data = np.empty(len(values) * 20 + 1, dtype=np.uint8)
    rest = kernels().pack_numerics(values, offsets, data)
    if rest < len(values):
        return _spelled(values, there)
    return Texts(offsets, data, there)


def _spelled(values: np.ndarray, there: np.ndarray) -> Texts:
    """The same by way of the written number, for those that are very large, very small or none."""
    packed = [_numeric(float(v)) for v in values]
    offsets = np.concatenate([[0], np.cumsum([len(p) for p in packed])]).astype(np.int64)
    return Texts(offsets, np.frombuffer(b"".join(packed) or b"\0", dtype=np.uint8), there)


_STRANGE = {"nan": 0xC000, "inf": 0xD000, "-inf": 0xF000}


def _numeric(value: float) -> bytes:
    text = repr(value)
    if text in _STRANGE:
        return struct.pack(">hhHh", 0, 0, _STRANGE[text], 0)
    sign, figures, exponent = Decimal(text).as_tuple()
    assert isinstance(exponent, int)
    digits = "".join(map(str, figures)) + "0" * max(exponent, 0)
    scale = max(-exponent, 0)
    digits = digits.rjust(scale + 1, "0")
    before, behind = digits[: len(digits) - scale], digits[len(digits) - scale :]
    before = before.rjust(-(-len(before) // 4) * 4, "0")
    groups = before + behind.ljust(-(-len(behind) // 4) * 4, "0")
    parts = [int(groups[at : at + 4]) for at in range(0, len(groups), 4)]
    weight = len(before) // 4 - 1
    while parts and not parts[0]:
        parts.pop(0)
        weight -= 1
    while parts and not parts[-1]:
        parts.pop()
    negative = 0x4000 if sign and parts else 0
    return struct.pack(
        f">hhHh{len(parts)}h", len(parts), weight if parts else 0, negative, scale if parts else 0, *parts
    )
