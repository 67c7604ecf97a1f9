"""Acts on the journal: endpoints declared, messages sent on their way again, deliveries replayed or given up."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.bus import selectors
from yigong.platform.bus.domain import DELIVERY, Side
from yigong.platform.bus.models import Delivery, Endpoint, EndpointState, Message, MessageState
from yigong.security.api import audit


@transaction.atomic
def save_endpoint(
    ctx: Ctx, code: str, *, kind: str = "mllp", version: str = "", org_code: str = "", quota: int = 0,
    keep_days: int = 180, state: str = EndpointState.OPEN,
) -> Endpoint:  # fmt: skip
    """Declare an endpoint or bring it to these facts."""
    ctx.must("bus.manage")
    facts = {
        "kind": kind, "version": version, "org_code": org_code, "quota": quota, "keep_days": keep_days, "state": state,
    }  # fmt: skip
    found, _made = Endpoint.objects.update_or_create(
        code=code, defaults=facts, create_defaults={**facts, "created_at": now()}
    )
    audit(ctx, "bus.manage", "bus_endpoint", found.pk, after=facts)
    return found


@transaction.atomic
def open_endpoint(ctx: Ctx, code: str, *, kind: str = "mllp", version: str = "2.x", org_code: str = "") -> Endpoint:
    """The endpoint called *code*, declared on first use. Raises Refused bus.endpoint_closed."""
    found = Endpoint.objects.filter(code=code).first()
    found = found or save_endpoint(ctx, code, kind=kind, version=version, org_code=org_code)
    if found.state != EndpointState.OPEN:
        raise Refused("bus.endpoint_closed", endpoint=code)
    return found


@transaction.atomic
def replay(ctx: Ctx, message_id: int) -> None:
    """Send a dead or waiting message on its way again. Raises Refused no_such_message, bus.not_replayable."""
    ctx.must("bus.replay")
    found = selectors.message(ctx, message_id)
    again = Message.objects.filter(pk=found.pk, state__in=[MessageState.DEAD, MessageState.FAILED])
    if not again.update(state=MessageState.RECEIVED, attempts=0, due_at=now(), done_at=None):
        raise Refused("bus.not_replayable")
    audit(ctx, "bus.replay", "bus_message", message_id, before={"state": found.state})


@transaction.atomic
def move_delivery(ctx: Ctx, delivery_id: int, verb: str, *, reason: str = "") -> Delivery:
    """Replay, hurry or discard a delivery. Raises Refused no_such_message, wrong_state, missing."""
    ctx.must("bus.replay")
    found = selectors.delivery(ctx, delivery_id)
    row = Delivery.objects.select_for_update().get(pk=found.pk)
    before = row.state
    row.state = DELIVERY.move(row.state, verb, side=Side.PERSON, given={"reason": reason}).target
    row.due_at = now()
    if verb == "replay":
        row.failures = 0  # what it died of stays beside it until it has arrived
    if verb == "discard":
        row.error = {"code": "bus.discarded", "facts": {"reason": reason}}
    row.save()
    audit(
        ctx, "bus.replay", "bus_delivery", row.pk,
        before={"state": before}, after={"state": row.state, "verb": verb, "reason": reason},
    )  # fmt: skip
    return row


@transaction.atomic
def replay_dead(ctx: Ctx, endpoint_id: int, code: str) -> int:
    """Process again the messages of an endpoint that died of one thing; how many. Raises Refused bus.none_dead."""
    ctx.must("bus.replay")
    dead = selectors.messages(ctx, state=MessageState.DEAD).filter(endpoint_id=endpoint_id).order_by()
    dead = dead.filter(error__code=code) if code else dead.filter(error=None)
    count = Message.objects.filter(pk__in=dead.values("pk"), state=MessageState.DEAD).update(
        state=MessageState.RECEIVED, attempts=0, due_at=now(), done_at=None
    )
    if not count:
        raise Refused("bus.none_dead")
    audit(ctx, "bus.replay", "bus_endpoint", endpoint_id, after={"processed_again": count, "code": code})
    return count


@transaction.atomic
def reroute(ctx: Ctx, message_id: int) -> None:
    """Ask the routes as they are now; ways that the message has already taken are not taken twice. Raises Refused no_such_message, bus.only_test."""
    ctx.must("bus.replay")
    found = selectors.message(ctx, message_id)
    if found.is_test:
        raise Refused("bus.only_test")
    Message.objects.filter(pk=found.pk).update(routed_at=None)
    audit(ctx, "bus.replay", "bus_message", message_id, after={"rerouted": True})


def backoff(attempts: int) -> timedelta:
    """How long a message waits after its n-th failure: 1, 2, 4 … minutes."""
    return timedelta(minutes=2 ** (attempts - 1))
