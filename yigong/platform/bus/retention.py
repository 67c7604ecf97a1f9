"""Clears what is finished and whose time is over, in batches; what waits for anybody stays however old it is."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.platform.bus.models import Endpoint
from yigong.security.api import audit

BATCH = 2000
#: finished: carried on, its ways decided, no delivery open or dead, no run under way
OVER = """
select m.id from bus_message m
where m.endpoint_id = %(endpoint)s and m.received_at < %(before)s and m.state = 'processed' and m.routed_at is not null
and not exists (select 1 from bus_delivery d where d.message_id = m.id and d.state not in ('delivered', 'discarded'))
and not exists (
    select 1 from bus_run r where r.message_id = m.id and r.state not in ('finished', 'compensated', 'settled'))
order by m.received_at limit %(batch)s for update of m skip locked
"""
PURGE = """
with gone as materialized (select id from unnest(%(ids)s::bigint[]) as id),
runs as materialized (select r.id from bus_run r join gone on r.message_id = gone.id),
deliveries as materialized (select d.id from bus_delivery d join gone on d.message_id = gone.id),
a as (delete from bus_attempt using deliveries where delivery_id = deliveries.id),
s as (delete from bus_run_step using runs where run_id = runs.id),
c as (delete from bus_correction using gone where message_id = gone.id),
d as (delete from bus_delivery using deliveries where bus_delivery.id = deliveries.id),
r as (delete from bus_run using runs where bus_run.id = runs.id)
delete from bus_message using gone where bus_message.id = gone.id
"""


def purge(ctx: Ctx, *, most: int = 1_000_000) -> int:
    """Clear what is over, each batch a transaction of its own; how many messages went."""
    ctx.must("bus.purge")
    gone = 0
    for endpoint_id, days in Endpoint.objects.values_list("pk", "keep_days"):
        before = now() - timedelta(days=days)
        while gone < most and (count := _batch(endpoint_id, before, min(BATCH, most - gone))):
            gone += count
    if gone:
        audit(ctx, "bus.purge", "bus_message", 0, after={"purged": gone})
    return gone


@transaction.atomic
def _batch(endpoint_id: int, before: datetime, count: int) -> int:
    """One batch; deferred constraints see the whole of it."""
    with connection.cursor() as cursor:
        cursor.execute(OVER, {"endpoint": endpoint_id, "before": before, "batch": count})
        ids = [row[0] for row in cursor.fetchall()]
        if ids:
            cursor.execute(PURGE, {"ids": ids})
    return len(ids)
