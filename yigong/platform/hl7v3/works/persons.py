"""Persons: registered, brought up to date, merged, looked for; the index of persons does the work."""

from __future__ import annotations

from typing import Any

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.empi import api as empi
from yigong.platform.hl7v3.message import Request
from yigong.platform.hl7v3.models import Application
from yigong.platform.hl7v3.replies import Answer
from yigong.platform.hl7v3.works import common
from yigong.platform.hl7v3.works.common import Identity
from yigong.security.api import audit, opaque_id

ADDRESS = ("STA", "CTY", "CNT", "STB", "STR", "BNR")
#: what the index has no column for stays with the registration under the declared names
FURTHER = (
    "IDCategoryCode", "MarriageCode", "MarriageValue", "NationValue", "OccupationCode", "OccupationValue", "EmployerOrg",
    "EmployContactTel", "HealthRecordCode", "ScopingOrgCode", "PersonalRelCode", "PersonRelValue", "BeneficiaryCode",
    "BeneficiaryValue", "ZIP", *ADDRESS,
)  # fmt: skip
LIMIT = 20


def add(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Register a person. Raises Refused v3.known for a number that is registered."""
    request.need("PatientID", "PatientName", "GenderCode", "BirthTime")
    org_code = common.org_of(application, request)
    if common.known(org_code, application.source_system, request.get("PatientID")) is not None:
        raise Refused("v3.known", field=request.words("PatientID"), value=masked(request.get("PatientID")))
    found = common.register(ctx, application, org_code, facts_of(request))
    return _done(request, found, "注册成功")


def update(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Bring a registered person up to date; what the message leaves out stays. Raises Refused v3.unknown."""
    request.need("PatientID", "PatientName")
    org_code = common.org_of(application, request)
    before = common.known(org_code, application.source_system, request.get("PatientID"))
    if before is None:
        raise Refused("v3.unknown", field=request.words("PatientID"), value=masked(request.get("PatientID")))
    stood = _stored(ctx, before)
    given = facts_of(request)
    facts = {**stood, **{n: v for n, v in given.items() if v not in ("", None, {})}}
    facts["facts"] = {**(stood.get("facts") or {}), **given["facts"]}
    found = common.register(ctx, application, org_code, facts)
    return _done(request, found, "更新成功")


def _stored(ctx: Ctx, identity: Identity) -> dict[str, Any]:
    """What the registration says now, under the names of a registration frame."""
    rows = [r for r in empi.registrations(ctx, identity.person_id) if r.id == identity.registration_id]
    if not rows:
        return {}
    row = rows[0]
    return {n: v for n in empi.REGISTRATION if n not in OWN and (v := getattr(row, n, None)) not in ("", None)}


OWN = ("org_code", "source_system", "division_code")


def facts_of(request: Request) -> dict[str, Any]:
    """A message's person under the names of a registration. Raises Refused v3.too_long, v3.bad_id_no, v3.not_in_codes, v3.no_date."""
    parts = "".join(request.get(n) for n in ADDRESS)
    return {
        "local_id": request.fit("PatientID", 60),
        "full_name": request.fit("PatientName", 50),
        "sex_code": request.coded("GenderCode", *common.SEXES),
        "born_on": common.checked_birth(request),
        "id_type_code": request.get("IDCategoryCode") or ("01" if request.get("IDCardNo") else ""),
        "id_no": common.checked_id_no(request),
        "phone": request.fit("TelPhone", 20),
        "address": (request.get("SAL") or parts)[:120],
        "health_card_no": request.fit("HealthCardCode", 30),
        "contact_name": request.fit("ContactPersonName", 50),
        "contact_phone": request.fit("ContactPersonTel", 20),
        "ethnic_group_code": request.get("NationCode")[:2],
        "registered_at": request.moment("EffectiveTime"),
        "facts": {n: v for n in FURTHER if (v := request.get(n))},
    }


def _done(request: Request, found: Identity, detail: str) -> Answer:
    row = {"platform_id": opaque_id(found.person_id), "full_name": request.get("PatientName")}
    remarks = common.contradictions(request)
    return Answer("AA", detail, form="registered", facts=common.operator(request), rows=[row], remarks=remarks)


def merge(ctx: Ctx, application: Application, request: Request) -> Answer:
    """The first number and the prior one are of one person. Raises Refused v3.unknown, v3.same_person, empi.*."""
    request.need("PatientID", "MergeID")
    if request.get("PatientID") == request.get("MergeID"):
        raise Refused("v3.same_person")
    stays, goes = (_must_know(ctx, application, request, name) for name in ("PatientID", "MergeID"))
    if stays.person_id == goes.person_id:
        return _done(request, stays, "两个标识已属于同一人，无需合并")
    reason = f"{application.code} {request.get('OperateName')} {request.spec.key}".strip()
    kept, gone = (empi.lookup(ctx, "registration", one.registration_id)[0].key for one in (stays, goes))
    empi.merge_registrations(ctx, kept, gone, reason=reason[:200])
    waits = empi.current(goes.registration_id) != empi.current(stays.registration_id)
    return _done(request, stays, "已受理，风险较高，待主索引专员复核后合并" if waits else "合并成功")


def _must_know(ctx: Ctx, application: Application, request: Request, name: str) -> Identity:
    found = common.mine(ctx, application, request.get(name))
    if found is None:
        raise Refused("v3.unknown", field=request.words(name), value=masked(request.get(name)))
    return found


def query(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Persons by number, or by name with sex and birth. Raises Refused v3.no_criterion; nothing found is an AE with NF, as the samples have it."""
    criteria = ("PatientID", "IDCardNo", "PatientName")
    if not any(request.get(n) for n in criteria):
        raise Refused("v3.no_criterion", fields=request.all_words(criteria))
    before, most = common.window(request, LIMIT)
    found, total = _found(ctx, application, request, before, most)
    if not found and before:
        total = _found(ctx, application, request, 0, 1)[1]
        raise Refused("v3.no_more", start=request.start, total=total)
    audit(ctx, "hl7v3.call", "person_query", request.spec.key, after={"found": total})
    if not found:
        raise Refused("v3.nothing_found")
    rows = [_row(ctx, application, request, identity) for identity in found]
    query_id = request.get("QueryID") or request.head.message_id
    facts = {"query_id": query_id, "response_code": "OK", **common.counts(request, total, len(rows))}
    return Answer("AA", f"查询成功，共 {total} 人", form="person", facts=facts, rows=rows)


def _found(ctx: Ctx, application: Application, request: Request, before: int, most: int) -> tuple[list[Identity], int]:
    """At most so many persons behind the first, and how many there are."""
    if local_id := request.get("PatientID"):
        one = common.mine(ctx, application, local_id)
        return ([one][before:], 1) if one else ([], 0)
    if id_no := request.get("IDCardNo"):
        known = common.by_numbers(ctx, id_no=id_no)
        return known[before : before + most], len(known)
    sex, born = request.get("GenderCode"), request.day("BirthTime")
    return common.by_name(ctx, request.get("PatientName"), sex=sex, born=born, most=most, before=before)


def _row(ctx: Ctx, application: Application, request: Request, identity: Identity) -> dict[str, Any]:
    """A person for both writings of the reply, the caller's own registration first."""
    person = empi.golden(ctx, identity.person_id)
    theirs = empi.registrations(ctx, identity.person_id)
    own = next((r for r in theirs if r.id == identity.registration_id), theirs[0])
    born, at = person.birth, own.registered_at
    row = {
        "platform_id": opaque_id(identity.person_id), "local_id": own.local_id, "full_name": person.full_name,
        "id_no": person.id_no, "phone": person.phone, "sex_code": person.sex_code, "sex": common.SEXES.get(person.sex_code, ""),
        "born": f"{born:%Y%m%d}" if born else "", "address": person.address, "health_card_no": person.health_card_no,
        "ethnic_group_code": person.ethnic_group_code, "org_code": own.org_code, "org_name": common.org_name(own.org_code),
        "registered_at": f"{at:%Y%m%d%H%M%S}" if at else "", "score": "100",
    }  # fmt: skip
    further = {n: str(v) for n, v in (own.facts or {}).items()} if hasattr(own, "facts") else {}
    return {**further, **row, **{theirs: row[ours] for theirs, ours in NEWER.items()}}


#: declared names of the newer edition -> ours
NEWER = {
    "PatientID": "local_id", "EffectiveTime": "registered_at", "IDCardNo": "id_no", "PatientName": "full_name", "TelPhone": "phone",
    "GenderCode": "sex_code", "GenderName": "sex", "BirthTime": "born", "SAL": "address", "NationCode": "ethnic_group_code",
    "HealthCardCode": "health_card_no", "ProviderOrgCode": "org_code", "ProviderOrgName": "org_name",
}  # fmt: skip


def masked(number: str) -> str:
    """The ends of a number, for a sentence that may be kept in a log."""
    return f"{number[:2]}＊＊＊{number[-2:]}" if len(number) > 5 else "＊＊＊"
