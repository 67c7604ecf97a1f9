"""Identities by any identifier, and all identities of the person one of them belongs to; within the reader's reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.kit.text import pinyin
from yigong.platform.empi.identity import upgrade
from yigong.platform.empi.search import hits, plain
from yigong.platform.empi.selectors import Page, ask_rows
from yigong.security.api import persons_in_reach


class Key(NamedTuple):
    """How an institution's system calls a person."""

    org_code: str
    source_system: str
    local_id: str


@dataclass(frozen=True, slots=True)
class Identity:
    """One registration and the person it is of now."""

    registration_id: int
    person_id: int
    org_code: str
    source_system: str
    local_id: str
    state: str  # active merged deceased cancelled
    full_name: str

    @property
    def key(self) -> Key:
        """How the institution's system calls the person."""
        return Key(self.org_code, self.source_system, self.local_id)


_COLUMNS = """r.id as registration_id, r.person_id, r.org_code, r.source_system, r.local_id, r.state,
    coalesce(r.full_name, '') as full_name"""
#: identifier -> condition; each is one look-up in one index
IDENTIFIERS = {
    "id_no": "r.id_no = %(value)s",
    "health_card_no": "r.health_card_no = %(value)s",
    "phone": "r.phone = %(value)s",
    "local_id": "r.local_id = %(value)s and r.org_code = %(org_code)s and r.source_system = %(source_system)s",
    "registration": "r.id = %(value)s",
    "person": "r.person_id = %(value)s",
}
_WHOLE = ("registration", "person")


def lookup(ctx: Ctx, kind: str, value: str | int, *, org_code: str = "", source_system: str = "") -> list[Identity]:
    """The identities that bear an identifier, oldest first; none when unknown or out of reach.

    *kind* is a key of IDENTIFIERS; ``local_id`` needs institution and system. A number of 15 digits finds its form of
    18. Raises Refused empi.no_such_identifier.
    """
    if kind not in IDENTIFIERS:
        raise Refused("empi.no_such_identifier", kind=kind, known=sorted(IDENTIFIERS))
    wanted: str | int = upgrade(str(value).strip()) if kind == "id_no" else value
    if kind in _WHOLE:
        wanted = int(value) if str(value).isdecimal() else 0
    reach = persons_in_reach(ctx, "r.person_id")
    rows = ask_rows(
        f"select {_COLUMNS} from empi_registration r where {IDENTIFIERS[kind]} and {reach.sql} order by r.id",
        {"value": wanted, "org_code": org_code, "source_system": source_system, **reach.params},
    )
    return [Identity(**row) for row in rows]


def cross_references(ctx: Ctx, org_code: str, source_system: str, local_id: str) -> list[Identity]:
    """All identities of the person that an institution's system calls *local_id*, the one asked for among them.

    Raises Refused empi.no_such_registration when the key is unknown or out of reach.
    """
    reach = persons_in_reach(ctx, "r.person_id")
    rows = ask_rows(
        f"""select {_COLUMNS} from empi_registration r where r.person_id = (
                select person_id from empi_registration
                where org_code = %(org)s and source_system = %(system)s and local_id = %(local)s)
            and {reach.sql} order by r.id""",
        {"org": org_code, "system": source_system, "local": local_id, **reach.params},
    )
    if not rows:
        raise Refused("empi.no_such_registration")
    return [Identity(**row) for row in rows]


def find(ctx: Ctx, facts: Mapping[str, Any], *, page: int = 1, size: int = 20) -> Page:
    """Persons one of whose registrations fits all *facts*, newest first: a query by demographics as PDQm asks it.

    Facts: ``full_name`` (as written, by sound, or its beginning), ``sex_code, born_on`` or ``born_from, born_to``
    (dates), ``id_no, phone, health_card_no, address`` (part of it), ``division_code, org_code, local_id``.
    Raises Refused empi.no_facts without one, empi.no_such_identifier for another.
    """
    given = {name: value for name, value in facts.items() if value not in (None, "")}
    if unknown := sorted(given.keys() - _FACTS.keys()):
        raise Refused("empi.no_such_identifier", kind=", ".join(unknown), known=sorted(_FACTS))
    if not given.keys() - {"sex_code"}:
        raise Refused("empi.no_facts")
    reach = persons_in_reach(ctx, "r.person_id")
    where = " and ".join(_FACTS[name] for name in sorted(given))
    rows = ask_rows(
        f"""select r.person_id, max(r.id) as newest, count(*) over () as total from empi_registration r
            where {where} and {reach.sql} group by r.person_id order by newest desc, r.person_id
            limit %(size)s offset %(skip)s""",
        {**_asked(given), **reach.params, "size": size, "skip": (page - 1) * size},
    )
    total = int(rows[0]["total"]) if rows else 0
    shown = [row["person_id"] for row in rows]
    found = hits(shown, dict.fromkeys(shown, (1.0, "facts")))
    return Page(found, page, size, total, more=total > page * size)


_FACTS = {
    "full_name": "(r.full_name like %(name_start)s or r.name_key = %(sound)s)",
    "sex_code": "r.sex_code = %(sex_code)s",
    "born_on": "r.born_on = %(born_on)s",
    "born_from": "r.born_on >= %(born_from)s",
    "born_to": "r.born_on <= %(born_to)s",
    "id_no": "r.id_no = %(id_no)s",
    "phone": "r.phone = %(phone)s",
    "health_card_no": "r.health_card_no = %(health_card_no)s",
    "address": "r.address like %(address)s",
    "division_code": "r.village_code like %(division_code)s",
    "org_code": "r.org_code = %(org_code)s",
    "local_id": "r.local_id = %(local_id)s",
}


def _asked(given: Mapping[str, Any]) -> dict[str, Any]:
    asked = dict(given)
    if name := str(given.get("full_name", "")):
        asked |= {"name_start": f"{plain(name)}%", "sound": pinyin(name).replace(" ", "")}
    if "id_no" in given:
        asked["id_no"] = upgrade(str(given["id_no"]))
    if "address" in given:
        asked["address"] = f"%{plain(str(given['address']))}%"
    if "division_code" in given:
        asked["division_code"] = f"{plain(str(given['division_code']))}%"
    for name in ("born_on", "born_from", "born_to"):
        if isinstance(given.get(name), str):
            asked[name] = date.fromisoformat(given[name])
    return asked
