"""The words of a section for a reader, made from its entries: lines of a list as a table, all else as item and content."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from yigong.kit.moments import NotAMoment, is_blank, moment
from yigong.standards.cda.places import Kind
from yigong.standards.cda.reading import Read, read_values
from yigong.standards.cda.shape import add
from yigong.standards.cda.values import BLANK

FLAGS = {"true": "是", "false": "否"}
ITEM, CONTENT, NUMBER = "项目", "内容", "序号"


def narrate(root: etree._Element, kind: Kind) -> None:
    """Writes the ``text`` of every section of a document that has entries and no words yet."""
    said: dict[etree._Element, list[Read]] = {}
    for read in read_values(root, kind):
        section = next(read.node.iterancestors("section"), None)
        if section is not None:
            said.setdefault(section, []).append(read)
    for section, reads in said.items():
        text = section.find("text")
        if text is None:
            text = add(section, "text")
        if not len(text) and not (text.text or "").strip():
            _fill(text, reads)


def _fill(text: etree._Element, reads: list[Read]) -> None:
    lines = {read.line for read in reads if read.line >= 0}
    single = [(_label(read), _words(read)) for read in reads if read.line < 0]
    if single:
        _table(text, (ITEM, CONTENT), list(dict.fromkeys(single)))
    if lines:
        names = list(dict.fromkeys(_label(read) for read in reads if read.line >= 0))
        _table(text, (NUMBER, *names), list(_rows(reads, sorted(lines), names)))


def _rows(reads: list[Read], lines: list[int], names: list[str]) -> Iterator[tuple[str, ...]]:
    for number, line in enumerate(lines, 1):
        cells: dict[str, list[str]] = {}
        for read in reads:
            if read.line == line:
                cells.setdefault(_label(read), []).append(_words(read))
        yield str(number), *("；".join(dict.fromkeys(cells.get(name, ()))) for name in names)


def _label(read: Read) -> str:
    """What the document calls the value, else the standard."""
    field: Any = next(iter(read.fields.values()), None)
    name = read.label or (field.name_zh if field is not None else "")
    return name.removesuffix("代码").removesuffix("编码") or name if read.value.display else name


def _words(read: Read) -> str:
    value = read.value
    words = value.display or value.text or value.code
    words = FLAGS.get(words, words) if value.kind == "BL" else words
    if words.isdigit() and len(words) in (8, 12, 14) and not is_blank(words) and not value.unit:
        words = _dated(words)
    return f"{words} {value.unit}".strip() if value.unit not in BLANK else words


def _dated(digits: str) -> str:
    try:
        at = moment(digits)
    except NotAMoment:
        return digits
    return at.strftime("%Y-%m-%d" if len(digits) == 8 else "%Y-%m-%d %H:%M")


def _table(text: etree._Element, names: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    table = etree.SubElement(text, "table")
    head = etree.SubElement(etree.SubElement(table, "thead"), "tr")
    for name in names:
        etree.SubElement(head, "th").text = name
    body = etree.SubElement(table, "tbody")
    for row in rows:
        line = etree.SubElement(body, "tr")
        for cell in row:
            etree.SubElement(line, "td").text = cell
