"""Alarms: judged by ``watching`` from what the runs left, opened, told anew and closed; taken up by people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet

from yigong.kit.clock import COUNTY_ZONE, now, today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange import account, asides, notices, selectors, watching
from yigong.platform.exchange.models import Alarm, Feed, FeedState, Job, Sheet
from yigong.platform.exchange.schedule import parse
from yigong.security.api import audit

#: how grave a kind is, the gravest first
ORDER = {kind: at for at, kind in enumerate(watching.KINDS)}


def judge_all(ctx: Ctx) -> int:
    """Judge all active feeds; how many alarms are open after it."""
    ctx.must("exchange.run")
    for feed_id in Feed.objects.filter(active=True).values_list("pk", flat=True):
        judge(feed_id)
    for feed in Feed.objects.filter(active=False, alarms__closed_at=None, alarms__isnull=False).distinct():
        keep(feed, [])
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
    said = [_failed(feed), _late(feed), _uneven(feed), _at_node(feed)]
    watched = feed.watched_at or feed.created_at  # a day on which it rested, even in part, says nothing of its source
    before = account.history(feed, day, watching.WEEKS)
    sheet = Sheet.objects.filter(feed=feed, day=day).first()
    hour = moment.astimezone(COUNTY_ZONE).hour
    begin = account.bounds(day)[0]
    if feed.good_at and feed.good_at >= begin and watched <= begin:  # it ran today: else it is late, not silent
        said.append(watching.silent(sheet.fresh if sheet else 0, [sum(s.hours[:hour]) for s in before]))
    yesterday = Sheet.objects.filter(feed=feed, day=day - timedelta(days=1)).first()
    if yesterday and watched <= begin - timedelta(days=1):
        earlier = [s.fresh for s in account.history(feed, yesterday.day, watching.WEEKS)]
        said.append(watching.trend(yesterday.fresh, earlier))
    said.append(watching.aside([(f.name, f.zh, f.en) for f in asides.of(feed)]))
    return [a for a in said if a is not None]


def _at_node(feed: Feed) -> watching.Alarm | None:
    """What is worrying about the node that reads a feed."""
    node = _node(feed)
    if node is None:
        return None
    if node.state == "revoked":
        return watching.node_gone(node.name)
    if node.state == "silent" and node.last_seen_at:
        rows = (node.facts.get("queue") or {}).get("rows") or 0
        since, minutes = (
            node.last_seen_at.astimezone(COUNTY_ZONE),
            int((now() - node.last_seen_at).total_seconds() // 60),
        )
        return watching.node_silent(node.name, f"{since:%m-%d %H:%M}", minutes, rows)
    if node.facts.get("twin_at"):
        return watching.node_twin(node.name)
    told: dict[str, Any] = next((f for f in node.facts.get("feeds") or () if f.get("name") == str(feed.pk)), {})
    error = told.get("error")
    stuck = feed.bundle_set.filter(state="failed").order_by("id").first()  # type: ignore[attr-defined]
    if stuck is not None and stuck.error:
        return watching.bundle_stuck(stuck.attempts, stuck.error["code"], stuck.error["zh"], stuck.error["en"])
    return watching.node_failed(error.get("zh", ""), error.get("en", "")) if error else None


def _node(feed: Feed) -> Any:
    """The node that reads a feed; None where the centre does."""
    return feed.edge.node if feed.reader == "edge" and hasattr(feed, "edge") else None


def _failed(feed: Feed) -> watching.Alarm | None:
    if not feed.failures:
        return None
    error = Job.objects.filter(feed=feed, kind="run").order_by("-id").values_list("error", flat=True).first() or {}
    return watching.failed(feed.failures, error.get("code", ""), error.get("zh", ""), error.get("en", ""))


def _late(feed: Feed) -> watching.Alarm | None:
    """Counted from the last good run, from the last batch of one under way, from when the feed was planned or resumed."""
    quiet = timedelta(minutes=feed.quiet_minutes) if feed.quiet_minutes else None
    beat = Job.objects.filter(feed=feed, state=FeedState.RUNNING, kind="run").aggregate(at=Max("beat_at"))["at"]
    known = [feed.good_at or feed.created_at, beat, feed.watched_at]
    return watching.late(max(m for m in known if m is not None), _interval(feed), now(), quiet=quiet)


def _interval(feed: Feed) -> timedelta | None:
    """How often something is to be heard of a feed; a node that finds nothing new says so every hour."""
    node = _node(feed)
    if node is None:
        return parse(feed.schedule).interval
    return max(timedelta(seconds=feed.edge.every_seconds), timedelta(hours=1)) if node.state == "active" else None  # type: ignore[attr-defined]


def _uneven(feed: Feed) -> watching.Alarm | None:
    past = Sheet.objects.filter(feed=feed, closed_at=None, day__lt=today()).order_by("-day")
    sheet = next((s for s in past if not s.balances), None)
    if sheet is not None:
        return watching.uneven(sheet.day.isoformat(), 0 if sheet.made_good_id else sheet.missing, account.why(sheet))
    other = Sheet.objects.filter(feed=feed, closed_at__isnull=False, certificates__state="disputed")
    day = other.order_by("-day").values_list("day", flat=True).first()
    return watching.disputed(day.isoformat()) if day else None


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
