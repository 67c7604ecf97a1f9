"""Feeds and their runs: declared, run, paused; rows of quarantine sent again."""

from __future__ import annotations

import hashlib
import json
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from yigong.edge.mapping.fields import field_kinds
from yigong.edge.mapping.plan import Plan, compile_mapping
from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange import booking, pipeline, running, selectors
from yigong.platform.exchange.batch import MAPPED, Batch
from yigong.platform.exchange.models import Feed, FeedState, Job, Quarantined, RowState
from yigong.platform.exchange.models import (
    Mapping as MappingVersion,
)
from yigong.platform.exchange.pipeline import Progress, Totals
from yigong.platform.exchange.readers import BATCH_ROWS, READERS, reader
from yigong.platform.exchange.readers.edge import mapped_again
from yigong.platform.exchange.schedule import parse
from yigong.security.api import audit

CLAIMED_FOR = timedelta(minutes=2)  # what was to begin and did not falls due again after it
CAPTURED = ("trigger", "log")  # ways that keep something of their own in the source


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
    needs: Sequence[str] = (),
    buffer_days: int | None = None,
    attempts: int | None = None,
    quiet_minutes: int | None = None,
) -> Feed:
    """Declare a feed or bring it to these facts; a mapping that differs becomes its next version.

    Raises Refused exchange.reader_unknown, schedule_wrong, needs_circle or mapping_wrong (with file, line and the nearest right name).
    """
    ctx.must("exchange.run")
    if reader not in READERS:
        raise Refused("exchange.reader_unknown", kind=reader, known=sorted(READERS))
    plan = compile_mapping(mapping, field_kinds(), name) if mapping else None
    planned = parse(schedule)
    facts: dict[str, Any] = {
        "org_code": org_code, "reader": reader, "config": dict(config), "mode": mode, "schedule": schedule,
        "quiet_minutes": quiet_minutes,
    }  # fmt: skip
    if plan:
        facts["data_set"] = plan.data_set
    facts |= {k: v for k, v in (("buffer_days", buffer_days), ("attempts", attempts)) if v is not None}
    before = Feed.objects.filter(name=name).first()
    if before is not None and before.reader == "edge" != reader:
        raise Refused("edge.read_at_node")
    facts["config"] = _own_capture(dict(config), before)
    if before is None or before.schedule != schedule or (before.due_at is None and schedule):
        facts["due_at"], facts["watched_at"] = planned.next_after(now()), now()
    if before is not None and _place(before.reader, before.config) != _place(reader, config):
        facts["watermark"] = ""  # how far another source was read says nothing of this one
    feed, made = Feed.objects.update_or_create(
        name=name, defaults=facts, create_defaults={**facts, "created_at": now()}
    )
    set_needs(feed, needs)
    if mapping:
        next_version(ctx, feed, mapping)
    audit(ctx, "exchange.run", "feed", feed.pk, after={"made": made, "reader": reader, "org_code": org_code})
    return feed


def _own_capture(config: dict[str, Any], before: Feed | None) -> dict[str, Any]:
    """The configuration with the mark that its triggers or slot bear: kept for life, so that no two feeds share a capture."""
    if config.get("way") not in CAPTURED or "consumer" in config:
        return config
    known = before.config if before is not None and before.config.get("way") in CAPTURED else None
    mark = secrets.token_hex(4) if known is None else known.get("consumer", "")
    return {**config, "consumer": mark} if mark else config


def _place(reader: str, config: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a state of extraction belongs to."""
    names = ("url", "table", "query", "way", "since_column", "folder", "path", "slot")
    return (reader, *(config.get(name) for name in names))


def configure(ctx: Ctx, name: str, **facts: Any) -> Feed:
    """Set a feed up as a page gives it, or change it; its mapping stays. Raises as ``save_feed``."""
    ctx.must("exchange.configure")
    kind, at_node = facts.get("reader"), Feed.objects.filter(name=name, reader="edge").exists()
    if at_node:
        facts |= {"reader": "edge", "schedule": ""}
    feed = save_feed(ctx, name, **facts)
    if at_node:
        from yigong.platform.exchange.edge.api import source_changed  # an app above this one

        source_changed(ctx, feed, str(kind))
    audit(ctx, "exchange.configure", "feed", feed.pk, after={"reader": feed.reader, "schedule": feed.schedule})
    return feed


def set_needs(feed: Feed, names: Sequence[str]) -> None:
    """The feeds that must have run before this one. Raises Refused exchange.feed_unknown, exchange.needs_circle."""
    wanted = [named(name) for name in names]
    for other in wanted:
        seen, waiting = set(), [other]
        while waiting:
            one = waiting.pop()
            if one.pk == feed.pk:
                raise Refused("exchange.needs_circle", feed=feed.name, other=other.name)
            if one.pk not in seen:
                seen.add(one.pk)
                waiting += one.needs.all()
    feed.needs.set(wanted)


def next_version(ctx: Ctx, feed: Feed, text: str) -> None:
    """Keep *text* as the feed's newest mapping, unless it is so already."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    newest = feed.mappings.order_by("-version").first()
    if newest is None or newest.sha256 != digest:
        version = newest.version + 1 if newest else 1
        MappingVersion.objects.create(
            feed=feed, version=version, text=text, sha256=digest, by_name=ctx.actor_name, created_at=now()
        )
        if feed.reader == "edge":
            from yigong.platform.exchange.edge.api import mapping_changed  # an app above this one

            mapping_changed(ctx, feed)


def run(ctx: Ctx, feed: Feed | str, *, progress: Progress | None = None, size: int = BATCH_ROWS) -> Job:
    """Run a feed to its end; the job says what became of every row, and why it stopped if it did.

    A run that was cut short before is closed as such; this one finds what is in already and changes nothing of it.
    Raises Refused exchange.running, exchange.paused or exchange.feed_unknown; what goes wrong inside is on the job.
    """
    return running.run(ctx, feed if isinstance(feed, Feed) else named(feed), progress=progress, size=size)


@transaction.atomic
def reread(ctx: Ctx, feed: Feed | str) -> Feed:
    """Let the next run read the whole from the beginning: the remedy where a log or a change table has a gap.

    What is in already is recognised as unchanged; what is gone from the source is withdrawn where its keys are known.
    Raises Refused exchange.running, edge.read_at_node.
    """
    ctx.must("exchange.run")
    found = feed if isinstance(feed, Feed) else named(feed)
    if found.reader == "edge":
        raise Refused("edge.read_at_node")
    if found.pk in running.running_ids():
        raise Refused("exchange.running", feed=found.name)
    Feed.objects.filter(pk=found.pk).update(watermark="")
    audit(ctx, "exchange.run", "feed", found.pk, before={"watermark": found.watermark}, after={"watermark": ""})
    return named(found.name)


def run_range(ctx: Ctx, feed: Feed | str, start: str, end: str, *, size: int = BATCH_ROWS) -> Job:
    """Read again what changed from *start* (included) to *end* (excluded), ISO dates or moments.

    Raises Refused exchange.range_wrong and as ``run``; a source without time column is on the job.
    """
    found = feed if isinstance(feed, Feed) else named(feed)
    return running.run(ctx, found, kind="range", since=json.dumps(_range(start, end)), size=size)


def run_buffered(ctx: Ctx, job_id: int) -> Job:
    """Process again what a run left in the buffer, with the mapping of today; the source is not asked.

    Raises Refused exchange.buffer_empty and as ``run``.
    """
    job = Job.objects.select_related("feed").get(pk=job_id)
    if not job.buffered.exists():
        raise Refused("exchange.buffer_empty")
    return running.run(ctx, job.feed, kind="buffer", since=json.dumps({"job": job_id}))


def _range(start: str, end: str) -> dict[str, str]:
    try:
        right = datetime.fromisoformat(start) < datetime.fromisoformat(end)
    except (ValueError, TypeError):
        right = False
    if not right:
        raise Refused("exchange.range_wrong", start=start, end=end)
    return {"start": start, "end": end}


def start_whole(ctx: Ctx, feed: Feed) -> None:
    """Begin to read the whole from the beginning, in a process of its own or at the node. Raises Refused as ``reread`` and ``start``."""
    if not feed.active:
        raise Refused("exchange.paused", feed=feed.name)
    if feed.reader == "edge":
        from yigong.platform.exchange.edge.api import read_whole  # an app above this one

        read_whole(ctx, feed)
        return
    start(ctx, reread(ctx, feed))


def start(ctx: Ctx, feed: Feed, *arguments: str) -> None:
    """Begin a run in a process of its own, so that a page need not wait for it; *arguments* as ``yigong exchange run`` has them."""
    ctx.must("exchange.run")
    if not feed.active:
        raise Refused("exchange.paused", feed=feed.name)
    if feed.reader == "edge":
        if arguments:
            raise Refused("edge.read_at_node")
        from yigong.platform.exchange.edge.api import read_now  # an app above this one

        read_now(ctx, feed)
        return
    if feed.pk in running.running_ids():
        raise Refused("exchange.running", feed=feed.name)
    audit(ctx, "exchange.run", "feed", feed.pk, after={"arguments": list(arguments)} if arguments else None)
    if not arguments:  # should its process die before it begins, the workers begin it
        Feed.objects.filter(pk=feed.pk).update(state=FeedState.WAITING, due_at=now() + CLAIMED_FOR)
    launched(feed.name, *arguments)


def start_range(ctx: Ctx, feed: Feed, start_on: str, end_on: str) -> None:
    """Begin to read a range of dates again, in a process of its own or at the node. Raises Refused exchange.range_wrong and as ``start``."""
    wanted = _range(start_on, end_on)
    if feed.reader == "edge":
        from yigong.platform.exchange.edge.api import read_range  # an app above this one

        read_range(ctx, feed, wanted["start"], wanted["end"])
        return
    start(ctx, feed, "--from", wanted["start"], "--to", wanted["end"])


def launched(name: str, *arguments: str) -> subprocess.Popen[bytes]:
    """The process that runs a feed; it lives on when the one that began it ends."""
    # what it logs goes where the log of this process goes
    command = [sys.executable, "-c", "from yigong.portal.cli import main; import sys; sys.exit(main(sys.argv[1:]))"]
    return subprocess.Popen(
        [*command, "exchange", "run", name, *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def _steer_at_node(ctx: Ctx, feed: Feed, *, active: bool) -> None:
    from yigong.platform.exchange.edge.api import steer  # an app above this one

    steer(ctx, feed.edge.node_id, feed.pk, active=active)


@transaction.atomic
def pause(ctx: Ctx, feed: Feed) -> None:
    """Let a feed rest; a run under way ends after its batch. Its inverse is resume."""
    ctx.must("exchange.run")
    if feed.reader == "edge":
        _steer_at_node(ctx, feed, active=False)
        return
    Feed.objects.filter(pk=feed.pk).update(active=False, state=FeedState.PAUSED, due_at=None)
    Job.objects.filter(feed=feed, state=FeedState.RUNNING).update(stop_asked=True)
    audit(ctx, "exchange.run", "feed", feed.pk, after={"active": False})


@transaction.atomic
def resume(ctx: Ctx, feed: Feed) -> None:
    """Let a paused feed run again: where a run was stopped, at once; else by its schedule."""
    ctx.must("exchange.run")
    if feed.reader == "edge":
        _steer_at_node(ctx, feed, active=True)
        return
    stopped = Job.objects.filter(feed=feed).order_by("-id").values_list("state", flat=True).first() == FeedState.PAUSED
    due = now() if stopped else parse(feed.schedule).next_after(now())
    goes_on = Job.objects.filter(feed=feed, state=FeedState.RUNNING, kind__in=booking.ALONE).update(stop_asked=False)
    state = FeedState.RUNNING if goes_on else FeedState.IDLE
    Feed.objects.filter(pk=feed.pk).update(active=True, state=state, due_at=due, failures=0, watched_at=now())
    audit(ctx, "exchange.run", "feed", feed.pk, after={"active": True})


def resend(ctx: Ctx, row_ids: Sequence[int]) -> Job | None:
    """Send rows of quarantine again through the whole pipeline, mended ones as mended; the last job of it.

    What goes in is marked so; what is still wrong waits on with its new reasons.
    """
    ctx.must("exchange.resend")
    rows = Quarantined.objects.filter(
        id__in=row_ids, state__in=[RowState.WAITING, RowState.MENDED], feed__in=selectors.feeds(ctx)
    )
    job = None
    by_feed: dict[int, list[Quarantined]] = {}
    for row in rows.order_by("feed_id", "id"):
        by_feed.setdefault(row.feed_id, []).append(row)
    for theirs in by_feed.values():
        job = _resend(ctx, theirs[0].feed, theirs)
    return job


def _resend(ctx: Ctx, feed: Feed, rows: Sequence[Quarantined]) -> Job:
    """One row, one batch: each stands or falls by itself and is marked in the transaction that takes it in."""
    job = running.opened(feed, kind="resend")
    plan = running.plan_of(feed, job.mapping)
    totals = Totals()
    try:
        for row in rows:
            with transaction.atomic():
                one = pipeline.carry_all(ctx, job.pk, _again(feed, plan, row), plan)
                _after_resend(row, one)
                totals.add(one)
    except Exception as error:
        running.stopped(job, error)
        return Job.objects.get(pk=job.pk)
    audit(ctx, "exchange.resend", "job", job.pk, after={"rows": len(rows), "loaded": totals.loaded})
    running.close(job, FeedState.PARTIAL if totals.rejected else FeedState.SUCCEEDED)
    return Job.objects.get(pk=job.pk)


def _again(feed: Feed, plan: Plan | None, row: Quarantined) -> list[Batch]:
    """A row of quarantine as its reader gives it, or as the node gave it that had mapped it."""
    raw = row.mended or row.raw
    if MAPPED in raw:
        return [mapped_again(plan, raw, feed.org_code, row.place)]
    return list(reader(feed.reader).again([raw], [row.place]))


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


def named(name: str) -> Feed:
    """The feed of this name. Raises Refused exchange.feed_unknown."""
    found = Feed.objects.filter(name=name).first()
    if found is None:
        raise Refused("exchange.feed_unknown", feed=name)
    return found


def run_many(names: Sequence[str], *, processes: int) -> int:
    """Run feeds in processes of their own, at most *processes* at a time; the number that failed."""
    waiting, failed = list(names), 0
    under_way: list[subprocess.Popen[bytes]] = []
    while waiting or under_way:
        while waiting and len(under_way) < processes:
            under_way.append(launched(waiting.pop(0)))
        failed += under_way.pop(0).wait() != 0
    return failed
