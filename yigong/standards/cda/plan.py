"""Which declared place carries which field: tried with distinct values, kept only where the reading gives them back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from yigong.standards.cda.names import likeness
from yigong.standards.cda.places import Kind, Place, compile_kind
from yigong.standards.cda.rows import UNITS

Key = tuple[str, str]  # data set, field
ROUNDS = 8
CONDITIONS = re.compile(r"\[[^\]]*\]")
PLAINLY = {"narrative": False}  # what a trial is read for does not stand in the words


class Way(NamedTuple):
    """How a field is written: at which place, under which name."""

    place: Place
    name: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The ways of all fields of a document kind."""

    kind: Kind
    ways: dict[Key, Way]
    units: dict[Key, Key]  # field of a unit that is an attribute of its quantity -> the quantity


_PLANS: dict[tuple[int, str], Plan] = {}


def plan_of(code: str, standards: Any) -> Plan:
    """The plan of a document kind, made once."""
    key = (id(standards), code)
    if key not in _PLANS:
        _PLANS[key] = _made(compile_kind(standards.documents[code], standards), standards)
    return _PLANS[key]


def _made(kind: Kind, standards: Any) -> Plan:
    """Candidates in order of likeness; a field whose value does not come back takes its next one."""
    from yigong.standards.cda.write import written

    left = {
        (d.identifier, f.identifier): list(_candidates(kind, d.identifier, f)) for d in kind.data_sets for f in d.fields
    }
    ways: dict[Key, Way] = {}
    sure: set[Key] = set()
    for _ in range(ROUNDS):
        _assign(ways, left)
        plan = Plan(kind, ways, _units(kind, ways))
        rows = {d.identifier: [probe(d, standards)] for d in kind.data_sets}
        back = _back(written(plan, rows, PLAINLY, standards), standards)
        sure = {key for key in (*ways, *plan.units) if back.get(key) == rows[key[0]][0][key[1]]}
        failed = [key for key in ways if key not in sure]
        if not any(left[key] for key in failed):
            break
        for key in failed:
            if left[key]:
                del ways[key]
    ways = {key: way for key, way in ways.items() if key in sure}
    ways |= _instead(kind, ways, standards)
    units = {key: quantity for key, quantity in _units(kind, ways).items() if key in sure}
    return Plan(kind, ways, units)


def _instead(kind: Kind, ways: dict[Key, Way], standards: Any) -> dict[Key, Way]:
    """The age in months stands where the age in years does, when only one of them is told."""
    found = {}
    for data_set in kind.data_sets:
        for field in data_set.fields:
            key = (data_set.identifier, field.identifier)
            ages = [w for w in _candidates(kind, *key[:1], field) if w.place.xpath.endswith("/age")]
            if key not in ways and ages:
                from yigong.standards.cda.write import written

                row = {key[1]: probe(data_set, standards)[key[1]]}
                data = written(Plan(kind, {key: ages[0]}, {}), {key[0]: [row]}, PLAINLY, standards)
                if _back(data, standards).get(key) == row[key[1]]:
                    found[key] = ages[0]
    return found


def _candidates(kind: Kind, data_set: str, field: Any) -> Iterator[Way]:
    places = [p for p in kind.places if any(d == data_set and f is field for d, f in p.fields) and _holds(p, field)]
    places.sort(key=lambda p: (-_fit(p, field), p.by_structure))
    for place in places:
        yield Way(place, place.name_zh)
        if place.name_zh != field.name_zh:
            yield Way(place, field.name_zh)


def _holds(place: Place, field: Any) -> bool:
    """Whether the element at the place can hold the field: points in time hold no words, names and numbers no time."""
    if "//" in CONDITIONS.sub("", place.xpath) or "@displayName='x'" in place.xpath:
        return False  # says where to look, not where to write; "x" stands in the facts for a role that they do not name
    tag = place.xpath.rsplit("/", 1)[1].split("[")[0]
    if tag == "household":
        return False  # the schema of shared documents gives it an address only
    if tag in ("time", "effectiveTime", "low", "high", "birthTime"):
        return field.type in ("D", "DT")
    return field.type not in ("D", "DT") or tag == "value"


def _fit(place: Place, field: Any) -> float:
    """The likeness of names; a number stands rather at an id, words rather not."""
    words_at_id = "/id[" in place.xpath and not field.identifier.endswith(("_no", "_code", "_number"))
    return likeness(place.name_zh, field.name_zh) - 0.5 * words_at_id


def _assign(ways: dict[Key, Way], left: dict[Key, list[Way]]) -> None:
    """Gives every field without a way its next free candidate."""
    taken = {(key[0], spot(way)) for key, way in ways.items()}
    for key, candidates in left.items():
        while key not in ways and candidates:
            way = candidates.pop(0)
            if (key[0], spot(way)) not in taken:
                ways[key] = way
                taken.add((key[0], spot(way)))


def spot(way: Way) -> tuple[str, str]:
    """What two fields may not share: the path, and in the body the name as well."""
    if way.place.xpath.endswith("/age"):
        return way.place.xpath, "月" if "月" in way.name else "岁"
    return way.place.xpath, way.name if "/entry/" in way.place.xpath else ""


def _units(kind: Kind, ways: dict[Key, Way]) -> dict[Key, Key]:
    units = {}
    for data_set in kind.data_sets:
        by = {f.element_id: f for f in reversed(data_set.fields)}
        for field in data_set.fields:
            unit = by.get(UNITS.get(field.element_id, ""))
            key = (data_set.identifier, unit.identifier) if unit else None
            if key and key not in ways and (data_set.identifier, field.identifier) in ways:
                units[key] = (data_set.identifier, field.identifier)
    return units


def probe(data_set: Any, standards: Any, seed: int = 0) -> dict[str, str]:
    """A row with a value of its own in every field."""
    return {field.identifier: _value(field, at + seed, standards) for at, field in enumerate(data_set.fields)}


def _value(field: Any, at: int, standards: Any) -> str:
    codes = standards.value_sets.get(field.value_set_id)
    match field.type:
        case "D":
            return f"20{10 + at // 28 % 15:02d}-03-{1 + at % 28:02d}"
        case "DT":
            return f"20{10 + at // 28 % 15:02d}-04-{1 + at % 28:02d}T09:{at % 60:02d}:00+0800"
        case "T":
            return f"09:{at % 60:02d}:00"
        case "N":
            return str(at + 11)
        case "L":
            return "true" if at % 2 else "false"
    if (field.type in ("S2", "S3") or field.identifier.endswith("_code")) and codes is not None and codes.codes:
        return list(codes.codes)[at % len(codes.codes)]
    return f"{'K' if field.identifier.endswith(('_code', '_no')) else '测'}{at + 100}"


def _back(data: bytes, standards: Any) -> dict[Key, str]:
    from yigong.standards.cda.api import open_document

    rows = open_document(data, standards).rows.by_data_set
    return {(d, name): value for d, found in rows.items() for name, value in found[0].values.items()}
