"""The gate of an endpoint, kept in the database: what one worker learns of it, all know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection, transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.bus import domain
from yigong.platform.bus.domain import BREAKER, Breaker, BreakerState, Bucket, Priority, Side
from yigong.platform.bus.models import Endpoint, Gate
from yigong.security.api import audit

#: the endpoint works again: what waited because nobody answered is due at once
WAKE = """
update bus_delivery set due_at = %(at)s
where endpoint_id = %(endpoint)s and state = 'waiting' and due_at > %(at)s and error ->> 'code' = 'bus.away'
"""


@dataclass(slots=True)
class Held:
    """A gate held until the end of the transaction."""

    row: Gate
    breaker: Breaker
    bucket: Bucket

    def plan(self, waiting: Mapping[Priority, int], places: int, at: datetime) -> dict[Priority, int]:
        """How many of each class go through now."""
        return domain.plan(self.breaker, self.bucket, waiting, places, at)

    def spend(self, count: int, at: datetime) -> None:
        """Write down that *count* went through."""
        if not count:
            return
        self.breaker = self.breaker.asked(at)
        self.bucket = self.bucket.less(count)
        self.row.breaker, self.row.tokens, self.row.filled_at = self.breaker.state, self.bucket.tokens, at
        self.row.save(update_fields=["breaker", "tokens", "filled_at"])


def make(endpoint: Endpoint) -> None:
    """The gate of an endpoint that messages are sent to: closed breaker, full bucket."""
    bucket = Bucket(endpoint.per_minute, 0, now())
    facts = {"tokens": bucket.capacity, "filled_at": now()}
    Gate.objects.get_or_create(endpoint=endpoint, defaults=facts)


def breaker_of(row: Gate) -> Breaker:
    """The breaker as it stands in the row."""
    return Breaker(row.breaker, row.failures, row.trips, row.until)


def hold(endpoint_id: int, at: datetime) -> Held | None:
    """The gate, held; None while another worker holds it."""
    row = (
        Gate.objects.select_related("endpoint")
        .select_for_update(skip_locked=True, of=("self",))
        .filter(pk=endpoint_id)
        .first()
    )
    if row is None:
        return None
    bucket = Bucket(row.endpoint.per_minute, row.tokens, row.filled_at).filled(at)
    return Held(row, breaker_of(row), bucket)


@transaction.atomic
def admits(endpoint_id: int, priority: Priority = Priority.ROUTINE) -> bool:
    """Whether one message may be sent now; if so it is counted."""
    at = now()
    held = hold(endpoint_id, at)
    if held is None or not held.plan({priority: 1}, 1, at):
        return False
    held.spend(1, at)
    return True


def judged(endpoint_id: int, answered: bool, why: str, at: datetime) -> None:
    """Write down that an endpoint answered or did not; in the caller's transaction.

    An endpoint that keeps answering changes nothing, so that its row is not written for every message.
    """
    row = Gate.objects.get(pk=endpoint_id)
    if answered and row.breaker == BreakerState.CLOSED and not row.failures and row.answered_at:
        if (at - row.answered_at).total_seconds() > 60:
            Gate.objects.filter(pk=endpoint_id).update(answered_at=at)
        return
    row = Gate.objects.select_for_update().get(pk=endpoint_id)
    before = breaker_of(row)
    after = before.judged(answered, at)
    row.breaker, row.failures, row.trips, row.until = after.state, after.failures, after.trips, after.until
    if answered:
        row.answered_at, row.trouble = at, ""
    else:
        row.trouble = why
    row.save(update_fields=["breaker", "failures", "trips", "until", "answered_at", "trouble"])
    if before.state == BreakerState.HALF_OPEN and after.state == BreakerState.CLOSED:
        _wake(endpoint_id, at)


def _wake(endpoint_id: int, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(WAKE, {"endpoint": endpoint_id, "at": at})


@transaction.atomic
def reset(ctx: Ctx, endpoint_id: int) -> None:
    """A person closes the breaker without waiting. Raises Refused not_permitted, bus.no_such_endpoint, wrong_state."""
    ctx.must("bus.manage")
    row = Gate.objects.select_for_update().filter(pk=endpoint_id).first()
    if row is None:
        raise Refused("bus.no_such_endpoint")
    BREAKER.move(row.breaker, "reset", side=Side.PERSON)
    after = replace(breaker_of(row), state=BreakerState.CLOSED, failures=0, trips=0, until=None)
    audit(
        ctx, "bus.manage", "bus_endpoint", endpoint_id, before={"breaker": row.breaker}, after={"breaker": after.state}
    )
    row.breaker, row.failures, row.trips, row.until = after.state, 0, 0, None
    row.save()
    _wake(endpoint_id, now())
