"""Dead letters sent on their way again together: what they died of, how far they are, and back while they have not left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.bus import selectors
from yigong.platform.bus.domain import OPEN_DELIVERIES, DeliveryState
from yigong.platform.bus.models import Delivery, Endpoint, Resend
from yigong.security.api import audit

GROUPS = 12


@dataclass(frozen=True, slots=True)
class Cause:
    """Dead letters of one endpoint that died of one thing; *error* is that of the newest."""

    endpoint: Endpoint
    code: str
    answer: str
    count: int
    since: datetime
    error: dict[str, Any] | None
    breaker: str


def causes(ctx: Ctx) -> list[Cause]:
    """What the dead letters in reach died of, the most frequent first."""
    dead = selectors.deliveries(ctx, state=DeliveryState.DEAD).order_by()
    rows = list(
        dead.values("endpoint_id", "error__code", "answer")
        .annotate(count=Count("pk"), since=Min("created_at"), newest=Max("pk"))
        .order_by("-count")[:GROUPS]
    )
    places = Endpoint.objects.select_related("gate").in_bulk({r["endpoint_id"] for r in rows})
    errors = dict(Delivery.objects.filter(pk__in=[r["newest"] for r in rows]).values_list("pk", "error"))
    return [
        Cause(
            places[r["endpoint_id"]], r["error__code"] or "", r["answer"], r["count"], r["since"], errors[r["newest"]],
            places[r["endpoint_id"]].gate.breaker,
        )
        for r in rows
    ]  # fmt: skip


@transaction.atomic
def resend(ctx: Ctx, endpoint_id: int, *, code: str | None = None, answer: str | None = None) -> Resend:
    """Send the dead letters of an endpoint on their way again in order, all or those that died of one thing.

    What they died of stays beside them until they have arrived, so that they can be taken back.
    Raises Refused not_permitted, bus.none_dead.
    """
    ctx.must("bus.replay")
    dead = selectors.deliveries(ctx, state=DeliveryState.DEAD).filter(endpoint_id=endpoint_id).order_by()
    if code is not None:
        dead = dead.filter(error__code=code) if code else dead.filter(error=None)
    if answer is not None:
        dead = dead.filter(answer=answer)
    made = Resend.objects.create(endpoint_id=endpoint_id, actor_name=ctx.actor_name, at=now())
    made.count = Delivery.objects.filter(pk__in=dead.values("pk"), state=DeliveryState.DEAD).update(
        state=DeliveryState.WAITING, failures=0, due_at=now(), resend=made
    )
    if not made.count:
        raise Refused("bus.none_dead")
    made.save(update_fields=["count"])
    audit(
        ctx, "bus.replay", "bus_endpoint", endpoint_id, after={"replayed": made.count, "code": code, "answer": answer}
    )
    return made


@transaction.atomic
def recall(ctx: Ctx, resend_id: int) -> int:
    """Make dead letters again of those that have not left; how many."""
    ctx.must("bus.replay")
    found = one(ctx, resend_id)
    count = _theirs(ctx, found).filter(state=DeliveryState.WAITING).values("pk")
    back = Delivery.objects.filter(pk__in=count, state=DeliveryState.WAITING).update(state=DeliveryState.DEAD)
    audit(ctx, "bus.replay", "bus_endpoint", found.endpoint_id, after={"recalled": back})
    return back


def one(ctx: Ctx, resend_id: int) -> Resend:
    """What was sent again together. Raises Refused bus.no_such_resend."""
    ctx.must("bus.view")
    found = Resend.objects.select_related("endpoint__gate").filter(pk=resend_id).first()
    if found is None:
        raise Refused("bus.no_such_resend")
    return found


def _theirs(ctx: Ctx, found: Resend) -> QuerySet[Delivery]:
    return selectors.deliveries(ctx).filter(resend_id=found.pk).order_by()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far those are that were sent again together."""

    waiting: int
    delivered: int
    dead: int
    discarded: int
    failing: list[Delivery]  # dead again, the eldest

    @property
    def total(self) -> int:
        """All of them."""
        return self.waiting + self.delivered + self.dead + self.discarded


def progress(ctx: Ctx, found: Resend, *, shown: int = 20) -> Progress:
    """How far they are, those in reach."""
    theirs = _theirs(ctx, found)
    by_state = dict(theirs.values_list("state").annotate(Count("pk")))
    failing = list(theirs.filter(state=DeliveryState.DEAD).order_by("pk")[:shown])
    return Progress(
        sum(by_state.get(s, 0) for s in OPEN_DELIVERIES), by_state.get(DeliveryState.DELIVERED, 0),
        by_state.get(DeliveryState.DEAD, 0), by_state.get(DeliveryState.DISCARDED, 0), failing,
    )  # fmt: skip
