"""Reads of the referral, scoped to the actor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from psycopg.rows import class_row

from yigong.collaboration.referral.domain import State
from yigong.collaboration.referral.models import Referral, ReferralMove
from yigong.kit.clock import COUNTY_ZONE, now
from yigong.kit.ctx import Ctx, Purpose
from yigong.kit.errors import Refused
from yigong.security import api as security


@dataclass(frozen=True, slots=True)
class Anchor:
    """The person as the registration that anchors the case tells."""

    registration_id: int
    person_id: int
    full_name: str
    sex_code: str | None
    born_on: date | None
    id_no: str | None
    phone: str | None
    org_code: str


@dataclass(frozen=True, slots=True)
class Row:
    """A referral in a list."""

    id: int
    case_no: str
    state: str
    direction: str
    urgency: str
    from_org: str
    from_doctor_name: str
    to_org: str
    to_department: str
    diagnosis_name: str
    reason: str
    clinic: str
    appointment_at: datetime | None
    created_at: datetime
    sent_at: datetime | None
    reply_due_at: datetime | None
    replied_at: datetime | None
    closed_at: datetime | None
    version: int
    registration_id: int
    person_id: int
    full_name: str
    sex_code: str | None
    born_on: date | None
    id_no: str | None

    @property
    def minutes_left(self) -> int | None:
        """Minutes until the answer is due; negative when late; None when no answer is awaited."""
        if self.state != State.SENT or self.reply_due_at is None:
            return None
        return int((self.reply_due_at - now()).total_seconds() // 60)

    @property
    def limit_share(self) -> int:
        """How much of the time limit is used, in percent."""
        if not self.sent_at or not self.reply_due_at:
            return 0
        whole = (self.reply_due_at - self.sent_at).total_seconds() or 1
        return max(0, min(100, round(100 * (now() - self.sent_at).total_seconds() / whole)))


SHOWN_MOVES = 30  # of a case at first; a case sent back and forth has many

#: tab -> condition on f (the referral); %(orgs)s are the actor's institutions
TABS = {
    "todo": "((f.to_org = any(%(orgs)s) and f.state = 'sent') or (f.from_org = any(%(orgs)s) and f.state = 'returned'))",
    "waiting": "f.state = 'accepted'",
    "treating": "f.state = 'arrived'",
    "sent": "f.from_org = any(%(orgs)s) and f.state in ('sent', 'accepted', 'arrived')",
    "drafts": "f.from_org = any(%(orgs)s) and f.state = 'draft'",
    "closed": "f.state in ('closed', 'refused', 'no_show', 'cancelled')",
    "all": "true",
}
SORTS = {
    "limit": "f.reply_due_at nulls last, f.id",
    "newest": "f.created_at desc, f.id desc",
    "oldest": "f.created_at, f.id",
    "person": "r.name_key, f.id",
}
_FROM = "from referral_referral f join empi_registration r on r.id = f.registration_id"
_COLUMNS = """f.id, f.case_no, f.state, f.direction, f.urgency, f.from_org, f.from_doctor_name, f.to_org, f.to_department,
    f.diagnosis_name, f.reason, f.clinic, f.appointment_at, f.created_at, f.sent_at, f.reply_due_at, f.replied_at,
    f.closed_at, f.version, f.registration_id, r.person_id, r.full_name, r.sex_code, r.born_on, r.id_no"""


def _scope(ctx: Ctx) -> tuple[str, dict[str, Any]]:
    if not isinstance(ctx, Ctx):
        raise Refused("no_actor")
    if ctx.purpose == Purpose.SYSTEM:
        return "true", {"orgs": []}
    mine = "f.from_org = any(%(orgs)s) or (f.to_org = any(%(orgs)s) and f.state not in ('draft', 'discarded'))"
    return f"({mine})", {"orgs": list(ctx.orgs)}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of referrals is narrowed to."""

    tab: str = "todo"
    text: str = ""
    direction: str = ""
    urgency: str = ""
    org: str = ""  # the other institution
    sort: str = ""
    page: int = 1
    size: int = 20


def _where(ctx: Ctx, filters: Filters) -> tuple[str, dict[str, Any]]:
    scope, params = _scope(ctx)
    parts = [scope, TABS.get(filters.tab, "true")]
    if filters.direction:
        parts.append("f.direction = %(direction)s")
    if filters.urgency:
        parts.append("f.urgency = %(urgency)s")
    if filters.org:
        parts.append("(f.from_org = %(org)s or f.to_org = %(org)s)")
    if filters.text:
        parts.append(
            """(r.full_name like %(like)s or r.name_key like %(key)s or r.name_initials like %(key)s or r.id_no = %(text)s
                or f.case_no = upper(%(text)s) or f.diagnosis_name like %(like)s)"""
        )
    text = filters.text.strip()
    params |= {"direction": filters.direction, "urgency": filters.urgency, "org": filters.org, "text": text}
    params |= {"like": f"%{text}%", "key": f"{text.lower().replace(' ', '')}%"}
    return " and ".join(parts), params


def cases(ctx: Ctx, filters: Filters) -> tuple[list[Row], int]:
    """One page of referrals the actor's institution takes part in, and how many there are in all."""
    where, params = _where(ctx, filters)
    usual = "limit" if filters.tab == "todo" else "newest"
    order = SORTS.get(filters.sort, SORTS[usual])
    params |= {"limit": filters.size, "offset": (filters.page - 1) * filters.size}
    total = _one(f"select count(*) {_FROM} where {where}", params)
    rows = _rows(f"select {_COLUMNS} {_FROM} where {where} order by {order} limit %(limit)s offset %(offset)s", params)
    return rows, total


def counts(ctx: Ctx) -> dict[str, int]:
    """How many cases each tab holds."""
    scope, params = _scope(ctx)
    sums = ", ".join(f"count(*) filter (where {condition}) as {tab}" for tab, condition in TABS.items())
    with connection.cursor() as cursor:
        cursor.execute(f"select {sums} from referral_referral f where {scope}", params)
        return dict(zip(TABS, cursor.fetchone(), strict=True))


def waiting(ctx: Ctx) -> int:
    """How many cases wait for the actor's institution."""
    scope, params = _scope(ctx)
    return _one(f"select count(*) from referral_referral f where {scope} and {TABS['todo']}", params)


def just_handled(ctx: Ctx) -> list[Row]:
    """Cases that the actor moved in the last minutes, newest first: they can still be taken back at a glance."""
    scope, params = _scope(ctx)
    params |= {"actor": ctx.actor_id, "since": now() - timedelta(minutes=10)}
    return _rows(
        f"""select {_COLUMNS} {_FROM} where {scope} and f.id in
            (select referral_id from referral_referralmove where by_id = %(actor)s and at > %(since)s and verb <> 'draft')
            and f.state not in ('sent', 'draft') order by f.id desc limit 5""",
        params,
    )


def reply_minutes(ctx: Ctx) -> tuple[float | None, int]:
    """Median minutes from sending to the answer in the last 30 days for the actor's institution, and the number of cases."""
    params: dict[str, Any] = {"orgs": list(ctx.orgs), "since": now() - timedelta(days=30)}
    with connection.cursor() as cursor:
        cursor.execute(
            """select percentile_cont(0.5) within group (order by extract(epoch from replied_at - sent_at) / 60), count(*)
               from referral_referral where to_org = any(%(orgs)s) and replied_at > sent_at and sent_at > %(since)s""",
            params,
        )
        median, number = cursor.fetchone()
        return median, number


def open_for_person(ctx: Ctx, person_id: int) -> list[Row]:
    """Cases of one person that are under way, among those the actor may see."""
    scope, params = _scope(ctx)
    return _rows(
        f"""select {_COLUMNS} {_FROM} where {scope} and r.person_id = %(person)s
            and f.state in ('draft', 'sent', 'returned', 'accepted', 'arrived') order by f.id desc""",
        params | {"person": person_id},
    )


def one(ctx: Ctx, referral_id: int) -> Referral:
    """The case, if the actor's institution takes part. Raises Refused not_found."""
    found = Referral.objects.seen_by(ctx).filter(pk=referral_id).first()
    if found is None:
        raise Refused("not_found", what="referral")
    return found


def moves(referral: Referral, *, whole: bool = False) -> tuple[list[ReferralMove], bool]:
    """The latest moves of a case, or all of them, oldest first; whether earlier ones are left out."""
    latest = list(referral.moves.order_by("-id")[: None if whole else SHOWN_MOVES + 1])
    is_cut = not whole and len(latest) > SHOWN_MOVES
    return latest[: SHOWN_MOVES if is_cut else None][::-1], is_cut


def arrivals(referral: Referral) -> list[ReferralMove]:
    """The move by which a case last came into each of its states."""
    return list(referral.moves.order_by("target", "-id").distinct("target"))


def row(ctx: Ctx, referral_id: int) -> Row:
    """The case as a list shows it. Raises Refused not_found."""
    scope, params = _scope(ctx)
    found = _rows(f"select {_COLUMNS} {_FROM} where {scope} and f.id = %(id)s", params | {"id": referral_id})
    if not found:
        raise Refused("not_found", what="referral")
    return found[0]


def for_change(ctx: Ctx, referral_id: int) -> Referral:
    """The case with its row locked until the end of the transaction. Raises Refused not_found."""
    found = Referral.objects.seen_by(ctx).select_for_update().filter(pk=referral_id).first()
    if found is None:
        raise Refused("not_found", what="referral")
    return found


def anchor(ctx: Ctx, registration_id: int) -> Anchor:
    """The registered person behind a case, if in the actor's reach. Raises Refused not_found."""
    reach = security.registrations_in_reach(ctx, "r.id")
    return _anchor(f"r.id = %(id)s and {reach.sql}", reach.params | {"id": registration_id})


def anchor_of_person(ctx: Ctx, person_id: int) -> Anchor:
    """The registration by which the actor's institution knows the person, else the newest. Raises Refused not_found."""
    reach = security.persons_in_reach(ctx, "r.person_id")
    params = reach.params | {"id": person_id, "orgs": list(ctx.orgs)}
    return _anchor(f"r.person_id = %(id)s and {reach.sql}", params, "(r.org_code = any(%(orgs)s)) desc, r.id desc")


def _anchor(where: str, params: dict[str, Any], order: str = "r.id") -> Anchor:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""select r.id, r.person_id, r.full_name, r.sex_code, r.born_on, r.id_no, r.phone, r.org_code
                from empi_registration r where {where} order by {order} limit 1""",
            params,
        )
        found = cursor.fetchone()
    if found is None:
        raise Refused("not_found", what="person")
    return Anchor(*found)


def sent_by_month(ctx: Ctx, months: int = 12) -> list[tuple[date, str, int]]:
    """(first of month, direction, number) of sent cases that the actor may see."""
    scope, params = _scope(ctx)
    start = now().astimezone(COUNTY_ZONE).date().replace(day=1) - timedelta(days=31 * (months - 1))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""select date_trunc('month', f.sent_at)::date, f.direction, count(*) from referral_referral f
                where {scope} and f.sent_at >= %(start)s group by 1, 2 order by 1, 2""",
            params | {"start": start.replace(day=1)},
        )
        return [tuple(r) for r in cursor.fetchall()]


def _rows(sql: str, params: dict[str, Any]) -> list[Row]:
    connection.ensure_connection()
    with connection.connection.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(sql, params).fetchall()


def _one(sql: str, params: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.fetchone()[0])
