"""Where loaded rows came from: the feed, job and mapping version behind a batch; since when an institution sends."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Min

from yigong.kit.clock import COUNTY_ZONE
from yigong.kit.ctx import Ctx
from yigong.platform.exchange.models import BatchRun, Tally


@dataclass(frozen=True, slots=True)
class Origin:
    """What carried a batch in."""

    batch_id: int
    job_id: int
    feed_id: int
    feed_name: str
    mapping_version: int | None
    place: str
    committed_at: datetime


def origins(ctx: Ctx, batch_ids: Collection[int]) -> dict[int, Origin]:
    """Batch -> where it came from; batches that are no longer kept are missing."""
    assert isinstance(ctx, Ctx)
    found = BatchRun.objects.filter(pk__in=batch_ids).values_list(
        "pk", "job_id", "job__feed_id", "job__feed__name", "job__mapping__version", "place", "committed_at"
    )
    return {row[0]: Origin(*row) for row in found}


def collecting_since() -> dict[str, date]:
    """Institution -> the day on which its first batch came in; what happened before is history."""
    firsts = Tally.objects.values_list("org_code").annotate(first=Min("batch__committed_at"))
    return {org: first.astimezone(COUNTY_ZONE).date() for org, first in firsts if org}
