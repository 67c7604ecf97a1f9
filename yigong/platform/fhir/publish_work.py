"""Publishing by the worker: what was asked for on the page is published a page of rows at a time, and goes on where it stopped."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.platform.fhir import publishing
from yigong.platform.fhir.models import Publication, PublicationState
from yigong.security.api import audit

log = logging.getLogger("yigong.fhir")
OPEN = (PublicationState.WAITING, PublicationState.RUNNING)


def ask(ctx: Ctx, names: Sequence[str]) -> list[str]:
    """Have sources published from their beginning; those that are not being published already. Raises Refused."""
    ctx.must("fhir.publish")
    asked = []
    for name in names:
        if name not in publishing.sources():
            continue
        one, _made = Publication.objects.get_or_create(data_set=name)
        free = Publication.objects.filter(pk=one.pk).exclude(state__in=OPEN)
        facts = {"last_id": 0, "written": 0, "left_out": {}, "failure": "", "ended_at": None}
        if free.update(state=PublicationState.WAITING, asked_at=now(), **facts):
            asked.append(name)
    audit(ctx, "fhir.publish", "fhir", "publication", after={"sources": asked})
    return asked


def step() -> int:
    """Publish the next page of the source that waits longest; how many rows that were, 0 when nothing waits."""
    for name in (
        Publication.objects.filter(state__in=OPEN).order_by("asked_at", "data_set").values_list("pk", flat=True)
    ):
        with transaction.atomic():
            free = Publication.objects.select_for_update(skip_locked=True).filter(pk=name, state__in=OPEN)
            if one := free.first():
                return _page(one)
    return 0


def _page(one: Publication) -> int:
    source = publishing.sources().get(one.data_set)
    try:
        if source is None:
            raise LookupError(one.data_set)
        with transaction.atomic():
            if one.since is None:
                Publication.objects.filter(pk=one.pk).update(since=now())
            page = source.page(one.last_id)
            counts = publishing.save(page.drafts)
    except Exception as error:  # told on the page; the worker has other work to do
        log.exception("publishing %s failed", one.data_set)
        Publication.objects.filter(pk=one.pk).update(
            state=PublicationState.FAILED, failure=type(error).__name__, ended_at=now()
        )
        return 1
    if page.last is None:
        publishing.tell(one.pk, *counts, state=PublicationState.DONE, ended_at=now())
    else:
        publishing.tell(one.pk, *counts, state=PublicationState.RUNNING, last_id=page.last)
    return max(1, len(page.drafts))
