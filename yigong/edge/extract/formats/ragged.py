"""Lines of a delimited file that have more or fewer fields than its header: found by counting separators, not line by line.

The line a row stands on is all its cells, so that a line cut short or with an unquoted separator in a text puts values under
the wrong names from there on. Nobody but the source can say what was meant. Pure.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from yigong.edge.extract.frames import TROUBLE

QUOTE, LINE, RETURN = b'"'[0], b"\n"[0], b"\r"[0]
SURPLUS = 200  # signs of what a line has too much that are told
NONE = pl.lit(None, dtype=pl.String).alias(TROUBLE)


def marked(
    frame: pl.DataFrame, lines: bytes, columns: list[str], separator: str, *, overflow: str, fill: bool
) -> pl.DataFrame:  # fmt: skip
    """The frame with ``_trouble`` in place of *overflow*: ``short:found:wanted`` or ``ragged:found:wanted:what is too much``.

    *frame* has the rows of the last of *lines*, each line with its end. Lines without any content, and empty fields beyond
    the header, are no trouble; with *fill* a line that is too short is none either.
    """
    plain = frame.drop(overflow)
    if not frame.height or _even(plain, frame.get_column(overflow), lines, columns, separator):
        return plain.with_columns(NONE)
    separators, ends = _outside_quotes(lines, separator)
    if _fitting(separators, ends, len(columns) - 1, frame.height):
        return plain.with_columns(NONE)
    before = np.searchsorted(separators, ends)
    found = np.diff(before, prepend=0)[-frame.height :] + 1
    long = _long(lines, separators, ends, before, found, columns, separator)
    least = _named(columns)
    short = pl.Series(found < least) & ~_blank(plain, columns) & (not fill)
    said = pl.concat_str(pl.lit("short:"), pl.col("found").cast(pl.String), pl.lit(f":{least}"))
    trouble = pl.DataFrame({"found": found, "short": short}).select(pl.when("short").then(said)).to_series()
    return plain.with_columns(trouble.scatter(list(long), list(long.values())).alias(TROUBLE))


def _fitting(separators: np.ndarray, ends: np.ndarray, each: int, rows: int) -> bool:
    """Whether each of the last *rows* lines has *each* separators: as many as all need, and the last of each before its line's end."""
    begin = int(ends[-rows - 1]) if len(ends) > rows else -1
    ours, stops = separators[np.searchsorted(separators, begin) :], ends[-rows:]
    if len(ours) != rows * each or not each:
        return len(ours) == rows * each
    return bool((ours[each - 1 :: each] < stops).all() and (ours[each::each] > stops[:-1]).all())


def _long(
    lines: bytes, separators: np.ndarray, ends: np.ndarray, before: np.ndarray, found: np.ndarray, columns: list[str], separator: str
) -> dict[int, str]:  # fmt: skip
    """The trouble of each line that has more than all columns, by the number of its row."""
    told: dict[int, str] = {}
    first = len(ends) - len(found)
    for row in np.flatnonzero(found > len(columns)).tolist():
        at, wanted = first + row, len(columns)
        start = int(separators[before[at] - found[row] + wanted]) + 1
        if surplus := _content(lines[start : int(ends[at])], separator):
            told[row] = f"ragged:{found[row]}:{wanted}:{surplus}"
    return told


def _even(frame: pl.DataFrame, overflow: pl.Series, lines: bytes, columns: list[str], separator: str) -> bool:
    """Whether every line has just its fields, as far as a look can tell: no quotes, nothing empty at the end, the right sum."""
    return (
        overflow.null_count() == len(overflow)
        and not frame.get_column(columns[-1]).null_count()
        and b'"' not in lines
        and lines.count(b"\n") == frame.height
        and lines.count(separator.encode()) == frame.height * (len(columns) - 1)
    )


def _outside_quotes(lines: bytes, separator: str) -> tuple[np.ndarray, np.ndarray]:
    """Where the separators and the ends of lines stand that no quote holds."""
    signs = np.frombuffer(lines, dtype=np.uint8)
    apart, end = signs == separator.encode()[0], signs == LINE
    if b'"' in lines:
        outside = np.bitwise_xor.accumulate(signs == QUOTE) == 0
        apart, end = apart & outside, end & outside
    return np.flatnonzero(apart), np.flatnonzero(end)


def _named(columns: list[str]) -> int:
    """How many fields a line must have: up to the last that has a name; some programs end the header by a separator."""
    return max((at for at, name in enumerate(columns, start=1) if name), default=1)


def _blank(frame: pl.DataFrame, columns: list[str]) -> pl.Series:
    """Rows in which nothing stands."""
    return frame.select(
        pl.all_horizontal(pl.col(c).is_null() | (pl.col(c).str.strip_chars() == "") for c in columns)
    ).to_series()


def _content(surplus: bytes, separator: str) -> str:
    """What a line has beyond its last column; empty where that is only empty fields."""
    text = surplus.decode("utf-8", errors="replace").strip()
    return text[:SURPLUS] if text.replace(separator, "").replace('"', "").strip() else ""
