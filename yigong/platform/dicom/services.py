"""Brings the studies of the archives into the index: looked through by day, each to its person, changed ones only."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import polars as pl
from django.db import connection, transaction

from yigong.kit.clock import now, today
from yigong.kit.ctx import Ctx, system
from yigong.kit.errors import Fault
from yigong.outbox.api import say
from yigong.platform.dicom import client, reading
from yigong.platform.dicom.events import StudiesIndexed
from yigong.platform.dicom.models import Pacs
from yigong.platform.dicom.reading import StudyFacts
from yigong.platform.empi import api as empi
from yigong.platform.records import api as records
from yigong.platform.registry import api as registry
from yigong.security.api import audit

log = logging.getLogger("yigong.dicom")
SYSTEM, DATA_SET = "PACS", "imaging_study"
#: images arrive, are mended and are completed for some days after the examination
RECENT = timedelta(days=7)
BATCH = 500


@dataclass(slots=True)
class Swept:
    """What a look through an archive found."""

    found: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    waiting: int = 0
    unreadable: int = 0
    registrations: set[int] = field(default_factory=set)


def save_pacs(ctx: Ctx, code: str, *, name: str, base_url: str, login_name: str = "", org_code: str = "") -> Pacs:
    """Declare an archive, or bring it to these facts."""
    ctx.must("dicom.manage")
    facts = {"name": name, "base_url": base_url, "login_name": login_name, "org_code": org_code}
    with transaction.atomic():
        found, _made = Pacs.objects.update_or_create(code=code, defaults=facts)
        audit(ctx, "dicom.manage", "dicom_pacs", found.pk, after=facts)
    return found


def sweep(ctx: Ctx, pacs: Pacs, *, since: date | None = None, until: date | None = None) -> Swept:
    """Look through the studies of these days (all without a day) and bring the index up to them.

    Raises Fault when the archive does not answer; what was carried in until then stays.
    """
    swept, seen, batch = Swept(), set[str](), list[StudyFacts]()
    begun = now()
    try:
        for data in client.studies(pacs, since=since, until=until):
            facts = reading.study(data)
            if facts is None:
                swept.unreadable += 1
                continue
            seen.add(facts.study_uid)
            batch.append(facts)
            if len(batch) >= BATCH:
                _carry(ctx, pacs, batch, swept)
                batch.clear()
    except Fault as fault:
        _note_fault(pacs, fault)
        raise
    _carry(ctx, pacs, batch, swept)
    _retire(ctx, pacs, seen, since, until, swept)
    swept.found = len(seen)
    last = until or today()
    Pacs.objects.filter(pk=pacs.pk).update(asked_at=begun, error=None, swept_until=last)
    return swept


def _note_fault(pacs: Pacs, fault: Fault) -> None:
    why = str(fault.facts.get("reason", ""))
    said = {"code": fault.code, "zh": f"影像归档没有应答（{why}）", "en": f"the archive did not answer ({why})"}
    if fault.code == "dicom.not_let_in":
        said |= {"zh": "影像归档不接受用户名或密码", "en": "the archive refuses the user or the password"}
    Pacs.objects.filter(pk=pacs.pk).update(error=said)


@transaction.atomic
def _carry(ctx: Ctx, pacs: Pacs, batch: Sequence[StudyFacts], swept: Swept) -> None:
    """Studies into the index: those that are new or say something new, and those that waited."""
    fresh = _fresh(pacs, batch)
    if not fresh:
        return
    homes = _homes(ctx, pacs, fresh)
    new = _upsert(pacs, fresh, homes)
    placed = [(f, *home) for f in fresh if (home := homes[f.study_uid])[1]]
    records.index_events(ctx, pl.DataFrame([_event(f, org, registration) for f, org, registration, _ in placed]))
    swept.new += new
    swept.changed += len(fresh) - new
    swept.waiting += len(fresh) - len(placed)
    swept.registrations |= {int(p[2]) for p in placed if p[2]}
    if placed:
        say(StudiesIndexed(pacs.pk, sorted({int(p[2]) for p in placed if p[2]})))


def _fresh(pacs: Pacs, batch: Sequence[StudyFacts]) -> list[StudyFacts]:
    by_uid = {f.study_uid: f for f in batch}
    with connection.cursor() as cursor:
        cursor.execute(
            """select study_uid, hash from dicom_study
               where pacs_id = %s and study_uid = any(%s) and registration_id is not null and gone_at is null""",
            [pacs.pk, list(by_uid)],
        )
        known = dict(cursor.fetchall())
    return [f for uid, f in by_uid.items() if known.get(uid) != f.hash]


Home = tuple[str, int | None, str]  # institution, registration, why it waits


def _homes(ctx: Ctx, pacs: Pacs, batch: Sequence[StudyFacts]) -> dict[str, Home]:
    """Whose each study is: the registration of the institution with that patient number, else a new one."""
    names = {i.name: i.code for i in registry.institutions()} | {i.code: i.code for i in registry.institutions()}
    orgs = {f.study_uid: names.get(f.issuer) or names.get(f.institution_name) or pacs.org_code for f in batch}
    asked = {(orgs[f.study_uid], f.patient_id) for f in batch if orgs[f.study_uid] and f.patient_id}
    known = _known(sorted(asked))
    unknown = [f for f in batch if (key := (orgs[f.study_uid], f.patient_id)) in asked and key not in known]
    known |= _registered(ctx, unknown, orgs)
    return {f.study_uid: _home(f, orgs[f.study_uid], known) for f in batch}


def _home(facts: StudyFacts, org: str, known: dict[tuple[str, str], int]) -> Home:
    if not org:
        return "", None, "no_institution"
    if not facts.patient_id:
        return org, None, "no_patient_id"
    return org, known[org, facts.patient_id], ""


def _known(keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The registration of each patient number that means one person at its institution."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select r.org_code, r.local_id, min(r.id) from empi_registration r
               join unnest(%s::text[], %s::text[]) k (org_code, local_id) using (org_code, local_id)
               group by r.org_code, r.local_id having count(distinct r.person_id) = 1""",
            [[k[0] for k in keys], [k[1] for k in keys]],
        )
        return {(org, local): registration for org, local, registration in cursor.fetchall()}


def _registered(ctx: Ctx, batch: Sequence[StudyFacts], orgs: dict[str, str]) -> dict[tuple[str, str], int]:
    if not batch:
        return {}
    people = {(orgs[f.study_uid], f.patient_id): f for f in batch}
    frame = pl.DataFrame(
        [
            (org, SYSTEM, local, f.full_name or None, f.sex_code or None, f.born_on)
            for (org, local), f in people.items()
        ],
        schema={
            "org_code": pl.String, "source_system": pl.String, "local_id": pl.String, "full_name": pl.String,
            "sex_code": pl.String, "born_on": pl.Date,
        }, orient="row",
    )  # fmt: skip
    given = empi.register(ctx, frame).get_column("registration_id").to_list()
    return dict(zip(people, given, strict=True))


def _upsert(pacs: Pacs, batch: Sequence[StudyFacts], homes: dict[str, Home]) -> int:
    """Write studies; how many were not there before."""
    moment = now()
    rows = [
        (
            f.study_uid, homes[f.study_uid][1], homes[f.study_uid][0], homes[f.study_uid][2], f.patient_id,
            f.accession_no, f.study_at, json.dumps(f.modalities), f.description, f.series_count, f.instance_count, f.hash,
        )
        for f in batch
    ]  # fmt: skip
    columns = [list(c) for c in zip(*rows, strict=True)]
    names = """study_uid, registration_id, org_code, waiting, patient_id, accession_no, study_at, modalities,
        description, series_count, instance_count, hash"""
    sets = ", ".join(f"{n.strip()} = excluded.{n.strip()}" for n in names.split(",") if n.strip() != "study_uid")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""insert into dicom_study (pacs_id, {names}, seen_at)
                select %s, study_uid, registration_id, org_code, waiting, patient_id, accession_no, study_at,
                    modalities::jsonb, description, series_count, instance_count, hash, %s
                from unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[],
                    %s::text[], %s::text[], %s::int[], %s::int[], %s::bigint[]) u ({names})
                on conflict (pacs_id, study_uid) do update set {sets}, seen_at = excluded.seen_at, gone_at = null
                returning (xmax = 0)""",
            [pacs.pk, moment, *columns],
        )
        return sum(1 for (is_new,) in cursor.fetchall() if is_new)


def _event(facts: StudyFacts, org: str, registration: int | None) -> dict[str, object]:
    kinds = "/".join(m for m in facts.modalities if m not in ("SR", "PR", "KO"))
    title = " ".join(p for p in (kinds, facts.description) if p) or "影像检查"
    summary = {"study": facts.study_uid, "images": facts.instance_count, "accession": facts.accession_no}
    return {
        "registration_id": registration,
        "event_at": facts.study_at,
        "kind": "imaging",
        "org_code": org,
        "source_system": SYSTEM,
        "title": title[:200],
        "summary": json.dumps(summary, ensure_ascii=False),
        "flag": "",
        "data_set": DATA_SET,
        "group_key": facts.study_uid,
        "encounter_key": "",
    }


@transaction.atomic
def _retire(ctx: Ctx, pacs: Pacs, seen: set[str], since: date | None, until: date | None, swept: Swept) -> None:
    """What the archive no longer has leaves the index; its line in the table stays and says since when."""
    with connection.cursor() as cursor:
        cursor.execute(
            """update dicom_study set gone_at = %s where pacs_id = %s and gone_at is null and not study_uid = any(%s)
                 and (%s::date is null or (study_at at time zone 'Asia/Shanghai')::date >= %s::date)
                 and (%s::date is null or (study_at at time zone 'Asia/Shanghai')::date <= %s::date)
               returning study_uid""",
            [now(), pacs.pk, list(seen), since, since, until, until],
        )
        gone = [row[0] for row in cursor.fetchall()]
    records.unindex_events(ctx, DATA_SET, gone)
    swept.gone = len(gone)


_due: dict[int, datetime] = {}


def turn(ctx: Ctx, *, every: timedelta = timedelta(minutes=1)) -> int:
    """Look through every archive that is due: all of it the first time, then the recent days; changes found."""
    done = 0
    for pacs in Pacs.objects.filter(is_active=True):
        if _due.get(pacs.pk, now()) > now():
            continue
        _due[pacs.pk] = now() + every
        since = today() - RECENT if pacs.swept_until else None
        try:
            swept = sweep(ctx, pacs, since=since)
        except Fault as fault:
            log.warning("%s %s", fault.code, pacs.code)
            continue
        done += swept.new + swept.changed + swept.gone
    return done


def work() -> int:
    """A turn of ``yigong work``."""
    return turn(system())


def lines(swept: Swept) -> Iterable[str]:
    """What a look through an archive found, in words."""
    yield f"在档 {swept.found} · 新增 {swept.new} · 更新 {swept.changed} · 撤出 {swept.gone}"
    yield f"待归属 {swept.waiting} · 缺检查号或日期 {swept.unreadable}"
