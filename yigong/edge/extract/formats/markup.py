"""XML files of rows: each element of one name is a row, its attributes and leaves are its columns. Streamed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
from lxml import etree

from yigong.edge.extract.frames import PLACE, as_text
from yigong.kit.errors import Fault

LIMIT = 200  # elements looked at to find out which one is a row


def read(path: Path, config: Mapping[str, Any], *, size: int) -> Iterator[pl.DataFrame]:
    """Frames of the elements ``row``; without that the name that stands most often below the root with leaves in it."""
    wanted = str(config.get("row") or _row_of(path))
    try:
        yield from _frames(path, wanted, size)
    except etree.XMLSyntaxError as error:
        raise Fault("exchange.file_broken", permanent=True, path=str(path), reason=str(error.msg)) from error


def _events(path: Path, events: tuple[str, ...]) -> Iterator[Any]:
    # no entities, no network, no document type: the file comes from outside
    return etree.iterparse(  # type: ignore[call-overload,no-any-return]
        str(path),
        events=events,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=False,
    )


def _row_of(path: Path) -> str:
    seen: Counter[str] = Counter()
    try:
        for _event, element in _events(path, ("end",)):
            if len(element) and element.getparent() is not None and any(not len(child) for child in element):
                seen[bare(element)] += 1
            if sum(seen.values()) >= LIMIT:
                break
    except etree.XMLSyntaxError as error:
        raise Fault("exchange.file_broken", permanent=True, path=str(path), reason=str(error.msg)) from error
    return seen.most_common(1)[0][0] if seen else ""


def _frames(path: Path, wanted: str, size: int) -> Iterator[pl.DataFrame]:
    held: list[dict[str, str | None]] = []
    for _event, element in _events(path, ("end",)):
        if not isinstance(element.tag, str) or bare(element) != wanted:
            continue
        held.append({**columns_of(element), PLACE: f"{path.name} 第 {element.sourceline} 行"})
        _forget(element)
        if len(held) >= size:
            yield _frame(held)
            held = []
    if held:
        yield _frame(held)


def columns_of(element: Any, prefix: str = "") -> dict[str, str | None]:
    """Attributes and leaves of an element; a nested one is named by its way (``patient.name``), a repeated one numbered."""
    found: dict[str, str | None] = {prefix + _local(k): v for k, v in element.attrib.items()}
    counted: Counter[str] = Counter()
    for child in element:
        if not isinstance(child.tag, str):
            continue
        name = bare(child)
        counted[name] += 1
        own = prefix + name + (str(counted[name]) if counted[name] > 1 else "")
        if len(child) or child.attrib:
            found |= columns_of(child, f"{own}.")
        if not len(child):
            found[own] = (child.text or "").strip() or None
    return found


def bare(element: Any) -> str:
    """The element's name without its namespace."""
    return _local(element.tag) if isinstance(element.tag, str) else ""


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _forget(element: Any) -> None:
    """Free what was read, so that memory stays flat."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]


def _frame(rows: list[dict[str, str | None]]) -> pl.DataFrame:
    columns = list(dict.fromkeys(c for row in rows for c in row))
    return as_text(pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String)))
