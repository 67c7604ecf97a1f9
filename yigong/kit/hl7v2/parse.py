"""HL7 v2 read lazily: a message is its lines, and a line is cut no deeper than somebody asks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

NULL = '""'  # the sender says: delete what is known
MESSAGE_START = re.compile(rb"(?:\A|(?<=[\r\n\x0b\x1c])|(?<=\xef\xbb\xbf))MSH(?=[^\w\s])")
SEGMENT_START = re.compile(r"[A-Z][A-Z0-9]{2}\Z")
HEADERS = ("MSH", "FHS", "BHS")
ENVELOPES = ("FHS", "BHS", "BTS", "FTS")  # frame of a batch file, no content
LINE_ENDS = re.compile(r"\r\n|\r|\n")


class NotHl7(ValueError):  # noqa: N818  - reads as a sentence
    """The text does not begin with a readable MSH segment."""


class Separators(NamedTuple):
    """The signs that one message declares in MSH-1 and MSH-2."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"


def separators_of(text: str) -> Separators:
    """The signs declared by the MSH segment at the head of *text*; absent ones are the usual."""
    return _declared(text[:12])


@lru_cache(maxsize=4000)
def _declared(text: str) -> Separators:
    if not text.startswith("MSH") or len(text) < 4:
        raise NotHl7(text[:20])
    declared = LINE_ENDS.split(text[4:12], maxsplit=1)[0].split(text[3], 1)[0]
    return Separators(text[3], *declared[:4], *Separators()[1 + len(declared[:4]) :])


class Segment:
    """One line of a message; fields count from 1 as in the standard."""

    __slots__ = ("_fields", "charset", "line", "separators")

    def __init__(self, line: str, separators: Separators, charset: str = "utf-8") -> None:
        self.line = line
        self.separators = separators
        self.charset = charset
        self._fields: list[str] | None = None

    @property
    def name(self) -> str:
        """The three signs that name the segment."""
        return self.line[:3]

    @property
    def fields(self) -> list[str]:
        """The raw fields; index 0 is the name, and in a header segment index 1 is the field separator itself."""
        if self._fields is None:
            self._fields = self.line.split(self.separators.field)
            if self.line[:3] in HEADERS:
                self._fields.insert(1, self.separators.field)
        return self._fields

    def raw(self, field: int) -> str:
        """The field as it was sent; empty where the line ends earlier."""
        fields = self.fields
        return fields[field] if field < len(fields) else ""

    def repetitions(self, field: int) -> list[str]:
        """The repetitions of a field, each raw; none for an empty field."""
        raw = self.raw(field)
        return raw.split(self.separators.repetition) if raw else []

    def components(self, field: int, repetition: int = 1) -> list[str]:
        """The components of one repetition, readable."""
        repeated = self.repetitions(field)
        return self.cut(repeated[repetition - 1]) if repetition <= len(repeated) else []

    def cut(self, raw: str) -> list[str]:
        """The components of a raw repetition, readable, each by its first sub-component."""
        sub = self.separators.subcomponent
        return [self.plain(part.split(sub, 1)[0]) for part in raw.split(self.separators.component)]

    def value(self, field: int, component: int = 1, repetition: int = 1, sub: int = 1) -> str:
        """One readable value, empty where there is none."""
        fields = self._fields or self.fields
        if field >= len(fields):
            return ""
        return _value(fields[field], self.separators, self.charset, component, repetition, sub)

    def plain(self, raw: str) -> str:
        """The text with its escape sequences resolved."""
        return unescape(raw, self.separators, self.charset)

    def nested(self) -> list[list[list[list[str]]]]:
        """Every field as repetitions of components of sub-components, readable."""
        head = 3 if self.line[:3] == "MSH" else 1
        kept = [[[[field]]] for field in self.fields[1:head]]
        return kept + [self._field(raw) for raw in self.fields[head:]]

    def _field(self, raw: str) -> list[list[list[str]]]:
        _, component, repetition, _, sub = self.separators
        return [
            [[self.plain(value) for value in part.split(sub)] for part in repeated.split(component)]
            for repeated in raw.split(repetition)
        ]


class Message:
    """One message; nothing is cut before it is asked for."""

    __slots__ = ("_alike", "_firsts", "_text", "charset", "lines", "separators")

    def __init__(self, text: str, charset: str = "utf-8") -> None:
        text = text.lstrip("\ufeff\x0b \t\r\n").rstrip("\x1c\r\n\x0b")
        self.separators = separators_of(text)
        self.charset = charset
        self.lines = lines_of(text, self.separators.field)
        self._firsts: dict[str, Segment | None] = {}
        self._alike: dict[str, list[str]] | None = None
        self._text = ""

    @property
    def alike(self) -> dict[str, list[str]]:
        """The lines by the three signs that name their segment, each in order: gone through once however much is asked."""
        if self._alike is None:
            self._alike = {}
            for line in self.lines:
                if (name := line[:3]) in self._alike:
                    self._alike[name].append(line)
                else:
                    self._alike[name] = [line]
        return self._alike

    @property
    def text(self) -> str:
        """The lines in one, each but the first after a carriage return: for what looks at all of them at once."""
        if not self._text:
            self._text = "\r".join(self.lines)
        return self._text

    def __iter__(self) -> Iterator[Segment]:
        for line in self.lines:
            yield Segment(line, self.separators, self.charset)

    def segments(self, name: str) -> list[Segment]:
        """All segments called *name*, in order."""
        lines = self.alike.get(name[:3], ())
        return [Segment(line, self.separators, self.charset) for line in lines if line.startswith(name)]

    def first(self, name: str) -> Segment | None:
        """The first segment called *name*."""
        if name in self._firsts:
            return self._firsts[name]
        line = next((line for line in self.alike.get(name[:3], ()) if line.startswith(name)), None)
        found = None if line is None else Segment(line, self.separators, self.charset)
        self._firsts[name] = found
        return found

    def rows(self, name: str, *places: str) -> list[list[str]]:
        """The values at *places* (``3``, ``3.2``) of every segment called *name*: the fast way to read many lines alike."""
        wanted, numbers, components = _places(name, places)
        signs, charset, longest = self.separators, self.charset, max(numbers, default=0)
        field, between, repetition, escape, sub = signs
        pick = itemgetter(*numbers) if len(numbers) > 1 else lambda fields: [fields[n] for n in numbers]
        found: list[list[str]] = []
        inner = {at for at, c in enumerate(components) if c > 1}
        for line in self.lines:
            if not line.startswith(name):
                continue
            fields = line.split(field, longest + 1)  # what stands behind the last that is asked for stays uncut
            if len(fields) <= longest:
                fields += [""] * (longest + 1 - len(fields))
            if escape in line or repetition in line or sub in line:
                found.append([_value(fields[n], signs, charset, c, 1, 1) for n, c in wanted])
            else:  # no sign but those between fields and components means anything
                row = list(pick(fields))
                for at, value in enumerate(row):
                    if between in value:
                        parts, number = value.split(between), components[at]
                        row[at] = parts[number - 1] if number <= len(parts) else ""
                    elif at in inner:
                        row[at] = ""
                found.append(row)
        return found

    def get(self, place: str) -> str:
        """The value at a place written like ``PID-5.2``; empty where there is none."""
        name, field, component = _place(place)
        segment = self.first(name)
        return segment.value(field, component) if segment else ""

    @property
    def kind(self) -> str:
        """Message code and event, as ``ORU^R01``."""
        return f"{self.get('MSH-9.1')}^{self.get('MSH-9.2')}".rstrip("^")


@lru_cache(maxsize=1000)
def _places(name: str, places: tuple[str, ...]) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...], tuple[int, ...]]:
    before = 1 if name in HEADERS else 0  # in a header segment field 1 is the separator itself
    cut = (place.partition(".") for place in places)
    wanted = tuple((int(number) - before, int(part or 1)) for number, _, part in cut)
    return wanted, tuple(n for n, _ in wanted), tuple(c for _, c in wanted)


@lru_cache(maxsize=1000)
def _place(place: str) -> tuple[str, int, int]:
    name, _, number = place.partition("-")
    field, _, component = number.partition(".")
    return name, int(field), int(component or 1)


def lines_of(text: str, field: str) -> list[str]:
    """The segments of a message; a line that cannot be a segment continues the one before it."""
    if "\n" not in text and not _odd(field).search(text):
        return text.split("\r")
    if "\r" in text and "\n" not in text:
        lines = text.split("\r")
    elif "\r" not in text:
        lines = text.split("\n")
    else:
        lines = LINE_ENDS.split(text)
    kept: list[str] = []
    for line in lines:
        if line[3:4] in (field, "") and SEGMENT_START.match(line[:3]):
            if line[:3] not in ENVELOPES:
                kept.append(line)
        elif kept and line.strip():
            kept[-1] = f"{kept[-1]}\n{line}"
    return kept


@lru_cache(maxsize=64)
def _odd(field: str) -> re.Pattern[str]:
    """A line that is no segment, or only the frame of a batch."""
    frames = "|".join(ENVELOPES)
    return re.compile(f"\r(?!(?!{frames})[A-Z][A-Z0-9]{{2}}(?:{re.escape(field)}|\r|\\Z))")


def split_messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(offset, bytes) of every message in a file, batch or stream; frames of batches and of MLLP are left out.

    Also takes a memory map, so that a batch of any size is never in memory as a whole.
    """
    starts = MESSAGE_START.finditer(data)
    here = next(starts, None)
    while here is not None:
        following = next(starts, None)
        end = following.start() if following else len(data)
        yield here.start(), bytes(data[here.start() : end])
        here = following


def _value(raw: str, signs: Separators, charset: str, component: int, repetition: int, sub: int) -> str:
    """One value out of a raw field."""
    _, between, repeats, escape, below = signs
    if repeats in raw or repetition > 1:
        raw = _nth(raw, repeats, repetition)
    if between in raw:
        raw = raw.split(between, component)[component - 1] if raw.count(between) >= component - 1 else ""
    elif component > 1:
        return ""
    if below in raw:
        raw = _nth(raw, below, sub)
    elif sub > 1:
        return ""
    return unescape(raw, signs, charset) if escape in raw else raw


def _nth(raw: str, separator: str, number: int) -> str:
    parts = raw.split(separator, number)
    return parts[number - 1] if number <= len(parts) else ""


def unescape(raw: str, separators: Separators, charset: str = "utf-8") -> str:
    """The text with escape sequences resolved; what is no known sequence stays as it stands."""
    if separators.escape not in raw:
        return raw
    return _escapes(separators.escape).sub(lambda found: _resolved(found, separators, charset), raw)


@lru_cache(maxsize=32)
def _escapes(sign: str) -> re.Pattern[str]:
    sign = re.escape(sign)
    return re.compile(f"{sign}([^{sign}\r\n]*){sign}")


def _resolved(found: re.Match[str], separators: Separators, charset: str) -> str:
    word = found.group(1)
    match word[:1]:
        case "F" | "S" | "T" | "R" | "E" if len(word) == 1:
            signs = {"F": "field", "S": "component", "T": "subcomponent", "R": "repetition", "E": "escape"}
            return str(getattr(separators, signs[word]))
        case "X":
            return _from_hex(word[1:], charset) or found.group(0)
        case ".":
            return "\n" if word[:3] in (".br", ".sp", ".ce") else ""
        case "H" | "N" if len(word) == 1:
            return ""
    return found.group(0)


def _from_hex(digits: str, charset: str) -> str:
    try:
        return bytes.fromhex(digits).decode(charset, "replace")
    except ValueError:
        return ""
