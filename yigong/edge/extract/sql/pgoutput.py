"""The messages of PostgreSQL's own output plug-in ``pgoutput``, protocol 1, taken apart. Pure.

Source: PostgreSQL manual, "Logical Replication Message Formats".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


class Unchanged:
    """Stands for a long value that the log leaves out because the update did not touch it."""


UNCHANGED = Unchanged()
Value = str | None | Unchanged
Row = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Change:
    """One row written (*new*) or gone (*new* is None); *old* as far as the log says it."""

    table: str
    new: Row | None
    old: Row | None


@dataclass(frozen=True, slots=True)
class Commit:
    """The end of a transaction: the log may be let go up to *lsn*."""

    lsn: str


@dataclass(frozen=True, slots=True)
class Truncated:
    """The tables were emptied at one stroke."""

    tables: tuple[str, ...]


@dataclass(slots=True)
class _Reader:
    data: bytes
    codec: str
    errors: str
    at: int = 0

    def number(self, form: str) -> int:
        size = struct.calcsize(form)
        value = struct.unpack_from(form, self.data, self.at)[0]
        self.at += size
        return int(value)

    def sign(self) -> str:
        self.at += 1
        return chr(self.data[self.at - 1])

    def word(self) -> str:
        end = self.data.index(b"\0", self.at)
        found = self.data[self.at : end].decode(self.codec, self.errors)
        self.at = end + 1
        return found

    def text(self) -> str:
        size = self.number(">i")
        self.at += size
        return self.data[self.at - size : self.at].decode(self.codec, self.errors)


@dataclass(slots=True)
class Decoder:
    """Keeps the relations that messages speak of by number."""

    codec: str = "utf-8"  # of the server's text
    errors: str = "strict"
    relations: dict[int, tuple[str, list[str]]] = field(default_factory=dict)

    def decode(self, messages: Iterable[bytes]) -> Iterator[Change | Commit | Truncated]:
        """What the messages say, without beginnings, types and origins."""
        for data in messages:
            found = self._one(_Reader(data, self.codec, self.errors))
            if found is not None:
                yield found

    def _one(self, r: _Reader) -> Change | Commit | Truncated | None:
        match r.sign():
            case "R":
                self._relation(r)
            case "I":
                table, columns = self.relations[r.number(">I")]
                r.sign()
                return Change(table, _row(r, columns), None)
            case "U":
                return self._update(r)
            case "D":
                table, columns = self.relations[r.number(">I")]
                r.sign()
                return Change(table, None, _row(r, columns))
            case "T":
                count, _options = r.number(">I"), r.number(">B")
                return Truncated(tuple(self.relations[r.number(">I")][0] for _ in range(count)))
            case "C":
                r.number(">B")
                r.number(">Q")
                return Commit(lsn(r.number(">Q")))
        return None

    def _relation(self, r: _Reader) -> None:
        number, schema, name = r.number(">I"), r.word(), r.word()
        r.sign()
        columns = []
        for _ in range(r.number(">H")):
            r.number(">B")
            columns.append(r.word())
            r.number(">I")
            r.number(">i")
        self.relations[number] = (f"{schema}.{name}", columns)

    def _update(self, r: _Reader) -> Change:
        table, columns = self.relations[r.number(">I")]
        old, kind = None, r.sign()
        if kind in "KO":
            old = _row(r, columns)
            r.sign()
        return Change(table, _row(r, columns), old)


def _row(r: _Reader, columns: list[str]) -> Row:
    count = r.number(">H")
    return dict(zip(columns, [_value(r) for _ in range(count)], strict=False))


def _value(r: _Reader) -> Value:
    match r.sign():
        case "t":
            return r.text()
        case "u":
            return UNCHANGED
    return None


def lsn(number: int) -> str:
    """A position of the log as PostgreSQL writes it."""
    return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"


def position(text: str) -> int:
    """A written position as a number."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)
