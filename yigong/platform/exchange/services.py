"""Feeds and their runs: declared, run, paused; rows of quarantine sent again."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, connection, transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Fault, Refused
from yigong.outbox.api import dispatch
from yigong.platform.exchange import pipeline
from yigong.platform.exchange.batch import Batch
from yigong.platform.exchange.mapping import Plan, compile_mapping
from yigong.platform.exchange.models import (
    Feed,
    FeedState,
    Job,
    LogLine,
    Quarantined,
    RowState,
)
from yigong.platform.exchange.models import (
    Mapping as MappingVersion,
)
from yigong.platform.exchange.pipeline import Progress, Totals
from yigong.platform.exchange.readers import BATCH_ROWS, READERS, reader
from yigong.platform.exchange.sentences import sentence
from yigong.platform.exchange.stages import field_kinds
from yigong.security.api import audit

log = logging.getLogger("yigong.exchange")


@transaction.atomic
def save_feed(
    ctx: Ctx,
    name: str,
    *,
    org_code: str,
    reader: str,
    config: Mapping[str, Any],
    mapping: str = "",
    mode: str = "full",
    schedule: str = "",
) -> Feed:
    """Declare a feed or bring it to these facts; a mapping that differs becomes its next version.

    Raises Refused exchange.reader_unknown or exchange.mapping_wrong (with file, line and the nearest right name).
    """
    ctx.must("exchange.run")
    if reader not in READERS:
        raise Refused("exchange.reader_unknown", kind=reader, known=sorted(READERS))
    plan = compile_mapping(mapping, field_kinds(), name) if mapping else None
    facts = {
        "org_code": org_code, "reader": reader, "config": dict(config), "mode": mode, "schedule": schedule,
        "data_set": plan.data_set if plan else "",
    }  # fmt: skip
    feed, made = Feed.objects.update_or_create(
        name=name, defaults=facts, create_defaults={**facts, "created_at": now()}
    )
    if mapping:
        _next_version(ctx, feed, mapping)
    audit(ctx, "exchange.run", "feed", feed.pk, after={"made": made, "reader": reader, "org_code": org_code})
    return feed


def _next_version(ctx: Ctx, feed: Feed, text: str) -> None:
    digest = hashlib.sha256(text.encode()).hexdigest()
    newest = feed.mappings.order_by("-version").first()
    if newest is None or newest.sha256 != digest:
        version = newest.version + 1 if newest else 1
        MappingVersion.objects.create(
            feed=feed, version=version, text=text, sha256=digest, by_name=ctx.actor_name, created_at=now()
        )


def run(ctx: Ctx, feed: Feed | str, *, progress: Progress | None = None, size: int = BATCH_ROWS) -> Job:
    """Run a feed to its end; the job says what became of every row, and why it stopped if it did.

    A run that was cut short before is closed as such; this one finds what is in already and changes nothing of it.
    Raises Refused exchange.running, exchange.paused or exchange.feed_unknown; what goes wrong inside is on the job.
    """
    ctx.must("exchange.run")
    found = feed if isinstance(feed, Feed) else _feed(feed)
    if not found.active:
        raise Refused("exchange.paused", feed=found.name)
    with _alone(found):
        _close_dead(found)
        job = _open(ctx, found)
        _work(ctx, job, progress, size)
    dispatch()
    return Job.objects.select_related("feed", "mapping").get(pk=job.pk)


def start(ctx: Ctx, feed: Feed) -> None:
    """Begin a run in a process of its own, so that a page need not wait for it."""
    ctx.must("exchange.run")
    if not feed.active:
        raise Refused("exchange.paused", feed=feed.name)
    if _is_running(feed):
        raise Refused("exchange.running", feed=feed.name)
    audit(ctx, "exchange.run", "feed", feed.pk)
    Feed.objects.filter(pk=feed.pk).update(state=FeedState.WAITING)
    command = [sys.executable, "-c", "from yigong.portal.cli import main; import sys; sys.exit(main(sys.argv[1:]))"]
    subprocess.Popen(
        [*command, "exchange", "run", feed.name],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


@transaction.atomic
def pause(ctx: Ctx, feed: Feed) -> None:
    """Let a feed rest; its inverse is resume."""
    ctx.must("exchange.run")
    Feed.objects.filter(pk=feed.pk).update(active=False, state=FeedState.PAUSED)
    audit(ctx, "exchange.run", "feed", feed.pk, after={"active": False})


@transaction.atomic
def resume(ctx: Ctx, feed: Feed) -> None:
    """Let a paused feed run again."""
    ctx.must("exchange.run")
    Feed.objects.filter(pk=feed.pk).update(active=True, state=FeedState.IDLE)
    audit(ctx, "exchange.run", "feed", feed.pk, after={"active": True})


def resend(ctx: Ctx, row_ids: Sequence[int]) -> Job | None:
    """Send rows of quarantine again through the whole pipeline, mended ones as mended; the last job of it.

    What goes in is marked so; what is still wrong waits on with its new reasons.
    """
    ctx.must("exchange.resend")
    rows = Quarantined.objects.filter(id__in=row_ids, state__in=[RowState.WAITING, RowState.MENDED])
    job = None
    by_feed: dict[int, list[Quarantined]] = {}
    for row in rows.order_by("feed_id", "id"):
        by_feed.setdefault(row.feed_id, []).append(row)
    for theirs in by_feed.values():
        job = _resend(ctx, theirs[0].feed, theirs)
    return job


def _resend(ctx: Ctx, feed: Feed, rows: Sequence[Quarantined]) -> Job:
    """One row, one batch: each stands or falls by itself and is marked in the transaction that takes it in."""
    job = _open(ctx, feed, kind="resend")
    again = reader(feed.reader).again
    plan = _plan(feed, job.mapping)
    totals = Totals()
    for row in rows:
        with transaction.atomic():
            batches = list(again([row.mended or row.raw], [row.place]))
            one = pipeline.carry_all(ctx, job.pk, batches, plan)
            _after_resend(row, one)
            totals.add(one)
    audit(ctx, "exchange.resend", "job", job.pk, after={"rows": len(rows), "loaded": totals.loaded})
    _close(job, FeedState.PARTIAL if totals.rejected else FeedState.SUCCEEDED)
    return Job.objects.get(pk=job.pk)


def _after_resend(row: Quarantined, totals: Totals) -> None:
    """The row is resent when nothing of it was turned away; else it takes over the newest reasons."""
    changed: dict[str, Any] = {"changed_at": now()}
    newer = Quarantined.objects.filter(feed_id=row.feed_id, id__gt=row.pk, created_at__gte=row.changed_at)
    if not totals.rejected:
        changed["state"] = RowState.RESENT
    elif (twin := newer.filter(raw=row.mended or row.raw).order_by("-id").first()) and twin.pk != row.pk:
        changed |= {"reasons": twin.reasons, "rule": twin.rule, "state": RowState.WAITING}
        twin.delete()  # the mended row would wait twice
    Quarantined.objects.filter(pk=row.pk).update(**changed)


def _feed(name: str) -> Feed:
    found = Feed.objects.filter(name=name).first()
    if found is None:
        raise Refused("exchange.feed_unknown", feed=name)
    return found


def _open(ctx: Ctx, feed: Feed, kind: str = "run") -> Job:
    moment = now()
    job = Job.objects.create(
        feed=feed, mapping=feed.mappings.order_by("-version").first(), kind=kind, state=FeedState.RUNNING,
        since=feed.watermark if kind == "run" and feed.mode == "incremental" else "", started_at=moment, beat_at=moment,
    )  # fmt: skip
    if kind == "run":
        Feed.objects.filter(pk=feed.pk).update(state=FeedState.RUNNING)
    note(job, f"开始：{feed.name}", f"started: {feed.name}")
    return job


def _plan(feed: Feed, version: MappingVersion | None) -> Plan | None:
    return compile_mapping(version.text, field_kinds(), f"{feed.name} v{version.version}") if version else None


def _work(ctx: Ctx, job: Job, progress: Progress | None, size: int) -> None:
    """Carry all batches of the source; whatever ends it early is written on the job."""
    feed = job.feed
    try:
        batches: Iterable[Batch] = reader(feed.reader).read(feed.config, since=job.since or None, size=size)
        totals = pipeline.carry_all(ctx, job.pk, batches, _plan(feed, job.mapping), progress=progress)
    except (Refused, Fault) as error:
        _fail(job, error.code, error.facts)
    except DatabaseError as error:
        log.exception("job %s", job.pk)
        connection.close()
        _fail(job, "exchange.failed", {"reason": type(error).__name__})
    except Exception as error:
        _fail(job, "exchange.failed", {"reason": f"{type(error).__name__}"})
        raise
    else:
        _close(job, FeedState.PARTIAL if totals.rejected else FeedState.SUCCEEDED)


def _fail(job: Job, code: str, facts: Mapping[str, Any]) -> None:
    zh, en = sentence(code, facts)
    Job.objects.filter(pk=job.pk).update(error={"code": code, "zh": zh, "en": en})
    note(job, zh, en, level="error")
    _close(job, FeedState.FAILED)


def _close(job: Job, state: FeedState) -> None:
    Job.objects.filter(pk=job.pk).update(state=state, ended_at=now())
    done = Job.objects.get(pk=job.pk)
    if job.kind == "run":
        Feed.objects.filter(pk=job.feed_id).update(state=state)
    note(
        job,
        f"结束：读取 {done.read}，过滤 {done.filtered}，拒收 {done.rejected}，入库 {done.loaded}",
        f"ended: read {done.read}, filtered {done.filtered}, rejected {done.rejected}, loaded {done.loaded}",
    )


def note(job: Job, zh: str, en: str, *, level: str = "info") -> None:
    """A line of the job's log."""
    LogLine.objects.create(job=job, at=now(), level=level, zh=zh, en=en)


def _lock_key(feed: Feed) -> int:
    return (0x79696C << 32) + int(feed.pk)


@contextmanager
def _alone(feed: Feed) -> Iterator[None]:
    """One run of a feed at a time: the lock is the connection's, so that it ends with the process that held it."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", [_lock_key(feed)])
        if not cursor.fetchone()[0]:
            raise Refused("exchange.running", feed=feed.name)
    try:
        yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:  # another connection after a break: nothing to unlock there
                cursor.execute("select pg_advisory_unlock(%s)", [_lock_key(feed)])


def _is_running(feed: Feed) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists (select 1 from pg_locks where locktype = 'advisory' and ((classid::bigint << 32) | objid::bigint) = %s)",
            [_lock_key(feed)],
        )
        return bool(cursor.fetchone()[0])


def _close_dead(feed: Feed) -> None:
    """Runs whose process is gone: what they loaded stays, the rest comes with the next run."""
    for job in Job.objects.filter(feed=feed, kind="run", state=FeedState.RUNNING):
        _fail(job, "exchange.interrupted", {})


def run_many(names: Sequence[str], *, processes: int) -> int:
    """Run feeds in processes of their own, at most *processes* at a time; the number that failed."""
    waiting, failed = list(names), 0
    running: list[subprocess.Popen[bytes]] = []
    command = [sys.executable, "-c", "from yigong.portal.cli import main; import sys; sys.exit(main(sys.argv[1:]))"]
    while waiting or running:
        while waiting and len(running) < processes:
            running.append(subprocess.Popen([*command, "exchange", "run", waiting.pop(0)], env=dict(os.environ)))
        first = running.pop(0)
        failed += first.wait() != 0
    return failed
