"""Carries journalled bundles through the one pipeline: in the order of each feed, exactly once, never given up."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime

from django.db import DatabaseError, connection, transaction

from yigong.edge.extract import trouble
from yigong.kit.clock import now
from yigong.kit.ctx import system
from yigong.kit.errors import Fault
from yigong.platform.exchange import account, alarms, pipeline, running
from yigong.platform.exchange.edge import certificates, orders, probing, services, standard
from yigong.platform.exchange.edge.domain import after_failure
from yigong.platform.exchange.edge.models import Assignment, Bundle, BundleState
from yigong.platform.exchange.models import Feed, FeedState, Job, Mapping
from yigong.platform.exchange.sentences import sentence

log = logging.getLogger("yigong.edge")
AT_ONCE = 16  # bundles of one feed in one transaction
SWEEP_SECONDS = 30.0
REFRESH_SECONDS = 600.0
_swept, _refreshed = [0.0], [-REFRESH_SECONDS]
#: feeds whose eldest open bundle is due; those behind it wait for it
DUE = """
select feed_id from (
    select distinct on (feed_id) feed_id, id, due_at from edge_bundle where state in ('received', 'failed') order by feed_id, id
) eldest where due_at <= %s order by id
"""
LOCK = 0x65646765  # "edge"


def work() -> int:
    """Carry what waits, and now and then look for nodes that fell silent; how many bundles were tried."""
    if time.monotonic() - _swept[0] > SWEEP_SECONDS:
        _swept[0] = time.monotonic()
        services.silence()
        certificates.offer()
        probing.forget()
    if time.monotonic() - _refreshed[0] > REFRESH_SECONDS:
        _refreshed[0] = time.monotonic()
        orders.refresh(system())
    return carry()


def carry() -> int:
    """Carry on what is due, feed by feed; how many bundles were tried."""
    with connection.cursor() as cursor:
        cursor.execute(DUE, [now()])
        feeds = [row[0] for row in cursor.fetchall()]
    return sum(_carry_feed(feed_id) for feed_id in feeds)


@transaction.atomic
def _carry_feed(feed_id: int) -> int:
    """The eldest bundles of a feed, with their outcome in one transaction; another worker on the same feed is left alone."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s, %s)", [LOCK, feed_id % 2**31])
        if not cursor.fetchone()[0]:
            return 0
    open_ones = Bundle.objects.filter(feed_id=feed_id, state__in=["received", "failed"]).order_by("id")
    waiting = list(open_ones[:AT_ONCE])
    if not waiting or waiting[0].due_at > now():
        return 0
    day = account.day_of(waiting[0].received_at)  # what was receipted on a day stands in the account of that day
    waiting = [b for b in waiting if account.day_of(b.received_at) == day]
    feed = Feed.objects.get(pk=feed_id)
    if not _tried(feed, waiting):
        for one in waiting:  # each by itself up to the one that cannot go in; its followers keep their place
            if not _tried(feed, [one]):
                break
    return len(waiting)


def _tried(feed: Feed, bundles: Sequence[Bundle]) -> bool:
    try:
        with transaction.atomic():
            _carried(feed, bundles)
    except DatabaseError:
        raise  # the database is away: nothing was decided
    except Exception as error:
        if len(bundles) == 1:
            _failed(feed, bundles[0], error)
        return False
    return True


def _carried(feed: Feed, bundles: Sequence[Bundle]) -> None:
    line = Assignment.objects.select_related("feed", "mapping").filter(feed=feed).first()
    version = orders.mapping_of(line) if line else feed.mappings.order_by("-version").first()
    job = _job_of_day(feed, version, bundles[0].received_at)
    heads = [standard.head_of(b) for b in bundles]
    batches = [standard.batch(feed, b, head) for b, head in zip(bundles, heads, strict=True) if head.rows]
    totals = pipeline.carry_all(system(), job.pk, batches, orders.compiled(feed, version))
    standard.account(feed, job, bundles, heads)
    moment, ids = now(), [b.pk for b in bundles]
    Bundle.objects.filter(pk__in=ids).update(
        state=BundleState.CARRIED, packed=None, done_at=moment, job=job, error=None
    )
    state = FeedState.PARTIAL if totals.rejected or job.state == FeedState.PARTIAL else FeedState.SUCCEEDED
    Job.objects.filter(pk=job.pk).update(ended_at=moment, state=state)
    Feed.objects.filter(pk=feed.pk).update(good_at=moment, failures=0)
    # while rows are on their way it runs: the node's own word ends that
    Feed.objects.filter(pk=feed.pk).exclude(state=FeedState.RUNNING).update(state=state)
    account.write(Job.objects.select_related("feed").get(pk=job.pk))
    alarms.judge(feed.pk)


def _job_of_day(feed: Feed, version: Mapping | None, moment: datetime) -> Job:
    """One job of the feed for each day on which bundles were receipted, and each version of its mapping."""
    begin, end = account.bounds(account.day_of(moment))
    found = Job.objects.filter(feed=feed, kind="edge", mapping=version, started_at__gte=begin, started_at__lt=end)
    return found.order_by("id").first() or Job.objects.create(
        feed=feed, mapping=version, kind="edge", state=FeedState.SUCCEEDED, started_at=moment, beat_at=now(),
        ended_at=now(),
    )  # fmt: skip


def _failed(feed: Feed, found: Bundle, error: Exception) -> None:
    """Write down why; the bundle keeps its place and is tried again when the cause may be gone."""
    fault = running.told_of(error)
    if fault is None:
        sign = trouble.reference()
        log.error("bundle %s of feed %s stopped, reference %s\n%s", found.number, feed.pk, sign, trouble.trace(error))
        fault = Fault("exchange.failed", permanent=False, reference=sign)
    code = fault.code
    zh, en = sentence(code, fault.facts)
    attempts = found.attempts + 1
    log.warning("bundle %s of feed %s: %s, attempt %s", found.number, feed.pk, code, attempts)
    Bundle.objects.filter(pk=found.pk).update(
        state=BundleState.FAILED, attempts=attempts, due_at=now() + after_failure(attempts),
        error={"code": code, "zh": zh, "en": en},
    )  # fmt: skip
    Feed.objects.filter(pk=feed.pk).update(state=FeedState.FAILED)
    account.refresh(feed, account.day_of(found.received_at))
    alarms.judge(feed.pk)


def again(feed_id: int) -> int:
    """Let the failed bundles of a feed be tried now; how many."""
    failed = Bundle.objects.filter(feed_id=feed_id, state=BundleState.FAILED)
    return failed.update(due_at=now())
