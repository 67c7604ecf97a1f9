"""What is due is run: feeds by their schedules in processes of their own, the buffer cleaned, days closed, alarms judged.

Any number of workers may go at once: a feed is claimed by one of them in the database, and a run holds the feed's lock. A
worker that is killed loses nothing: its runs go on, and what it had claimed and not begun falls due again.
"""

from __future__ import annotations

import subprocess
import time
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.platform.exchange import account, alarms, beats, booking, buffer, running, services
from yigong.platform.exchange.models import Feed, FeedState, Job
from yigong.platform.exchange.schedule import parse

PROCESSES = 2  # at a time
DEAD_AFTER = timedelta(
    minutes=2
)  # without a lock and without a batch; a run whose database went away takes its lock again
AHEAD = timedelta(minutes=10)  # beyond it a moment is one of a clock that was wrong
LEFT_AFTER = timedelta(hours=1)  # of what holds no lock: rows sent again, files taken in
LOOKED_AT = 500  # due feeds
HOUSEKEEPING = timedelta(minutes=1)
CLEANING = timedelta(hours=1)


class Worker:
    """Starts runs and looks after what stands around them; ``turn`` is called again and again."""

    def __init__(self, ctx: Ctx, *, processes: int = PROCESSES) -> None:
        self.ctx, self.processes = ctx, processes
        self.under_way: list[subprocess.Popen[bytes]] = []
        self.kept_at: datetime | None = None
        self.cleaned_at: datetime | None = None
        self.beat = beats.Beat()
        self.is_odd = False  # every other claim is of the feeds that run most often

    def turn(self) -> int:
        """Start what is due as far as there is room, and keep house now and then; how many runs were started."""
        self.beat.give()
        self.under_way = [p for p in self.under_way if p.poll() is None]
        started = 0
        while len(self.under_way) < self.processes and (feed := claim(pressing=self.is_odd)) is not None:
            self.is_odd = not self.is_odd
            self.under_way.append(services.launched(feed.name))
            started += 1
        self._keep_house()
        return started

    def wait(self) -> None:
        """Until the runs that this worker started have ended."""
        for process in self.under_way:
            process.wait()

    def _keep_house(self) -> None:
        moment = now()
        if self.kept_at is None or moment - self.kept_at >= HOUSEKEEPING:
            self.kept_at = moment
            set_right()
            bury_dead()
            account.note_missed()
            account.close_past(self.ctx)
            alarms.judge_all(self.ctx)
        if self.cleaned_at is None or moment - self.cleaned_at >= CLEANING:
            self.cleaned_at = moment
            buffer.clean(self.ctx)
            beats.clean()


@transaction.atomic
def claim(*, pressing: bool = False) -> Feed | None:
    """One feed that is due and may run now, taken so that no other worker takes it.

    The eldest first; *pressing* first those that run most often, so that a night's wave of feeds does not hold up those of every minute.
    """
    due = (
        Feed.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(active=True, due_at__lte=now())
        .order_by("due_at", "id")
    )
    busy, found = running.running_ids() | _alive(), list(due[:LOOKED_AT])
    for feed in sorted(found, key=_interval) if pressing else found:
        if feed.pk in busy or waits_for(feed):
            continue
        Feed.objects.filter(pk=feed.pk).update(due_at=now() + services.CLAIMED_FOR, state=FeedState.WAITING)
        return feed
    return None


def _interval(feed: Feed) -> timedelta:
    """How often a feed runs; one that somebody resumed without a schedule is waited for."""
    return parse(feed.schedule).interval or timedelta()


def waits_for(feed: Feed) -> list[Feed]:
    """The feeds that must run first and have not, or did not go well."""
    return list(
        feed.needs.filter(active=True).filter(
            Q(state__in=[FeedState.RUNNING, FeedState.WAITING, FeedState.FAILED])
            | Q(due_at__lte=now())
            | Q(failures__gt=0)
            | Q(good_at=None)
        )
    )


def bury_dead() -> int:
    """Close runs whose process is gone, so that no page says they go on; how many."""
    busy = running.running_ids() | _alive()
    dead = Feed.objects.filter(jobs__state=FeedState.RUNNING, jobs__kind__in=booking.ALONE)
    found = [f for f in dead.distinct() if f.pk not in busy]
    for feed in found:
        running.close_dead(feed)
    left = Job.objects.select_related("feed").filter(
        state=FeedState.RUNNING, kind__in=["resend", "ingest"], beat_at__lt=now() - LEFT_AFTER
    )
    for job in left:
        running.fail(job, "exchange.interrupted", {})
    return len(found) + len(left)


def set_right() -> int:
    """Bring back what a clock that stood ahead has put off: feeds due later than their schedules say, signs from the future; how many."""
    moment = now()
    limit = moment + AHEAD
    for name in ("good_at", "watched_at"):
        Feed.objects.filter(**{f"{name}__gt": limit}).update(**{name: moment})
    Job.objects.filter(state=FeedState.RUNNING, beat_at__gt=limit).update(beat_at=moment)
    done = 0
    for pk, text, due in Feed.objects.filter(due_at__gt=limit).values_list("pk", "schedule", "due_at"):
        planned = parse(text).next_after(moment)
        if planned is None or (due is not None and due > planned + AHEAD):
            done += Feed.objects.filter(pk=pk, due_at=due).update(due_at=planned or moment)
    return done


def _alive() -> set[int]:
    """Feeds with a run that gave a sign of life just now."""
    fresh = Job.objects.filter(state=FeedState.RUNNING, kind__in=booking.ALONE, beat_at__gte=now() - DEAD_AFTER)
    return set(fresh.values_list("feed_id", flat=True))


def until_done(ctx: Ctx) -> int:
    """Run all that is due, and end (``yigong exchange due``)."""
    worker = Worker(ctx)
    while worker.turn() or worker.under_way:
        time.sleep(0.2)
    return 0
