"""Acts on the bus: endpoints declared, messages sent on their way again, old ones cleared."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection, transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.bus import selectors
from yigong.platform.bus.models import Endpoint, EndpointState, Message, MessageState
from yigong.security.api import audit

PURGE = """
delete from bus_message m using bus_endpoint e
where e.id = m.endpoint_id and m.state = 'processed' and m.received_at < %s - make_interval(days => e.keep_days)
"""


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
def purge(ctx: Ctx) -> int:
    """Clear processed messages whose time is over; what is not processed stays however old it is. How many went."""
    ctx.must("bus.manage")
    with connection.cursor() as cursor:
        cursor.execute(PURGE, [now()])
        gone = int(cursor.rowcount)
    if gone:
        audit(ctx, "bus.manage", "bus_message", 0, after={"purged": gone})
    return gone


def backoff(attempts: int) -> timedelta:
    """How long a message waits after its n-th failure: 1, 2, 4 … minutes."""
    return timedelta(minutes=2 ** (attempts - 1))
