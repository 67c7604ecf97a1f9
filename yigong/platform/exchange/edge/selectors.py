"""What is read of nodes; a reader sees those of the institutions in reach."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Case, Count, IntegerField, Max, Min, Q, QuerySet, Sum, When

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx, Reach
from yigong.kit.errors import Refused
from yigong.platform.exchange.edge.models import Assignment, Beat, Bundle, BundleState, Node, NodeState
from yigong.platform.exchange.models import Feed

#: those that need somebody first
ORDER = (NodeState.SILENT, NodeState.ACTIVE, NodeState.ENROLLED, NodeState.INVITED, NodeState.REVOKED)
OPEN = (BundleState.RECEIVED, BundleState.FAILED)
#: readers whose feeds a node can read, and the kind of source that extraction knows them by
KINDS = {
    "sqlite": "sqlite", "postgresql": "postgresql", "database": "database", "csv": "csv", "excel": "excel",
    "parquet": "parquet", "mysql": "mysql", "mariadb": "mariadb", "mssql": "mssql", "oracle": "oracle", "xml": "xml",
    "text": "text",
}  # fmt: skip


def nodes(ctx: Ctx, *, state: str = "", org_code: str = "", q: str = "") -> QuerySet[Node]:
    """Nodes in reach."""
    ctx.must("exchange.edge.view")
    found = Node.objects.annotate(
        feeds=Count("assignments", filter=Q(assignments__active=True)),
        rank=Case(
            *(When(state=s, then=n) for n, s in enumerate(ORDER)), default=len(ORDER), output_field=IntegerField()
        ),
    )
    if ctx.reach != Reach.COUNTY:
        found = found.filter(org_code__in=ctx.orgs)
    wanted = {"state": state, "org_code": org_code}
    found = found.filter(**{k: v for k, v in wanted.items() if v})
    return found.filter(Q(name__icontains=q) | Q(code__icontains=q)) if q else found


def node(ctx: Ctx, node_id: int) -> Node:
    """One node. Raises Refused edge.no_such_node."""
    found = nodes(ctx).filter(pk=node_id).first()
    if found is None:
        raise Refused("edge.no_such_node")
    return found


def assignment(ctx: Ctx, node_id: int, feed_id: int) -> Assignment:
    """What a node reads of a feed. Raises Refused edge.no_such_assignment."""
    found = Assignment.objects.select_related("node", "feed", "mapping").filter(
        node=node(ctx, node_id), feed_id=feed_id
    )
    if (one := found.first()) is None:
        raise Refused("edge.no_such_assignment")
    return one


def assignable(ctx: Ctx, found: Node) -> list[Feed]:
    """Feeds of the node's institution that it could read."""
    ctx.must("exchange.edge.view")
    mine = Feed.objects.filter(org_code=found.org_code, reader__in=KINDS, edge__isnull=True)
    return list(mine.distinct().order_by("name"))


def journal(found: Node) -> dict[int, dict[str, Any]]:
    """For each feed of a node: bundles and rows received, open, failed, and when the last came."""
    lines: Any = (
        Bundle.objects.filter(node=found)
        .values("feed_id")
        .annotate(
            bundles=Count("id"), total=Sum("rows"), open=Count("id", filter=Q(state__in=OPEN)),
            failed=Count("id", filter=Q(state=BundleState.FAILED)), last_at=Max("received_at"),
            eldest_at=Min("received_at", filter=Q(state__in=OPEN)),
        )
    )  # fmt: skip
    return {line["feed_id"]: line for line in lines}


def last_error(found: Node) -> Bundle | None:
    """The eldest bundle that could not be carried in."""
    return Bundle.objects.select_related("feed").filter(node=found, state=BundleState.FAILED).order_by("id").first()


def beats(found: Node, *, days: int = 2) -> list[Beat]:
    """How the node stood lately, the eldest first."""
    return list(Beat.objects.filter(node=found, slot__gte=now() - timedelta(days=days)).order_by("slot"))


def silent_count(ctx: Ctx) -> int:
    """Nodes in reach that have fallen silent."""
    return nodes(ctx, state=NodeState.SILENT).count()
