"""The leaves of rules over large frames: each column read once for all tests on it, the columns side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import polars as pl

from yigong.standards.quality.forms import Automaton, automaton
from yigong.standards.quality.leaves import INLINE, Alone, Leaf

#: from this many rows on machine code is faster than Polars
MANY = 20_000
#: loading it takes about two seconds, as long as Polars takes longer for some million rows: a process that judges fewer does without
WORTH = 2_000_000
FEW_CODES, MOST_SHAPES, MOST_RANGES = 16, 6, 3
THREADS = max(1, min(4, os.cpu_count() or 1))
HIGH, LAST = 0x8080808080808080, 2**64 - 1


def is_many(rows: int) -> bool:
    """Whether so many rows go through machine code: it is loaded, and there are enough of them."""
    return rows >= MANY and _Machine.code is not None


class _Machine:
    """The machine code once it is loaded, and how many rows were judged without it."""

    code: Any = None
    judged = 0


def expect(rows: int) -> None:
    """Tell that so many rows are to be judged; loads the machine code once it pays."""
    if _Machine.code is None and rows >= MANY:
        _Machine.judged += rows
        if _Machine.judged >= WORTH:
            load()


def load() -> bool:
    """Load the machine code; False where this installation has none (a small one goes through Polars)."""
    if _Machine.code is None and _has_machine():
        from yigong.standards.quality import machine

        _Machine.code = machine
    return _Machine.code is not None


@cache
def _has_machine() -> bool:
    return bool(find_spec("numba") and find_spec("pyarrow"))


def _machine() -> Any:
    load()
    return _Machine.code


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "quality")


def marks(frame: pl.DataFrame, leaves: Iterable[Leaf | Alone], void: Collection[str] = ()) -> list[pl.Series]:
    """The answers of the leaves over a frame, each named as its leaf; in the columns *void* nothing is recorded."""
    by_column: dict[str, list[Leaf]] = {}
    tasks: list[Callable[[], list[pl.Series]]] = []
    for leaf in leaves:
        if isinstance(leaf, Alone):
            tasks.append(partial(_alone, frame, leaf, void))
        else:
            by_column.setdefault(leaf.column, []).append(leaf)
    for name, some in by_column.items():
        tasks.append(partial(_untested, frame.height, some) if name in void else partial(_tested, frame[name], some))
    return [mark for found in _pool().map(lambda task: task(), tasks) for mark in found]


def _alone(frame: pl.DataFrame, leaf: Alone, void: Collection[str]) -> list[pl.Series]:
    columns = [frame.get_column(c) for c in leaf.columns if c not in void]
    return [(alone(columns) if columns else pl.repeat(frame.height == 1, frame.height, eager=True)).alias(leaf.name)]


def _untested(rows: int, leaves: Sequence[Leaf]) -> list[pl.Series]:
    """The answers where nothing is recorded."""
    return [
        pl.repeat(False if leaf.kind == "given" else None, rows, dtype=pl.Boolean, eager=True).alias(leaf.name)
        for leaf in leaves
    ]


def _tested(column: pl.Series, leaves: Sequence[Leaf]) -> list[pl.Series]:
    """All tests on one column."""
    texts = Texts.of(column)
    tests, words, steps = program(tuple((leaf.kind, leaf.facts) for leaf in leaves))
    size = len(column)
    out = np.empty((len(leaves), (size + 7) // 8), dtype=np.uint8)
    _machine().scan(texts.views, texts.addresses, tests, words, steps, out)
    return [texts.flags(out[at], leaf.name, known=leaf.kind == "given") for at, leaf in enumerate(leaves)]


@dataclass(frozen=True)
class Texts:
    """A text column as it lies in memory: two words for each text, where long ones lie, which are recorded."""

    held: Any  # the arrow array, so that its memory stays
    views: np.ndarray
    addresses: np.ndarray
    valid: np.ndarray | None  # packed bits; None when all are recorded
    size: int

    @classmethod
    def of(cls, column: pl.Series) -> Texts:
        """The memory of a column of texts."""
        array: Any = column.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
        validity, views, *data = array.buffers()
        words = np.frombuffer(views, dtype=np.uint64) if views is not None else np.empty(0, dtype=np.uint64)
        places = np.array([b.address if b is not None else 0 for b in data] or [0], dtype=np.int64)
        valid = _valid(column, validity, array.offset) if column.null_count() else None
        return cls(array, words[2 * array.offset : 2 * (array.offset + len(column))], places, valid, len(column))

    def flags(self, bits: np.ndarray, name: str, *, known: bool) -> pl.Series:
        """Packed bits as flags: unknown where nothing is recorded, or false there if the test *knows* it."""
        import pyarrow as pa

        if known and self.valid is not None:
            bits &= self.valid
        hidden = pa.py_buffer(self.valid) if self.valid is not None and not known else None
        return pl.Series(name, pa.Array.from_buffers(pa.bool_(), self.size, [hidden, pa.py_buffer(bits)]))


def _valid(column: pl.Series, validity: Any, offset: int) -> np.ndarray:
    if offset % 8 == 0 and validity is not None:
        return np.frombuffer(validity, dtype=np.uint8)[offset // 8 : (offset + len(column) + 7) // 8]
    return np.packbits(column.is_not_null().to_numpy(), bitorder="little")


@lru_cache(maxsize=512)
def program(tests: tuple[tuple[str, tuple[Any, ...]], ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Some tests as the machine reads them: (kind, start, many) of each, words and steps they compare with."""
    lines, words, steps = [], [np.zeros(1, dtype=np.uint64)], [np.zeros(1, dtype=np.uint8)]
    for kind, facts in tests:
        said, many, numbers, rows = _coded(kind, facts)
        start = sum(len(w) for w in (steps if said == _machine().FORM else words))
        lines.append((said, start, many))
        words.append(numbers)
        steps.append(rows)
    return np.array(lines, dtype=np.int64), np.concatenate(words), np.concatenate(steps)


_NO_WORDS, _NO_STEPS = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint8)


def _coded(kind: str, facts: Sequence[Any]) -> tuple[int, int, np.ndarray, np.ndarray]:
    machine = _machine()
    match kind:
        case "given":
            return machine.GIVEN, 0, _NO_WORDS, _NO_STEPS
        case "length":
            least, most = int(np.ceil(max(0, facts[0]))), int(np.floor(max(-1, facts[1]))) + 0
            bounds = (least, most) if most >= 0 else (1, 0)
            return machine.LENGTH, 0, np.array(bounds, dtype=np.uint64), _NO_STEPS
        case "one_of" if len(facts) <= FEW_CODES:
            return machine.CODES, len(facts), _views_of(facts).ravel(), _NO_STEPS
        case "one_of":
            table = _table(_views_of(facts))
            return machine.MANY_CODES, len(table), table.ravel(), _NO_STEPS
    known = automaton(facts[0])
    assert known is not None
    packed = _shapes(known)
    if packed is not None:
        return machine.SHAPES, packed[0], packed[1], _NO_STEPS
    rows = np.concatenate([known.steps, known.accepts[:, None].astype(np.uint8)], axis=1)
    return machine.FORM, len(rows), _NO_WORDS, rows.ravel()


def _views_of(codes: Sequence[str]) -> np.ndarray:
    coded = [c.encode() for c in codes]
    packed = b"".join(len(c).to_bytes(4, "little") + c.ljust(INLINE, b"\0") for c in coded)
    return np.frombuffer(packed, dtype=np.uint64).reshape(-1, 2).copy()


def _table(views: np.ndarray) -> np.ndarray:
    """The codes in a table with open places, at least half of it free."""
    size = 1 << (2 * len(views) - 1).bit_length()
    table = np.full((size, 2), 0xFFFFFFFF, dtype=np.uint64)
    first, second = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9
    for a, b in views.tolist():
        at = ((((a ^ (b * first)) * second) & (2**64 - 1)) >> 40) & (size - 1)
        while table[at, 0] != 0xFFFFFFFF:
            at = (at + 1) & (size - 1)
        table[at] = a, b
    return table


def _shapes(known: Automaton) -> tuple[int, np.ndarray] | None:
    """An automaton as a few shapes with ranges at each place; None where it has more than that."""
    found = known.shapes(INLINE, MOST_SHAPES)
    if found is None:
        return None
    packed = [_shape(shape) for shape in found]
    if any(p is None for p in packed):
        return None
    return len(packed), np.concatenate([_NO_WORDS, *(p for p in packed if p is not None)])


def _shape(places: Sequence[frozenset[int]]) -> np.ndarray | None:
    """``size, ranges, fixed and mask of both words, free places of both``, then for each range low and high of both."""
    ranges = [_ranges(some) for some in places]
    if any(r is None for r in ranges):
        return None
    wide = max([len(r) for r in ranges if r] or [1])
    fixed, mask, free = bytearray(INLINE), bytearray(INLINE), bytearray(b"\x80" * INLINE)
    low, high = [bytearray(INLINE) for _ in range(wide)], [bytearray(INLINE) for _ in range(wide)]
    for at, some in enumerate(ranges):
        assert some is not None
        if len(places[at]) == 1:
            fixed[at], mask[at] = next(iter(places[at])), 0xFF
            continue
        mask[at], free[at] = 0x80, 0
        for r in range(wide):
            least, most = some[min(r, len(some) - 1)]
            low[r][at], high[r][at] = 0x80 - least, 0x7F - most
    free_a, free_b = _words(free)
    said = [len(places), wide, *_words(fixed, mask), free_a | HIGH << 32 & LAST, free_b]
    for r in range(wide):
        said += _words(low[r], high[r])
    return np.array(said, dtype=np.uint64)


def _words(*some: bytearray) -> list[int]:
    """The first four and the last eight bytes of each, in the order first, first …, as the machine reads them."""
    pairs = [(int.from_bytes(b[:4], "little"), int.from_bytes(b[4:], "little")) for b in some]
    return [w for pair in zip(*pairs, strict=True) for w in pair]


def _ranges(some: frozenset[int]) -> list[tuple[int, int]] | None:
    """The bytes as a few ranges below 128; a single byte may be any."""
    if len(some) == 1:
        return [(next(iter(some)),) * 2]
    found: list[tuple[int, int]] = []
    for byte in sorted(some):
        if found and found[-1][1] == byte - 1:
            found[-1] = (found[-1][0], byte)
        else:
            found.append((byte, byte))
    return found if len(found) <= MOST_RANGES and max(some) < 128 else None


def rows_of(flags: pl.Series) -> pl.Series:
    """The rows of a column of flags, all known, that are true: u32."""
    if not is_many(len(flags)):
        return flags.arg_true().cast(pl.UInt32)
    array: Any = flags.rechunk().to_arrow()
    first, last = array.offset, array.offset + len(flags)
    bits = np.frombuffer(array.buffers()[1], dtype=np.uint8)
    if first % 8:
        bits = np.packbits(np.unpackbits(bits, bitorder="little")[first:last], bitorder="little")
    else:
        bits = bits[first // 8 : (last + 7) // 8]
    words = np.zeros((len(bits) + 7) // 8, dtype=np.uint64)
    words.view(np.uint8)[: len(bits)] = bits
    if len(flags) % 64:
        words[-1] &= np.uint64(2 ** (len(flags) % 64) - 1)
    return pl.Series(_machine().positions(words), dtype=pl.UInt32)


# rows that stand alone


def alone(columns: Sequence[pl.Series]) -> pl.Series:
    """Whether no other row agrees in all columns."""
    size = max(len(c) for c in columns)
    kept = [c.alias(str(i)) for i, c in enumerate(columns) if len(c) == size and c.null_count() < size]
    if not kept:
        return pl.repeat(size == 1, size, dtype=pl.Boolean, eager=True)
    if not is_many(size):
        return ~pl.DataFrame(kept).is_duplicated()
    maybe = pl.Series(_machine().repeated(_mixed(kept, size)), dtype=pl.UInt32)
    again = maybe.filter(pl.DataFrame([c.gather(maybe) for c in kept]).is_duplicated())
    said = np.ones(size, dtype=np.bool_)
    said[again.to_numpy()] = False
    return pl.Series(said)


def _mixed(columns: Sequence[pl.Series], size: int) -> np.ndarray:
    """One hash for each row; equal rows have equal ones."""
    total = np.zeros(size, dtype=np.uint64)
    for at, column in enumerate(columns):
        if column.dtype == pl.String and not column.null_count():
            texts = Texts.of(column)
            _machine().mix_texts(texts.views, texts.addresses, total)
        else:
            total = (total * np.uint64(2 * at + 3)) ^ column.hash(at).to_numpy()
    return total


__all__ = ["MANY", "THREADS", "Texts", "alone", "expect", "is_many", "load", "marks", "program", "rows_of"]
