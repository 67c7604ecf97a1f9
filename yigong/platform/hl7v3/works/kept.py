"""Cards, encounters, orders and requests of the hospital set: kept whole, made standard records where a data set has the place.

One way for all of them, driven by the declared fields; what differs between them stands in KINDS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl
from django.db.models import Q

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.kit.moments import NotAMoment, is_blank, moment
from yigong.platform.exchange import api as exchange
from yigong.platform.hl7v3 import declared
from yigong.platform.hl7v3.message import Request
from yigong.platform.hl7v3.models import Application, Kept
from yigong.platform.hl7v3.replies import Answer
from yigong.platform.hl7v3.works import common, persons
from yigong.platform.hl7v3.works.common import Identity
from yigong.security.api import audit, registrations_in_reach

FEED = "服务总线 HL7 v3"
LIMIT = 100


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of content: its business number, its moment, what it asks for, and its standard record."""

    name: str
    words: str
    numbers: tuple[str, ...]  # the first that is given identifies it
    at: tuple[str, ...]
    needs: tuple[str, ...] = ()
    data_set: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)  # declared name -> column
    each: str = ""  # the group each row of which is one of these


ENCOUNTER = {
    "DeptName": "healthcare_organization_department_name", "AssignedPersonName": "responsible_physician_name",
    "EncounterReasonDesc": "visit_reason", "AdmTypeCode": "patient_type_code", "WesternDiagCode": "western_diagnosis_code",
    "ChineseDiagCode": "tcm_disease_code",
}  # fmt: skip
#: admission and discharge are two messages and one event
STAY = {
    **ENCOUNTER, "HospitalizationId": "inpatient_no", "EncounterTime": "admitted_at", "DischargeTime": "discharged_at",
}  # fmt: skip
TYPES = {"outpatient": "1", "inpatient": "3", "discharge": "3"}
KINDS: dict[str, Kind] = {
    "EncounterCardInfo": Kind("card", "就诊卡", ("EncounterCardID",), ("EffectiveTime",), ("PatientName",)),
    "OutPatientInfo": Kind(
        "outpatient", "门诊就诊", ("AdmID", "OutPatientID"), ("EncounterTime",), ("PatientID", "PatientName", "EncounterTime"),
        "health_event_summary", {**ENCOUNTER, "OutPatientID": "outpatient_no", "EncounterTime": "visited_at"},
    ),
    "InPatientInfo": Kind(
        "inpatient", "住院就诊", ("AdmID", "HospitalizationId"), ("EncounterTime",), ("PatientID", "PatientName", "EncounterTime"),
        "health_event_summary", STAY,
    ),
    "TransferInfo": Kind(
        "transfer", "转科", ("AdmID", "HospitalizationId"), ("TransOutTime", "TransInTime"), ("PatientID", "TransInTime"),
        "department_transfer_record",
        {
            "HospitalizationId": "inpatient_no", "TransOutTime": "transfer_out_at", "TransOutDeptName": "transfer_out_department",
            "TransInTime": "transfer_in_at", "TransInDeptName": "transfer_in_department",
        },
    ),
    "DischargeInfo": Kind(
        "discharge", "出院登记", ("AdmID", "HospitalizationId"), ("DischargeTime",), ("PatientID", "DischargeTime"),
        "health_event_summary", {"AssignedDeptName": "healthcare_organization_department_name", **STAY},
    ),
    "OrderInfo": Kind(
        "order", "医嘱", ("OrderId",), ("OrderTime", "OrderTimeLow"), ("PatientID",), "inpatient_order",
        {
            "HospitalizationId": "inpatient_no", "DeptName": "department_name", "InpatientAreaName": "ward_name", "RoomName": "room_no",
            "BedName": "bed_no", "PatientName": "patient_name", "PatientGenderCode": "sex_code", "OrderTypeCode": "order_category_code",
            "OrderItemTypeId": "order_item_type_code", "OrderItemContent": "order_item_content",
            "OrderTimeLow": "order_planned_start_at", "OrderTimeHigh": "order_planned_end_at", "OrderNote": "order_remark",
            "AuthorName": "order_issuer_signature", "OrderTime": "order_issued_at",
            "RrepresentedOrganizationDeptName": "order_issuing_department", "OrderAuditVerifierName": "order_reviewer_signature",
            "OrderAuditTime": "order_reviewed_at", "ExecutionDeptName": "order_executing_department",
        },
        each="Component2",
    ),
    "ExamAppInfo": Kind("lab_request", "检验申请", ("ExamAppInfoID",), ("AuthorTime", "EffectiveTimeLow"), ("PatientID",)),
    "CheckAppInfo": Kind("exam_request", "检查申请", ("AppInfoID",), ("AuthorTime", "EffectiveTimeLow"), ("PatientID",)),
    "PathologyAppInfo": Kind("pathology_request", "病理申请", ("AppInfoID",), ("AuthorTime", "ItemAppTime"), ("PatientID",)),
    "BloodTransAppInfo": Kind("transfusion_request", "输血申请", ("AppInfoID",), ("AppTime", "AuthorTime"), ("PatientID",)),
    "OperationAppInfo": Kind("surgery_request", "手术申请", ("AppInfoID",), ("AppTime", "ReserveOperationTime"), ("PatientID",)),
}  # fmt: skip
#: of a query: pairs of fields that bound the moment
TIMES = (
    ("EncounterStartTime", "EncounterEndTime"), ("InPatientStartTime", "InPatientEndTime"), ("DischargeStartTime", "DischargeEndTime"),
    ("OrderTimeLow", "OrderTimeHigh"), ("EffectiveTimeLow", "EffectiveTimeHigh"), ("AuthorTimeLow", "AuthorTimeHigh"),
)  # fmt: skip
ENVELOPE = ("MsgID", "CreateTime", "SenderID", "ReceiverID")
#: criteria of a query that must be said by the content word for word
EXACT = (
    "OutPatientID", "HospitalizationId", "OutpatientId", "VisitNum", "DeptCode", "InPatientAreaCode", "AdmTypeCode", "AuthorID",
    "AuthorWorkNo", "SpecimenID", "AssignedPersonCode", "AssignedDeptCode", "MedicalInsuranceCard",
)  # fmt: skip
OTHER_NAMES = {"BitrhTime": "BirthTime", "ProviderOrgName": "ProviderOrgNam", "PatientGenderCode": "GenderCode"}


def kind_of(action: str) -> Kind:
    """The sort of content that an action is about."""
    return next(kind for begin, kind in KINDS.items() if action.startswith(begin))


def add(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Keep something new. Raises Refused v3.known, v3.missing, v3.rows_refused."""
    return _save(ctx, application, request, new=True)


def update(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Change what is kept. Raises Refused v3.unknown, v3.missing, v3.rows_refused."""
    return _save(ctx, application, request, new=False)


def _save(ctx: Ctx, application: Application, request: Request, *, new: bool) -> Answer:
    kind = kind_of(request.spec.action)
    request.need(*kind.needs)
    org_code = common.org_of(application, request)
    identity = _identity(ctx, application, org_code, request, kind)
    rows = [_keep(application, request, kind, org_code, identity, part, new=new) for part in _parts(request, kind)]
    if kind.data_set:
        _into_records(ctx, application, request, kind, org_code, rows)
    word = "登记" if new else "更新"
    return Answer("AA", f"{kind.words}信息{word}成功" + (f"，共 {len(rows)} 条" if len(rows) > 1 else ""))


def _identity(ctx: Ctx, application: Application, org_code: str, request: Request, kind: Kind) -> Identity:
    if kind.name != "card":
        return common.person_of(ctx, application, org_code, request)
    request.need("EncounterCardID", "GenderCode", "BirthTime")
    facts = persons.facts_of(request) | {"local_id": request.fit("EncounterCardID", 60)}
    return common.register(ctx, application, org_code, facts)


def _parts(request: Request, kind: Kind) -> Iterator[Mapping[str, str]]:
    """The things of one message: one, or one for each row of its group."""
    single = {n: v for n, v in request.fields.items() if n not in ENVELOPE}
    if not kind.each:
        yield single
        return
    rows = request.groups.get(kind.each) or ()
    if not rows:
        request.need(*kind.numbers)
    for row in rows:
        yield {**single, **row}


def _number(request: Request, kind: Kind, part: Mapping[str, str]) -> str:
    found = next((part[n] for n in kind.numbers if part.get(n)), "")
    if not found:
        name = kind.numbers[0]
        raise Refused("v3.missing", field=request.words(name), place=request.place(name))
    if kind.name == "transfer":
        found = f"{found}|{part.get('TransOutTime') or part.get('TransInTime')}"
    if len(found) > 100:
        raise Refused("v3.too_long", field=request.words(kind.numbers[0]), place="", limit=100, size=len(found))
    return found


def _keep(
    application: Application,
    request: Request,
    kind: Kind,
    org_code: str,
    identity: Identity,
    part: Mapping[str, str],
    *,
    new: bool,
) -> Kept:
    number = _number(request, kind, part)
    key = {"kind": kind.name, "org_code": org_code, "source_system": application.source_system, "number": number}
    row = Kept.objects.select_for_update().filter(**key).first()
    words = request.words(kind.numbers[0])
    if new and row is not None:
        raise Refused("v3.known", field=words, value=number[:40])
    if not new and row is None:
        raise Refused("v3.unknown", field=words, value=number[:40])
    row = row or Kept(**key, version=0)
    row.registration_id, row.local_id = (
        identity.registration_id,
        request.get("PatientID") or request.get("EncounterCardID"),
    )
    row.encounter_no = (part.get("AdmID") or part.get("HospitalizationId") or part.get("OutpatientId") or "")[:80]
    row.event_at = _moment(request, kind, part)
    row.fields = {**row.fields, **part}
    row.groups = {**row.groups, **{n: list(rows) for n, rows in request.groups.items() if rows and n != kind.each}}
    row.version, row.changed_at = row.version + 1, now()
    row.save()
    return row


def _moment(request: Request, kind: Kind, part: Mapping[str, str]) -> datetime | None:
    for name in kind.at:
        if text := part.get(name, ""):
            return request.moment_of(name, text)
    return request.moment("CreateTime")


# ---- standard records ----


def _into_records(
    ctx: Ctx, application: Application, request: Request, kind: Kind, org_code: str, rows: Sequence[Kept]
) -> None:
    """Standard rows through the one way in. Raises Refused v3.rows_refused, and then nothing of the message stays."""
    path = f"v3/{request.head.message_id}"
    made = [_standard(application, kind, org_code, row, path) for row in rows]
    frame = pl.DataFrame(made, schema={n: SCHEMA.get(n, pl.String) for row in made for n in row} if made else None)
    people = pl.DataFrame(
        [
            {"org_code": org_code, "source_system": application.source_system, "local_id": row.local_id}
            for row in rows[:1]
        ]
    )
    taken = exchange.take(
        ctx, FEED, "hl7v3", [exchange.StandardBatch(kind.data_set, frame, people, place=path)], [path]
    )
    if taken.totals.rejected:
        because = taken.waiting[0][1] if taken.waiting else ""
        raise Refused("v3.rows_refused", because=because or "不符合标准")


SCHEMA = {"event_at": pl.Datetime("us", "UTC")}


def _standard(application: Application, kind: Kind, org_code: str, row: Kept, path: str) -> dict[str, Any]:
    said = _merged(row)
    values = {column: text for name, column in kind.columns.items() if (text := _value(said, name, column))}
    if kind.name in TYPES:
        values["patient_type_code"] = values.get("patient_type_code") or TYPES[kind.name]
    key = row.encounter_no if kind.name in ("inpatient", "discharge") else row.number
    began = said.get("EncounterTime", "") if kind.name == "discharge" else ""
    event_at = (_iso(began) if began else None) or row.event_at or row.changed_at
    extra = {n: v for n, v in said.items() if n not in kind.columns and n not in PERSONAL}
    return {
        **values, "org_code": org_code, "source_system": application.source_system, "source_key": key, "group_key": key,
        "encounter_key": row.encounter_no or None, "event_at": event_at.astimezone(UTC),
        "local_id": row.local_id, "extra": json.dumps(extra, ensure_ascii=False) if extra else None,
        "_place": path, "_raw": json.dumps({"path": path}, ensure_ascii=False),
    }  # fmt: skip


#: what stands with the person, not with the record
PERSONAL = ("IDCardNo", "PatientName", "PatientID", "PatientTelcom", "PatientTelecom", "BirthTime", "PatientAddr")


def _merged(row: Kept) -> dict[str, str]:
    """The fields with the first row of each group; of a stay those of admission and discharge together, this one's first."""
    said = _alone(row)
    other = {"inpatient": "discharge", "discharge": "inpatient"}.get(row.kind)
    if other is None or not row.encounter_no:
        return said
    key = {"org_code": row.org_code, "source_system": row.source_system, "encounter_no": row.encounter_no}
    beside = Kept.objects.filter(kind=other, **key).first()
    return {**_alone(beside), **said} if beside else said


def _alone(row: Kept) -> dict[str, str]:
    first = {n: v for rows in row.groups.values() for n, v in (rows[0] if rows else {}).items()}
    return {**first, **row.fields}


def _iso(text: str) -> datetime | None:
    try:
        return moment(text)
    except NotAMoment:
        return None


def _value(said: Mapping[str, str], name: str, column: str) -> str:
    text = said.get(name, "")
    if not text or not column.endswith("_at"):
        return text
    try:
        return "" if is_blank(text) else moment(text).isoformat()
    except NotAMoment:
        return text  # the pipeline says what is wrong with it


# ---- queries ----


def query(ctx: Ctx, application: Application, request: Request) -> Answer:
    """What is kept, by number, person and time, within the caller's reach. Raises Refused v3.no_criterion, v3.nothing_found."""
    kind = kind_of(request.spec.action)
    asked = {n: v for n, v in request.fields.items() if n not in (*ENVELOPE, "QueryID")}
    narrow = [
        n for n in asked if n not in ("AdmTypeCode", "AdmTypeName", "ServiceOrganCode", "GenderCode", "GenderName")
    ]
    if not narrow:
        names = [f.name for f in request.spec.request if f.name in (*kind.numbers, "PatientID", "IDCardNo")]
        raise Refused("v3.no_criterion", fields=request.all_words(names))
    rows = _rows(ctx, application, request, kind, asked)
    audit(ctx, "hl7v3.call", kind.name, request.spec.key, after={"found": len(rows)})
    if not rows:
        raise Refused("v3.nothing_found")
    wanted = common.cut(request, rows)
    query_id = request.get("QueryID") or request.head.message_id
    facts = {"response_code": "OK", "query_id": query_id, **common.counts(request, len(rows), len(wanted))}
    shown = [_shown(request, kind, row) for row in wanted]
    return Answer("AA", f"查询成功，共 {len(rows)} 条", facts=facts, rows=shown)


def _rows(ctx: Ctx, application: Application, request: Request, kind: Kind, asked: Mapping[str, str]) -> list[Kept]:
    reach = registrations_in_reach(ctx, "hl7v3_kept.registration_id")
    found = Kept.objects.filter(kind=kind.name).extra(  # noqa: S610 - our own condition, values bound
        where=[_positional(reach.sql, reach.params)], params=_values(reach.sql, reach.params)
    )
    numbers = [asked[n] for n in kind.numbers if asked.get(n)]
    if numbers and kind.name != "transfer":
        found = found.filter(Q(number__in=numbers) | Q(encounter_no__in=numbers))
    elif numbers:
        found = found.filter(encounter_no__in=numbers)
    if local_id := asked.get("PatientID"):
        found = found.filter(local_id=local_id, org_code__in=ctx.orgs)
    if (id_no := asked.get("IDCardNo")) or asked.get("PatientName"):
        found = found.extra(  # noqa: S610 - our own condition, values bound
            where=[THEIRS],
            params=[id_no or "", id_no or "", asked.get("PatientName", ""), asked.get("PatientName", "")],
        )
    for name in EXACT:
        if (value := asked.get(name)) and name not in kind.numbers:
            found = found.filter(Q(**{f"fields__{name}": value}) | ~Q(fields__has_key=name))  # unsaid excludes nothing
    for low, high in TIMES:
        since, until = request.moment(low), request.moment(high)
        found = found.filter(event_at__gte=since) if since else found
        found = found.filter(event_at__lte=until) if until else found
    return list(found.order_by("-event_at", "-id")[:LIMIT])


THEIRS = """exists (select 1 from empi_registration a join empi_registration b on b.person_id = a.person_id
    where a.id = hl7v3_kept.registration_id and (%s = '' or b.id_no = %s) and (%s = '' or b.full_name = %s))"""


def _positional(sql: str, params: Mapping[str, Any]) -> str:
    """A condition with named values as the ORM takes it."""
    for name in params:
        sql = sql.replace(f"%({name})s", "%s")
    return sql


def _values(sql: str, params: Mapping[str, Any]) -> list[Any]:
    """The values of such a condition in the order of their places."""
    places = sorted((at, name) for name in params for at in _all_places(sql, f"%({name})s"))
    return [params[name] for _at, name in places]


def _all_places(text: str, part: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def _shown(request: Request, kind: Kind, row: Kept) -> dict[str, Any]:
    """What is kept under the names of the reply's fields."""
    spec = declared.specs()[request.spec.key]
    first = {
        n: v
        for name, rows in row.groups.items()
        if name not in spec.groups
        for n, v in (rows[0] if rows else {}).items()
    }
    said: dict[str, Any] = {**first, **row.fields}
    for theirs, ours in OTHER_NAMES.items():
        said.setdefault(theirs, said.get(ours, ""))
    said.setdefault("EncounterCardStatus", "active")
    if kind.each:
        inside = {f.name for f in spec.response if declared.tidy(f.xpath).startswith(spec.groups[kind.each] + "/")}
        said[kind.each] = [{n: v for n, v in row.fields.items() if n in inside}]
        said = {n: v for n, v in said.items() if n not in inside}
    return {**said, **{name: rows for name, rows in row.groups.items() if name in spec.groups}}
