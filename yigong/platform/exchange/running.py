"""A run of a feed from opening to closing: alone by lock, its failures written on the job, its next moment set."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from yigong.edge.extract import trouble
from yigong.edge.mapping.fields import field_kinds
from yigong.edge.mapping.plan import Plan, compile_mapping
from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Fault, Refused
from yigong.outbox.api import dispatch
from yigong.platform.exchange import account, alarms, asides, buffer, pipeline, schedule, settling
from yigong.platform.exchange.batch import Batch
from yigong.platform.exchange.booking import ALONE, TakenOver
from yigong.platform.exchange.models import Feed, FeedState, Job, LogLine
from yigong.platform.exchange.models import Mapping as MappingVersion
from yigong.platform.exchange.pipeline import Progress, Totals
from yigong.platform.exchange.readers import BATCH_ROWS, reader
from yigong.platform.exchange.sentences import sentence

log = logging.getLogger("yigong.exchange")


class Stopped(Exception):  # noqa: N818  - reads as a sentence
    """Somebody asked the run to end after the batch under way."""


def run(
    ctx: Ctx,
    feed: Feed,
    *,
    kind: str = "run",
    since: str = "",
    progress: Progress | None = None,
    size: int = BATCH_ROWS,
) -> Job:
    """Run *feed* to its end, alone. *kind* is run, range (*since* JSON with start, end) or buffer (*since* JSON with job).

    Raises Refused exchange.running, exchange.paused; what goes wrong inside is on the job.
    """
    ctx.must("exchange.run")
    if not feed.active:
        raise Refused("exchange.paused", feed=feed.name)
    with _alone(feed) as hold:
        close_dead(feed)
        job = opened(feed, kind, since)
        _work(ctx, job, progress, size, hold)
    dispatch()
    return Job.objects.select_related("feed", "mapping").get(pk=job.pk)


def opened(feed: Feed, kind: str = "run", since: str = "") -> Job:
    """A job that has begun."""
    moment = now()
    if kind == "run" and feed.mode == "incremental":
        since = feed.watermark
    job = Job.objects.create(
        feed=feed, mapping=feed.mappings.order_by("-version").first(), kind=kind, state=FeedState.RUNNING,
        since=since, started_at=moment, beat_at=moment,
    )  # fmt: skip
    if kind in ALONE:
        Feed.objects.filter(pk=feed.pk).update(state=FeedState.RUNNING)
    note(job, f"开始：{feed.name}", f"started: {feed.name}")
    return job


def plan_of(feed: Feed, version: MappingVersion | None) -> Plan | None:
    """The compiled mapping of a version."""
    return (
        compile_mapping(version.text, field_kinds(), f"{feed.name} v{version.version}", kept=True) if version else None
    )


def config_of(feed: Feed) -> dict[str, Any]:
    """The configuration with what the centre adds: a place for the hashes of the way "compare"."""
    if feed.config.get("way") not in ("compare", "log", "trigger"):
        return dict(feed.config)
    return {"store": str(settings.EXCHANGE_HASHES / f"{feed.pk}.db"), **feed.config}


def _batches(job: Job, size: int, keeper: buffer.Keeper, plan: Plan | None) -> Iterable[Batch]:
    found: Any = reader(job.feed.reader)
    config = config_of(job.feed)
    if config.get("folder") and plan is not None:
        config["needs"] = sorted(plan.used)  # a file that lacks them is set aside
    match job.kind:
        case "buffer":
            return buffer.again(json.loads(job.since)["job"])
        case "range":
            wanted = json.loads(job.since)
            if not hasattr(found, "read_range"):
                raise Refused("exchange.range_unfit", place=job.feed.name)
            return keeper.passed(found.read_range(config, wanted["start"], wanted["end"], size=size))
    return keeper.passed(found.read(config, since=job.since or None, size=size))


def _work(ctx: Ctx, job: Job, progress: Progress | None, size: int, hold: Callable[[], bool]) -> None:
    """Carry all batches of the source; whatever ends it early is written on the job."""
    keeper = buffer.Keeper(job)
    try:
        _count_source(job)
        plan = plan_of(job.feed, job.mapping)
        try:
            batches = _batches(job, size, keeper, plan)
            totals = pipeline.carry_all(ctx, job.pk, batches, plan, progress=_watched(job, progress, hold))
        finally:
            if not connection.needs_rollback:
                keeper.note()
        _settle(job, totals)
        _warn(job)
        aside = asides.tell(job)
    except TakenOver:
        note(job, *sentence("exchange.taken_over", {}), level="error")
    except Stopped:
        batch = job.batches.count()
        note(job, *sentence("exchange.stopped", {"batch": batch}))
        close(job, FeedState.PAUSED)
    except Exception as error:
        stopped(job, error)
    else:
        close(job, FeedState.PARTIAL if totals.rejected or aside else FeedState.SUCCEEDED)


def _watched(job: Job, progress: Progress | None, hold: Callable[[], bool]) -> Progress:
    """Told after each batch: whoever looks on, whether the run is still its feed's only one, whether somebody asked to stop."""

    def told(totals: Totals) -> None:
        if progress:
            progress(totals)
        pipeline.hang_up_if_lost()
        asked, active, state = Job.objects.values_list("stop_asked", "feed__active", "state").get(pk=job.pk)
        if state != FeedState.RUNNING or not hold():
            raise TakenOver
        if asked or not active:
            raise Stopped

    return told


def _count_source(job: Job) -> None:
    """Ask the source how many rows it has for this reading, for the account and the progress bar."""
    count = getattr(reader(job.feed.reader), "expected", None)
    if job.kind == "run" and count is not None:
        job.expected = count(config_of(job.feed), since=job.since or None)
        Job.objects.filter(pk=job.pk).update(expected=job.expected)


def _warn(job: Job) -> None:
    """After the whole was read for a capture of changes: write down which changes it will not see."""
    found: Any = reader(job.feed.reader)
    if job.kind == "run" and not job.since and job.feed.config.get("way") in ("trigger", "log"):
        for code, facts in found.warnings(config_of(job.feed)):
            note(job, *sentence(code, facts), level="warning")


def _settle(job: Job, totals: Totals) -> None:
    """After the last batch: let the source forget what is stored, and count it again where the numbers differ."""
    found: Any = reader(job.feed.reader)
    if job.kind == "buffer":
        settling.buffer_done(job)
    if job.kind != "run":
        return
    if hasattr(found, "confirm") and (mark := Job.objects.values_list("watermark", flat=True).get(pk=job.pk)):
        found.confirm(config_of(job.feed), mark)
    if job.expected is not None and totals.read != job.expected:
        again = found.expected(config_of(job.feed), since=job.since or None)
        Job.objects.filter(pk=job.pk).update(recounted=again)
        note(
            job,
            f"源库读取前有 {job.expected} 行，读取 {totals.read} 行，读取后有 {again} 行",
            f"the source had {job.expected} rows before, {totals.read} were read, {again} after",
        )


def stopped(job: Job, error: Exception) -> None:
    """Close a job that an exception ended, with a sentence of its kind; of what is unexpected the trace goes into the log."""
    if isinstance(error, DatabaseError):
        connection.close()
    fault = told_of(error)
    if fault is None:
        sign = trouble.reference()
        log.error("job %s of feed %s stopped, reference %s\n%s", job.pk, job.feed_id, sign, trouble.trace(error))
        fault = Fault("exchange.failed", permanent=False, reference=sign)
    fail(job, fault.code, fault.facts, permanent=isinstance(fault, Refused) or fault.permanent)


def told_of(error: Exception) -> Refused | Fault | None:
    """The refusal or fault behind an exception; None for what nobody expected."""
    if isinstance(error, Refused | Fault):
        return error
    if (fault := trouble.system_fault(error)) is not None:
        return fault
    lost = isinstance(error, OperationalError | InterfaceError)
    return Fault("exchange.database_away", permanent=False) if lost else None


def fail(job: Job, code: str, facts: Mapping[str, Any], *, permanent: bool = False) -> None:
    """Close a job that ended early, with the reason."""
    zh, en = sentence(code, facts)
    Job.objects.filter(pk=job.pk).update(
        error={"code": code, "zh": zh, "en": en, "reference": facts.get("reference", "")}
    )
    note(job, zh, en, level="error")
    close(job, FeedState.FAILED, permanent=permanent)


def close(job: Job, state: FeedState, *, permanent: bool = False) -> None:
    """End a job; its feed learns how it stands and when it is due again, its day's account is written, its alarms are judged.

    A job that another has closed stays as it is.
    """
    if not Job.objects.filter(pk=job.pk, state=FeedState.RUNNING).update(state=state, ended_at=now()):
        return
    done = Job.objects.select_related("feed").get(pk=job.pk)
    if job.kind == "run":
        _closed_feed(done, state, permanent)
    elif job.kind in ALONE:
        Feed.objects.filter(pk=job.feed_id).update(state=standing(done.feed))
    note(
        done,
        f"结束：读取 {done.read}，过滤 {done.filtered}{_of_it(done, '（其中 {n} 行原已入库，已撤回）')}，拒收 {done.rejected}，入库 {done.loaded}，撤回 {done.deleted}",
        f"ended: read {done.read}, filtered {done.filtered}{_of_it(done, ' ({n} of them were in and are withdrawn)')}, rejected {done.rejected}, loaded {done.loaded}, withdrawn {done.deleted}",
    )
    account.write(done)
    alarms.judge(done.feed_id)


def _of_it(job: Job, words: str) -> str:
    return words.format(n=job.withdrawn) if job.withdrawn else ""


def _closed_feed(job: Job, state: FeedState, permanent: bool) -> None:
    feed, moment = Feed.objects.get(pk=job.feed_id), now()
    bad = state == FeedState.FAILED
    failures = feed.failures + 1 if bad else 0
    facts: dict[str, Any] = {"state": state if feed.active else FeedState.PAUSED, "failures": failures}
    facts["due_at"] = schedule.due_after(
        feed.schedule, moment, failures=failures, attempts=feed.attempts, permanent=permanent
    )
    if not bad and state != FeedState.PAUSED:
        facts["good_at"] = moment
    if bad and facts["due_at"] and not permanent and failures <= feed.attempts:
        at = facts["due_at"].astimezone(schedule.COUNTY_ZONE)
        note(
            job, f"第 {failures} 次失败，{at:%H:%M:%S} 再试", f"failure {failures}; to be tried again at {at:%H:%M:%S}"
        )
    Feed.objects.filter(pk=feed.pk).update(**facts)


def standing(feed: Feed) -> str:
    """How a feed stands by its last whole run; a range or a buffer read again changes nothing of it."""
    if not feed.active:
        return FeedState.PAUSED
    last = Job.objects.filter(feed=feed, kind="run").exclude(state__in=account.UNDER_WAY).order_by("-id")
    state = last.values_list("state", flat=True).first() or FeedState.IDLE
    return FeedState.IDLE if state == FeedState.PAUSED else state


def note(job: Job, zh: str, en: str, *, level: str = "info") -> None:
    """A line of the job's log."""
    LogLine.objects.create(job=job, at=now(), level=level, zh=zh, en=en)


def _lock_key(feed_id: int) -> int:
    return (0x79696C << 32) + feed_id


@contextmanager
def _alone(feed: Feed) -> Iterator[Callable[[], bool]]:
    """One run of a feed at a time: the lock is the connection's, so that it ends with the process that held it.

    Gives what holds on to it: a connection that broke takes the lock along, and the next one must get it before another run does.
    """
    held: list[object] = []

    def hold() -> bool:
        if held and held[0] is connection.connection:
            return True
        with connection.cursor() as cursor:
            cursor.execute("select pg_try_advisory_lock(%s::bigint)", [_lock_key(feed.pk)])
            got = bool(cursor.fetchone()[0])
        held[:] = [connection.connection] if got else []
        return got

    if not hold():
        raise Refused("exchange.running", feed=feed.name)
    try:
        yield hold
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:  # another connection after a break: nothing to unlock there
                cursor.execute("select pg_advisory_unlock(%s::bigint)", [_lock_key(feed.pk)])


def running_ids() -> set[int]:
    """Feeds whose lock is held, by whatever process."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select objid::bigint from pg_locks where locktype = 'advisory' and granted and classid::bigint = %s::bigint"
            " and database = (select oid from pg_database where datname = current_database())",
            [0x79696C],
        )
        return {int(row[0]) for row in cursor.fetchall()}


def close_dead(feed: Feed) -> None:
    """Runs whose process is gone: what they loaded stays, the rest comes with the next run."""
    for job in Job.objects.filter(feed=feed, kind__in=ALONE, state=FeedState.RUNNING):
        fail(job, "exchange.interrupted", {})
