"""What is read of the register: services with their callers and figures, endpoints with what waits for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.utils.translation import get_language

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.bus import selectors
from yigong.platform.bus.domain import OPEN_RUNS, RunState
from yigong.platform.bus.models import Endpoint, Process, Route, Run, Service, Subscription
from yigong.web.rows import Sql

WINDOW = timedelta(days=30)
SERVICES = """
select s.*, case when %(english)s and s.name_en <> '' then s.name_en else s.name end as title, (select count(*) from bus_endpoint e where e.service_id = s.id) as endpoints,
    (select count(*) from bus_subscription u where u.service_id = s.id and u.state = 'active') as subscribers,
    (select count(*) from bus_subscription u where u.service_id = s.id and u.state = 'requested') as requested
from bus_service s
where (%(q)s = '' or s.code ilike %(like)s or s.name ilike %(like)s or s.name_en ilike %(like)s or s.summary ilike %(like)s)
and (%(state)s = '' or s.state = %(state)s) and (%(kind)s = '' or s.kind = %(kind)s)
"""
#: figures of endpoints; what waits and what is dead stand in partial indexes, what was delivered in one by time
ENDPOINTS = """
select e.id, e.code, coalesce(nullif(e.name, ''), e.code) as name, e.kind, e.version, e.org_code, e.direction, e.state, e.address,
    s.name as service, coalesce(g.breaker, '') as breaker, (g.breaker <> 'closed') is true as tripped, g.answered_at,
    (select count(*) from bus_delivery d where d.endpoint_id = e.id and d.state in ('waiting', 'sending')) as waiting,
    (select count(*) from bus_delivery d where d.endpoint_id = e.id and d.state = 'dead') as dead,
    case when e.direction = 'out'
        then (select count(*) from bus_delivery d where d.endpoint_id = e.id and d.delivered_at >= %(since)s)
        else (select count(*) from bus_message m where m.endpoint_id = e.id and m.received_at >= %(since)s) end as day
from bus_endpoint e left join bus_service s on s.id = e.service_id left join bus_gate g on g.endpoint_id = e.id
where (%(q)s = '' or e.code ilike %(like)s or e.name ilike %(like)s or e.address ilike %(like)s)
and (%(direction)s = '' or e.direction = %(direction)s) and (%(kind)s = '' or e.kind = %(kind)s)
"""
CALLERS = """
select m.sender, count(*) as calls, max(m.received_at) as last_at,
    count(*) filter (where m.state = 'dead') as dead
from bus_message m join bus_endpoint e on e.id = m.endpoint_id
where e.service_id = %(service)s and m.received_at >= %(since)s
group by m.sender order by calls desc limit 50
"""
FIGURES = """
select count(*) as sendings, count(*) filter (where a.result = 'delivered') as delivered,
    count(*) filter (where a.result = 'away') as away, count(*) filter (where a.result in ('refused', 'failed')) as refused,
    percentile_cont(0.5) within group (order by a.took_ms) as half_ms,
    percentile_cont(0.95) within group (order by a.took_ms) as most_ms
from bus_attempt a join bus_delivery d on d.id = a.delivery_id
where d.endpoint_id = any(%(endpoints)s) and a.began_at >= %(since)s and d.created_at >= %(before)s
"""


def _rows(sql: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        names = [c.name for c in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def services(ctx: Ctx, *, q: str = "", state: str = "", kind: str = "") -> Sql:
    """The register; it names nobody."""
    ctx.must("bus.view")
    return Sql(SERVICES, {"q": q, "like": f"%{q}%", "state": state, "kind": kind, "english": get_language() == "en"})


def service(ctx: Ctx, service_id: int) -> Service:
    """One service. Raises Refused bus.no_such_service."""
    ctx.must("bus.view")
    found = Service.objects.filter(pk=service_id).first()
    if found is None:
        raise Refused("bus.no_such_service")
    return found


def endpoints(ctx: Ctx, *, q: str = "", direction: str = "", kind: str = "") -> Sql:
    """Endpoints with what waits for them and what went through in a day."""
    ctx.must("bus.view")
    since = now() - timedelta(days=1)
    return Sql(ENDPOINTS, {"q": q, "like": f"%{q}%", "direction": direction, "kind": kind, "since": since})


def endpoint(ctx: Ctx, endpoint_id: int) -> Endpoint:
    """One endpoint. Raises Refused bus.no_such_endpoint."""
    ctx.must("bus.view")
    found = Endpoint.objects.select_related("service", "gate").filter(pk=endpoint_id).first()
    if found is None:
        raise Refused("bus.no_such_endpoint")
    return found


@dataclass(frozen=True, slots=True)
class Figures:
    """What was sent in the last day."""

    sendings: int
    delivered: int
    away: int
    refused: int
    half_ms: float | None
    most_ms: float | None


def figures(endpoint_ids: list[int]) -> Figures:
    """The sendings of the last day to these endpoints."""
    since = now() - timedelta(days=1)
    given = {"endpoints": endpoint_ids, "since": since, "before": since - timedelta(days=7)}
    return Figures(**_rows(FIGURES, given)[0])


def callers(service: Service) -> list[dict[str, Any]]:
    """Who called a service in thirty days, the most frequent first."""
    return _rows(CALLERS, {"service": service.pk, "since": now() - WINDOW})


def subscriptions(service: Service) -> QuerySet[Subscription]:
    """The subscriptions of a service, those that wait first."""
    return service.subscriptions.select_related("endpoint").order_by("-state", "caller")


def routes(ctx: Ctx, *, q: str = "", state: str = "") -> QuerySet[Route]:
    """Routes in the order in which they are asked."""
    ctx.must("bus.view")
    found = Route.objects.annotate(
        aims=Count("targets", filter=Q(targets__is_active=True), distinct=True),
    )
    found = found.filter(Q(code__icontains=q) | Q(name__icontains=q) | Q(condition__icontains=q)) if q else found
    return found.filter(state=state) if state else found


def route(ctx: Ctx, code: str) -> Route:
    """One route. Raises Refused bus.no_such_route."""
    ctx.must("bus.view")
    found = Route.objects.filter(code=code).first()
    if found is None:
        raise Refused("bus.no_such_route")
    return found


def runs(ctx: Ctx, *, q: str = "", state: str = "", process: str = "") -> QuerySet[Run]:
    """Runs whose message is in reach; *q* is a business number of the message, its own, or the whole key."""
    ctx.must("bus.view")
    found = Run.objects.select_related("process", "message").defer("facts", "steps", "message__raw")
    if ctx.reach != "county":
        found = found.filter(message__org_code__in=ctx.orgs)
    wanted = {"state": state, "process__code": process}
    found = found.filter(**{k: v for k, v in wanted.items() if v})
    return found.filter(Q(key=q) | Q(message_id__in=selectors.numbered(q))) if q else found


def run(ctx: Ctx, run_id: int) -> Run:
    """One run. Raises Refused bus.no_such_run."""
    found = runs(ctx).filter(pk=run_id).defer(None).first()
    if found is None:
        raise Refused("bus.no_such_run")
    return found


def processes(ctx: Ctx) -> QuerySet[Process]:
    """Processes with how many runs are under way and stuck."""
    ctx.must("bus.view")
    open_ = Count("runs", filter=Q(runs__state__in=[s.value for s in OPEN_RUNS]))
    return Process.objects.annotate(
        under_way=open_, stuck=Count("runs", filter=Q(runs__state=RunState.STUCK))
    ).order_by("code")


def process(ctx: Ctx, code: str) -> Process:
    """One process. Raises Refused bus.no_such_process."""
    ctx.must("bus.view")
    found = Process.objects.filter(code=code).first()
    if found is None:
        raise Refused("bus.no_such_process", process=code)
    return found
