"""What is read of a person: one indexed query each, within the reach of the reader."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from django.db import connection

from yigong.kit.clock import COUNTY_ZONE, now, today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.records import judge, matters, places
from yigong.platform.records.documents import place_of
from yigong.platform.records.facts import (
    Allergy,
    Care,
    Claim,
    DocumentRow,
    Event,
    LabResult,
    Medication,
    PersonSummary,
    Row,
    Source,
)
from yigong.platform.records.rendering import DocumentView, view
from yigong.platform.records.words import code_word, columns_of, row
from yigong.security.api import persons_in_reach
from yigong.standards.api import load as standards

Params = dict[str, Any]

EVENT_COLUMNS = """e.id, e.registration_id, e.org_code, e.kind, e.event_at, e.ended_at, e.title, e.summary, e.flag,
    e.data_set, e.group_key, e.encounter_key, e.document_id"""
DOCUMENT_COLUMNS = """d.id, d.registration_id, d.document_code, d.title, d.org_code, d.authored_at, d.author_name,
    d.set_id, d.version, d.media_type, d.size, d.sha256, d.encounter_key, d.findings"""


def fetch(sql: str, params: Params) -> list[tuple[Any, ...]]:
    """The rows of a hot statement: bound by the server and prepared, so that it is planned once for a connection."""
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, params, prepare=True, binary=True)  # moments are read in C, not by Django
        return cursor.fetchall()


def _reach(ctx: Ctx, person_id: int) -> tuple[str, Params]:
    """The registrations of a person as ``reach(id)``; empty when the reader may not see the person."""
    scope = persons_in_reach(ctx, "r.person_id")
    sql = f"""with reach as materialized (
        select r.id from empi_registration r where r.person_id = %(person_id)s and {scope.sql})"""
    return sql, {"person_id": person_id, **scope.params}


def timeline_query(
    ctx: Ctx,
    person_id: int,
    *,
    kinds: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 200,
    before: tuple[datetime, int] | None = None,
    orgs: Sequence[str] | None = None,
) -> tuple[str, Params]:
    """The statement behind ``timeline``: each registration's newest events by its index, then the newest of all."""
    head, params = _reach(ctx, person_id)
    wanted = ["true"]
    if kinds is not None:
        wanted.append("i.kind = any(%(kinds)s)")
        params["kinds"] = list(kinds)
    if orgs is not None:
        wanted.append("i.org_code = any(%(orgs)s)")
        params["orgs"] = list(orgs)
    if start is not None:
        wanted.append("i.event_at >= %(start)s")
        params["start"] = start
    if end is not None:
        wanted.append("i.event_at < %(end)s")
        params["end"] = end
    if before is not None:
        wanted.append("i.event_at <= %(before)s and (i.event_at, i.id) < (%(before)s, %(before_id)s)")
        params |= {"before": before[0], "before_id": before[1]}
    sql = f"""{head} select {EVENT_COLUMNS} from reach cross join lateral (
            select * from records_event i where i.registration_id = reach.id and {" and ".join(wanted)}
            order by i.event_at desc, i.id desc limit %(limit)s) e
        order by e.event_at desc, e.id desc limit %(limit)s"""
    return sql, {**params, "limit": limit}


def timeline(ctx: Ctx, person_id: int, **wanted: Any) -> list[Event]:
    """Events of a person over all institutions, newest first; *before* continues after the last one shown."""
    sql, params = timeline_query(ctx, person_id, **wanted)
    return [_event(r) for r in fetch(sql, params)]


def _event(row: tuple[Any, ...]) -> Event:
    facts = list(row)
    facts[7] = _json(facts[7]) or {}
    return Event(*facts)


def event(ctx: Ctx, person_id: int, event_id: int) -> Event | None:
    """One event of a person, or nothing when it is not theirs or out of reach."""
    head, params = _reach(ctx, person_id)
    found = fetch(
        f"""{head} select {EVENT_COLUMNS} from records_event e
            where e.id = %(event_id)s and e.registration_id in (select id from reach)""",
        {**params, "event_id": event_id},
    )
    return _event(found[0]) if found else None


def counts(ctx: Ctx, person_id: int) -> tuple[dict[str, int], int, datetime | None, datetime | None]:
    """Events of a person by kind, their documents, and the span of time they cover."""
    head, params = _reach(ctx, person_id)
    found = fetch(
        f"""{head} select e.kind, count(*), min(e.event_at), max(e.event_at) from records_event e
            where e.registration_id in (select id from reach) group by e.kind
            union all select '', count(*), null, null from records_document d
            where d.registration_id in (select id from reach)""",
        params,
    )
    kinds = {kind: n for kind, n, _, _ in found if kind}
    documents = sum(n for kind, n, _, _ in found if not kind)
    firsts, lasts = [r[2] for r in found if r[2]], [r[3] for r in found if r[3]]
    return kinds, documents, min(firsts, default=None), max(lasts, default=None)


MEDICATION_COLUMNS = """p.medication_name, p.medication_specification, p.medication_single_dose,
    p.medication_dose_unit,
    case when coalesce(p.medication_frequency_code, '99') = '99'
        then coalesce(p.extra ->> 'frequency', p.medication_frequency_code) else p.medication_frequency_code end,
    p.medication_route_code, p.medication_total_dose,
    coalesce(p.prescribed_on, (p.event_at at time zone 'Asia/Shanghai')::date),
    coalesce(p.extra ->> 'days_supply', p.extra ->> 'days'), p.org_code, p.event_at, p.group_key, p.document_id"""


def medications(ctx: Ctx, person_id: int, *, days: int = 400) -> list[Medication]:
    """Medication prescribed to a person at any institution in the last *days*, newest first."""
    head, params = _reach(ctx, person_id)
    found = fetch(
        f"""{head} select {MEDICATION_COLUMNS} from records_western_prescription p
            where p.registration_id in (select id from reach) and p.medication_name is not null
                and p.event_at > %(since)s
            order by p.event_at desc, p.id""",
        {**params, "since": now() - timedelta(days=days)},
    )
    return [_medication(r) for r in found]


def prescription(ctx: Ctx, person_id: int, group_key: str, org_code: str) -> list[Medication]:
    """The medication of one prescription."""
    head, params = _reach(ctx, person_id)
    found = fetch(
        f"""{head} select {MEDICATION_COLUMNS} from records_western_prescription p
            where p.registration_id in (select id from reach) and p.group_key = %(group)s and p.org_code = %(org)s
            order by p.id limit 100""",
        {**params, "group": group_key, "org": org_code},
    )
    return [_medication(r) for r in found]


def _medication(row: tuple[Any, ...]) -> Medication:
    name, spec, dose, unit, frequency, route, total, started, given, org, at, group, document = row
    days = judge.supply_days(total, dose, frequency or "", _whole(given))
    source = Source(org, at, "western_prescription", group or "", document)
    return Medication(
        name, spec or "", dose, unit or "", frequency or "", route or "", total, started, days, source
    )  # fmt: skip


#: what makes results of several institutions one item: the LOINC code where it came along, else the code as sent
ITEM = "coalesce(t.extra ->> 'loinc', t.laboratory_test_item_code)"
LAB_COLUMNS = f"""{ITEM}, t.extra ->> 'item_name', t.laboratory_test_quantitative_result,
    t.laboratory_test_report_result, t.laboratory_test_quantitative_result_unit, t.extra ->> 'reference_range',
    t.extra ->> 'abnormal_flag', t.event_at, t.org_code, t.group_key, t.document_id"""


def latest_results(ctx: Ctx, person_id: int) -> list[LabResult]:
    """The newest result of each laboratory item, abnormal ones first."""
    head, params = _reach(ctx, person_id)
    found = fetch(
        f"""{head} select distinct on ({ITEM}) {LAB_COLUMNS},
                count(*) over (partition by {ITEM})
            from records_laboratory_test_record t where t.registration_id in (select id from reach)
            order by {ITEM}, t.event_at desc, t.id desc""",
        params,
    )
    return sorted((_lab(row) for row in found), key=lambda r: (not r.is_abnormal, -r.at.timestamp()))


def trend(ctx: Ctx, person_id: int, item: str, *, limit: int = 400) -> list[LabResult]:
    """All results of one laboratory item of a person over all institutions, oldest first."""
    head, params = _reach(ctx, person_id)
    found = fetch(
        f"""{head} select {LAB_COLUMNS} from records_laboratory_test_record t
            where t.registration_id in (select id from reach) and {ITEM} = %(item)s
            order by t.event_at desc, t.id desc limit %(limit)s""",
        {**params, "item": item, "limit": limit},
    )
    return [_lab(row) for row in reversed(found)]


def results(ctx: Ctx, person_id: int, *, limit: int = 5000) -> list[LabResult]:
    """All laboratory results of a person, by item, newest first."""
    head, params = _reach(ctx, person_id)
    found = fetch(
        f"""{head} select {LAB_COLUMNS} from records_laboratory_test_record t
            where t.registration_id in (select id from reach)
            order by {ITEM}, t.event_at desc, t.id desc limit %(limit)s""",
        {**params, "limit": limit},
    )
    return [_lab(r) for r in found]


def report(ctx: Ctx, person_id: int, group_key: str, org_code: str) -> list[LabResult]:
    """The results of one laboratory report, in its own order."""
    head, params = _reach(ctx, person_id)
    found = fetch(
        f"""{head} select {LAB_COLUMNS} from records_laboratory_test_record t
            where t.registration_id in (select id from reach) and t.group_key = %(group)s and t.org_code = %(org)s
            order by t.id limit 300""",
        {**params, "group": group_key, "org": org_code},
    )
    return [_lab(r) for r in found]


def _lab(row: tuple[Any, ...]) -> LabResult:
    code, name, value, text, unit, range_text, said, at, org, group, document, *series = row
    low, high = judge.reference(range_text or "")
    source = Source(org, at, "laboratory_test_record", group or "", document)
    mark = judge.flag(value, low, high, said or "")
    return LabResult(
        code or "", name or code or "", value, text or "", unit or "", low, high, mark, at, source, *series
    )  # fmt: skip


#: how far back a summary reads prescriptions: a year and the longest supply before it
PRESCRIBED_DAYS = 460


def summary(ctx: Ctx, person_id: int) -> PersonSummary:
    """What has to be known of a person first: allergies, contradictions, problems, medication, latest results."""
    statements, blood, diagnoses, care = _facts(ctx, person_id)
    prescribed = medications(ctx, person_id, days=PRESCRIBED_DAYS)
    kinds, documents, first, last = counts(ctx, person_id)
    return PersonSummary(
        allergies=tuple(statements),
        allergy_state=judge.allergy_state(statements),
        blood_groups=tuple(blood),
        problems=tuple(judge.problems(diagnoses)),
        medications=tuple(judge.merged(prescribed, today())),
        prescribed=tuple(prescribed),
        latest=tuple(latest_results(ctx, person_id)),
        contradictions=tuple(judge.contradictions(blood, statements, prescribed, today())),
        counts=kinds,
        documents=documents,
        first_at=first,
        last_at=last,
        care=care,
    )


def _facts_sql() -> str:
    """One statement over all places that speak of allergies, blood group, diagnoses and care."""
    tail = "org_code, event_at, group_key, document_id"
    branches = []
    for a in places.ALLERGIES:
        told = " or ".join(f"{c} is not null" for c in (a.flag, a.words) if c)
        branches.append(f"""select 'allergy' as fact, {a.flag or "null::boolean"} as flag, {a.words} as code,
            null::text as name, '{a.data_set}' as data_set, {tail} from records_{a.data_set}
            where registration_id in (select id from reach) and ({told})""")
    for data_set in places.BLOOD_GROUPS:
        branches.append(f"""select 'blood', null::boolean, abo_blood_group_code, null, '{data_set}', {tail}
            from records_{data_set}
            where registration_id in (select id from reach) and abo_blood_group_code in ('1', '2', '3', '4')""")
    for d in places.DIAGNOSES:
        branches.append(f"""select 'diagnosis', null::boolean, {d.code}, {d.name or "null"}, '{d.data_set}', {tail}
            from records_{d.data_set} where registration_id in (select id from reach) and {d.code} is not null""")
    for data_set, code in places.CARE:
        branches.append(f"""select 'care', null::boolean, '{code}', responsible_physician_name, '{data_set}', {tail}
            from records_{data_set} where registration_id in (select id from reach)""")
    branches.append(f"""select 'past', null::boolean, past_disease_kind_code, null, 'personal_basic_information', {tail}
            from records_personal_basic_information
            where registration_id in (select id from reach) and past_disease_kind_code is not null""")
    return " union all ".join(branches)


_FACTS = _facts_sql()

_Facts = tuple[list[Allergy], list[Claim], list[tuple[str, str, Source]], Care | None]


def _facts(ctx: Ctx, person_id: int) -> _Facts:
    head, params = _reach(ctx, person_id)
    statements: list[Allergy] = []
    blood: list[Claim] = []
    diagnoses: list[tuple[str, str, Source]] = []
    care: Care | None = None
    for fact, flag, code, name, data_set, org, at, group, document in fetch(f"{head} {_FACTS}", params):
        source = Source(org, at, data_set, group or "", document)
        match fact:
            case "allergy":
                statements += judge.allergies(flag, _allergen(code or "", data_set), source)
            case "blood":
                blood.append(Claim(BLOOD[code], source))
            case "past":
                diagnoses += [(*judge.PAST_DISEASES[c], source) for c in [code.lstrip("0")] if c in judge.PAST_DISEASES]
            case "care":
                diagnoses.append((code, "", source))
                if name and at and (care is None or at > care.at):
                    care = Care(name, org, at)
            case _:
                diagnoses.append((code, name or "", source))
    blood.sort(key=lambda c: c.source.at.timestamp() if c.source.at else 0.0, reverse=True)
    return statements, blood, diagnoses, care


BLOOD = {"1": "A", "2": "B", "3": "O", "4": "AB"}


def _allergen(text: str, data_set: str) -> str:
    """The words of an allergen: personal information of health records gives a code (CV05.01.038)."""
    if data_set != "personal_basic_information" or not text.strip().isdigit():
        return text
    return code_word("CV05.01.038", text) or text


def documents(
    ctx: Ctx, person_id: int, *, text: str = "", limit: int = 200, before: tuple[datetime, int] | None = None
) -> list[DocumentRow]:
    """Documents of a person, newest first; *text* keeps those that hold the words."""
    head, params = _reach(ctx, person_id)
    words = "and (d.text ilike %(text)s or d.title ilike %(text)s)" if text else ""
    page = "and (d.authored_at, d.id) < (%(before)s, %(before_id)s)" if before else ""
    found = fetch(
        f"""{head} select {DOCUMENT_COLUMNS} from records_document d
            where d.registration_id in (select id from reach) {words} {page}
            order by d.authored_at desc nulls last, d.id desc limit %(limit)s""",
        {
            **params, "text": f"%{_like(text)}%", "limit": limit,
            "before": before and before[0], "before_id": before and before[1],
        },
    )  # fmt: skip
    return [_document(r) for r in found]


def document(ctx: Ctx, document_id: int) -> tuple[DocumentRow, str] | None:
    """A document with the path of its original, when its person is in the reader's reach."""
    scope = persons_in_reach(ctx, "r.person_id")
    found = fetch(
        f"""select {DOCUMENT_COLUMNS}, d.original_path from records_document d
            join empi_registration r on r.id = d.registration_id
            where d.id = %(document_id)s and {scope.sql}""",
        {"document_id": document_id, **scope.params},
    )
    return (_document(found[0][:-1]), found[0][-1]) if found else None


def original(ctx: Ctx, document_id: int) -> bytes:
    """The bytes of a document as they were received. Raises LookupError out of reach, FileNotFoundError when lost."""
    found = document(ctx, document_id)
    if found is None:
        raise LookupError(document_id)
    return place_of(found[0].sha256).read_bytes()


def document_view(ctx: Ctx, document_id: int) -> DocumentView | None:
    """A document as it is shown; nothing when its original is lost or of a kind that cannot be shown."""
    found = document(ctx, document_id)
    if found is None:
        return None
    try:
        content = place_of(found[0].sha256).read_bytes()
        return view(content, standards(), media_type=found[0].media_type)
    except (FileNotFoundError, Refused):
        return None


def versions(ctx: Ctx, person_id: int, org_code: str, set_id: str) -> list[DocumentRow]:
    """All versions of one document, newest first."""
    head, params = _reach(ctx, person_id)
    found = fetch(
        f"""{head} select {DOCUMENT_COLUMNS} from records_document d
            where d.registration_id in (select id from reach) and d.org_code = %(org)s and d.set_id = %(set_id)s
            order by d.version desc, d.id desc""",
        {**params, "org": org_code, "set_id": set_id},
    )
    return [_document(r) for r in found] if set_id else []


def _document(row: Sequence[Any]) -> DocumentRow:
    facts: list[Any] = [value if value is not None else "" for value in row]
    facts[5], facts[13] = row[5], _json(row[13])
    return DocumentRow(*facts)


def rows(ctx: Ctx, data_set: str, person_id: int, group_key: str, *, org_code: str = "") -> list[Row]:
    """Standard records of one event of a person, with labels and decoded codes; of an order or appointment the matter."""
    if data_set.startswith(matters.EVENT):
        return matters.rows_of(ctx, data_set, person_id, group_key, org_code)
    if data_set not in standards().data_sets:
        return []  # the event of a document, or of something kept elsewhere
    head, params = _reach(ctx, person_id)
    names = ["id", "org_code", "source_system", "source_key", "event_at", "version", "extra", *columns_of(data_set)]
    listed = ", ".join(f't."{n}"' for n in names)
    found = fetch(
        f"""{head} select {listed} from records_{data_set} t
            where t.registration_id in (select id from reach) and t.group_key = %(group)s
                and (%(org)s = '' or t.org_code = %(org)s)
            order by t.id limit 500""",
        {**params, "group": group_key, "org": org_code},
    )
    return [row(data_set, _record(names, values)) for values in found]


def plain_rows(
    ctx: Ctx, data_set: str, person_id: int, *, org_code: str, group_key: str = "", encounter_key: str = ""
) -> list[dict[str, Any]]:
    """Standard records of one event, or of one encounter, of a person as they stand in the table, oldest first."""
    head, params = _reach(ctx, person_id)
    names = ["id", "source_system", "event_at", "extra", *columns_of(data_set)]
    key = "group_key" if group_key else "encounter_key"
    found = fetch(
        f"""{head} select {", ".join(f't."{name}"' for name in names)} from records_{data_set} t
            where t.registration_id in (select id from reach) and t.org_code = %(org)s and t.{key} = %(key)s
            order by t.event_at, t.id limit 500""",
        {**params, "org": org_code, "key": group_key or encounter_key},
    )
    return [_record(names, values) for values in found]


def data_sets_of_encounter(ctx: Ctx, person_id: int, org_code: str, encounter_key: str) -> list[str]:
    """The data sets that have records of an encounter of a person."""
    head, params = _reach(ctx, person_id)
    found = fetch(
        f"""{head} select distinct e.data_set from records_event e
            where e.registration_id in (select id from reach) and e.org_code = %(org)s and e.encounter_key = %(key)s""",
        {**params, "org": org_code, "key": encounter_key},
    )
    return sorted(name for (name,) in found if name) if encounter_key else []


def _record(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    record = dict(zip(names, values, strict=True))
    record["extra"] = _json(record["extra"])
    return record


def last_seen(ctx: Ctx, person_ids: Sequence[int]) -> dict[int, tuple[datetime, str]]:
    """The newest event of each of several persons: when and where."""
    scope = persons_in_reach(ctx, "r.person_id")
    found = fetch(
        f"""select distinct on (r.person_id) r.person_id, e.event_at, e.org_code
            from empi_registration r cross join lateral (
                select i.event_at, i.org_code from records_event i where i.registration_id = r.id
                order by i.event_at desc limit 1) e
            where r.person_id = any(%(ids)s) and {scope.sql}
            order by r.person_id, e.event_at desc""",
        {"ids": list(person_ids), **scope.params},
    )
    return {person: (at, org) for person, at, org in found}


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _whole(text: str | None) -> int | None:
    try:
        return int(Decimal(text)) if text else None
    except ArithmeticError:
        return None


def local(moment: datetime) -> datetime:
    """A moment as the clocks of the county show it."""
    return moment.astimezone(COUNTY_ZONE)
