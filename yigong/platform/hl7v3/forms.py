"""Replies written by forms (forms.txt): one line an element. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from lxml import etree

XSI = "http://www.w3.org/2001/XMLSchema-instance"
VALUE = re.compile(r"{(\w+)}")
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
LINE = re.compile(r"(?P<indent> *)(?P<mark>[*?!]?)(?P<tag>[\w.]+)(?P<attributes>[^|]*)(?:\|(?P<text>.*))?$")
Row = Mapping[str, object]


@dataclass(slots=True)
class Line:
    """One element of a form."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    text: str
    repeats: bool
    stays: bool
    needed: bool  # without it the element around it is left out
    children: list[Line] = field(default_factory=list)


@cache
def forms() -> Mapping[str, Sequence[Line]]:
    """All forms by name."""
    found: dict[str, list[Line]] = {}
    stack: list[tuple[int, list[Line]]] = []
    for text in files(__package__).joinpath("forms.txt").read_text("utf-8").splitlines():
        if not text.strip() or text.startswith("#"):
            continue
        if text.startswith("["):
            stack = [(-1, found.setdefault(text.strip("[]"), []))]
            continue
        indent, line = _line(text)
        while stack[-1][0] >= indent:
            stack.pop()
        stack[-1][1].append(line)
        stack.append((indent, line.children))
    return found


def _line(text: str) -> tuple[int, Line]:
    found = LINE.match(text)
    if found is None:
        raise ValueError(f"forms.txt: {text}")
    attributes = tuple(tuple(part.split("=", 1)) for part in found["attributes"].split())
    line = Line(found["tag"], attributes, found["text"] or "", *(found["mark"] == m for m in "*?!"))  # type: ignore[arg-type]
    return len(found["indent"]), line


def fill(parent: etree._Element, name: str, facts: Row, rows: Sequence[Row] = ()) -> None:
    """Append the form *name* to *parent*: repeating elements once for each row, the rest from *facts*."""
    for line in forms()[name]:
        for element in _made(line, facts, rows):
            parent.append(element)


def _made(line: Line, facts: Row, rows: Sequence[Row]) -> Iterator[etree._Element]:
    for row in rows if line.repeats else (facts,):
        element = _one(line, {**facts, **row}, rows)
        if element is not None:
            yield element


def _one(line: Line, facts: Row, rows: Sequence[Row]) -> etree._Element | None:
    element = etree.Element(line.tag)
    asked = said = 0
    for name, pattern in (*line.attributes, ("", line.text)):
        asked += len(VALUE.findall(pattern))
        value = VALUE.sub(lambda found: text_of(facts.get(found[1])), pattern)
        said += bool(value) and bool(VALUE.search(pattern))
        if value and name:
            element.set(f"{{{XSI}}}{name[4:]}" if name.startswith("xsi:") else name, value)
        elif value:
            element.text = value
    for child in line.children:
        made = list(_made(child, facts, rows))
        if child.needed and not made:
            return None
        element.extend(made)
    filled = said or len(element) or line.stays or line.repeats
    return element if filled or not (asked or line.children) else None


def text_of(value: object) -> str:
    """A value fit for XML."""
    return NOT_XML.sub("", "" if value is None else str(value)).strip()
