"""What is read of the exchange: feeds, jobs, reconciliation, quarantine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, Sum, When

from yigong.kit.clock import COUNTY_ZONE, now
from yigong.kit.ctx import Ctx, Reach
from yigong.kit.errors import Refused
from yigong.platform.exchange.counting import Counted
from yigong.platform.exchange.models import Counts, Feed, FeedState, Finding, Job, Quarantined, RowState, Tally

COUNTS = ("read", "filtered", "rejected", "inserted", "updated", "unchanged", "deleted", "withdrawn")


@dataclass(frozen=True, slots=True)
class Account(Counted):
    """One line of a reconciliation: read = filtered + rejected + loaded + deleted."""

    name: str
    read: int = 0
    filtered: int = 0
    rejected: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    withdrawn: int = 0  # of the filtered


def feeds(ctx: Ctx) -> QuerySet[Feed]:
    """Feeds of the actor's institutions, or all; each with its last job."""
    ctx.must("exchange.view")
    last = Job.objects.filter(feed=OuterRef("pk")).order_by("-id").values("id")[:1]
    found = Feed.objects.annotate(last_job_id=Subquery(last)).order_by("org_code", "name")
    return found if ctx.reach == Reach.COUNTY else found.filter(org_code__in=ctx.orgs)


def feed(ctx: Ctx, feed_id: int) -> Feed:
    """One feed. Raises Refused exchange.feed_unknown."""
    found = feeds(ctx).filter(pk=feed_id).first()
    if found is None:
        raise Refused("exchange.feed_unknown", feed=feed_id)
    return found


def jobs(ctx: Ctx, *, feed_id: int | None = None, state: str = "", org_code: str = "") -> QuerySet[Job]:
    """Jobs, the newest first."""
    found = Job.objects.select_related("feed", "mapping").filter(feed__in=feeds(ctx)).order_by("-id")
    if feed_id:
        found = found.filter(feed_id=feed_id)
    if org_code:
        found = found.filter(feed__org_code=org_code)
    return found.filter(state=state) if state else found


def job(ctx: Ctx, job_id: int) -> Job:
    """One job. Raises Refused exchange.job_unknown."""
    found = jobs(ctx).filter(pk=job_id).first()
    if found is None:
        raise Refused("exchange.job_unknown", job=job_id)
    return found


def today_start() -> datetime:
    """Midnight of the county's day."""
    return now().astimezone(COUNTY_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)


def accounts(
    ctx: Ctx, *, by: str = "data_set", org_code: str = "", job_id: int | None = None, day: date | None = None
) -> list[Account]:
    """The reconciliation of today (or of *day*, or of one job) by ``data_set`` or ``org_code``."""
    column = {"data_set": "batch__data_set", "org_code": "org_code"}[by]
    found = Tally.objects.filter(batch__job__feed__in=feeds(ctx))
    begin = datetime.combine(day, datetime.min.time(), COUNTY_ZONE) if day else today_start()
    within = {"batch__committed_at__gte": begin, "batch__committed_at__lt": begin + timedelta(days=1)}
    found = found.filter(batch__job_id=job_id) if job_id else found.filter(**within)
    if org_code:
        found = found.filter(org_code=org_code)
    lines = found.values(column).annotate(**{name: Sum(name) for name in COUNTS}).order_by(column)
    return [Account(line[column], **{name: line[name] for name in COUNTS}) for line in lines]


def total(lines: list[Account]) -> Account:
    """The sum of a reconciliation."""
    return Account("", **{name: sum(getattr(line, name) for line in lines) for name in COUNTS})


def findings(job: Job) -> list[dict[str, Any]]:
    """How often each rule spoke in a run, the loudest first."""
    found: Any = Finding.objects.filter(batch__job=job).values("rule", "field", "severity", "zh", "en")
    return list(found.annotate(total=Sum("count")).order_by("-total")[:100])


def shown_config(feed: Feed) -> list[tuple[str, str]]:
    """A feed's configuration as it may be shown: passwords hidden."""
    return [(k, re.sub(r"(://[^:/@]+:)(?!\$\{)[^@]+@", r"\1***@", str(v))) for k, v in feed.config.items()]


def hours(ctx: Ctx, org_code: str) -> list[tuple[int, int]]:
    """Rows that came in today for one institution, by hour of the day."""
    found = Tally.objects.filter(
        batch__job__feed__in=feeds(ctx), org_code=org_code, batch__committed_at__gte=today_start()
    ).values_list("batch__committed_at", "read")
    rows = [0] * 24
    for at, read in found:
        rows[at.astimezone(COUNTY_ZONE).hour] += read
    return list(enumerate(rows))


def quarantine(
    ctx: Ctx,
    *,
    org_code: str = "",
    rule: str = "",
    data_set: str = "",
    state: str = "",
    job_id: int | None = None,
    feed_id: str = "",
) -> QuerySet[Quarantined]:
    """Rows in quarantine, the newest first."""
    found = Quarantined.objects.select_related("feed").filter(feed__in=feeds(ctx)).order_by("-id")
    wanted = {
        "org_code": org_code,
        "rule": rule,
        "data_set": data_set,
        "state": state,
        "job_id": job_id,
        "feed_id": feed_id if feed_id.isdecimal() else "",
    }
    return found.filter(**{k: v for k, v in wanted.items() if v})


def quarantined(ctx: Ctx, row_id: int) -> Quarantined:
    """One row in quarantine. Raises Refused exchange.row_unknown."""
    found = quarantine(ctx).filter(pk=row_id).first()
    if found is None:
        raise Refused("exchange.row_unknown", id=row_id)
    return found


def choices(ctx: Ctx) -> dict[str, list[str]]:
    """The institutions, rules and data sets that stand in quarantine, to filter by."""
    open_rows = quarantine(ctx).order_by()
    return {
        name: [v for v in open_rows.values_list(name, flat=True).distinct().order_by(name) if v]
        for name in ("org_code", "rule", "data_set")
    }


def latest_runs(ctx: Ctx, size: int) -> list[tuple[Feed, Job | None]]:
    """Feeds in use with their last job: those that failed first, then those with rows turned away, then the latest."""
    worst = [When(state=FeedState.FAILED, then=0), When(state=FeedState.PARTIAL, then=1)]
    found = feeds(ctx).filter(active=True).order_by(Case(*worst, default=2), F("good_at").desc(nulls_last=True), "name")
    shown = [(feed, getattr(feed, "last_job_id", None)) for feed in found[:size]]
    last = jobs(ctx).in_bulk([job_id for _feed, job_id in shown if job_id])
    return [(feed, last.get(job_id)) for feed, job_id in shown]


def counts(ctx: Ctx) -> dict[str, Any]:
    """The exchange in figures: feeds by state, rows of today, rows that wait."""
    states = dict(feeds(ctx).order_by().values_list("state").annotate(n=Count("id")))
    day = total(accounts(ctx))
    waiting = quarantine(ctx).filter(state__in=[RowState.WAITING, RowState.MENDED]).count()
    recent = jobs(ctx).filter(started_at__gte=now() - timedelta(days=1))
    return {
        "states": {s.value: states.get(s.value, 0) for s in FeedState},
        "today": day,
        "waiting": waiting,
        "jobs": recent.aggregate(n=Count("id"), failed=Count("id", filter=Q(state=FeedState.FAILED))),
    }


__all__ = ["Account", "Counts", "accounts", "choices", "counts", "feed", "feeds", "hours", "job", "jobs", "latest_runs"]
