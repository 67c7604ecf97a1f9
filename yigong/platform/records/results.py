"""Medication and laboratory results of a person over all institutions."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.platform.records import judge
from yigong.platform.records.facts import LabResult, Medication, Source
from yigong.platform.records.reading import fetch, reach

MEDICATION_COLUMNS = """p.medication_name, p.medication_specification, p.medication_single_dose,
    p.medication_dose_unit,
    case when coalesce(p.medication_frequency_code, '99') = '99'
        then coalesce(p.extra ->> 'frequency', p.medication_frequency_code) else p.medication_frequency_code end,
    p.medication_route_code, p.medication_total_dose,
    coalesce(p.prescribed_on, (p.event_at at time zone 'Asia/Shanghai')::date),
    coalesce(p.extra ->> 'days_supply', p.extra ->> 'days'), p.org_code, p.event_at, p.group_key, p.document_id"""


def medications(ctx: Ctx, person_id: int, *, days: int = 400) -> list[Medication]:
    """Medication prescribed to a person at any institution in the last *days*, newest first."""
    head, params = reach(ctx, person_id)
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
    head, params = reach(ctx, person_id)
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
    head, params = reach(ctx, person_id)
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
    head, params = reach(ctx, person_id)
    found = fetch(
        f"""{head} select {LAB_COLUMNS} from records_laboratory_test_record t
            where t.registration_id in (select id from reach) and {ITEM} = %(item)s
            order by t.event_at desc, t.id desc limit %(limit)s""",
        {**params, "item": item, "limit": limit},
    )
    return [_lab(row) for row in reversed(found)]


def results(ctx: Ctx, person_id: int, *, limit: int = 5000) -> list[LabResult]:
    """All laboratory results of a person, by item, newest first."""
    head, params = reach(ctx, person_id)
    found = fetch(
        f"""{head} select {LAB_COLUMNS} from records_laboratory_test_record t
            where t.registration_id in (select id from reach)
            order by {ITEM}, t.event_at desc, t.id desc limit %(limit)s""",
        {**params, "limit": limit},
    )
    return [_lab(r) for r in found]


def report(ctx: Ctx, person_id: int, group_key: str, org_code: str) -> list[LabResult]:
    """The results of one laboratory report, in its own order."""
    head, params = reach(ctx, person_id)
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


def _whole(text: str | None) -> int | None:
    try:
        return int(Decimal(text)) if text else None
    except ArithmeticError:
        return None
