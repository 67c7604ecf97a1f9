"""Staff: registered, brought up to date, looked for in the register of staff."""

from __future__ import annotations

from typing import Any

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.hl7v3.message import Request
from yigong.platform.hl7v3.models import Application
from yigong.platform.hl7v3.replies import Answer
from yigong.platform.hl7v3.works import common
from yigong.platform.registry import api as registry
from yigong.platform.registry.api import Staff

FURTHER = (
    "Birthplace",
    "AssignedEntityDeptId",
    "AssignedEntityDeptName",
    "AssignedEntityDeptContact",
    "IDCategoryCode",
)


def add(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Register a member of staff; one of another institution gets a further place of practice. Raises Refused v3.known."""
    request.need("ProviderName", "ProviderWorkNo", "IDCardNo")
    org_code = common.org_of(application, request)
    facts = facts_of(request, org_code)
    known = registry.staff_by_id_no(facts["id_no"])
    if known is None:
        return _done(request, registry.register_staff(ctx, facts), "注册成功")
    sites = [known.org_code, *(site.get("org_code") for site in known.sites)]
    if org_code in sites:
        raise Refused("v3.known", field=request.words("IDCardNo"), value=registry.masked(facts["id_no"]))
    site = {"org_code": org_code, "department": facts["department"], "staff_no": facts["staff_no"]}
    changed = registry.update_staff(ctx, known.pk, {"sites": [*known.sites, site]}, reason="多点执业")
    return _done(request, changed, "该人员已在其他机构注册，已登记为多点执业")


def update(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Change a member of staff of the caller's institutions; what is not said stays. Raises Refused v3.unknown."""
    request.need("ProviderName", "ProviderWorkNo")
    found = _found(ctx, request)
    if not found:
        raise Refused("v3.unknown", field=request.words("IDCardNo"), value=registry.masked(request.get("IDCardNo")))
    facts = {n: v for n, v in facts_of(request, found[0].org_code).items() if v not in ("", None, {})}
    facts.pop("org_code")
    return _done(request, registry.update_staff(ctx, found[0].pk, facts), "更新成功")


def _found(ctx: Ctx, request: Request) -> list[Staff]:
    by_number = registry.find_staff(ctx, id_no=request.get("IDCardNo")) if request.get("IDCardNo") else []
    return by_number or registry.find_staff(ctx, staff_no=request.get("ProviderWorkNo"))


def facts_of(request: Request, org_code: str) -> dict[str, Any]:
    """A message's member of staff under the names of the register."""
    starts, ends = request.day("EffectiveTimeLow"), request.day("EffectiveTimeHigh")
    if starts and ends and ends < starts:
        starts, ends = ends, starts  # the sources name them the other way round
    return {
        "id_no": common.checked_id_no(request),
        "full_name": request.fit("ProviderName", 50),
        "sex_code": request.coded("GenderCode", *common.SEXES),
        "born_on": common.checked_birth(request),
        "org_code": org_code,
        "department": request.fit("DeptName", 50),
        "department_code": request.fit("DeptCode", 50),
        "staff_no": request.fit("ProviderWorkNo", 50),
        "title_code": request.fit("Subject1Code", 10),
        "title": request.fit("Subject1CodeName", 30),
        "starts_on": starts,
        "ends_on": ends,
        "facts": {n: v for n in FURTHER if (v := request.get(n))},
    }


def _done(request: Request, row: Staff, detail: str) -> Answer:
    facts = {**common.operator(request), "trigger": TRIGGERS[request.spec.verb]}
    return Answer("AA", detail, form="provider", facts=facts, rows=[_row(row)], remarks=common.contradictions(request))


TRIGGERS = {"add": "PRPM_TE301011UV01", "update": "PRPM_TE303011UV01"}


def query(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Staff of the caller's institutions by number, else by name. Raises Refused v3.no_criterion, v3.nothing_found."""
    names = ("IDCardNo", "ProviderWorkNo", "ProviderName")
    if not any(request.get(n) for n in names):
        raise Refused("v3.no_criterion", fields=request.all_words(names))
    rows = _found(ctx, request) if request.get("IDCardNo") or request.get("ProviderWorkNo") else []
    if not rows and request.get("ProviderWorkNo") and not request.get("IDCardNo"):
        rows = registry.find_staff(
            ctx, id_no=request.get("ProviderWorkNo")
        )  # some senders number staff by identity card
    if not rows and not request.get("IDCardNo") and not request.get("ProviderWorkNo"):
        rows = registry.find_staff(ctx, full_name=request.get("ProviderName"), sex_code=request.get("GenderCode"))
    if not rows:
        raise Refused("v3.nothing_found")
    shown = common.cut(request, rows)
    facts = {
        "response_code": "OK",
        "query_id": request.head.message_id,
        **common.counts(request, len(rows), len(shown)),
    }
    return Answer("AA", f"查询成功，共 {len(rows)} 人", form="providers", facts=facts, rows=[_row(r) for r in shown])


def _row(row: Staff) -> dict[str, Any]:
    ours = {
        "staff_id": row.staff_no or row.id_no, "id_no": row.id_no, "full_name": row.full_name, "sex_code": row.sex_code,
        "born": f"{row.born_on:%Y%m%d}" if row.born_on else "", "title_code": row.title_code, "title": row.title,
        "department_code": row.department_code, "department": row.department, "phone": row.phone,
        "starts": f"{row.starts_on:%Y%m%d}" if row.starts_on else "", "ends": f"{row.ends_on:%Y%m%d}" if row.ends_on else "",
    }  # fmt: skip
    return {**ours, **{theirs: ours[name] for theirs, name in NEWER.items()}, "IDCategoryCode": "01", **row.facts}


NEWER = {
    "ProviderWorkNo": "staff_id", "Subject1Code": "title_code", "Subject1CodeName": "title", "IDCardNo": "id_no",
    "ProviderName": "full_name", "GenderCode": "sex_code", "BirthTime": "born", "DeptCode": "department_code", "DeptName": "department",
    "EffectiveTimeLow": "starts", "EffectiveTimeHigh": "ends",
}  # fmt: skip
