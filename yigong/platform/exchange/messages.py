"""What arrives as messages of any language: carried in by the one pipeline, on account of one job a day for each language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.platform.exchange import pipeline
from yigong.platform.exchange.batch import Batch
from yigong.platform.exchange.models import Feed, FeedState, Job, Quarantined
from yigong.platform.exchange.selectors import today_start


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the batches: the account, and for what waits in quarantine its path and first reason."""

    totals: pipeline.Totals
    waiting: Sequence[tuple[str, str, str]] = field(default_factory=tuple)  # path, sentence in Chinese, in English


def take(ctx: Ctx, feed: str, reader: str, batches: Iterable[Batch], paths: Sequence[str] = ()) -> Taken:
    """Carry batches in, in the caller's transaction. *reader* reads them again from quarantine; *paths* name the messages."""
    job = _job_of_today(feed, reader)
    totals = pipeline.carry_all(ctx, job.pk, batches, None)
    if totals.rejected:
        Job.objects.filter(pk=job.pk).update(state=FeedState.PARTIAL)
        Feed.objects.filter(pk=job.feed_id).update(state=FeedState.PARTIAL)
    Job.objects.filter(pk=job.pk).update(ended_at=now())
    rows = Quarantined.objects.filter(job=job, raw__path__in=list(paths)) if totals.rejected and paths else ()
    return Taken(totals, tuple((row.raw["path"], *_why(row)) for row in rows))


def _why(row: Quarantined) -> tuple[str, str]:
    why = (row.reasons or [{}])[0]
    return str(why.get("zh", "")), str(why.get("en", ""))


def _job_of_today(name: str, reader: str) -> Job:
    """One job of the feed for each day of the county."""
    moment = now()
    facts = {"reader": reader, "created_at": moment, "active": False}
    feed, _made = Feed.objects.get_or_create(name=name, defaults=facts)
    found = Job.objects.filter(feed=feed, kind="bus", started_at__gte=today_start()).order_by("id").first()
    return found or Job.objects.create(
        feed=feed, kind="bus", state=FeedState.SUCCEEDED, started_at=moment, beat_at=moment, ended_at=moment
    )
