"""Who was turned away: noted where it can be shown, so that neither side looks for the fault alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db import connection

from yigong.kit.clock import now
from yigong.platform.exchange.edge.models import Node, Refusal

#: what is noted; a count or a clock that is set right at once is none of it
NOTED = ("edge.revoked", "edge.signature_wrong", "edge.key_unknown", "edge.code_unknown", "edge.code_used", "edge.code_expired")  # fmt: skip
SHOWN_DAYS = 7


def note(code: str, address: str, *, node: str = "", invitation: str = "") -> None:
    """One more refusal of a node, known by its sign or by the open part of its code; of nobody where neither is known."""
    if code not in NOTED:
        return
    found = Node.objects.filter(code=node or "-").first() or Node.objects.filter(invitation=invitation or "-").first()
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into edge_refusal (node_id, code, address, count, first_at, last_at) values (%(n)s, %(c)s, %(a)s, 1, %(t)s, %(t)s)
               on conflict (node_id, code) do update set count = edge_refusal.count + 1, address = excluded.address, last_at = excluded.last_at""",
            {"n": found.pk if found else None, "c": code, "a": address[:60], "t": now()},
        )


def of(found: Node) -> Sequence[Refusal]:
    """What a node was refused lately, the newest first."""
    return list(found.refusals.filter(last_at__gte=now() - timedelta(days=SHOWN_DAYS)).order_by("-last_at"))


def of_nobody() -> Sequence[Refusal]:
    """Refusals lately that belong to no node that is known."""
    return list(Refusal.objects.filter(node=None, last_at__gte=now() - timedelta(days=SHOWN_DAYS)).order_by("-last_at"))
