"""What arrives as messages of any language: carried in by the one pipeline, on account of one job a day for each language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.platform.exchange import pipeline
from yigong.platform.exchange.batch import Batch, StandardBatch
from yigong.platform.exchange.models import Feed, FeedState, Job, Quarantined
from yigong.platform.exchange.readers.cda.convert import take as take_document
from yigong.platform.exchange.readers.gather import Gathered, Source
from yigong.platform.exchange.selectors import today_start
from yigong.platform.records import documents
from yigong.standards import api as standards


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


def document_batches(
    original: bytes, path: str, org_code: str, *, source_system: str = "", local_id: str = ""
) -> list[StandardBatch]:
    """A shared document (CDA) as standard batches, in the name of *org_code*.

    With *source_system* and *local_id* it belongs to the person whom the sender names so, whatever number stands in it.
    Raises Refused xml_*, cda_other_xml, patient_missing.
    """
    gathered = Gathered()
    take_document(original, Source(path, documents.keep(original), org_code), gathered, standards.load())
    batches = list(gathered.batches(path))
    return [_owned(b, org_code, source_system, local_id) for b in batches] if local_id else batches


def _owned(batch: StandardBatch, org_code: str, source_system: str, local_id: str) -> StandardBatch:
    key = {"org_code": org_code, "source_system": source_system, "local_id": local_id}
    people = batch.registrations.head(1).with_columns(pl.lit(v).alias(n) for n, v in key.items())
    frame = batch.frame
    if frame.width:
        owner = (pl.lit(local_id).alias("local_id"), pl.lit(source_system).alias("person_system"))
        frame = frame.with_columns(owner)
    held = tuple(replace(d, source_system=source_system, local_id=local_id) for d in batch.documents)
    return replace(batch, frame=frame, registrations=people, documents=held)
