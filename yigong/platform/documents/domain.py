"""Which facts of an event make which document: rows by data set, and what a kind lacks from its neighbours. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from yigong.kit.clock import years_between
from yigong.standards.cda.names import likeness
from yigong.standards.cda.write import said

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
#: likeness of names from which two fields of one data element mean the same
ALIKE = 0.85
WAIST = ("id", "source_system", "event_at", "extra")


@dataclass(slots=True)
class Gathered:
    """What a document is made from, and where the values that its own data sets lack were taken."""

    rows: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    borrowed: list[tuple[str, str, str]] = field(default_factory=list)  # field, data set it was taken from, value
    extras: list[tuple[str, int, str, str]] = field(default_factory=list)  # data set, row, name, value
    at: datetime | None = None


def kinds_for(data_sets: Sequence[str], standards: Any) -> list[Any]:
    """The kinds of documents that records of these data sets can make; those of the first data set first."""
    by_key = {d.key: d.identifier for d in standards.data_sets.values()}
    found = []
    for document in standards.documents.values():
        own = [by_key[key] for key in document.data_sets if key in by_key]
        at = min((list(data_sets).index(name) for name in own if name in data_sets), default=-1)
        if at >= 0 and document.elements:
            found.append((at > 0, document.code, document))
    return [document for _, _, document in sorted(found, key=lambda entry: entry[:2])]


def gather(document: Any, rows: Rows, standards: Any) -> Gathered:
    """The rows of the document's own data sets, and from the others what those lack, by data element and name."""
    by_key = {d.key: d for d in standards.data_sets.values()}
    own = [by_key[key] for key in document.data_sets if key in by_key]
    made = Gathered(
        at=max((r["event_at"] for found in rows.values() for r in found if r.get("event_at")), default=None)
    )
    for data_set in own:
        names = [f.identifier for f in data_set.fields]
        made.rows[data_set.identifier] = [
            {name: text for name in names if (text := as_text(row.get(name)))}
            for row in rows.get(data_set.identifier, ())
        ]
        made.extras += _extras(data_set.identifier, rows.get(data_set.identifier, ()))
    others = {name: found for name, found in rows.items() if name not in made.rows and found}
    lent = _lent(others, standards)
    for data_set in own:
        _borrow(made, data_set, lent)
    made.rows = {name: found for name, found in made.rows.items() if any(found)}
    return made


def age(born_on: date, on: date) -> int | None:
    """Full years on a day; None before birth."""
    years = years_between(born_on, on)
    return years if years >= 0 else None


def as_text(value: Any) -> str:
    """A value of a record as a document writes it."""
    match value:
        case Decimal():
            return f"{value.normalize():f}" if value.is_finite() else ""
        case time():
            return value.isoformat()
        case float():
            return f"{Decimal(str(value)).normalize():f}"
    return said(value)


def _extras(data_set: str, rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, int, str, str]]:
    """What the records keep beside the standard's fields: no document has a place for it."""
    return [
        (data_set, at, str(name), as_text(value) if not isinstance(value, dict | list) else json.dumps(value, ensure_ascii=False))
        for at, row in enumerate(rows)
        for name, value in (row.get("extra") or {}).items()
        if value not in (None, "")
    ]  # fmt: skip


def _lent(others: Rows, standards: Any) -> dict[str, list[tuple[str, Any, str]]]:
    """By data element: data set, field and value of the newest row that says it."""
    found: dict[str, list[tuple[str, Any, str]]] = {}
    for name, rows in others.items():
        for each in standards.data_sets[name].fields:
            text = next((t for row in reversed(rows) if (t := as_text(row.get(each.identifier)))), "")
            if text and each.element_id:
                found.setdefault(each.element_id, []).append((name, each, text))
    return found


def _borrow(made: Gathered, data_set: Any, lent: Mapping[str, list[tuple[str, Any, str]]]) -> None:
    rows = made.rows[data_set.identifier]
    if not rows and not any(made.rows.values()):
        return
    for each in data_set.fields:
        if any(each.identifier in row for row in rows):
            continue
        alike = [
            (likeness(each.name_zh, other.name_zh), name, text) for name, other, text in lent.get(each.element_id, ())
        ]
        score, name, text = max(alike, default=(0.0, "", ""))
        if score >= ALIKE:
            if not rows:
                rows.append({})
            for row in rows:
                row[each.identifier] = text
            made.borrowed.append((each.name_zh, name, text))


def digest(facts: Mapping[str, Any]) -> str:
    """The fingerprint of what a document says, its number and version apart."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()


def set_number(org_code: str, document_code: str, source: str) -> str:
    """The number under which all versions of one document stand."""
    return f"YG-{org_code}-{document_code}-{hashlib.sha256(source.encode()).hexdigest()[:12].upper()}"
