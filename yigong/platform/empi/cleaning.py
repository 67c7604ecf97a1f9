"""Cleaning what is there: every registration written anew in today's form and compared again under today's rules."""

from __future__ import annotations

import logging
from dataclasses import replace

import polars as pl
from django.db import DatabaseError, IntegrityError, transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx, system
from yigong.kit.errors import Refused
from yigong.platform.empi import bulk, golden, matching, moves, register, rules, stored
from yigong.platform.empi.models import Cleaning
from yigong.platform.empi.selectors import ask_rows
from yigong.security.api import audit

CHUNK = 1000
log = logging.getLogger("yigong.empi")
_FORM = ["name_key", "name_initials", "id_no", "id_trust", "phone", "contact_phone"]
#: what is counted before and after
_COUNTS = {
    "registrations": "count(*)",
    "persons": "count(distinct person_id)",
    "no_name": "count(*) filter (where full_name is null)",
    "no_birth": "count(*) filter (where born_on is null)",
    "no_number": "count(*) filter (where id_trust = 'missing')",
    "bad_number": "count(*) filter (where id_trust = 'bad')",
    "doubtful_number": "count(*) filter (where id_trust = 'doubtful')",
    "shared_number": "count(*) filter (where id_trust = 'shared')",
    "no_phone": "count(*) filter (where phone is null)",
}


def counts() -> dict[str, int]:
    """What the index holds, counted for the report."""
    columns = ", ".join(f"{sql} as {name}" for name, sql in _COUNTS.items())
    waiting = "(select count(*) from empi_candidate where state in ('open', 'later', 'pending')) as waiting"
    return {name: int(n) for name, n in ask_rows(f"select {columns}, {waiting} from empi_registration", {})[0].items()}


@transaction.atomic
def start(ctx: Ctx) -> Cleaning:
    """Begin a run; the worker carries it on. Raises Refused empi.cleaning_runs when one is under way."""
    held = counts()
    try:
        with transaction.atomic():
            job = Cleaning.objects.create(
                total=held["registrations"], before=held, rule_version=rules.current().version, by_id=ctx.actor_id,
                by_name=ctx.actor_name, started_at=now(),
            )  # fmt: skip
    except IntegrityError:
        raise Refused("empi.cleaning_runs") from None
    audit(ctx, "empi.clean", "empi_cleaning", job.pk)
    return job


@transaction.atomic
def stop(ctx: Ctx, job_id: int) -> None:
    """End a run early; what it has done stays. Raises Refused empi.no_such_cleaning."""
    done = Cleaning.objects.filter(pk=job_id, state__in=["queued", "running"]).update(
        state="stopped", ended_at=now(), after=counts()
    )
    if not done:
        raise Refused("empi.no_such_cleaning")
    audit(ctx, "empi.clean", "empi_cleaning", job_id, after={"state": "stopped"})


def work() -> int:
    """Carry the run that is under way on by one chunk, in one transaction; how many registrations were gone through.

    A chunk that fails changes nothing and ends the run, with the kind of error kept for its report.
    """
    try:
        return _chunk()
    except DatabaseError:
        raise
    except Exception as error:
        log.exception("cleaning of identities ended")
        under_way = Cleaning.objects.filter(state__in=["queued", "running"])
        under_way.update(state="failed", ended_at=now(), error=type(error).__name__)
        return 0


def _chunk() -> int:
    with transaction.atomic():
        job = Cleaning.objects.select_for_update(skip_locked=True).filter(state__in=["queued", "running"]).first()
        if job is None:
            return 0
        ids = _next(job.reached)
        if ids:
            job.mended += _clean(_actor(job), ids)
            job.done, job.reached, job.state = job.done + len(ids), ids[-1], "running"
        else:
            job.state, job.ended_at, job.after = "done", now(), counts()
        job.save()
        return len(ids)


def _actor(job: Cleaning) -> Ctx:
    """The platform, in the name of who began the run."""
    return replace(system(), actor_id=job.by_id, actor_name=job.by_name)


def _next(reached: int) -> list[int]:
    rows = bulk.ask(
        "select id from empi_registration where id > %s order by id limit %s", [reached, CHUNK], {"id": pl.Int64}
    )
    return rows.get_column("id").to_list()


def _clean(ctx: Ctx, ids: list[int]) -> int:
    """Mend the form of these registrations, and decide about them again; how many were mended."""
    stored.lock_index()
    bulk.plan_anew()
    held = stored.facts(ids)
    fresh = matching.standardise(held.drop("name_key").with_columns(pl.col("village_code").alias("division_code")))
    fresh = fresh.with_columns(
        pl.when(held.get_column("id_trust") == "shared").then(pl.lit("shared")).otherwise("id_trust").alias("id_trust")
    )
    mended = _write(fresh)
    register.again(ctx, moves.number(), new=(), changed=ids, quiet=False)
    golden.refresh(fresh.get_column("person_id").to_list())
    return mended


def _write(fresh: pl.DataFrame) -> int:
    kept = fresh.select(pl.col("registration_id").alias("id"), *_FORM)
    bulk.do(
        "create temp table empi_mended on commit drop as select id, "
        + ", ".join(_FORM)
        + " from empi_registration limit 0"
    )
    bulk.add("empi_mended", kept)
    sets = ", ".join(f"{name} = m.{name}" for name in _FORM)
    old, new = (", ".join(f"{side}.{name}" for name in _FORM) for side in ("r", "m"))
    mended = bulk.do(
        f"update empi_registration r set {sets} from empi_mended m where r.id = m.id and ({old}) is distinct from ({new})"
    )
    bulk.do("drop table empi_mended")
    return mended
