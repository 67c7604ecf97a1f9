"""Text files of lines: fixed places (``widths``), a pattern with named groups (``pattern_of_line``), else delimited."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from yigong.edge.extract.formats import delimited, ragged
from yigong.edge.extract.frames import PLACE, TROUBLE, as_text
from yigong.kit.errors import Refused


def read(path: Path, config: Mapping[str, Any], *, size: int) -> Iterator[pl.DataFrame]:
    """Frames of the lines.

    ``widths`` is ``{column: [first, last]}`` counted from 1 in signs; ``pattern_of_line`` a regular expression whose
    groups are the columns. A line that does not fit comes with ``_trouble``; so does one that ends before its last column begins,
    unless ``short_lines`` is "fill" (the source cuts blanks at the end). Without both the file is read as delimited.
    """
    if not config.get("widths") and not config.get("pattern_of_line"):
        yield from delimited.read(path, config, size=size)
        return
    encoding = str(config.get("encoding") or delimited.detect(path)[0])
    skip = int(config.get("skip_lines") or 0)
    with path.open("r", encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors="replace") as source:
        held: list[tuple[int, str]] = []
        for number, line in enumerate(source, start=1):
            if number <= skip or not line.strip():
                continue
            held.append((number, line.rstrip("\r\n")))
            if len(held) >= size:
                yield _frame(held, path.name, config)
                held = []
        if held:
            yield _frame(held, path.name, config)


def _frame(held: list[tuple[int, str]], name: str, config: Mapping[str, Any]) -> pl.DataFrame:
    lines = pl.DataFrame({"at": [at for at, _ in held], "line": [line for _, line in held]})
    try:
        cut = _by_widths(config["widths"]) if config.get("widths") else _by_pattern(str(config["pattern_of_line"]))
        columns = lines.select(*cut).with_columns(pl.all().str.strip_chars())
    except pl.exceptions.ComputeError as error:  # what Python's expressions know and these do not: looking around
        reason = str(error).rpartition("\n")[2]
        raise Refused("exchange.pattern_wrong", pattern=str(config.get("pattern_of_line")), reason=reason) from error
    place = (pl.lit(f"{name} 第 ") + pl.col("at").cast(pl.String) + pl.lit(" 行")).alias(PLACE)
    garbled = pl.col("line").str.contains(delimited.REPLACED, literal=True)
    unfit = columns.select(pl.all_horizontal(pl.all().is_null())).to_series()
    unlike = pl.concat_str(pl.lit("unfit:"), pl.col("line").str.head(ragged.SURPLUS))
    trouble = pl.when(garbled).then(pl.lit("encoding")).when(unfit).then(unlike).otherwise(_cut(config)).alias(TROUBLE)
    told = lines.select(place, trouble)
    out = as_text(columns).hstack(told)
    return out.drop(TROUBLE) if out.get_column(TROUBLE).null_count() == out.height else out


def _cut(config: Mapping[str, Any]) -> pl.Expr:
    """The trouble of lines that end before their last column begins; text beyond it may be columns that nobody asked for."""
    firsts = [int(first) for first, _last in (config.get("widths") or {}).values()]
    if not firsts or config.get("short_lines") == "fill":
        return pl.lit(None, dtype=pl.String)
    signs = pl.col("line").str.len_chars()
    there = pl.sum_horizontal((signs >= first).cast(pl.Int64) for first in firsts)
    return pl.when(signs < max(firsts)).then(pl.format(f"short:{{}}:{len(firsts)}", there))


def _by_widths(widths: Mapping[str, Any]) -> list[pl.Expr]:
    return [
        pl.col("line").str.slice(int(first) - 1, int(last) - int(first) + 1).alias(column)
        for column, (first, last) in widths.items()
    ]


def _by_pattern(pattern: str) -> list[pl.Expr]:
    try:
        names = list(re.compile(pattern).groupindex)
    except re.error as error:
        raise Refused("exchange.pattern_wrong", pattern=pattern, reason=str(error)) from error
    if not names:
        raise Refused("exchange.pattern_wrong", pattern=pattern, reason="(?P<name>…)")
    groups = pl.col("line").str.extract_groups(pattern)
    return [groups.struct.field(name).alias(name) for name in names]
