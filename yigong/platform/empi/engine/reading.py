"""Records a batch of columns at a time, out of Parquet and CSV files or frames; memory does not grow with the file."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

Text = tuple[NDArray[np.uint8], NDArray[np.int64]]
Batch = dict[str, pa.Array]
BATCH = 1 << 16  # records read at once
CSV_BLOCK = 1 << 24  # bytes of a CSV file read at once


Also = Mapping[str, tuple[str, ...]]  # a column -> the other names under which it may stand


class Unreadable(ValueError):  # noqa: N818  - said to a person
    """A file that cannot be read as a table of records, told in one sentence."""


class Files:
    """Parquet and CSV files as one table, one file after the other; every value of a CSV file is a text."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        self.columns = {path: _columns(path) for path in paths}
        self.names = list(dict.fromkeys(name for names in self.columns.values() for name in names))

    def open(self, wanted: list[str], also: Also | None = None) -> tuple[int, Iterator[Batch]]:
        """At most how many records there are, and the wanted columns a batch at a time; a column not there is empty.

        *also* says under which other names a file may have a column.
        """
        return sum(_KINDS[path.suffix.lower()][1](path) for path in self.paths), self._batches(wanted, also or {})

    def held(self, path: Path, wanted: list[str], also: Also) -> dict[str, str]:
        """The column of a file that stands for each of the wanted ones, for those that it has."""
        there = set(self.columns[path])
        names = {name: (name, *also.get(name, ())) for name in wanted}
        return {name: column for name, tried in names.items() if (column := next((c for c in tried if c in there), ""))}

    def _batches(self, wanted: list[str], also: Also) -> Iterator[Batch]:
        for path in self.paths:
            held = self.held(path, wanted, also)
            for batch in _batches(path, list(dict.fromkeys(held.values())) or self.columns[path][:1]):
                count = len(next(iter(batch.values())))
                nothing = pa.nulls(count, pa.string())
                yield {name: batch[held[name]] if name in held else nothing for name in wanted}


class Frame:
    """A frame in memory, or one that is collected once it is known which columns are wanted."""

    def __init__(self, frame: pl.DataFrame | pl.LazyFrame) -> None:
        self.frame = frame
        self.names = frame.columns if hasattr(frame, "rows") else frame.collect_schema().names()

    def open(self, wanted: list[str], also: Also | None = None) -> tuple[int, Iterator[Batch]]:
        """How many records there are, and the wanted columns a batch at a time; a frame has its columns under one name."""
        import polars as pl

        held = self.frame.lazy().select(wanted).collect()
        level = pl.CompatLevel.oldest()
        arrays = {name: held[name].rechunk().to_arrow(compat_level=level) for name in wanted}
        starts = range(0, max(1, held.height), BATCH)
        return held.height, ({name: a.slice(start, BATCH) for name, a in arrays.items()} for start in starts)


def _columns(path: Path) -> list[str]:
    """Names of the columns of a file, spaces around them left out."""
    if not path.exists():
        raise Unreadable(f"{path}: no such file / 没有这个文件")
    if path.is_dir():
        raise Unreadable(f"{path}: a folder; name the files in it / 这是文件夹，请列出其中的文件")
    if path.stat().st_size == 0:
        raise Unreadable(f"{path}: the file is empty / 文件是空的")
    try:
        return _KINDS[path.suffix.lower()][0](path)
    except KeyError:
        raise Unreadable(f"{path}: Parquet and CSV are read / 只读 Parquet 和 CSV 文件") from None
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise Unreadable(f"{path}: not readable: {error} / 无法读取") from error


def _batches(path: Path, columns: list[str]) -> Iterator[Batch]:
    try:
        yield from _KINDS[path.suffix.lower()][2](path, columns)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise Unreadable(f"{path}: not readable: {error} / 无法读取") from error


def _parquet_columns(path: Path) -> list[str]:
    from pyarrow import parquet

    return list(parquet.read_schema(path).names)


def _parquet_most(path: Path) -> int:
    from pyarrow import parquet

    return int(parquet.read_metadata(path).num_rows)


def _parquet_batches(path: Path, columns: list[str]) -> Iterator[Batch]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH, columns=columns, use_threads=False):
            yield {name: batch.column(name) for name in columns}


def _csv_columns(path: Path) -> list[str]:
    return [name.strip() for name in _csv_header(path)]


def _csv_header(path: Path) -> list[str]:
    from pyarrow import csv

    with csv.open_csv(path, csv.ReadOptions(encoding=encoding_of(path))) as reader:
        return list(reader.schema.names)


def _csv_most(path: Path) -> int:
    """Lines of the file: no fewer than records."""
    with path.open("rb") as file:
        return 1 + sum(block.count(b"\n") for block in iter(lambda: file.read(CSV_BLOCK), b""))


def _csv_batches(path: Path, columns: list[str]) -> Iterator[Batch]:
    from pyarrow import csv

    names = _csv_header(path)
    wanted = [next(name for name in names if name.strip() == column) for column in columns]
    reading = csv.ReadOptions(encoding=encoding_of(path), block_size=CSV_BLOCK)
    kinds = csv.ConvertOptions(column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted)
    with csv.open_csv(path, reading, csv.ParseOptions(newlines_in_values=True), kinds) as reader:
        for batch in reader:
            yield dict(zip(columns, batch.columns, strict=True))


def encoding_of(path: Path) -> str:
    """UTF-8, or GB 18030 where the beginning of the file is no UTF-8."""
    with path.open("rb") as file:
        start = file.read(1 << 16)
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        return "utf8" if error.start > len(start) - 4 else "gb18030"
    return "utf8"


_KINDS: dict[str, tuple[Callable[[Path], list[str]], Callable[[Path], int], Callable[..., Iterator[Batch]]]] = {
    ".parquet": (_parquet_columns, _parquet_most, _parquet_batches),
    ".csv": (_csv_columns, _csv_most, _csv_batches),
}


def text_of(column: pa.Array) -> Text:
    """Bytes and offsets of a column, whatever its type; a null is an empty text."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        column = column.cast(pa.large_string())
    if len(column) == 0:
        return np.zeros(1, np.uint8), np.zeros(1, np.int64)
    kind = np.int64 if pa.types.is_large_string(column.type) else np.int32
    _, offsets, data = column.buffers()
    at = np.frombuffer(offsets, kind)[column.offset : column.offset + len(column) + 1]
    return np.frombuffer(data or b"\0", np.uint8), at.astype(np.int64, copy=False)


def column_of(values: NDArray[Any]) -> pa.Array:
    """A column over the numbers as they lie there. ``pa.array`` would load Pandas, where it is installed, to ask it."""
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), values.size, [None, pa.py_buffer(values)])


def column_of_texts(texts: Sequence[str]) -> pa.Array:
    """A column of a few texts, without Pandas as well."""
    parts = [text.encode() for text in texts]
    offsets = np.array([0, *itertools.accumulate(map(len, parts))], np.int32)
    return pa.Array.from_buffers(pa.string(), len(parts), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(parts))])


def computed(function: str, *columns: pa.Array) -> pa.Array:
    """A function of Arrow by its name; ``pyarrow.compute`` would make three hundred wrappers first, a tenth of a second."""
    from pyarrow._compute import call_function

    return call_function(function, list(columns))


def days_of(column: pa.Array) -> NDArray[np.int32] | None:
    """Days since 1970 of a column of dates, a null as the smallest number; None for a column of another type."""
    if not pa.types.is_date32(column.type):
        return None
    days = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column)]
    return (
        np.where(column.is_null().to_numpy(zero_copy_only=False), np.int32(-(1 << 31)), days)
        if column.null_count
        else days
    )


def keep_little() -> None:
    """Has this process give memory of large arrays back as soon as they are dropped (GNU C library; elsewhere no change)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(-3, 1 << 20)  # M_MMAP_THRESHOLD, which otherwise grows with what was freed


def side_by_side(calls: Iterator[Callable[[], Any]], submit: Callable[..., Any], ahead: int) -> None:
    """Runs the calls, no more than *ahead* at a time, so that few batches are held at once; a single call runs at once."""
    first = list(itertools.islice(calls, 2))
    if len(first) == 1:
        first[0]()
        return
    waiting: list[Any] = [submit(call) for call in first]
    for call in calls:
        waiting.append(submit(call))
        if len(waiting) > ahead:
            waiting.pop(0).result()
    for job in waiting:
        job.result()
