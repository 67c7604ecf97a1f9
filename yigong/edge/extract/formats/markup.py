"""XML files of rows: each element of one name is a row, its attributes and leaves are its columns. Streamed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from lxml import etree

from yigong.edge.extract.frames import PLACE, as_text
from yigong.kit.errors import Fault

LIMIT = 200  # elements looked at to find out which one is a row
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*encoding=["'](gb2312|gbk)["']""", re.IGNORECASE)


def read(path: Path, config: Mapping[str, Any], *, size: int) -> Iterator[pl.DataFrame]:
    """Frames of the elements ``row``; without that the name that stands most often below the root with values in it.

    ``row`` may name elements around it: of ``report/result`` each result is a row, with the values that the report has before it
    as ``report.no``. ``columns`` are those that must be there though no row has them. Every frame of a file has the same columns.
    """
    try:
        wanted = tuple(str(config["row"]).split("/")) if config.get("row") else _row_of(path)
        columns = list(map(str, config.get("columns") or ()))
        rows = _rows(path, wanted)
        held = [row for _, row in zip(range(size), rows, strict=False)]
        seen = _names(held, columns)
        if len(held) == size:  # more may come: all of it is looked through for its columns
            seen = _names((row for row in _rows(path, wanted)), seen)
        while held:
            yield as_text(pl.DataFrame(held, schema=dict.fromkeys([*seen, PLACE], pl.String)))
            held = [row for _, row in zip(range(size), rows, strict=False)]
    except etree.XMLSyntaxError as error:
        raise Fault("exchange.file_broken", permanent=True, path=str(path), reason=str(error.msg)) from error


def _names(rows: Any, known: Sequence[str]) -> list[str]:
    found = dict.fromkeys(known)
    for row in rows:
        found.update(dict.fromkeys(row))
    found.pop(PLACE, None)
    return list(found)


def _events(path: Path) -> Iterator[Any]:
    with path.open("rb") as source:
        simple = _DECLARED.match(source.read(200))
    # no entities, no network, no document type: the file comes from outside
    return etree.iterparse(  # type: ignore[call-overload,no-any-return]
        str(path),
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=False,
        encoding="gb18030" if simple else None,  # who says GB2312 writes names that are not in it
    )


def _row_of(path: Path) -> tuple[str, ...]:
    """The name that stands most often below the root with values in it, and the elements around it below the root."""
    seen: Counter[tuple[str, ...]] = Counter()
    way: list[str] = []
    for event, element in _events(path):
        if event == "start":
            way.append(bare(element))
            continue
        leaves = any(isinstance(child.tag, str) and not len(child) for child in element)
        if len(way) > 1 and (leaves or (element.attrib and not len(element) and not (element.text or "").strip())):
            seen[tuple(way[1:])] += 1
        way.pop()
        if sum(seen.values()) >= LIMIT:
            break
    most = max(seen.values(), default=0) - (sum(seen.values()) >= LIMIT)  # cut off, the inner may have come once more
    # of two that stand equally often the outer one is the row, the other a part of it
    return min((w for w, n in seen.items() if n >= most), key=len, default=("",))


@dataclass(slots=True)
class _Open:
    """An element that is not ended yet: its name, the values in it so far, and how often each child came."""

    name: str
    values: dict[str, str | None]
    counted: Counter[str] = field(default_factory=Counter)
    has_rows: bool = False


def _rows(path: Path, wanted: tuple[str, ...]) -> Iterator[dict[str, str | None]]:
    """Each row with its values; what is read is freed, so that memory stays flat."""
    around, name = wanted[:-1], wanted[-1]
    held: list[_Open] = []
    inside = 0
    for event, element in _events(path):
        if event == "start":
            held.append(_Open(bare(element), {_local(k): v for k, v in element.attrib.items()}))
            inside += held[-1].name == name
            continue
        one = held.pop()
        if one.name == name:
            inside -= 1
            around_it = {f"{o.name}.{k}": v for o in held if o.name in around for k, v in o.values.items()}
            yield {**around_it, **one.values, PLACE: f"{path.name} 第 {element.sourceline} 行"}
            for parent in held:
                parent.has_rows = True
        elif held and not one.has_rows:
            _take(held[-1], one, _text_of(element, path), inside > 0)
        _forget(element)


def _take(parent: _Open, one: _Open, text: str | None, inside: bool) -> None:
    """Give what an ended element has to the one around it: named by its way (``patient.name``), a repeated one numbered.

    Around the rows only the first of a name counts, for nobody knows how many follow.
    """
    parent.counted[one.name] += 1
    number = parent.counted[one.name]
    if number > 1 and not inside:
        return
    own = one.name + (str(number) if number > 1 else "")
    parent.values |= {f"{own}.{k}": v for k, v in one.values.items()}
    if text or not one.counted:
        parent.values[own] = text


def _text_of(element: Any, path: Path) -> str | None:
    """The text directly in an element, whatever comments stand in it. An entity of the file's own is refused: it is not expanded."""
    parts = [element.text or ""]
    for child in element:
        if isinstance(child, etree._Entity):
            reason = f"&{child.name};"
            raise Fault("exchange.file_broken", permanent=True, path=str(path), reason=reason)
        if not isinstance(child.tag, str):
            parts.append(child.tail or "")
    return "".join(parts).strip() or None


def bare(element: Any) -> str:
    """The element's name without its namespace."""
    return _local(element.tag) if isinstance(element.tag, str) else ""


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _forget(element: Any) -> None:
    """Free an ended element and those before it; what the parent needs of them was taken."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]
