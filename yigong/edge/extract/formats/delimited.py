"""CSV and other delimited files: encoding and separator found out, lines that do not decode kept apart."""

from __future__ import annotations

import codecs
import csv
import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import polars as pl

from yigong.edge.extract.formats import ragged
from yigong.edge.extract.formats.quotes import whole_lines
from yigong.edge.extract.frames import TROUBLE, placed, without_blank
from yigong.kit.errors import Fault, Refused

CHUNK = 2 << 20
PIECE = 512 << 10  # what is looked at for its encoding at a time: copies of it are made
LONGEST_RECORD = 64 << 20  # bytes: no line of a table is as long
THREADS = 2
LONGEST_HEADER = 50  # lines that one line of names may go over
LONGEST = 4  # bytes of a sign in UTF-8
#: the encodings of Chinese systems, likeliest first
ENCODINGS = ("utf-8", "gb18030")
SEPARATORS = ",\t;|"
OVERFLOW = "_overflow"
REPLACED = "\ufffd"


def read(path: Path, config: Mapping[str, Any], *, size: int) -> Iterator[pl.DataFrame]:
    """Frames of the file; ``encoding`` and ``separator`` are found out unless given.

    A line with fewer or more fields than the header comes with ``_trouble``; where ``short_lines`` is "fill" the source is known to
    leave empty fields at the end of a line away, and short ones are read as such.
    """
    encoding, clean = detect(path) if not config.get("encoding") else (str(config["encoding"]), True)
    with tempfile.TemporaryDirectory(prefix="yigong-") as folder:
        text = path
        if encoding != "utf-8" or not clean or _ends_by_return(path):
            text = Path(folder) / "text.csv"
            transcode(path, text, encoding)
        yield from _frames(text, path.name, config, size, clean)


def _ends_by_return(path: Path) -> bool:
    """Whether lines end by a carriage return alone, as old systems write them."""
    with path.open("rb") as source:
        begin = source.read(CHUNK)
    return b"\r" in begin and b"\n" not in begin


def detect(path: Path) -> tuple[str, bool]:
    """The encoding of a file and whether every byte of it decodes; the one with the fewest broken signs otherwise."""
    if wide := _wide(path):
        return wide, True
    if _is_clean_utf8(path):
        return "utf-8", True
    broken = {}
    for encoding in ENCODINGS:
        broken[encoding] = _broken(path, encoding)
        if not broken[encoding]:
            return encoding, True
    best = min(ENCODINGS, key=lambda e: broken[e])
    return best, False


def _wide(path: Path) -> str:
    """UTF-16 with its mark, as Excel writes "Unicode text", or without where every other byte of the beginning is none."""
    with path.open("rb") as source:
        begin = source.read(400)
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    odd, even = begin[1::2].count(0), begin[::2].count(0)
    signs = max(len(begin) // 2, 1)
    return "utf-16-le" if odd > signs // 3 and not even else "utf-16-be" if even > signs // 3 and not odd else ""


def _is_clean_utf8(path: Path) -> bool:
    """Whether all of the file is UTF-8 without a replacement sign; looked at in parts, none of which cuts a sign."""
    with path.open("rb") as source, ThreadPoolExecutor(THREADS) as pool:
        places = range(0, path.stat().st_size, PIECE)
        return all(list(pool.map(lambda place: _is_clean(_part(source.fileno(), place)), places)))


def _part(file: int, place: int) -> bytes:
    """A part of an open file from the first sign that begins in it to the end of the last."""
    read = os.pread(file, PIECE + LONGEST - 1, place)
    start, stop = 0, PIECE
    while place and start < min(len(read), LONGEST - 1) and read[start] & 0xC0 == 0x80:
        start += 1
    while stop < len(read) and read[stop] & 0xC0 == 0x80:
        stop += 1
    return read[start:stop]


def _is_clean(part: bytes) -> bool:
    whole = pl.Series([part], dtype=pl.Binary)
    try:
        return not whole.cast(pl.String).str.contains(REPLACED, literal=True).item()
    except pl.exceptions.ComputeError:
        return False


def _broken(path: Path, encoding: str, limit: int = 10_000) -> int:
    """Signs that do not decode, counted up to *limit*."""
    decoder, count = codecs.getincrementaldecoder(encoding)(errors="replace"), 0
    with path.open("rb") as source:
        while chunk := source.read(CHUNK):
            if encoding == "utf-8" and chunk.isascii():
                decoder.reset()
                continue
            count += decoder.decode(chunk).count(REPLACED)
            if count >= limit:
                return limit
    return count + decoder.decode(b"", final=True).count(REPLACED)


def transcode(path: Path, target: Path, encoding: str) -> None:
    """A copy in UTF-8; what does not decode becomes the replacement sign, and a return that ends lines becomes a line feed."""
    with path.open("r", encoding=encoding, errors="replace", newline="") as source, _new(target) as out:
        chunk = source.read(CHUNK)
        returns = "\r" in chunk and "\n" not in chunk
        while chunk:
            out.write(chunk.replace("\r", "\n") if returns else chunk)
            chunk = source.read(CHUNK)


def _new(target: Path) -> IO[str]:
    return target.open("w", encoding="utf-8", newline="")


@dataclass(frozen=True, slots=True)
class _Head:
    """The names of the columns, the sign between them, the records up to and with that line, and where it stands."""

    columns: list[str]
    separator: str
    records: int


def _header(path: Path, config: Mapping[str, Any]) -> _Head:
    """The line of names: the first, or that numbered ``header``; Excel's own line ``sep=;`` before it names the separator."""
    before = int(config.get("header") or 1) - 1
    with path.open("r", encoding="utf-8-sig", errors="replace", newline="") as source:
        lines = iter(partial(_logical, source), "")
        line = next(lines, "")
        said = line[4:5] if line[:4].lower() == "sep=" and not line[5:].strip() else ""
        skipped = before + bool(said)
        for _ in range(skipped):
            line = next(lines, "")
    separator = str(config.get("separator") or said or max(SEPARATORS, key=line.count))
    names = next(csv.reader([line], delimiter=separator), []) if line.strip() else []
    return _Head([" ".join(name.split()) for name in names], separator, skipped + 1)


def _logical(source: IO[str]) -> str:
    """A line with those that a quote holds together with it."""
    line = held = source.readline()
    for _ in range(LONGEST_HEADER):
        if not held or held.count('"') % 2 == 0:
            return held
        more = source.readline()
        held = held + more if more else line
        if not more:
            break
    return line


def _frames(path: Path, name: str, config: Mapping[str, Any], size: int, clean: bool) -> Iterator[pl.DataFrame]:
    head = _header(path, config)
    columns, separator = head.columns, head.separator
    if not columns:
        return
    skipped = max(head.records, int(config.get("first_row") or 1) - 1)  # notes or units may stand below the names
    if len(set(columns)) != len(columns):
        raise Refused("exchange.columns_twice", columns=sorted({c for c in columns if columns.count(c) > 1}))
    parse = partial(
        pl.scan_csv,
        separator=separator,
        has_header=False,
        schema=dict.fromkeys([*columns, OVERFLOW], pl.String),
        truncate_ragged_lines=True,
        extra_columns="ignore",
        missing_columns="insert",
        encoding="utf8" if clean else "utf8-lossy",
    )
    fill = config.get("short_lines") == "fill"

    def parsed(skipped: int, part: bytes) -> pl.DataFrame:
        # a part is small: read at once it costs two thirds of what it costs as a stream
        frame = parse(io.BytesIO(part), skip_rows=skipped).collect(engine="in-memory")
        return ragged.marked(frame, part, columns, separator, overflow=OVERFLOW, fill=fill)

    frames = (parsed(0 if n else skipped, part) for n, part in enumerate(_records(path, separator)))
    first = skipped + 1
    for frame in _even(frames, size):
        told = without_blank(placed(_marked(frame, columns, clean), name, first))
        first += frame.height
        if told.height:
            yield told


def _records(path: Path, separator: str) -> Iterator[bytes]:
    """The file in parts of whole lines, so that no more than a part is held however long the file is.

    Raises Fault exchange.quotes_unpaired where a quote that opens a field is not closed to the end of the file, or for
    so long that none can be meant.
    """
    held, done = b"", 0
    with path.open("rb") as source:
        if source.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            source.seek(0)
        while block := source.read(CHUNK):
            size, lines = whole_lines(held + block, separator)
            held, done = (held + block)[size:], done + size
            if lines:
                yield lines
            if len(held) > LONGEST_RECORD:
                break
        else:
            size, lines = whole_lines(held + b"\n", separator) if held else (0, b"")
            if size:
                yield lines
            if size >= len(held):
                return
    raise Fault("exchange.quotes_unpaired", permanent=True, path=path.name, byte=done)


def _even(frames: Iterator[pl.DataFrame], size: int) -> Iterator[pl.DataFrame]:
    """The same rows in batches of exactly *size*, so that a run can be compared with another."""
    held: list[pl.DataFrame] = []
    rows = 0
    for frame in frames:
        held.append(frame)
        rows += frame.height
        while rows >= size:
            whole = pl.concat(held)
            yield whole.head(size)
            held, rows = [whole.slice(size)], rows - size
    if rows:
        yield pl.concat(held)


def _marked(frame: pl.DataFrame, columns: list[str], clean: bool) -> pl.DataFrame:
    """Empty text as null, and ``_trouble`` only where a row has it: its fields, or signs that did not decode.

    Of a file that is known to be *clean* no sign is looked at again.
    """
    has_empty = frame.select((pl.col(c).str.len_bytes() == 0).any() for c in columns).row(0)
    empty = [
        pl.when(pl.col(c) != "").then(pl.col(c)).alias(c) for c, some in zip(columns, has_empty, strict=True) if some
    ]
    found = frame.with_columns(empty) if empty else frame
    if not clean:
        text = pl.concat_str([pl.col(c).fill_null("") for c in columns])
        garbled = pl.when(text.str.contains(REPLACED, literal=True)).then(pl.lit("encoding"))
        found = found.with_columns(pl.coalesce(TROUBLE, garbled).alias(TROUBLE))
    return found.drop(TROUBLE) if found.get_column(TROUBLE).null_count() == found.height else found
