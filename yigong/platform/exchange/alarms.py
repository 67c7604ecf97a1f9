"""Alarms: judged by ``watching`` from what the runs left, opened, told anew and closed; taken up by people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from yigong.kit.clock import COUNTY_ZONE, now, today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange import account, asides, notices, selectors, watching
from yigong.platform.exchange.models import Alarm, Feed, Job, Sheet
from yigong.platform.exchange.schedule import parse
from yigong.security.api import audit

#: how grave a kind is, the gravest first
ORDER = {kind: at for at, kind in enumerate(watching.KINDS)}


def judge_all(ctx: Ctx) -> int:
    """Judge all active feeds; how many alarms are open after it."""
    ctx.must("exchange.run")
    for feed_id in Feed.objects.filter(active=True).values_list("pk", flat=True):
        judge(feed_id)
    Alarm.objects.filter(closed_at=None, feed__active=False).update(closed_at=now())
    return Alarm.objects.filter(closed_at=None).count()


@transaction.atomic
def judge(feed_id: int) -> None:
    """Judge one active feed; whoever judges it at the same moment waits."""
    feed = Feed.objects.select_for_update().filter(pk=feed_id, active=True).first()
    if feed is not None:
        keep(feed, judged(feed))


def judged(feed: Feed) -> list[watching.Alarm]:
    """What is worrying about a feed now."""
    moment, day = now(), today()
    said = [_failed(feed), _late(feed), _uneven(feed)]
    before = account.history(feed, day, watching.WEEKS)
    sheet = Sheet.objects.filter(feed=feed, day=day).first()
    hour = moment.astimezone(COUNTY_ZONE).hour
    if feed.good_at and feed.good_at >= account.bounds(day)[0]:  # it ran today: else it is late, not silent
        said.append(watching.silent(sheet.fresh if sheet else 0, [sum(s.hours[:hour]) for s in before]))
    yesterday = Sheet.objects.filter(feed=feed, day=day - timedelta(days=1)).first()
    if yesterday:
        earlier = [s.fresh for s in account.history(feed, yesterday.day, watching.WEEKS)]
        said.append(watching.trend(yesterday.fresh, earlier))
    said.append(watching.aside([(f.name, f.zh, f.en) for f in asides.of(feed)]))
    return [a for a in (*said, _at_node(feed)) if a is not None]


def _at_node(feed: Feed) -> watching.Alarm | None:
    """What is worrying about the node that reads a feed."""
    node = feed.edge.node if feed.reader == "edge" and hasattr(feed, "edge") else None
    if node is None:
        return None
    if node.state == "silent" and node.last_seen_at:
        rows = (node.facts.get("queue") or {}).get("rows") or 0
        since, minutes = (
            node.last_seen_at.astimezone(COUNTY_ZONE),
            int((now() - node.last_seen_at).total_seconds() // 60),
        )
        return watching.node_silent(node.name, f"{since:%m-%d %H:%M}", minutes, rows)
    told: dict[str, Any] = next((f for f in node.facts.get("feeds") or () if f.get("name") == str(feed.pk)), {})
    error = told.get("error")
    return watching.node_failed(error.get("zh", ""), error.get("en", "")) if error else None


def _failed(feed: Feed) -> watching.Alarm | None:
    if not feed.failures:
        return None
    error = Job.objects.filter(feed=feed, kind="run").order_by("-id").values_list("error", flat=True).first() or {}
    return watching.failed(feed.failures, error.get("code", ""), error.get("zh", ""), error.get("en", ""))


def _late(feed: Feed) -> watching.Alarm | None:
    quiet = timedelta(minutes=feed.quiet_minutes) if feed.quiet_minutes else None
    return watching.late(feed.good_at, parse(feed.schedule).interval, now(), quiet=quiet)


def _uneven(feed: Feed) -> watching.Alarm | None:
    past = Sheet.objects.filter(
        feed=feed, closed_at=None, day__lt=today(), day__gte=today() - timedelta(days=7)
    ).order_by("-day")
    sheet = next((s for s in past if not s.balances), None)
    return watching.uneven(sheet.day.isoformat(), sheet.missing, account.why(sheet)) if sheet else None


@transaction.atomic
def keep(feed: Feed, said: Iterable[watching.Alarm]) -> None:
    """Open what is new, tell anew what goes on, close what is over."""
    now_worrying = {a.kind: a for a in said}
    known = {a.kind: a for a in Alarm.objects.select_for_update().filter(feed=feed, closed_at=None)}
    for kind, alarm in known.items():
        if kind not in now_worrying:
            alarm.closed_at = now()
            alarm.save(update_fields=["closed_at"])
            notices.tell(alarm, "closed")
    for kind, told in now_worrying.items():
        facts = {"zh": told.zh, "en": told.en, "facts": told.facts}
        if kind in known:
            Alarm.objects.filter(pk=known[kind].pk).update(**facts)
        else:
            made = Alarm.objects.create(feed=feed, kind=kind, opened_at=now(), **facts)
            notices.tell(made, "opened")


def open_alarms(ctx: Ctx, *, org_code: str = "") -> list[Alarm]:
    """Open alarms of the feeds in reach, the gravest and eldest first."""
    found = _seen(ctx).filter(closed_at=None)
    if org_code:
        found = found.filter(feed__org_code=org_code)
    return sorted(found, key=lambda a: (ORDER[a.kind], a.opened_at))


def _seen(ctx: Ctx) -> QuerySet[Alarm]:
    return Alarm.objects.select_related("feed").filter(feed__in=selectors.feeds(ctx))


def open_count(ctx: Ctx) -> int:
    """How many alarms nobody has taken up."""
    return _seen(ctx).filter(closed_at=None, taken_at=None).count() if ctx.may("exchange.view") else 0


def lately_over(ctx: Ctx, days: int = 7) -> QuerySet[Alarm]:
    """Alarms that ended within the last days, the latest first."""
    return _seen(ctx).filter(closed_at__gte=now() - timedelta(days=days)).order_by("-closed_at")[:50]


def by_kind(alarms: Iterable[Alarm]) -> Counter[str]:
    """How many of each kind."""
    return Counter(a.kind for a in alarms)


@transaction.atomic
def take(ctx: Ctx, alarm_id: int) -> Alarm:
    """Take an alarm up: it stays open, and bears the name of who looks after it. Raises Refused exchange.alarm_unknown."""
    ctx.must("exchange.run")
    found = _seen(ctx).filter(pk=alarm_id, closed_at=None).first()
    if found is None:
        raise Refused("exchange.alarm_unknown")
    if found.taken_at is None:
        found.taken_at, found.taken_by = now(), ctx.actor_name[:60]
        found.save(update_fields=["taken_at", "taken_by"])
        audit(ctx, "exchange.run", "alarm", found.pk, after={"taken": True})
    return found
