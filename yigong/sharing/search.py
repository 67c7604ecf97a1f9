"""Finding persons: what was found, why, and how to go on when nothing was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from yigong.kit import ctx as actors
from yigong.kit.clock import today
from yigong.kit.ctx import Ctx
from yigong.kit.text import mask_id_no, narrow
from yigong.platform.empi import api as empi
from yigong.platform.records import api as records
from yigong.security import api as security
from yigong.sharing import domain
from yigong.sharing.words import MATCHED

SIZE = 20
_SYLLABLES = re.compile(r"^[A-Za-z]+( [A-Za-z]+)+$")
_IDENTITY_NUMBER = re.compile(r"^\d{17}[\dXx]$")


@dataclass(frozen=True, slots=True)
class Hit:
    """A person in the list."""

    person_id: int
    full_name: str
    sex_code: str
    born_on: date | None
    age: tuple[int, str] | None
    id_masked: str
    address: str
    orgs: tuple[str, ...]
    seen_at: datetime | None
    seen_org: str
    why: object
    when: datetime | None = None  # when the actor looked last


@dataclass(frozen=True, slots=True)
class Closed:
    """A person outside the reader's reach whose whole identity number was typed: only what tells them apart."""

    person_id: int
    name_masked: str
    sex_code: str
    age: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a search."""

    text: str
    hits: tuple[Hit, ...]
    total: int
    page: int
    pages: int
    recent: tuple[Hit, ...] = ()
    closed: Closed | None = None


def search(ctx: Ctx, text: str, number: int) -> Found:
    """Persons in reach that fit *text*; without text those the actor opened last."""
    if not text:
        return Found("", (), 0, 1, 1, recent=tuple(recent(ctx)))
    found = empi.search(ctx, text, page=number, size=SIZE)
    if not found.rows and _SYLLABLES.match(text):
        found = empi.search(ctx, text.replace(" ", ""), page=number, size=SIZE)
    why = {h.person_id: _why(h) for h in found.rows}
    hits = cards(ctx, list(why), why=why)
    pages = max(1, -(-found.total // SIZE))
    return Found(text, tuple(hits), found.total, number, pages, closed=_closed(ctx, text) if not hits else None)


def _why(hit: empi.PersonHit) -> object:
    return MATCHED.get(hit.matched, "")


def recent(ctx: Ctx, limit: int = 8) -> list[Hit]:
    """The persons the actor opened last and may still see."""
    opened = security.last_read(ctx, limit=limit)
    people = current_persons(list(opened))
    when = {person: opened[r] for r, person in reversed(people.items())}
    return cards(ctx, list(dict.fromkeys(people.values())), when=when)


def current_persons(registrations: Sequence[int]) -> dict[int, int]:
    """Whose these registrations are now, in the order given."""
    with connection.cursor() as cursor:
        cursor.execute("select id, person_id from empi_registration where id = any(%s)", [list(registrations)])
        found = dict(cursor.fetchall())
    return {r: found[r] for r in registrations if r in found}


_CARDS = """
    select r.person_id,
        (array_agg(r.full_name order by {best}) filter (where r.full_name is not null))[1],
        (array_agg(r.sex_code order by {best}) filter (where r.sex_code in ('1', '2')))[1],
        (array_agg(r.born_on order by {best}) filter (where r.born_on is not null))[1],
        (array_agg(r.id_no order by {best}) filter (where r.id_no is not null))[1],
        (array_agg(r.address order by r.registered_at desc nulls last) filter (where r.address is not null))[1],
        array_agg(distinct r.org_code)
    from empi_registration r where r.person_id = any(%(ids)s) and {scope} group by r.person_id"""
_BEST = "(r.id_trust = 'trusted') desc, r.registered_at desc nulls last, r.id desc"


def cards(
    ctx: Ctx, ids: Sequence[int], *, why: dict[int, object] | None = None, when: dict[int, datetime] | None = None
) -> list[Hit]:
    """The persons *ids* as they stand in a list, in that order; those out of reach are left out."""
    if not ids:
        return []
    scope = security.persons_in_reach(ctx, "r.person_id")
    with connection.cursor() as cursor:
        cursor.execute(_CARDS.format(best=_BEST, scope=scope.sql), {"ids": list(ids), **scope.params})
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
    seen = records.last_seen(ctx, list(rows))
    return [_hit(i, rows[i], seen.get(i), (why or {}).get(i, ""), (when or {}).get(i)) for i in ids if i in rows]


def _hit(
    person_id: int, row: tuple[object, ...], seen: tuple[datetime, str] | None, why: object, when: datetime | None
) -> Hit:
    name, sex, born, id_no, address, orgs = row
    assert born is None or isinstance(born, date)
    return Hit(
        person_id, str(name or ""), str(sex or ""), born, domain.age(born, today()),
        mask_id_no(str(id_no)) if id_no else "", town(str(address or "")), tuple(orgs or ()),  # type: ignore[arg-type]
        seen[0] if seen else None, seen[1] if seen else "", why, when,
    )  # fmt: skip


_HOUSE = re.compile(r"(\d+|[一二三四五六七八九十]+)(号|组|社|队|栋|单元|室).*$")


def town(address: str) -> str:
    """An address down to the village: house and group are not needed to tell people apart in a list."""
    return _HOUSE.sub("", address).strip()


def _closed(ctx: Ctx, text: str) -> Closed | None:
    """A person of the county outside reach, asked for by the whole identity number that the actor holds in hand."""
    number = narrow(text).upper()
    if not _IDENTITY_NUMBER.match(number) or not ctx.may("person.open"):
        return None
    everywhere = actors.system(ctx.request_id)  # scope: only tells that the person exists; opening needs a reason
    found = empi.search(everywhere, number, page=1, size=2)
    people = cards(everywhere, [h.person_id for h in found.rows])
    if len(people) != 1:
        return None
    one = people[0]
    return Closed(one.person_id, one.full_name[:1] + "＊" * max(len(one.full_name) - 1, 1), one.sex_code, one.age)
