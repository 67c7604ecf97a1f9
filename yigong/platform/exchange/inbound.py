"""Messages of the bus carried into the records by the same pipeline as files."""

from __future__ import annotations

from collections.abc import Sequence

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.platform.bus.api import Inbound, Outcome
from yigong.platform.exchange import pipeline
from yigong.platform.exchange.batch import Batch, StandardBatch
from yigong.platform.exchange.models import Feed, FeedState, Job, Quarantined
from yigong.platform.exchange.readers import hl7v2 as reader
from yigong.platform.exchange.selectors import today_start

FEED = "服务总线 HL7 v2"
SHOWN = 8  # places named in an outcome


def hl7v2(ctx: Ctx, messages: Sequence[Inbound]) -> list[Outcome]:
    """Carry HL7 v2 messages in; what each became.

    What the records cannot take waits in quarantine with its reasons; a type they have no use for is kept as original.
    """
    job = _job_of_today()
    paths = {_path(m): m for m in messages}
    batches = _batches(messages)
    totals = pipeline.carry_all(ctx, job.pk, batches, None)
    noted = _noted(batches)
    _note(job, totals)
    waiting: dict[str, list[Quarantined]] = {}
    for row in Quarantined.objects.filter(job=job, raw__path__in=list(paths)):
        waiting.setdefault(row.raw["path"], []).append(row)
    return [_outcome(m, waiting.get(path, []), noted.get(path, ())) for path, m in paths.items()]


def _path(message: Inbound) -> str:
    return f"bus/{message.message_id}"


def _batches(messages: Sequence[Inbound]) -> list[Batch]:
    given = [(m.raw, _path(m), m.org_code) for m in messages]
    return list(reader.taken(given))


def _noted(batches: Sequence[Batch]) -> dict[str, tuple[str, ...]]:
    """The places of each message where a value was not as it should be; never the value."""
    found: dict[str, dict[str, None]] = {}
    for document in (d for b in batches if isinstance(b, StandardBatch) for d in b.documents):
        places = (str(f["field"]) for f in document.findings if f["severity"] in ("warning", "error") and f["field"])
        found.setdefault(document.original_path, {}).update(dict.fromkeys(places))
    return {path: tuple(places) for path, places in found.items()}


def _outcome(message: Inbound, waiting: Sequence[Quarantined], noted: Sequence[str]) -> Outcome:
    if waiting:
        why = (waiting[0].reasons or [{}])[0]
        return Outcome("waiting", str(why.get("zh", "")), str(why.get("en", "")))
    if message.kind not in reader.USED:
        zh, en = f"{message.kind} 不生成记录，原件已保存", f"{message.kind} makes no records, the original is kept"
        return Outcome("kept", zh, en)
    if noted:
        said = "、".join(noted[:SHOWN]), ", ".join(noted[:SHOWN]), len(noted)
        return Outcome(
            "loaded",
            f"有 {said[2]} 处与标准不符（{said[0]}），详见原件的质量提示；请通知发送方更正",
            f"{said[2]} places are not as the standard has them ({said[1]}); see the findings of the original, tell the sender",
        )
    return Outcome("loaded")


def _job_of_today() -> Job:
    """One job of the bus's feed for each day of the county."""
    moment = now()
    facts = {"reader": "hl7v2", "created_at": moment, "active": False}
    feed, _made = Feed.objects.get_or_create(name=FEED, defaults=facts)
    found = Job.objects.filter(feed=feed, kind="bus", started_at__gte=today_start()).order_by("id").first()
    return found or Job.objects.create(
        feed=feed, kind="bus", state=FeedState.SUCCEEDED, started_at=moment, beat_at=moment, ended_at=moment
    )


def _note(job: Job, totals: pipeline.Totals) -> None:
    if totals.rejected:
        Job.objects.filter(pk=job.pk).update(state=FeedState.PARTIAL)
        Feed.objects.filter(pk=job.feed_id).update(state=FeedState.PARTIAL)
    Job.objects.filter(pk=job.pk).update(ended_at=now())
