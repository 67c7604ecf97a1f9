"""The queue of pairs that may be one person, and one such pair laid open: facts, weights, household, history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from yigong.kit.clock import now, today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.empi import joining, stored
from yigong.platform.empi.engine.api import Explanation
from yigong.platform.empi.matching import explain
from yigong.platform.empi.selectors import DECISION, DecisionLine, Registration, ask_rows, registrations
from yigong.security.api import persons_in_reach

QUEUE_SHOWN = 60
#: an address that names a house; those of a whole village or community make no household
HOUSE = "[0-9０-９一二三四五六七八九十] *(号|室|户|栋|幢|弄)"
#: ways to put the queue in order
ORDERS = {
    "risk": "c.risk desc, worth desc, c.score desc, c.id",
    "score": "c.score desc, c.id",
    "worth": "worth desc, c.score desc, c.id",
    "oldest": "c.created_at, c.id",
}
_WAITING = "(c.state in ('open', 'pending') or (c.state = 'later' and c.later_until < %(now)s))"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One pair of the queue."""

    id: int
    kind: str
    risk: int
    score: float
    state: str
    left_name: str
    right_name: str
    left_org: str
    right_org: str
    worth: int  # registrations of the two persons: so many histories become whole, or stay apart


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair laid open."""

    id: int
    kind: str
    state: str
    left: Registration
    right: Registration
    explanation: Explanation
    locked: str  # code of the guard that forbids joining, or nothing
    family: Household
    history: list[DecisionLine]
    would_move: int  # registrations that would change their person
    risk: int
    proposer: str  # who has proposed to join them, or nothing
    proposer_id: int


def queue(
    ctx: Ctx, *, kind: str = "", risk: int = 0, order: str = "risk", page: int = 1, limit: int = QUEUE_SHOWN
) -> list[Waiting]:
    """A page of the pairs that wait, put off ones in their time: gravest first, then those of the most records, then the
    likeliest; or in another of ``ORDERS``."""
    reach = persons_in_reach(ctx, "l.person_id")
    rows = ask_rows(
        f"""select c.id, c.kind, c.risk, c.score, c.state, coalesce(l.full_name, '') as left_name,
                coalesce(r.full_name, '') as right_name, l.org_code as left_org, r.org_code as right_org,
                (select count(*) from empi_registration x where x.person_id in (l.person_id, r.person_id)) as worth
            from empi_candidate c join empi_registration l on l.id = c.left_id
                join empi_registration r on r.id = c.right_id
            where c.state in ('open', 'later', 'pending') and {_WAITING} and {reach.sql}
                and (%(kind)s = '' or c.kind = %(kind)s) and c.risk >= %(risk)s
            order by {ORDERS[order]} limit %(limit)s offset %(skip)s""",
        {"now": now(), "kind": kind, "risk": risk, "limit": limit, "skip": (page - 1) * limit, **reach.params},
    )
    return [Waiting(**row) for row in rows]


def kinds(ctx: Ctx) -> dict[str, int]:
    """How many pairs wait, by kind; ``high`` counts those of high risk."""
    reach = persons_in_reach(ctx, "l.person_id")
    rows = ask_rows(
        f"""select c.kind, count(*) as n, count(*) filter (where c.risk > 2) as high from empi_candidate c
            join empi_registration l on l.id = c.left_id
            where c.state in ('open', 'later', 'pending') and {_WAITING} and {reach.sql} group by c.kind order by n desc""",
        {"now": now(), **reach.params},
    )
    counts = {row["kind"]: int(row["n"]) for row in rows}
    return {"all": sum(counts.values()), "high": sum(int(row["high"]) for row in rows), **counts}


def pair(ctx: Ctx, candidate_id: int) -> Pair:
    """One pair with everything needed to decide. Raises Refused empi.no_such_pair, also when out of reach."""
    reach = persons_in_reach(ctx, "l.person_id")
    found = ask_rows(
        f"""select c.id, c.kind, c.state, c.risk, c.left_id, c.right_id, l.person_id as left_person, r.person_id as right_person,
                p.by_name as proposer, p.by_id as proposer_id
            from empi_candidate c left join empi_decision p on p.id = c.decision_id and p.verb = 'propose'
                join empi_registration l on l.id = c.left_id
                join empi_registration r on r.id = c.right_id where c.id = %(id)s and {reach.sql}""",
        {"id": candidate_id, **reach.params},
    )
    if not found:
        raise Refused("empi.no_such_pair")
    return _open(ctx, found[0])


def _open(ctx: Ctx, row: Mapping[str, Any]) -> Pair:
    both = {row["left_person"], row["right_person"]}
    held = {r.id: r for person in sorted(both) for r in registrations(ctx, person)}
    left, right = held[row["left_id"]], held[row["right_id"]]
    later = max(both)
    return Pair(
        id=row["id"],
        kind=row["kind"],
        state=row["state"],
        left=left,
        right=right,
        explanation=explain(left, right),
        locked=_guard(both),
        family=household(ctx, left.person_id, right.person_id),
        history=_history(left.id, right.id),
        would_move=sum(1 for r in held.values() if r.person_id == later),
        risk=row["risk"],
        proposer=row["proposer"] or "" if row["state"] == "pending" else "",
        proposer_id=row["proposer_id"] or 0,
    )


def beside(ctx: Ctx, one: int, other: int) -> Pair:
    """Two persons laid open side by side as a pair of the queue would be, by their most alike registrations.

    Raises Refused empi.no_such_person, also when one is out of reach, and empi.same_person.
    """
    if one == other:
        raise Refused("empi.same_person")
    held = {r.id: r for person in (one, other) for r in registrations(ctx, person)}
    if {r.person_id for r in held.values()} != {one, other}:
        raise Refused("empi.no_such_person")
    found = joining.likeness(one, other)
    left, right = held[found.left], held[found.right]
    return Pair(
        id=0,
        kind=found.kind,
        state="",
        left=left,
        right=right,
        explanation=explain(left, right),
        locked=_guard({one, other}),
        family=household(ctx, left.person_id, right.person_id),
        history=_history(left.id, right.id),
        would_move=sum(1 for r in held.values() if r.person_id == max(one, other)),
        risk=found.risk,
        proposer="",
        proposer_id=0,
    )


def _guard(persons: set[int]) -> str:
    held = stored.numbers(persons)
    return "empi.two_trusted_numbers" if len(held) == 2 and len(set(held.values())) == 2 else ""


def _history(*registration_ids: int) -> list[DecisionLine]:
    conditions = " or ".join(f"d.registration_ids @> '[{int(one)}]'" for one in registration_ids)
    rows = ask_rows(f"select {DECISION} from empi_decision d where {conditions} order by d.id desc limit 20", {})
    return [DecisionLine(**row) for row in rows]


def past(ctx: Ctx, *, verb: str = "", name: str = "", page: int = 1, size: int = 30) -> list[dict[str, Any]]:
    """Decisions that people or guards made, newest first, with the names concerned, of which one begins with *name*; and
    of what moved, from whom to whom. One more than a page tells of the next."""
    reach = persons_in_reach(ctx, "r.person_id")
    named = """(%(name)s = '' or exists (select 1 from empi_registration x where x.full_name like %(name)s || '%%'
        and (x.person_id in (d.from_person, d.to_person) or d.registration_ids @> to_jsonb(x.id))))"""
    return ask_rows(
        f"""select {DECISION}, d.org_code, r.person_id, d.moved, coalesce(f.golden->'full_name'->>'value', '') as from_name,
                coalesce(t.golden->'full_name'->>'value', '') as to_name, f.state <> 'merged' as from_stands,
                t.state <> 'merged' as to_stands,
                (select array_agg(distinct x.full_name) from empi_registration x
                 where x.id in (select v::bigint from jsonb_array_elements_text(d.registration_ids) v)) as names
            from empi_decision d join empi_registration r on r.id = (d.registration_ids->>0)::bigint
                left join empi_person f on f.id = d.from_person left join empi_person t on t.id = d.to_person
            where {named} and d.verb not in ('new', 'change', 'ask', 'batch') and (d.verb <> 'undo' or d.act = d.id) and (%(verb)s = '' or d.verb = %(verb)s)
                and (%(verb)s <> '' or d.verb <> 'link') and {reach.sql}
            order by d.id desc limit %(size)s offset %(skip)s""",
        {"verb": verb, "name": name, "size": size + 1, "skip": (page - 1) * size, **reach.params},
    )


def trend(ctx: Ctx, *, days: int = 30) -> list[tuple[str, int]]:
    """How many pairs waited at the end of each of the last days, today last."""
    reach = persons_in_reach(ctx, "l.person_id")
    rows = ask_rows(
        f"""with pairs as (select c.created_at, case when c.state in ('open', 'later', 'pending') then null else c.decided_at end as done
                from empi_candidate c join empi_registration l on l.id = c.left_id
                where c.kind <> 'apart' and {reach.sql})
            select to_char(d, 'MM-DD') as day, (select count(*) from pairs where created_at < d + interval '1 day'
                and (done is null or done >= d + interval '1 day')) as n
            from generate_series(%(start)s::date, %(end)s::date, '1 day') d order by d""",
        {"start": today() - timedelta(days=days - 1), "end": today(), **reach.params},
    )
    return [(row["day"], int(row["n"])) for row in rows]


def done_today(ctx: Ctx) -> int:
    """How many pairs the actor has answered today."""
    rows = ask_rows(
        """select count(*) as n from empi_decision where by_id = %(by)s and verb in ('confirm', 'reject')
           and at >= date_trunc('day', %(now)s at time zone 'Asia/Shanghai') at time zone 'Asia/Shanghai'""",
        {"by": ctx.actor_id, "now": now()},
    )
    return int(rows[0]["n"])


def pair_of_decision(ctx: Ctx, decision_id: int) -> int:
    """The pair that waits again after a decision was taken back; 0 when there is none."""
    reach = persons_in_reach(ctx, "l.person_id")
    rows = ask_rows(
        f"""select c.id from empi_decision d
                join empi_candidate c on c.left_id = (d.registration_ids->>0)::bigint
                    or c.right_id = (d.registration_ids->>0)::bigint
                join empi_registration l on l.id = c.left_id
            where d.id = %(id)s and c.state in ('open', 'later', 'pending') and {reach.sql} order by c.id limit 1""",
        {"id": decision_id, **reach.params},
    )
    return int(rows[0]["id"]) if rows else 0


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of a household."""

    person_id: int
    state: str
    full_name: str
    sex_code: str
    born_on: Any
    because: tuple[str, ...]  # phone address card
    registrations: int
    contacts: frozenset[str] = frozenset()  # names given as contact


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Two members of a household who may be one person."""

    candidate_id: int
    one: int  # persons
    other: int
    score: float
    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class Household:
    """Everybody at the phones and addresses of one person, and who of them is suspected to be whom."""

    members: list[Member]
    suspicions: list[Suspicion]


HOUSEHOLD_SHOWN = 40


def household(ctx: Ctx, *persons: int) -> Household:
    """The household of a person, or of two that may be one, eldest first; within reach. Raises Refused empi.no_such_person."""
    reach = persons_in_reach(ctx, "r.person_id")
    rows = ask_rows(
        f"""with mine as (select phone, address, health_card_no from empi_registration where person_id = any(%(persons)s)),
            ids as (
                select r.id from mine m join empi_registration r on r.phone = m.phone
                union select r.id from mine m join empi_registration r on r.address = m.address where m.address ~ %(house)s
                union select r.id from mine m join empi_registration r on r.health_card_no = m.health_card_no
                union select id from empi_registration where person_id = any(%(persons)s)),
            near as (
                select r.person_id, r.phone is not null and r.phone in (select phone from mine) as by_phone,
                    r.address ~ %(house)s and r.address in (select address from mine) as by_address,
                    r.health_card_no is not null and r.health_card_no in (select health_card_no from mine) as by_card
                from ids join empi_registration r using (id) where {reach.sql}),
            held as (select person_id, bool_or(by_phone) as by_phone, bool_or(by_address) as by_address,
                    bool_or(by_card) as by_card from near
                group by person_id order by person_id = any(%(persons)s) desc, person_id limit {HOUSEHOLD_SHOWN})
            select h.*, p.state, p.golden, x.n, x.contacts
            from held h join empi_person p on p.id = h.person_id cross join lateral (
                select count(*) as n, array_remove(array_agg(distinct contact_name), null) as contacts
                from empi_registration r where r.person_id = h.person_id) x
            order by p.golden->'born_on'->>'value' nulls last, p.id""",
        {"persons": list(persons), "house": HOUSE, **reach.params},
    )
    if not any(row["person_id"] in persons for row in rows):
        raise Refused("empi.no_such_person")
    members = [_member(row) for row in rows]
    return Household(members, _suspicions([one.person_id for one in members]))


def _member(row: Mapping[str, Any]) -> Member:
    value = {name: field["value"] for name, field in row["golden"].items()}
    because = tuple(name for name in ("phone", "address", "card") if row[f"by_{name}"])
    born = date.fromisoformat(value["born_on"]) if "born_on" in value else None
    name, sex = value.get("full_name", ""), value.get("sex_code", "")
    return Member(
        row["person_id"], row["state"], name, sex, born, because, int(row["n"]), frozenset(row["contacts"] or ())
    )


def _suspicions(persons: list[int]) -> list[Suspicion]:
    rows = ask_rows(
        """select c.id as candidate_id, l.person_id as one, r.person_id as other, c.score, c.kind, c.state
           from empi_registration l join empi_candidate c on c.left_id = l.id
               join empi_registration r on r.id = c.right_id
           where l.person_id = any(%(persons)s) and r.person_id = any(%(persons)s) and c.kind <> 'apart'
               and c.state <> 'settled' order by c.score desc, c.id""",
        {"persons": persons},
    )
    return [Suspicion(**row) for row in rows]
