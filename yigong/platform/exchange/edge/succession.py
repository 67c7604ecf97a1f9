"""A node that takes the place of a revoked one."""

from __future__ import annotations

from django.db import transaction

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange.edge import orders, services
from yigong.platform.exchange.edge.domain import State
from yigong.platform.exchange.edge.models import Node


@transaction.atomic
def invite_in_place(ctx: Ctx, node_id: int) -> tuple[Node, str]:
    """Another node in place of a revoked one: same name and institution, the same feeds, a code of its own.

    What the folder of the old one kept is sent by the new one, if it enrols there. Raises Refused edge.still_heard, edge.replaced.
    """
    ctx.must("exchange.edge.invite")
    old = services.locked(ctx, node_id)
    if old.state != State.REVOKED:
        raise Refused("edge.still_heard", node=old.name)
    if old.replaced_by.exists():
        raise Refused("edge.replaced", node=old.name)
    made, code = services.invite(ctx, name=old.name, org_code=old.org_code)
    made.replaces, made.limits = old, old.limits
    made.save(update_fields=["replaces", "limits"])
    old.assignments.update(node=made, epoch=0)
    old.probes.update(node=made)
    orders.issue(ctx, made, f"= {old.code}")
    return made, code
