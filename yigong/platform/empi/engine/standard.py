"""The standard form of records: every field parsed once into whole numbers, one row of integers for each record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from yigong.platform.empi.engine import address, dates, names, parse, tables
from yigong.platform.empi.engine.kernels import split
from yigong.platform.empi.engine.model import Field, Model

Rows = NDArray[np.int64]
Text = tuple[NDArray[np.uint8], NDArray[np.int64]]


def standardise(frame: pl.DataFrame | pl.LazyFrame, model: Model) -> pl.DataFrame:
    """The standard form as a frame of integer columns, aligned with the rows given."""
    return frame_of(rows_of(frame, model), model)


def frame_of(rows: Rows, model: Model) -> pl.DataFrame:
    """Standard rows as a frame."""
    table = rows.reshape(-1, model.width)
    return pl.DataFrame({name: table[:, i] for i, name in enumerate(model.columns)})


def is_standard(frame: pl.DataFrame, model: Model) -> bool:
    """Whether a frame is already in standard form."""
    return frame.columns[: model.width] == model.columns


def rows_of(frame: pl.DataFrame | pl.LazyFrame, model: Model) -> Rows:
    """The standard rows of a raw or standard frame, one after the other."""
    if isinstance(frame, pl.DataFrame) and is_standard(frame, model):
        return np.ascontiguousarray(frame.select(model.columns).to_numpy().astype(np.int64, copy=False)).reshape(-1)
    held = frame.collect_schema().names() if isinstance(frame, pl.LazyFrame) else frame.columns
    rows, height = np.zeros(0, np.int64), -1
    for field in model.fields:
        column = next((c for c in field.columns if c in held), None)
        if column is None:
            continue
        series = frame.select(column).collect().to_series() if isinstance(frame, pl.LazyFrame) else frame[column]
        if height < 0:
            height = len(series)
            rows = np.zeros(height * model.width, np.int64)
        _parse(field, _text(series), rows, height, model)
    if height < 0:
        wanted = ", ".join(f"{f.name} ({' | '.join(f.columns)})" for f in model.fields)
        raise ValueError(f"none of the model's columns is there; wanted: {wanted} / 缺少模型所需的列：{wanted}")
    _relate(rows, height, model)
    return rows


def _text(series: pl.Series) -> Text:
    """Bytes and offsets of a column of texts."""
    if series.dtype == pl.Date:
        series = series.dt.strftime("%Y%m%d")
    elif series.dtype != pl.String:
        series = series.cast(pl.String)
    if series.null_count():
        series = series.fill_null("")
    if len(series) == 0:
        return np.zeros(1, np.uint8), np.zeros(1, np.int64)
    column = series.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = column.buffers()
    return np.frombuffer(data or b"\0", np.uint8), np.frombuffer(offsets, np.int64)[column.offset :]


def _parse(field: Field, text: Text, rows: Rows, height: int, model: Model) -> None:
    known = tables.load()
    to = (rows, model.width, field.at)
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
    split(calls[field.kind], height)


def _relate(rows: Rows, height: int, model: Model) -> None:
    """What one field says of another: the sex in a placeholder name, birth date and sex in an identity number."""
    for field in model.fields:
        if "newborn" in field.links:
            parse.fill_sexes(rows, 0, height, model.width, model.at(field.links["newborn"]), field.at)
    for field in model.fields:
        if field.kind == "identity" and {"born", "sex"} <= field.links.keys():
            born, sex = model.at(field.links["born"]), model.at(field.links["sex"])
            _weigh(rows, height, model.width, field.at, born, sex)


def _weigh(rows: Rows, height: int, width: int, at: int, born: int, sex: int) -> None:
    split(lambda a, b: parse.weigh_identity(rows, a, b, width, at, born, sex), height)


def measure_signs(rows: Rows, model: Model) -> dict[str, int]:
    """How many eighths of a bit each sign carries in the names of these records."""
    place = next((f.at for f in model.fields if f.kind == "name"), -1)
    if place < 0:
        return {}
    counts = np.zeros(2 * tables.SIZE, np.int64)
    names.count_signs(rows, rows.size // model.width, model.width, place, counts)
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
