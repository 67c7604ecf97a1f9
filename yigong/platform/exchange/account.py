"""The daily reconciliation: one sheet for each feed and day, written after every run, closed once it balances."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import TruncHour

from yigong.kit.clock import COUNTY_ZONE, now, today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.kit.said import Said
from yigong.platform.exchange.models import BatchRun, Counts, Feed, FeedState, Job, Sheet
from yigong.platform.exchange.schedule import parse
from yigong.security.api import audit

#: what is counted of a job: read, filtered, rejected, and all that came in or went out
COUNTED = tuple(f.name for f in Counts._meta.get_fields() if f.name in {
    "read", "filtered", "rejected", "inserted", "updated", "unchanged", "deleted"
})  # fmt: skip
LOADED = tuple(name for name in COUNTED if name not in ("read", "filtered", "rejected"))
FRESH = (*(name for name in LOADED if name != "unchanged"), "withdrawn")
LOOKED_BACK = 7  # days in which a run that did not take place is noticed
UNDER_WAY = (FeedState.RUNNING, FeedState.WAITING)


def day_of(moment: datetime) -> date:
    """The county's day of a moment."""
    return moment.astimezone(COUNTY_ZONE).date()


def bounds(day: date) -> tuple[datetime, datetime]:
    """The first moment of a county's day, and that of the next."""
    begin = datetime.combine(day, datetime.min.time(), COUNTY_ZONE)
    return begin, begin + timedelta(days=1)


def write(job: Job) -> Sheet | None:
    """Bring the sheet of the day on which *job* began up to date. A closed sheet opens again when more comes."""
    return None if job.started_at is None else refresh(job.feed, day_of(job.started_at))


@transaction.atomic
def refresh(feed: Feed, day: date) -> Sheet:
    """The sheet of one feed and day, counted anew from its runs."""
    begin, end = bounds(day)
    Sheet.objects.get_or_create(feed=feed, day=day)
    sheet = Sheet.objects.select_for_update().get(
        feed=feed, day=day
    )  # whoever counts at the same moment counts after us
    jobs = list(Job.objects.filter(feed=feed, started_at__gte=begin, started_at__lt=end).order_by("id"))
    facts = summed(jobs)
    facts |= _made_good(feed, jobs, facts)
    if not facts["trouble"] and _under_way(feed, begin, end):
        facts["trouble"] = "bundles"
    elif not jobs:
        facts |= _missed(feed, end)
    changed = any(getattr(sheet, name) != value for name, value in facts.items())
    facts["hours"] = _hours(jobs, begin)
    for name, value in facts.items():
        setattr(sheet, name, value)
    if changed and sheet.closed_at:
        sheet.closed_at, sheet.closed_by = None, ""
    sheet.save()
    return sheet


def _under_way(feed: Feed, begin: datetime, end: datetime) -> bool:
    """Whether bundles of a node were receipted on a day and are not in yet."""
    waiting = feed.bundle_set.filter(state__in=("received", "failed"))  # type: ignore[attr-defined]
    return bool(waiting.filter(received_at__gte=begin, received_at__lt=end).exists())


def summed(jobs: list[Job]) -> dict[str, Any]:
    """The facts of a sheet from the runs of its day.

    A failed run that a later one of the day made good does not trouble the account; its rows are counted, its source is not.
    """
    asked = [j for j in jobs if j.kind in ("run", "edge") and j.expected is not None and _went_through(j)]
    runs = [j for j in jobs if j.kind == "run"]
    last = runs[-1] if runs else None
    trouble = ""
    if any(j.state in UNDER_WAY for j in jobs):
        trouble = "running"
    elif last is not None and last.state == FeedState.FAILED:
        trouble = "failed"
    return {
        "runs": len(jobs),
        "failed": sum(j.state == FeedState.FAILED for j in jobs),
        "source": sum(source_count(j) for j in asked) if asked else None,
        "source_read": sum(_read_of(j) for j in asked),
        "read": sum(j.read for j in jobs),
        "filtered": sum(j.filtered for j in jobs),
        "rejected": sum(j.rejected for j in jobs),
        "loaded": sum(getattr(j, n) for j in jobs for n in LOADED),
        "fresh": sum(getattr(j, n) for j in jobs for n in FRESH),
        "trouble": trouble,
    }


def _hours(jobs: list[Job], begin: datetime) -> list[int]:
    """Fresh rows by the hour in which their batch came in; what came in after midnight stands in the last hour of the day."""
    hours, told = [0] * 24, 0
    found = BatchRun.objects.filter(job__in=[j for j in jobs if j.read]).order_by()
    lines = found.values(hour=TruncHour("committed_at")).annotate(n=sum((Sum(n) for n in FRESH[1:]), Sum(FRESH[0])))
    for line in lines:
        at = int((line["hour"] - begin).total_seconds() // 3600)
        hours[max(0, min(23, at))] += line["n"]
        told += line["n"]
    rest = sum(getattr(j, n) for j in jobs for n in FRESH) - told
    if rest and jobs and jobs[-1].started_at:  # runs whose batches are no longer kept
        hours[jobs[-1].started_at.astimezone(COUNTY_ZONE).hour] += rest
    return hours


def _made_good(feed: Feed, jobs: list[Job], facts: dict[str, Any]) -> dict[str, Any]:
    """The run that later brought what a day lacked: any good one after a failure, one of the whole after a gap."""
    good = Job.objects.filter(feed=feed, kind="run", state__in=(FeedState.SUCCEEDED, FeedState.PARTIAL))
    found, trouble = None, facts["trouble"]
    if trouble == "failed":
        found = good.filter(pk__gt=jobs[-1].pk).order_by("id").first()
        trouble = "" if found else trouble
    odd = [j for j in jobs if j.expected is not None and _went_through(j) and source_count(j) != _read_of(j)]
    if odd:
        whole = good.filter(pk__gt=odd[-1].pk, since="", expected__isnull=False).order_by("id")
        found = next((j for j in whole if source_count(j) == _read_of(j)), None)
    return {"trouble": trouble, "made_good_id": found.pk if found else None}


def _missed(feed: Feed, end: datetime) -> dict[str, Any]:
    """A day without a run, until a later one went through: it brings what came in between."""
    good = Job.objects.filter(feed=feed, kind__in=("run", "edge"), state__in=(FeedState.SUCCEEDED, FeedState.PARTIAL))
    later = good.filter(started_at__gte=end).order_by("id").values_list("pk", flat=True).first()
    return {"trouble": "" if later else "missed", "made_good_id": later}


def note_missed() -> int:
    """Make the sheets of past days on which a feed was to run and did not: a day that is in no list is missed by nobody."""
    day, made = today(), 0
    days = [day - timedelta(days=n) for n in range(1, LOOKED_BACK + 1)]
    known = set(Sheet.objects.filter(day__gte=days[-1]).values_list("feed_id", "day"))
    for feed in Feed.objects.select_related("edge").filter(active=True).exclude(schedule="", edge__isnull=True):
        since = feed.watched_at or feed.created_at
        for one in days:
            begin, end = bounds(one)
            due = planned(feed, max(begin, since))
            if (feed.pk, one) not in known and due is not None and due < end:
                refresh(feed, one)
                made += 1
    return made


def planned(feed: Feed, moment: datetime) -> datetime | None:
    """When a feed is to run next after *moment*, by its schedule or by the orders of its node."""
    if feed.reader == "edge":
        line = getattr(feed, "edge", None)
        return moment + timedelta(seconds=line.every_seconds) if line is not None else None
    return parse(feed.schedule).next_after(moment)


def _read_of(job: Job) -> int:
    return job.read if job.source_read is None else job.source_read


def _went_through(job: Job) -> bool:
    return job.state in (FeedState.SUCCEEDED, FeedState.PARTIAL)


def source_count(job: Job) -> int:
    """The source's own count of a reading.

    A source that lives gains and loses rows while it is read: any number between the count before and after is right.
    """
    return counted(job.expected or 0, job.recounted, job.read)


def counted(before: int, after: int | None, read: int) -> int:
    """What a source counted, as near to what was read as its counts before and after allow."""
    if after is None:
        return before
    low, high = sorted((before, after))
    return read if low <= read <= high else after


def sheets(ctx: Ctx, *, day: date | None = None, feed_id: int | None = None) -> QuerySet[Sheet]:
    """Sheets of the feeds in reach, the newest day first."""
    from yigong.platform.exchange import selectors

    found = (
        Sheet.objects.select_related("feed", "made_good")
        .filter(feed__in=selectors.feeds(ctx))
        .order_by("-day", "feed__org_code", "feed__name")
    )
    if feed_id:
        found = found.filter(feed_id=feed_id)
    return found.filter(day=day) if day else found


def latest_day(ctx: Ctx) -> date | None:
    """The last day that has sheets: today, or the day before until today's first run."""
    return sheets(ctx).values_list("day", flat=True).first()


@transaction.atomic
def close(ctx: Ctx, sheet_id: int) -> Sheet:
    """Close a sheet that balances. Raises Refused exchange.sheet_uneven, exchange.sheet_unknown_day."""
    ctx.must("exchange.run")
    found = sheets(ctx).filter(pk=sheet_id).first()
    if found is None:
        raise Refused("exchange.sheet_unknown_day")
    sheet = refresh(found.feed, found.day)
    if not sheet.balances:
        raise Refused("exchange.sheet_uneven", day=sheet.day.isoformat(), why=why(sheet))
    if sheet.closed_at is None:
        sheet.closed_at, sheet.closed_by = now(), ctx.actor_name[:60]
        sheet.save(update_fields=["closed_at", "closed_by"])
        audit(ctx, "exchange.run", "sheet", sheet.pk, after={"closed": sheet.day.isoformat()})
    return sheet


def why(sheet: Sheet) -> Said:
    """Why a sheet does not balance; empty when it does."""
    if sheet.trouble == "running":
        return Said("有运行未结束", "a run is under way")
    if sheet.trouble == "failed":
        return Said("最后一次运行失败", "the last run failed")
    if sheet.trouble == "missed":
        return Said("这一天没有运行", "it did not run that day")
    if sheet.trouble == "bundles":
        return Said("节点的数据包已收到、未入库", "bundles of the node were received and are not in yet")
    if sheet.missing and sheet.made_good_id is None:
        return Said(
            f"源库 {sheet.source}，读取 {sheet.source_read}", f"source {sheet.source}, read {sheet.source_read}"
        )
    rest = sheet.read - sheet.filtered - sheet.rejected - sheet.loaded
    return Said(f"有 {rest} 行没有去处", f"{rest} rows are unaccounted for") if rest else Said("", "")


def close_past(ctx: Ctx) -> tuple[int, list[Sheet]]:
    """Close all sheets of past days that balance: how many, and those that do not."""
    ctx.must("exchange.run")
    done, uneven = 0, []
    open_ones = Sheet.objects.select_related("feed").filter(closed_at=None, day__lt=today())
    for sheet in open_ones:
        fresh = refresh(sheet.feed, sheet.day)
        if fresh.balances:
            Sheet.objects.filter(pk=fresh.pk).update(closed_at=now(), closed_by=ctx.actor_name[:60])
            done += 1
        else:
            uneven.append(fresh)
    return done, uneven


def history(feed: Feed, day: date, weeks: int) -> list[Sheet]:
    """The sheets of the same weekday in the weeks before *day*, the latest first."""
    days = [day - timedelta(weeks=n) for n in range(1, weeks + 1)]
    return list(Sheet.objects.filter(Q(feed=feed) & Q(day__in=days)).order_by("-day"))
