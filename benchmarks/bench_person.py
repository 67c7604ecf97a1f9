"""Person view among a million residents: everything the page needs, for persons with 500 events, each seen for the first time.

``python -m benchmarks.bench_person``; RESIDENTS and VIEWS change the size. Closes with one line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import time
from typing import Any

RESIDENTS = int(os.environ.get("RESIDENTS", "1000000"))
BUSY = min(700, RESIDENTS // 10)
VIEWS = min(int(os.environ.get("VIEWS", "600")), BUSY)
ORG = "'10000000' || lpad(({0})::text, 2, '0')"
TARGET_MS = 50.0

#: what is filled: every resident one registration and two events; BUSY residents four registrations and 500 events
FILL = (
    ("persons", "insert into empi_person (id, state, origin, golden, created_at) select n, 'verified', 'register', '{{}}', now() from generate_series(1, {residents}) n"),
    ("registrations", """insert into empi_registration (id, org_code, source_system, local_id, person_id, full_name, sex_code, born_on, id_trust, state, registered_at, hash)
        select n, """ + ORG.format("n % 20") + """, 'HIS', n::text, n, '居民' || n, '1', date '1960-01-01', 'trusted', 'active', now(), n from generate_series(1, {residents}) n"""),
    ("more registrations", """insert into empi_registration (id, org_code, source_system, local_id, person_id, full_name, sex_code, born_on, id_trust, state, registered_at, hash)
        select {residents} + (n - 1) * 3 + k, """ + ORG.format("(n + k * 5) % 20") + """, 'HIS', 'b' || n || '-' || k, n, '居民' || n, '1', date '1960-01-01', 'trusted', 'active', now(), n
        from generate_series(1, {busy}) n, generate_series(1, 3) k"""),
    ("events of all", """insert into records_event (registration_id, event_at, kind, org_code, source_system, title, flag, data_set, group_key)
        select n, now() - (n % 700 + k) * interval '1 day', 'outpatient', """ + ORG.format("n % 20") + """, 'HIS', '门诊', 'normal', 'outpatient_record', 'a' || n || '-' || k
        from generate_series({busy} + 1, {residents}) n, generate_series(1, 2) k"""),
    ("events of the busy", """insert into records_event (registration_id, event_at, kind, org_code, source_system, title, flag, data_set, group_key)
        select case when k % 4 = 0 then n else {residents} + (n - 1) * 3 + k % 4 end, now() - k * interval '17 hours',
            (array['outpatient', 'laboratory', 'laboratory', 'prescription', 'follow_up', 'imaging'])[k % 6 + 1],
            """ + ORG.format("(n + (k % 4) * 5) % 20") + """, 'HIS', '事件', 'normal',
            (array['outpatient_record', 'laboratory_test_record', 'laboratory_test_record', 'western_prescription', 'hypertension_management_2009', 'examination_record'])[k % 6 + 1],
            'b' || n || '-' || k
        from generate_series(1, 500) k, generate_series(1, {busy}) n"""),
    ("results", """insert into records_laboratory_test_record (registration_id, org_code, source_system, source_key, group_key, event_at, row_hash, laboratory_test_item_code, laboratory_test_quantitative_result, laboratory_test_quantitative_result_unit, extra)
        select e.registration_id, e.org_code, 'HIS', e.group_key || '-' || i, e.group_key, e.event_at, 1, 'L' || i, 3 + (e.id + i) % 9, 'mmol/L', '{{"item_name": "项目", "reference_range": "3.5-9.5"}}'
        from records_event e, generate_series(1, 5) i where e.data_set = 'laboratory_test_record'"""),
    ("visits", """insert into records_outpatient_record (registration_id, org_code, source_system, source_key, group_key, event_at, row_hash, preliminary_diagnosis_western_code, preliminary_diagnosis_western_name, allergy_history)
        select e.registration_id, e.org_code, 'HIS', e.group_key, e.group_key, e.event_at, 1, 'I10.x05', '高血压', '无' from records_event e where e.data_set = 'outpatient_record'"""),
    ("prescriptions", """insert into records_western_prescription (registration_id, org_code, source_system, source_key, group_key, event_at, row_hash, medication_name, medication_single_dose, medication_dose_unit, medication_frequency_code, extra)
        select e.registration_id, e.org_code, 'HIS', e.group_key || '-' || i, e.group_key, e.event_at, 1, '药品' || i, 5, 'mg', '9', '{{"days": 28}}' from records_event e, generate_series(1, 3) i where e.data_set = 'western_prescription'"""),
    ("follow-ups", """insert into records_hypertension_management_2009 (registration_id, org_code, source_system, source_key, group_key, event_at, row_hash, responsible_physician_name)
        select e.registration_id, e.org_code, 'HIS', e.group_key, e.group_key, e.event_at, 1, '医师' from records_event e where e.data_set = 'hypertension_management_2009'"""),
)  # fmt: skip


def main() -> None:
    """Build the database, read the persons, say how long it took."""
    from yigong.portal import postgres
    from yigong.portal.env import use_database

    own = postgres.ensure()
    with postgres.extra_database("bench_person") as url:
        use_database(url)
        from yigong.portal.cli import setup

        setup()
        _build()
        _report(_views())
        from django.db import connections

        connections.close_all()
        connections["default"].close_pool()
        use_database(own)


def _build() -> None:
    from django.core.management import call_command
    from django.db import connection

    started = time.monotonic()
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        # search is not measured here: its trigram indexes only make the filling slow
        cursor.execute(
            "select indexname from pg_indexes where tablename = 'empi_registration' and indexdef like '%% gin %%'"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'drop index "{name}"')
        cursor.execute("set synchronous_commit = off")
        for what, sql in FILL:
            begun = time.monotonic()
            cursor.execute(sql.format(residents=RESIDENTS, busy=BUSY))
            print(f"  {what}: {cursor.rowcount:,} rows in {time.monotonic() - begun:.1f} s", flush=True)
        cursor.execute("vacuum (analyze)")
    print(f"built in {time.monotonic() - started:.0f} s", flush=True)


def _reader() -> Any:
    from yigong.kit.ctx import Ctx, Purpose, Reach

    orgs = tuple(f"10000000{n:02d}" for n in range(20))
    return Ctx(1, "bench", "clinician", orgs[0], orgs, frozenset({"person.view"}), Reach.OWN, Purpose.TREATMENT)


def _views() -> list[float]:
    """Milliseconds of each first view of a person: head, summary, timeline, supply, trend, the docked event."""
    from yigong.sharing import domain, selectors, tabs

    ctx = _reader()
    from yigong.platform.records import api as records

    def view(person_id: int) -> float:
        begun = time.perf_counter()
        who = selectors.banner(ctx, person_id)
        line = selectors.timeline(ctx, who, span="12m", groups=domain.OPEN_GROUPS)
        item = selectors.chart_item(who)
        records.trend(ctx, person_id, item)
        event = selectors.dock_default(line.events)
        assert event is not None
        assert who.summary.events == 500, who.summary.events
        tabs.event_content(ctx, person_id, event)
        return (time.perf_counter() - begun) * 1000

    persons = random.Random(7).sample(range(1, BUSY + 1), VIEWS)
    view(BUSY)  # the process loads its modules and the standards once
    if os.environ.get("PROFILE"):
        _profile(view, persons[:40])
    spent = [view(p) for p in persons]
    _explain(ctx, persons[0])
    return spent


def _profile(view: Any, persons: list[int]) -> None:
    """Where the time goes: each statement of one view, then the functions over some views."""
    import cProfile
    import pstats

    from django.db import connection

    def timed(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        begun = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            print(f"  {(time.perf_counter() - begun) * 1000:6.1f} ms  {' '.join(sql.split())[:150]}")

    with connection.execute_wrapper(timed):
        view(persons[0])
    with cProfile.Profile() as profile:
        for person in persons:
            view(person)
    pstats.Stats(profile).sort_stats("tottime").print_stats(22)


def _explain(ctx: Any, person_id: int) -> None:
    from django.db import connection

    from yigong.platform.records.selectors import timeline_query

    sql, params = timeline_query(ctx, person_id, limit=500)
    with connection.cursor() as cursor:
        cursor.execute("explain (analyze, buffers, costs off) " + sql, params)
        print("\n".join(row[0] for row in cursor.fetchall()))


def _report(spent: list[float]) -> None:
    ordered = sorted(spent)
    p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99) - 1]
    print(f"person view, 500 events, {RESIDENTS:,} residents, {len(spent)} persons each seen once")
    print(f"p50 {p50:.1f} ms  p99 {p99:.1f} ms  max {ordered[-1]:.1f} ms  target p99 < {TARGET_MS:.0f} ms")
    figures = {"p50_ms": round(p50, 2), "p99_ms": round(p99, 2), "max_ms": round(ordered[-1], 2), "residents": RESIDENTS,
               "events": 500, "views": len(spent), "target_ms": TARGET_MS, "load_average": round(os.getloadavg()[0], 1)}  # fmt: skip
    print(json.dumps({"name": "person", "ratios": {}, "figures": figures}))


if __name__ == "__main__":
    main()
