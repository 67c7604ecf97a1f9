"""Departments and institutions registered one at a time, with their history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from yigong.kit.clock import today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.outbox.api import say
from yigong.platform.registry import changes
from yigong.platform.registry.events import DepartmentChanged, InstitutionChanged
from yigong.platform.registry.models import Department, Institution
from yigong.platform.registry.selectors import kept
from yigong.security.api import audit


@transaction.atomic
def save_department(ctx: Ctx, org_code: str, code: str, facts: Mapping[str, Any], *, new: bool) -> Department:
    """Register or change a department. Raises Refused registry.department_known, registry.no_such_department, registry.too_long."""
    row = Department.objects.select_for_update().filter(org_code=org_code, code=code).first()
    if new and row is not None:
        raise Refused("registry.department_known", number=code)
    if not new and row is None:
        raise Refused("registry.no_such_department", number=code)
    before = changes.facts(row)
    row = row or Department(org_code=org_code, code=code, version=0)
    _fill(row, facts)
    if before is not None and changes.facts(row) == before:
        return row
    row.version += 1
    row.save()
    verb = "register" if new else "update"
    changes.record(
        ctx, "department", f"{org_code}|{code}", verb, before=before, after=changes.facts(row), version=row.version
    )
    audit(ctx, "registry.save", "registry_department", row.pk, after={"verb": verb})
    say(DepartmentChanged(org_code, code, verb))
    return row


@transaction.atomic
def save_institution(ctx: Ctx, code: str, facts: Mapping[str, Any], *, new: bool, reason: str = "") -> Institution:
    """Register an institution for this year, or change the newest year's row.

    Raises Refused registry.institution_known, registry.no_such_institution, registry.too_long.
    """
    row = Institution.objects.select_for_update().filter(code=code).order_by("-year").first()
    if new and row is not None:
        raise Refused("registry.institution_known", number=code)
    if not new and row is None:
        raise Refused("registry.no_such_institution", number=code)
    before = changes.facts(row)
    row = row or Institution(code=code, year=today().year)
    _fill(row, facts)
    if before is not None and changes.facts(row) == before:
        return row
    row.save()
    verb = "register" if new else "update"
    changes.record(ctx, "institution", code, verb, before=before, after=changes.facts(row), reason=reason)
    audit(ctx, "registry.save", "registry_institution", code, before=before, after=changes.facts(row))
    say(InstitutionChanged(code, row.year, verb))
    transaction.on_commit(kept.forget)
    return row


def _fill(row: Department | Institution, facts: Mapping[str, Any]) -> None:
    for name, value in facts.items():
        most = getattr(row._meta.get_field(name), "max_length", None)
        if most and len(str(value or "")) > most:
            raise Refused("registry.too_long", field=name, limit=most)
        setattr(row, name, value)


@transaction.atomic
def copy_year(ctx: Ctx, source: int, target: int) -> int:
    """Copy the institutions of a year forward; those that the target year has already stay. How many were copied.

    Raises Refused registry.same_year, registry.empty_year.
    """
    if source >= target:
        raise Refused("registry.same_year", source=source, target=target)
    there = set(Institution.objects.filter(year=target).values_list("code", flat=True))
    rows = [i for i in Institution.objects.filter(year=source) if i.code not in there and i.state != "closed"]
    if not rows and not there:
        raise Refused("registry.empty_year", year=source)
    for row in rows:
        row.pk, row.year = None, target
    Institution.objects.bulk_create(rows)
    changes.record(ctx, "institution", f"year {target}", "copy", before=None, after={"from": source, "rows": len(rows)})
    audit(ctx, "registry.save", "registry_institution", f"{source}-{target}", after={"copied": len(rows)})
    transaction.on_commit(kept.forget)
    return len(rows)


def departments(org_code: str) -> list[Department]:
    """The departments of an institution."""
    return list(Department.objects.filter(org_code=org_code).order_by("code")[:500])


def find_departments(orgs: tuple[str, ...], *, code: str = "", name: str = "") -> list[Department]:
    """Departments of some institutions by number or name."""
    wanted = {n: v for n, v in (("code", code), ("name", name)) if v}
    return list(Department.objects.filter(org_code__in=orgs, **wanted).order_by("code")[:50]) if wanted else []
