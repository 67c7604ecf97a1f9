"""Health records: opened, cancelled, taken over; their summary; the directory of what there is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from yigong.kit.clock import COUNTY_ZONE, now, today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.hl7v3 import declared, domain
from yigong.platform.hl7v3.message import Request
from yigong.platform.hl7v3.models import Application, HealthRecord, HealthRecordMove, RecordState
from yigong.platform.hl7v3.replies import Answer
from yigong.platform.hl7v3.works import common, retrieval
from yigong.platform.hl7v3.works.common import Identity
from yigong.platform.records import api as records
from yigong.security.api import audit
from yigong.standards.api import load

WORDS = {"open": "建档成功", "cancel": "注销成功", "transfer": "属地变更成功"}
RULES = {"open": "一人一档", "cancel": "仅管理机构可注销", "transfer": "新管理机构与居民有登记关系，原管理机构脱管"}


def add(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Open the record of a person, made known when the sender names number, name and identity number."""
    request.need("PatientID", "PatientName", "IDCardNo")
    common.checked_id_no(request)
    return _change(ctx, application, request, "open", _opened(ctx, application, request))


def _opened(ctx: Ctx, application: Application, request: Request) -> Identity:
    org_code = application.org_code
    known = common.known(org_code, application.source_system, request.get("PatientID"))
    facts = {
        "local_id": request.fit("PatientID", 60), "full_name": request.fit("PatientName", 50), "id_type_code": "01",
        "id_no": common.checked_id_no(request), "health_card_no": request.fit("HealthCardCode", 30),
    }  # fmt: skip
    return known or common.register(ctx, application, org_code, facts)


def cancel(ctx: Ctx, application: Application, request: Request) -> Answer:
    """End the record of a person; only who keeps it may."""
    return _change(ctx, application, request, "cancel", _person(ctx, application, request))


def transfer(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Take a record over; whoever kept it is relieved."""
    return _change(ctx, application, request, "transfer", _person(ctx, application, request))


def _person(ctx: Ctx, application: Application, request: Request) -> Identity:
    found = retrieval.persons_of(ctx, application, request)
    if not found:
        raise Refused("v3.unknown", field=request.words("IDCardNo"), value="")
    return found[0]


def _change(ctx: Ctx, application: Application, request: Request, verb: str, identity: Identity) -> Answer:
    """Rule and write in one transaction, one record at a time."""
    with transaction.atomic():
        row = _held(identity.person_id)
        moment, reason = now(), request.fit("Reason", 200)
        found = domain.decide(verb, _standing(row), application.org_code, reason=reason, now=moment)
        before = row.org_code if row else ""
        row = row or HealthRecord(
            registration_id=identity.registration_id, number=_number(request, identity), version=0, opened_at=moment
        )
        row.state = RecordState(found.target.value)
        row.org_code = before if verb == "cancel" else application.org_code
        row.version, row.changed_at = row.version + 1, moment
        row.save()
        HealthRecordMove.objects.create(
            record=row, verb=verb, from_org=before, to_org=row.org_code, reason=reason, by_name=request.get("OperatorName")[:60],
            application=application.code, at=moment,
        )  # fmt: skip
        after = {"verb": verb, "from": before, "to": row.org_code}
        audit(ctx, "hl7v3.call", "health_record", row.number, registration_id=identity.registration_id, after=after)
    return Answer("AA", WORDS[verb], rows=[_row(row) | {"rule": verb, "said": RULES[verb]}])


def _held(person_id: int) -> HealthRecord | None:
    """The record of a person, locked with the person: two requests at once cannot both open one."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, hashint8(%s))", [7303, person_id])
        cursor.execute(
            """select h.id from hl7v3_health_record h join empi_registration r on r.id = h.registration_id
               where r.person_id = %s order by (h.state = 'open') desc, h.id limit 1""",
            [person_id],
        )
        row = cursor.fetchone()
    return HealthRecord.objects.select_for_update().get(pk=row[0]) if row else None


def _standing(row: HealthRecord | None) -> domain.Standing:
    if row is None:
        return domain.Standing()
    last = row.moves.filter(verb="transfer").order_by("-id").first()
    return domain.Standing(domain.RecordState(row.state), row.number, row.org_code, last.at if last else None)


def _number(request: Request, identity: Identity) -> str:
    """The number that the sender gave, else one of ours. Raises Refused v3.known for a number that is taken."""
    given = request.fit("HealthRecordCode", 17)
    if given and HealthRecord.objects.filter(number=given).exists():
        raise Refused("v3.known", field=request.words("HealthRecordCode"), value=given[:4] + "＊＊＊")
    return given or f"YG{identity.registration_id:015d}"


def _row(row: HealthRecord) -> dict[str, Any]:
    return {
        "number": row.number, "state": row.state, "version": row.version, "org_code": row.org_code,
        "org_name": common.org_name(row.org_code), "opened": _at(row.opened_at), "changed": _at(row.changed_at),
    }  # fmt: skip


def _at(moment: datetime | None) -> str:
    return moment.astimezone(COUNTY_ZONE).strftime("%Y%m%d%H%M%S") if moment else ""


def summary(ctx: Ctx, application: Application, request: Request) -> Answer:
    """What has to be known of a person first: allergies, long-term problems, medication, latest results."""
    identity = _person(ctx, application, request)
    found = records.summary(ctx, identity.person_id)
    rows = [
        _item("allergy", "", a.substance, a.detail, a.source.at, a.source.org_code)
        for a in found.allergies
        if a.present
    ]
    rows += [_item("problem", p.code, p.name, "", p.last, p.source.org_code) for p in found.problems]
    rows += [
        _item("medication", "", m.name, m.specification, m.source.at, m.source.org_code) for m in found.medications
    ]
    rows += [
        _item("result", r.item_code, r.name, f"{r.text or r.value or ''} {r.unit}".strip(), r.at, r.source.org_code)
        for r in found.latest
    ]
    audit(
        ctx,
        "hl7v3.call",
        "summary",
        request.spec.key,
        registration_id=identity.registration_id,
        after={"items": len(rows)},
    )
    return Answer("AA", f"摘要共 {len(rows)} 项；过敏史：{ALLERGY.get(found.allergy_state, '未询问')}", rows=rows)


ALLERGY = {"present": "有", "denied": "否认", "conflict": "记录不一致", "not_asked": "未询问"}


def _item(kind: str, code: str, name: str, value: str, at: datetime | None, org_code: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "code": code,
        "name": name,
        "value": value,
        "date": _at(at)[:8],
        "org_name": common.org_name(org_code),
    }


def directory(ctx: Ctx, application: Application, request: Request) -> Answer:
    """What there is to ask for: services, data sets, shared documents, by kind and word."""
    kind, word = request.get("Kind"), request.get("Keyword")
    rows: list[dict[str, Any]] = [
        {"kind": "service", "code": s.key, "name": s.service.name_zh, "address": f"/ws/{s.key}", "state": "open"}
        for s in declared.specs().values()
    ]
    found = load()
    rows += [
        {"kind": "data_set", "code": d.key, "name": d.name_zh, "count": len(d.fields)} for d in found.data_sets.values()
    ]
    rows += [
        {"kind": "document", "code": d.code, "name": d.name_zh, "count": len(d.elements)}
        for d in found.documents.values()
    ]
    chosen = [r for r in rows if kind in ("", r["kind"]) and (not word or word in str(r["name"]) or word == r["code"])]
    if not chosen:
        raise Refused("v3.nothing_found")
    return Answer("AA", f"{today():%Y-%m-%d} 目录共 {len(chosen)} 项", rows=chosen)


ACTIONS = {
    "HealthRecordCancel": cancel, "HealthRecordCustody": transfer, "HealthRecordSummary": summary,
    "HealthRecordDisplay": retrieval.display, "ResourceDirectory": directory,
}  # fmt: skip
