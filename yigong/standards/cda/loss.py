"""What a shared document cannot carry of the records it is written from, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yigong.standards.cda.plan import Key, Plan, plan_of
from yigong.standards.cda.write import canonical, said, write_document


@dataclass(frozen=True, slots=True)
class Loss:
    """A value that the document does not carry, and why."""

    data_set: str
    row: int
    field: str
    value: str
    because: str  # no_place, no_line, conflict, unreadable, unknown_field


def losses(code: str, facts: Mapping[str, Any], standards: Any) -> list[Loss]:
    """What of the rows the document does not carry: its place is missing, taken, or cannot hold the value."""
    from yigong.standards.cda.api import open_document

    plan, given = plan_of(code, standards), facts.get("rows", {})
    back = open_document(write_document(code, facts, standards), standards).rows.by_data_set
    lost = []
    for data_set, rows in given.items():
        fields = {f.identifier: f for d in plan.kind.data_sets if d.identifier == data_set for f in d.fields}
        found = back.get(data_set, [])
        for at, row in enumerate(rows):
            for name, value in row.items():
                text, field = said(value), fields.get(name)
                kept = found[at].values.get(name) if at < len(found) else None
                if text and (field is None or kept is None or kept != canonical(field, text, standards)):
                    lost.append(Loss(data_set, at, name, text, _because(plan, (data_set, name), field, at, kept)))
    return lost


def placeless(code: str, standards: Any) -> list[tuple[str, Any]]:
    """The fields, with their data set, that no declared place of a kind gives back."""
    plan = plan_of(code, standards)
    return [
        (data_set.identifier, field)
        for data_set in plan.kind.data_sets
        for field in data_set.fields
        if (data_set.identifier, field.identifier) not in plan.ways
        and (data_set.identifier, field.identifier) not in plan.units
    ]


def _because(plan: Plan, key: Key, field: Any, at: int, kept: str | None) -> str:
    if field is None:
        return "unknown_field"
    if key not in plan.ways and key not in plan.units:
        return "no_place"
    if at and plan.kind.lines is None:
        return "no_line"
    return "conflict" if kept is not None else "unreadable"


@dataclass(frozen=True, slots=True)
class Carried:
    """How much of its data sets a kind of document can carry."""

    document: Any
    fields: int  # of its data sets
    without_place: int  # no declared place names them
    not_given_back: int  # a place is declared, but what is written there is not read again as the same field


def carried(code: str, standards: Any) -> Carried:
    """The counts of one kind."""
    plan = plan_of(code, standards)
    placed = {(data_set, field.identifier) for place in plan.kind.places for data_set, field in place.fields}
    lost = [(data_set, field.identifier) in placed for data_set, field in placeless(code, standards)]
    fields = sum(len(data_set.fields) for data_set in plan.kind.data_sets)
    return Carried(plan.kind.document, fields, lost.count(False), lost.count(True))
