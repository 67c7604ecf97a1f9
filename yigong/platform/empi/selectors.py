"""What is known about persons: golden record, registrations, decisions; always within the reader's reach."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection

from yigong.kit.clock import today, years_between
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.security.api import persons_in_reach


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a golden record, and which registration of which institution said so, when."""

    value: str
    org_code: str
    registration_id: int
    on: str = ""


@dataclass(frozen=True, slots=True)
class GoldenPerson:
    """The best of what all registrations of a person say."""

    id: int
    state: str
    fields: Mapping[str, Field]

    def __getattr__(self, name: str) -> str:
        """The value of a field by its name; empty when nobody said anything."""
        if name.startswith("_"):
            raise AttributeError(name)
        found = self.fields.get(name)
        return found.value if found else ""

    @property
    def birth(self) -> date | None:
        """The day of birth as a date."""
        found = self.fields.get("born_on")
        return date.fromisoformat(found.value) if found else None

    @property
    def age(self) -> int | None:
        """Completed years of life today."""
        return years(self.birth)


@dataclass(frozen=True, slots=True)
class Registration:
    """The identity under which one institution's system knows the person."""

    id: int
    person_id: int
    org_code: str
    source_system: str
    local_id: str
    full_name: str | None
    sex_code: str | None
    born_on: date | None
    id_type_code: str | None
    id_no: str | None
    id_trust: str
    phone: str | None
    address: str | None
    village_code: str | None
    health_card_no: str | None
    contact_name: str | None
    contact_phone: str | None
    state: str
    registered_at: datetime | None
    facts: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """One line of the log of decisions."""

    id: int
    verb: str
    registration_ids: list[int]
    from_person: int | None
    to_person: int | None
    score: float | None
    by_name: str
    at: datetime
    reason: str
    undoes: int | None
    undone_by: int | None


@dataclass(frozen=True, slots=True)
class PersonHit:
    """A person found by a search."""

    person_id: int
    state: str
    full_name: str
    sex_code: str
    born_on: date | None
    age: int | None
    id_no: str
    phone: str
    address: str
    village_code: str
    org_codes: tuple[str, ...]
    matched: str  # what was found: name pinyin initials id_no phone health_card
    score: float


@dataclass(frozen=True, slots=True)
class Page:
    """One page of hits; *more* says whether there is another, *total* is exact up to the number looked at."""

    rows: list[PersonHit]
    number: int
    size: int
    total: int
    more: bool


def years(born: date | None) -> int | None:
    """Completed years of life today."""
    return None if born is None else years_between(born, today())


def golden(ctx: Ctx, person_id: int) -> GoldenPerson:
    """The golden record of a person. Raises Refused empi.no_such_person, also when out of reach."""
    reach = persons_in_reach(ctx, "p.id")
    rows = ask_rows(
        f"select p.id, p.state, p.golden from empi_person p where p.id = %(id)s and {reach.sql}",
        {"id": person_id, **reach.params},
    )
    if not rows:
        raise Refused("empi.no_such_person")
    found = rows[0]
    return GoldenPerson(found["id"], found["state"], {name: Field(**facts) for name, facts in found["golden"].items()})


def registrations(ctx: Ctx, person_id: int) -> list[Registration]:
    """The registrations of a person, oldest first; none when out of reach."""
    reach = persons_in_reach(ctx, "r.person_id")
    names = ", ".join(f"r.{name}" for name in Registration.__dataclass_fields__)
    rows = ask_rows(
        f"""select {names} from empi_registration r where r.person_id = %(id)s and {reach.sql}
            order by r.registered_at nulls first, r.id""",
        {"id": person_id, **reach.params},
    )
    return [Registration(**row) for row in rows]


def current(registration_id: int) -> int:
    """The person that a registration belongs to now. Raises Refused empi.no_such_registration."""
    rows = ask_rows("select person_id from empi_registration where id = %(id)s", {"id": registration_id})
    if not rows:
        raise Refused("empi.no_such_registration")
    return int(rows[0]["person_id"])


def decisions(ctx: Ctx, person_id: int) -> list[DecisionLine]:
    """The decisions that made a person what it is, newest first; none when out of reach."""
    reach = persons_in_reach(ctx, "p.id")
    rows = ask_rows(
        f"""select {DECISION} from empi_decision d join empi_person p on p.id = %(id)s
            where (d.to_person = p.id or d.from_person = p.id) and {reach.sql} order by d.id desc limit 500""",
        {"id": person_id, **reach.params},
    )
    return [DecisionLine(**row) for row in rows]


DECISION = """d.id, d.verb, d.registration_ids, d.from_person, d.to_person, d.score, d.by_name, d.at, d.reason, d.undoes,
    (select u.id from empi_decision u where u.undoes = d.id limit 1) as undone_by"""


def review_count(ctx: Ctx) -> int:
    """How many pairs wait for a reviewer, within the reader's reach."""
    reach = persons_in_reach(ctx, "l.person_id")
    sql = f"""select count(*) as n from empi_candidate c join empi_registration l on l.id = c.left_id
              where c.state in ('open', 'later', 'pending') and {reach.sql}"""
    return int(ask_rows(sql, reach.params)[0]["n"])


_JSON = {"golden", "facts", "registration_ids", "pairs", "states", "changed"}


def ask_rows(sql: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries, JSON columns read."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for name in _JSON.intersection(names):
        for row in rows:
            row[name] = json.loads(row[name]) if isinstance(row[name], str) else row[name]
    return rows
