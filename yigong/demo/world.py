"""The declared world: the invented county 青禾县, its institutions, villages, staff and named cast.

Everything here is invented. The division code 532998 follows the pattern of GB/T 2260 and is not assigned to any county.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "data"
COUNTY_CODE = "532998"
COUNTY = "青禾县"
PROVINCE, CITY = "云禾省", "青禾市"
_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Place:
    """A township with its villages."""

    name: str
    code: str  # nine signs
    share: float  # of the residents
    villages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Institution:
    """An institution of the community as declared."""

    code: str
    name: str
    short_name: str
    kind: str
    level: str
    parent_code: str
    division_code: str
    longitude: float
    latitude: float
    beds: int
    departments: tuple[str, ...]
    system: str  # how its source system is called, empty when it has none of its own
    town: int = -1  # index of the township it serves


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of the named cast who works in an institution; ``role`` is one of ``security/roles.py``."""

    login_name: str
    full_name: str
    sex: int
    institution: str
    department: str
    title: str
    role: str
    profession: str


@dataclass(frozen=True, slots=True)
class Named:
    """A named patient: what the county's registrars should write, before errors."""

    key: str
    facts: dict[str, Any] = field(hash=False)


def check_sign(body: str) -> str:
    """The check sign of an eight-sign organisation code (GB 11714)."""
    rest = 11 - sum(w * _SIGNS.index(c) for w, c in zip(_WEIGHTS, body, strict=True)) % 11
    return "X" if rest == 10 else "0" if rest == 11 else str(rest)


def organisation_code(body: str) -> str:
    """The ten signs of an organisation code: body, hyphen, check sign."""
    return f"{body}-{check_sign(body)}"


@cache
def places() -> tuple[Place, ...]:
    """The fifteen townships, the county town first."""
    rows = yaml.safe_load((DATA / "places.yaml").read_text("utf-8"))
    return tuple(
        Place(r["name"], f"{COUNTY_CODE}{100 + i:03d}", float(r["share"]), tuple(r["villages"].split()))
        for i, r in enumerate(rows)
    )


def village_code(town: int, village: int) -> str:
    """The twelve signs of a village's division code."""
    return f"{places()[town].code}{200 + village:03d}"


@cache
def centres() -> dict[str, tuple[float, float]]:
    """Where the seat of each township lies, from the county's own map."""
    shapes = json.loads((DATA / "county.geojson").read_text("utf-8"))["features"]
    return {s["properties"]["name"]: tuple(s["properties"]["center"]) for s in shapes}


@cache
def institutions() -> tuple[Institution, ...]:
    """All institutions, village clinics included, in the order of their declaration."""
    with (DATA / "institutions.csv").open(encoding="utf-8") as lines:
        declared = [_institution(row) for row in csv.DictReader(lines)]
    return tuple(declared + _clinics(declared))


def _institution(row: dict[str, str]) -> Institution:
    names = [p.name for p in places()]
    town = names.index(row["town"])
    x, y = centres()[row["town"]]
    return Institution(
        code=organisation_code(row["body"]),
        name=row["name"],
        short_name=row["short_name"],
        kind=row["kind"],
        level=row["level"],
        parent_code=organisation_code(row["parent"]) if row["parent"] else "",
        division_code=places()[town].code,
        longitude=round(x + float(row["dx"] or 0), 5),
        latitude=round(y + float(row["dy"] or 0), 5),
        beds=int(row["beds"] or 0),
        departments=tuple(row["departments"].split()),
        system=row["system"],
        town=town,
    )


def _clinics(declared: list[Institution]) -> list[Institution]:
    centres_of = {i.town: i for i in declared if i.kind == "township_centre"}
    return [
        _clinic(centres_of[t], t, v)
        for t, place in enumerate(places())
        if t in centres_of
        for v in range(len(place.villages))
    ]


def _clinic(centre: Institution, town: int, village: int) -> Institution:
    angle = 2.4 * village + town  # spread round the seat, never on it
    near = 0.012 + 0.004 * (village % 4)
    from math import cos, sin

    name = places()[town].villages[village]
    return Institution(
        code=organisation_code(f"QHC{town:02d}{village:03d}"),
        name=f"{places()[town].name}{name}卫生室",
        short_name=name[:2],
        kind="village_clinic",
        level="",
        parent_code=centre.code,
        division_code=village_code(town, village),
        longitude=round(centre.longitude + near * cos(angle), 5),
        latitude=round(centre.latitude + near * sin(angle) * 0.8, 5),
        beds=0,
        departments=("全科",),
        system="",
        town=town,
    )


@cache
def by_name() -> dict[str, Institution]:
    """Institutions by name."""
    return {i.name: i for i in institutions()}


def with_systems() -> list[Institution]:
    """The twenty institutions that have a source system of their own, and the regional laboratory."""
    return [i for i in institutions() if i.system]


@cache
def staff() -> tuple[Staff, ...]:
    """The named members of staff."""
    with (DATA / "staff.csv").open(encoding="utf-8") as lines:
        return tuple(Staff(**{**row, "sex": int(row["sex"])}) for row in csv.DictReader(lines))  # type: ignore[arg-type]


@cache
def cast() -> tuple[Named, ...]:
    """The named patients, in the order of their declaration."""
    rows = yaml.safe_load((DATA / "cast.yaml").read_text("utf-8"))
    return tuple(Named(row.pop("key"), row) for row in rows)


@cache
def table(name: str) -> tuple[dict[str, str], ...]:
    """A table of the demonstration's own data by file name without ending."""
    with (DATA / f"{name}.csv").open(encoding="utf-8") as lines:
        return tuple(csv.DictReader(lines))
