"""Institutions and departments: the root of the number says which of the two is meant."""

from __future__ import annotations

from typing import Any

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.hl7v3.message import Request
from yigong.platform.hl7v3.models import Application
from yigong.platform.hl7v3.paths import all_at
from yigong.platform.hl7v3.replies import Answer
from yigong.platform.hl7v3.works import common
from yigong.platform.registry import api as registry

INSTITUTION, DEPARTMENT = "2.16.156.10011.1.5", "2.16.156.10011.1.26"
PLACES = (
    "/controlActProcess/subject/registrationRequest/subject1/assignedEntity/id/item",
    "/controlActProcess/queryByParameterPayload/organizationID/value",
)
#: first signs of a class of institutions (WS 218) -> kind; what is not here is another institution
KINDS = {
    "A1": "county_hospital", "A2": "tcm_hospital", "B1": "community_centre", "B2": "community_centre", "C2": "township_centre",
    "D2": "village_clinic", "D6": "village_clinic", "G": "maternal_hospital",
}  # fmt: skip


def add(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Register a department of the caller's institution, or an institution that waits to be taken into service."""
    request.need("DeptCode", "DeptName")
    code = request.get("DeptCode")
    if _root(request) == INSTITUTION and registry.institution(code) is None and code not in application.aliases:
        return _new_institution(ctx, request)
    org_code = _org(application, request)
    registry.save_department(ctx, org_code, code, _facts(request), new=True)
    return _done(request, DEPARTMENT, "注册成功")


def _new_institution(ctx: Ctx, request: Request) -> Answer:
    kind = next((k for begin, k in KINDS.items() if request.get("DeptTypeCode").startswith(begin)), "other")
    name = request.fit("DeptName", 70)
    facts = {
        "name": name, "short_name": name[:2], "kind": kind, "address": request.fit("WorkAddress", 120),
        "phone": request.fit("WorkContactTel", 20), "parent_code": request.fit("ParentDeptCode", 10), "state": "planned",
    }  # fmt: skip
    registry.save_institution(ctx, request.fit("DeptCode", 10), facts, new=True, reason=request.spec.key)
    return _done(request, INSTITUTION, "注册成功，待平台启用")


def update(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Change a department or institution of the caller's; what is not said stays. Raises Refused registry.no_such_*."""
    request.need("DeptCode", "DeptName")
    if _root(request) == INSTITUTION:
        code = application.aliases.get(request.get("DeptCode"), request.get("DeptCode"))
        if registry.institution(code) is not None:
            if code not in ctx.orgs:
                raise Refused("v3.other_institution", org_code=code, application=application.code)
            given = {
                "name": request.fit("DeptName", 70), "address": request.fit("WorkAddress", 120), "phone": request.fit("WorkContactTel", 20),
            }  # fmt: skip
            registry.save_institution(
                ctx, code, {n: v for n, v in given.items() if v}, new=False, reason=request.spec.key
            )
            return _done(request, INSTITUTION, "更新成功")
    facts = {n: v for n, v in _facts(request).items() if v not in ("", None)}
    registry.save_department(ctx, _org(application, request), request.get("DeptCode"), facts, new=False)
    return _done(request, DEPARTMENT, "更新成功")


def _org(application: Application, request: Request) -> str:
    """The institution of a department: the sender's."""
    return common.org_of(application, request)


def _root(request: Request) -> str:
    return next(
        (str(e.get("root")).strip() for path in PLACES for e in all_at(request.tree, path) if e.get("root")), ""
    )


def _facts(request: Request) -> dict[str, Any]:
    return {
        "name": request.fit("DeptName", 50), "role_name": request.fit("DeptPartName", 50), "kind_code": request.fit("DeptTypeCode", 20),
        "kind_name": request.fit("DeptTypeName", 100), "parent_code": request.fit("ParentDeptCode", 50),
        "address": request.fit("WorkAddress", 120), "phone": request.fit("WorkContactTel", 20),
        "starts_on": request.day("EffectStartTime"), "ends_on": request.day("EffectEndTime"),
    }  # fmt: skip


def _done(request: Request, root: str, detail: str) -> Answer:
    row = {
        "root": root, "code": request.get("DeptCode"), "kind_code": request.get("DeptTypeCode"), "kind": request.get("DeptTypeName"),
        "role_name": request.get("DeptPartName"), "name": request.get("DeptName"),
    }  # fmt: skip
    trigger = "PRPM_TE401011UV01" if request.spec.verb == "add" else "PRPM_TE403011UV01"
    return Answer("AA", detail, form="organization", facts={**common.operator(request), "trigger": trigger}, rows=[row])


def query(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Departments of the caller's institutions and institutions of the county, by number or name."""
    code, name = request.get("DeptCode"), request.get("DeptName")
    if not code and not name:
        raise Refused("v3.no_criterion", fields=request.all_words(("DeptCode", "DeptName")))
    code = application.aliases.get(code, code)
    rows = [
        _institution(i)
        for i in registry.institutions()
        if (not code or i.code == code) and (not name or i.name == name)
    ]
    rows += [_department(d) for d in registry.find_departments(ctx.orgs, code=code, name=name)]
    if not rows:
        raise Refused("v3.nothing_found")
    shown = common.cut(request, rows, 50)
    facts = {
        "response_code": "OK",
        "query_id": request.head.message_id,
        **common.counts(request, len(rows), len(shown)),
    }
    return Answer("AA", f"查询成功，共 {len(rows)} 个", form="organizations", facts=facts, rows=shown)


def _institution(i: registry.Institution) -> dict[str, Any]:
    return _both({"root": INSTITUTION, "code": i.code, "kind": i.kind, "name": i.name, "role_name": i.short_name})


def _department(d: registry.Department) -> dict[str, Any]:
    ours = {
        "root": DEPARTMENT, "code": d.code, "kind_code": d.kind_code, "kind": d.kind_name, "role_name": d.role_name, "name": d.name,
        "address": d.address, "phone": d.phone,
    }  # fmt: skip
    return _both(ours)


def _both(ours: dict[str, Any]) -> dict[str, Any]:
    return {**ours, **{theirs: ours.get(name, "") for theirs, name in NEWER.items()}}


NEWER = {
    "DeptCode": "code", "DeptTypeCode": "kind_code", "DeptTypeName": "kind", "DeptPartName": "role_name", "WorkAddress": "address",
    "WorkContactTel": "phone", "DeptName": "name",
}  # fmt: skip
