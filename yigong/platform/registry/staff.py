"""The register of staff: each by identity number, with its history; a change is told to whoever listens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from yigong.kit.clock import today
from yigong.kit.ctx import Ctx, Reach
from yigong.kit.errors import Refused
from yigong.kit.idcard import valid
from yigong.outbox.api import say
from yigong.platform.registry import changes
from yigong.platform.registry.events import StaffChanged
from yigong.platform.registry.models import Staff, State
from yigong.security.api import audit

NEEDED = ("id_no", "full_name", "org_code")
#: a licence or title that ends within these days is warned about
SOON = timedelta(days=90)
LIMITS = {f.name: f.max_length for f in Staff._meta.concrete_fields if getattr(f, "max_length", None)}


@transaction.atomic
def register_staff(ctx: Ctx, facts: Mapping[str, Any], *, reason: str = "") -> Staff:
    """Add a member of staff. Raises Refused registry.staff_known, missing, registry.bad_id_no, registry.too_long."""
    _check(facts)
    if Staff.objects.filter(id_no=facts["id_no"]).exists():
        raise Refused("registry.staff_known", id_no=masked(facts["id_no"]))
    row = Staff(**facts)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise Refused("registry.staff_known", id_no=masked(facts["id_no"])) from None
    return _changed(ctx, row, "register", None, reason)


@transaction.atomic
def update_staff(ctx: Ctx, staff_id: int, facts: Mapping[str, Any], *, reason: str = "") -> Staff:
    """Change a member of staff; facts that are not given stay. Raises Refused registry.no_such_staff and as registering does."""
    row = Staff.objects.select_for_update().filter(pk=staff_id).first()
    if row is None:
        raise Refused("registry.no_such_staff")
    before = changes.facts(row)
    for name, value in facts.items():
        setattr(row, name, value)
    _check({n: getattr(row, n) for n in LIMITS})
    if changes.facts(row) == before:
        return row
    if Staff.objects.filter(id_no=row.id_no).exclude(pk=row.pk).exists():
        raise Refused("registry.staff_known", id_no=masked(row.id_no))
    row.version += 1
    row.save()
    return _changed(ctx, row, "update", before, reason)


def _check(facts: Mapping[str, Any]) -> None:
    if missing := [n for n in NEEDED if not facts.get(n)]:
        raise Refused("missing", fields=missing)
    if not valid(str(facts["id_no"])):
        raise Refused("registry.bad_id_no")
    for name, most in LIMITS.items():
        if most and len(str(facts.get(name) or "")) > most:
            raise Refused("registry.too_long", field=name, limit=most)


def _changed(ctx: Ctx, row: Staff, verb: str, before: Mapping[str, Any] | None, reason: str) -> Staff:
    changes.record(
        ctx, "staff", row.pk, verb, before=before, after=changes.facts(row), version=row.version, reason=reason
    )
    audit(ctx, "registry.save", "registry_staff", row.pk, after={"verb": verb})
    say(StaffChanged(row.pk, row.org_code, verb))
    return row


def masked(number: str) -> str:
    """An identity number of which one sees only the ends."""
    return f"{number[:4]}＊＊＊{number[-4:]}" if len(number) > 10 else "＊＊＊"


def in_reach(ctx: Ctx) -> QuerySet[Staff]:
    """The staff that the reader may see: all where the role works for the county, else those of the reader's institutions."""
    if ctx.reach == Reach.OWN:
        return Staff.objects.filter(Q(org_code__in=ctx.orgs) | _sites(ctx.orgs))
    return Staff.objects.all()


def _sites(orgs: tuple[str, ...]) -> Q:
    found = Q(pk__in=[])
    for org in orgs:
        found |= Q(sites__contains=[{"org_code": org}])
    return found


def staff_list(
    ctx: Ctx, *, q: str = "", org_code: str = "", state: str = "", profession: str = "", ending: str = ""
) -> QuerySet[Staff]:
    """Staff in reach; *q* is a name, a number of the institution, or a whole identity number."""
    found = in_reach(ctx)
    wanted = {"org_code": org_code, "state": state, "profession": profession}
    found = found.filter(**{n: v for n, v in wanted.items() if v})
    if q:
        found = found.filter(Q(full_name__contains=q) | Q(staff_no=q) | Q(id_no=q.upper()) | Q(license_no=q))
    if ending:
        found = found.filter(state=State.ACTIVE).filter(ending_within(ending))
    return found


def ending_within(which: str) -> Q:
    """Licences or titles that are over, or end soon."""
    day = today()
    until, since = (day - timedelta(days=1), date.min) if which == "over" else (day + SOON, day)
    return Q(license_ends_on__range=(since, until)) | Q(title_ends_on__range=(since, until))


def standing(ends_on: date | None) -> str:
    """How a licence or title stands today: unknown, over, soon, good."""
    if ends_on is None:
        return "unknown"
    if ends_on < today():
        return "over"
    return "soon" if ends_on <= today() + SOON else "good"


def one(ctx: Ctx, staff_id: int) -> Staff:
    """A member of staff in reach. Raises Refused registry.no_such_staff."""
    found = in_reach(ctx).filter(pk=staff_id).first()
    if found is None:
        raise Refused("registry.no_such_staff")
    return found


def find_staff(ctx: Ctx, *, id_no: str = "", staff_no: str = "", full_name: str = "", **exact: Any) -> list[Staff]:
    """Staff in reach by number or name, at most 50."""
    given = {"id_no": id_no.upper(), "staff_no": staff_no, "full_name": full_name, **exact}
    wanted = {n: v for n, v in given.items() if v not in ("", None)}
    return list(in_reach(ctx).filter(**wanted).order_by("pk")[:50]) if wanted else []


def staff_by_id_no(id_no: str) -> Staff | None:
    """The member of staff with this identity number, of whatever institution: for the register's own rule that each is there once."""
    return Staff.objects.filter(id_no=id_no).first()
