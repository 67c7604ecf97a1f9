"""What nodes did with their rows before they sent them: taken over into the one pipeline and into the day's account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from django.db.models import F, Value
from django.db.models.functions import Coalesce

from yigong.edge import api as edge
from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.platform.exchange.account import counted
from yigong.platform.exchange.batch import RawBatch, StandardBatch
from yigong.platform.exchange.edge import inbound, orders
from yigong.platform.exchange.edge.models import Bundle, Run
from yigong.platform.exchange.models import BatchRun, Feed, Finding, Job, Tally
from yigong.platform.exchange.readers.edge import mapped


def head_of(found: Bundle) -> edge.Head:
    """What a bundle says of itself."""
    return edge.Head(**{**found.head, "columns": tuple(found.head["columns"])})


def batch(feed: Feed, found: Bundle, head: edge.Head) -> RawBatch | StandardBatch:
    """The rows of a bundle, as the pipeline takes them. Raises Refused edge.mapping_elsewhere."""
    frame = inbound.frame_of(head, bytes(found.packed or b""))
    if head.form != "standard":
        return RawBatch(frame, head.place)
    plan = orders.compiled(feed, feed.mappings.filter(version=head.mapping).first())
    if plan is None:
        raise Refused("edge.mapping_elsewhere")
    return mapped(plan, frame, feed.org_code, head.place)


def account(feed: Feed, job: Job, bundles: Sequence[Bundle], heads: Sequence[edge.Head]) -> None:
    """Count what was left behind at the node, and take over its own accounts of whole runs."""
    left: Counter[str] = Counter()
    for head in heads:
        if head.form != "run":
            left.update({k: n for k, n in (head.counts.get("filtered") or {}).items() if isinstance(n, int)})
    if left:
        _left_behind(feed, job, left)
    for found, head in zip(bundles, heads, strict=True):
        if head.form == "run":
            _run(feed, job, found, head)


def _left_behind(feed: Feed, job: Job, left: Counter[str]) -> None:
    """Rows that the filter kept at the institution: read there, and filtered, rule by rule."""
    rows = sum(left.values())
    number = BatchRun.objects.filter(job=job).count() + 1
    made = BatchRun.objects.create(
        job=job, number=number, place="节点过滤", read=rows, filtered=rows, committed_at=now()
    )  # fmt: skip
    Tally.objects.create(batch=made, org_code=feed.org_code, read=rows, filtered=rows)
    Finding.objects.bulk_create(
        Finding(
            batch=made, rule=rule[:60], severity="filtered", count=count, zh=_said(rule, "过滤规则："),
            en=_said(rule, "filter rule: "),
        )
        for rule, count in left.items()
    )  # fmt: skip
    Job.objects.filter(pk=job.pk).update(read=F("read") + rows, filtered=F("filtered") + rows)


def _said(rule: str, words: str) -> str:
    return words + rule.removeprefix("filter.")[:200]


def _run(feed: Feed, job: Job, found: Bundle, head: edge.Head) -> None:
    """The account of a run: what the source counted and the node read goes into the sheet of the day."""
    counts = {k: head.counts.get(k) for k in ("source", "recounted", "read", "kept", "filtered", "amiss")}
    read, before = counts["read"] or 0, counts["source"]
    source = None if before is None else counted(before, counts["recounted"], read)
    Run.objects.create(
        node_id=found.node_id, feed=feed, job=job, started_at=str(head.counts.get("started_at", ""))[:40],
        ended_at=str(head.counts.get("ended_at", ""))[:40], source=source, read=read, kept=counts["kept"] or 0,
        filtered=counts["filtered"] or 0, amiss=counts["amiss"] or 0, received_at=now(),
    )  # fmt: skip
    if source is not None:
        Job.objects.filter(pk=job.pk).update(
            expected=Coalesce(F("expected"), Value(0)) + source,
            source_read=Coalesce(F("source_read"), Value(0)) + read,
        )
