"""The standard form of records: every field parsed once into whole numbers, one row of integers for each record."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from yigong.platform.empi.engine import address, dates, names, parse, tables
from yigong.platform.empi.engine.kernels import THREADS, pool, split
from yigong.platform.empi.engine.model import Field, Model
from yigong.platform.empi.engine.reading import Batch, Files, Frame, days_of, side_by_side, text_of

if TYPE_CHECKING:
    import polars as pl

Rows = NDArray[np.int64]


def standardise(frame: pl.DataFrame | pl.LazyFrame, model: Model) -> pl.DataFrame:
    """The standard form as a frame of integer columns, aligned with the rows given."""
    return frame_of(rows_of(frame, model), model)


def frame_of(rows: Rows, model: Model) -> pl.DataFrame:
    """Standard rows as a frame."""
    import polars as pl

    table = rows.reshape(-1, model.width)
    return pl.DataFrame({name: table[:, i] for i, name in enumerate(model.columns)})


def is_standard(frame: pl.DataFrame | pl.LazyFrame, model: Model) -> bool:
    """Whether a frame is already in standard form."""
    return hasattr(frame, "to_numpy") and frame.columns[: model.width] == model.columns


def rows_of(records: pl.DataFrame | pl.LazyFrame | Files, model: Model) -> Rows:
    """The standard rows of files or of a raw or standard frame, one after the other."""
    return read(records, model)[0]


def read(
    records: pl.DataFrame | pl.LazyFrame | Files, model: Model, extra: str | None = None
) -> tuple[Rows, list[pa.Array]]:
    """The standard rows, and the column *extra* as it stands there."""
    if not isinstance(records, Files) and is_standard(records, model):
        return np.ascontiguousarray(records.select(model.columns).to_numpy().astype(np.int64, copy=False)).reshape(
            -1
        ), []
    source = records if isinstance(records, Files) else Frame(records)
    columns = [(f, c) for f in model.fields if (c := next((c for c in f.columns if c in source.names), None))]
    if not columns:
        raise ValueError(no_columns(model, source.names))
    wanted = list(dict.fromkeys([*(c for _, c in columns), *([extra] if extra else [])]))
    most, batches = source.open(wanted, {c: f.columns for f, c in columns})
    rows, kept = _blank(most, model.width), list[pa.Array]()
    height = _read_all(batches, columns, rows, model, extra, kept)
    rows = rows[: height * model.width]
    _relate(rows, height, model)
    return rows, kept


def no_columns(model: Model, names: list[str]) -> str:
    """The sentence for records that have none of the model's columns."""
    wanted = ", ".join(f"{f.name} ({' | '.join(f.columns)})" for f in model.fields)
    there = ", ".join(names)
    zh, en = "可用 yigong empi model 取一份模型改列名", "yigong empi model prints a model to write your columns into"
    if len(names) == 1 and any(sign in names[0] for sign in ";\t|"):
        zh, en = "各列须以逗号分隔", "columns must be separated by commas"
    return (
        f"none of the columns of model {model.name} is there; wanted: {wanted}; there are: {there}; {en}"
        f" / 缺少模型所需的列；现有：{there}；{zh}"
    )


def rows_of_texts(columns: Mapping[str, Sequence[str]], model: Model) -> Rows:
    """The standard rows of a few records, each column a list of texts as long as the others; at once, in this thread."""
    height = len(next(iter(columns.values())))
    rows = _blank(height, model.width)
    place = rows.ctypes.data  # asked once: arrays as addresses are what makes one question cheap
    for field in model.fields:
        if column := next((c for c in field.columns if c in columns), None):
            data, offsets = _bytes_of(columns[column])
            _parse(field, (data.buffer_info()[0], offsets.buffer_info()[0]), place, height, model)
    _relate(place, height, model)
    return rows


def _bytes_of(texts: Sequence[str]) -> tuple[array[int], array[int]]:
    """Bytes and offsets of a few texts, without the fixed cost of a column."""
    parts = [text.encode() for text in texts]
    return array("B", b"".join(parts) or b"\0"), array("q", itertools.accumulate(map(len, parts), initial=0))


def _read_all(
    batches: Iterator[Batch],
    columns: list[tuple[Field, str]],
    rows: Rows,
    model: Model,
    extra: str | None,
    kept: list[pa.Array],
) -> int:
    """Parses all batches into their rows, side by side; how many records there were."""
    height = 0

    def jobs() -> Iterator[Callable[[], None]]:
        nonlocal height
        for batch in batches:
            count = len(next(iter(batch.values())))
            if extra:
                kept.append(batch[extra])
            part = rows[height * model.width : (height + count) * model.width]
            height += count
            yield partial(_read, columns, batch, part, count, model)

    side_by_side(jobs(), pool().submit, THREADS + 1)
    return height


def _read(columns: list[tuple[Field, str]], batch: Batch, rows: Rows, height: int, model: Model) -> None:
    """Parses one batch into its rows."""
    for field, column in columns:
        days = days_of(batch[column]) if field.kind == "date" else None
        if days is not None:
            dates.pack_days(days, 0, height, tables.load().lunar, rows, model.width, field.at)
        else:
            _parse(field, text_of(batch[column]), rows, height, model)


def _blank(height: int, width: int) -> Rows:
    """Rows of zeros that begin where a line of the processor's cache begins, so that 16 numbers lie in two lines, not three."""
    room = np.zeros(height * width + 8, np.int64)
    skip = -room.ctypes.data % 64 // 8
    return room[skip : skip + height * width]


def _parse(field: Field, text: tuple[Any, Any], rows: Rows | int, height: int, model: Model) -> None:
    """Parses a column into its place in the rows; arrays may be given as addresses."""
    known = tables.load()
    to: tuple[Any, int, int] = (rows, model.width, field.at)
    calls: dict[str, Callable[[int, int], Any]] = {
        "name": lambda a, b: names.parse_names(
            *text, a, b, known.fold, known.sounds, known.compound, known.compound.size, model.sign_bits,
            np.zeros(64, np.int32), *to,
        ),
        "date": lambda a, b: dates.parse_dates(*text, a, b, known.lunar, *to),
        "identity": lambda a, b: parse.parse_identity(*text, a, b, known.fold, *to),
        "place": lambda a, b: address.parse_addresses(*text, a, b, known.fold, np.zeros(128, np.int32), *to),
        "sex": lambda a, b: parse.parse_sexes(*text, a, b, *to),
        "phone": lambda a, b: parse.parse_phones(*text, a, b, known.fold, *to),
        "code": lambda a, b: parse.parse_codes(*text, a, b, known.fold, *to),
        "text": lambda a, b: parse.parse_texts(*text, a, b, known.fold, *to),
        "digits": lambda a, b: parse.parse_digits(*text, a, b, known.fold, *to),
    }  # fmt: skip
    calls[field.kind](0, height)


def _relate(rows: Rows | int, height: int, model: Model) -> None:
    """What one field says of another: the sex in a placeholder name, birth date and sex in an identity number."""
    for field in model.fields:
        if "newborn" in field.links:
            _fill(rows, height, model.width, model.at(field.links["newborn"]), field.at)
    for field in model.fields:
        if field.kind == "identity" and {"born", "sex"} <= field.links.keys():
            born, sex = model.at(field.links["born"]), model.at(field.links["sex"])
            _weigh(rows, height, model.width, field.at, born, sex)


def _fill(rows: Any, height: int, width: int, name: int, sex: int) -> None:
    split(lambda a, b: parse.fill_sexes(rows, a, b, width, name, sex), height)


def _weigh(rows: Any, height: int, width: int, at: int, born: int, sex: int) -> None:
    split(lambda a, b: parse.weigh_identity(rows, a, b, width, at, born, sex), height)


def number_states(rows: Rows, model: Model) -> NDArray[np.int64]:
    """How far each row's identity number may be trusted, as ``parse`` names the states; zeros where the model has none."""
    at = next((f.at for f in model.fields if f.kind == "identity"), None)
    return np.zeros(rows.size // model.width, np.int64) if at is None else rows.reshape(-1, model.width)[:, at + 1] & 7


def measure_signs(rows: Rows, model: Model) -> dict[str, int]:
    """How many eighths of a bit each sign carries in the names of these records."""
    return bits_of_signs(count_signs(rows, model))


def count_signs(rows: Rows, model: Model) -> NDArray[np.int64]:
    """How often each sign stands in a surname (first half) and in a given name (second half)."""
    counts = np.zeros(2 * tables.SIZE, np.int64)
    place = next((f.at for f in model.fields if f.kind == "name"), -1)
    if place >= 0:
        names.count_signs(rows, rows.size // model.width, model.width, place, counts)
    return counts


def bits_of_signs(counts: NDArray[np.int64]) -> dict[str, int]:
    """Eighths of a bit that signs carry which stand in the names so often."""
    made: dict[str, int] = {}
    for kind, part in (("s", counts[: tables.SIZE]), ("g", counts[tables.SIZE :])):
        total = max(1, int(part.sum()))
        seen = np.flatnonzero(part > 2)
        bits = np.minimum(110, np.round(-8 * np.log2(part[seen] / total))).astype(int)
        made |= {kind + chr(c): int(b) for c, b in zip(seen.tolist(), bits.tolist(), strict=True)}
    return made


def mark_rarity(rows: Rows, model: Model) -> None:
    """Writes anew how rare the names are, by the model's signs."""
    for field in model.fields:
        if field.kind == "name":
            names.mark_rarity(rows, 0, rows.size // model.width, model.width, field.at, model.sign_bits)
