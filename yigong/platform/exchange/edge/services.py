"""What a clerk does with nodes: invite, renew the code, order a new key, revoke."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import transaction

from yigong.edge import api as edge
from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.outbox.api import say
from yigong.platform.exchange.edge import selectors
from yigong.platform.exchange.edge.domain import CODE_HOURS, HEARD, LIFE, Side, State, is_silent
from yigong.platform.exchange.edge.events import NodeMoved
from yigong.platform.exchange.edge.models import Node, NodeMove
from yigong.platform.exchange.models import Feed, FeedState
from yigong.platform.registry import api as registry
from yigong.security.api import audit


@transaction.atomic
def invite(ctx: Ctx, *, name: str, org_code: str) -> tuple[Node, str]:
    """A node that may enrol, and its one-time code, which is told this once. Raises Refused edge.institution_unknown."""
    ctx.must("exchange.edge.invite")
    if registry.institution(org_code) is None:
        raise Refused("edge.institution_unknown", org_code=org_code)
    made = Node.objects.create(
        code=f"n{secrets.token_hex(6)}", name=name.strip()[:60], org_code=org_code, invited_at=now()
    )
    code = _new_code(made)
    NodeMove.objects.create(node=made, verb="invite", source="", target=made.state, by_name=ctx.actor_name, at=now())
    audit(ctx, "exchange.edge.invite", "edge_node", made.pk, after={"name": made.name, "org_code": org_code})
    return made, code


@transaction.atomic
def invite_again(ctx: Ctx, node_id: int) -> tuple[Node, str]:
    """A new code in place of one that expired or was lost; the one before is good for nothing."""
    ctx.must("exchange.edge.invite")
    found = locked(ctx, node_id)
    move(found, "invite", Side.CLERK, by=ctx.actor_name)
    code = _new_code(found)
    audit(ctx, "exchange.edge.invite", "edge_node", found.pk)
    return found, code


def _new_code(found: Node) -> str:
    """The code in groups of four; of its secret part only a key made of it is kept."""
    while True:
        code = "".join(secrets.choice(edge.CODE_SIGNS) for _ in range(edge.CODE_LENGTH))
        if not Node.objects.filter(invitation=code[: edge.CODE_NAME]).exists():
            break
    found.invitation, found.code_key = code[: edge.CODE_NAME], edge.code_key(code).hex()
    found.code_expires_at = now() + timedelta(hours=CODE_HOURS)
    found.save(update_fields=["invitation", "code_key", "code_expires_at"])
    return "-".join(code[i : i + 4] for i in range(0, len(code), 4))


@transaction.atomic
def revoke(ctx: Ctx, node_id: int, *, reason: str, wipe: bool = False) -> Node:
    """Listen to a node no more; with *wipe* it is told to make what waits there unreadable."""
    ctx.must("exchange.edge.revoke")
    found = locked(ctx, node_id)
    move(found, "revoke", Side.CLERK, by=ctx.actor_name, reason=reason.strip())
    found.invitation, found.code_key, found.wipe = None, "", wipe
    found.save(update_fields=["invitation", "code_key", "wipe"])
    audit(ctx, "exchange.edge.revoke", "edge_node", found.pk, after={"reason": reason.strip(), "wipe": wipe})
    return found


@transaction.atomic
def ask_for_key(ctx: Ctx, node_id: int) -> Node:
    """Let the node change its key with its next word. Raises Refused edge.not_heard."""
    ctx.must("exchange.edge.order")
    found = locked(ctx, node_id)
    must_be_heard(found)
    found.rotate_key = True
    found.save(update_fields=["rotate_key"])
    audit(ctx, "exchange.edge.order", "edge_node", found.pk, after={"rotate_key": True})
    return found


def locked(ctx: Ctx, node_id: int) -> Node:
    """A node in reach, held for a change."""
    selectors.node(ctx, node_id)
    return Node.objects.select_for_update().get(pk=node_id)


def must_be_heard(found: Node) -> None:
    """Raises Refused edge.not_heard unless the node is one the centre listens to."""
    if found.state not in HEARD:
        raise Refused("edge.not_heard", node=found.name, state=found.get_state_display())


def move(found: Node, verb: str, side: Side, *, by: str = "", reason: str = "") -> None:
    """Move a locked node along its life, with its history and announcement. Raises Refused wrong_state, missing."""
    step = LIFE.move(found.state, verb, side=side, given={"reason": reason})
    found.state = step.target
    found.save(update_fields=["state"])
    NodeMove.objects.create(
        node=found, verb=verb, source=step.source, target=step.target, by_name=by, reason=reason[:300], at=now()
    )
    if step.source != step.target:
        _colour_feeds(found, step.source, step.target)
        say(NodeMoved(found.code, found.org_code, verb, step.target))


def _colour_feeds(found: Node, source: str, target: str) -> None:
    """The feeds of a silent node stand as failed, on the map and in every list, until it is heard again."""
    theirs = Feed.objects.filter(edge__node=found)
    if target in (State.SILENT, State.REVOKED):
        theirs.update(state=FeedState.FAILED)
    elif target == State.ACTIVE:
        theirs.exclude(bundle__state="failed").update(state=FeedState.IDLE)


@transaction.atomic
def silence() -> int:
    """Mark the nodes that have not spoken for too long; how many fell silent now."""
    moment = now()
    heard = Node.objects.select_for_update(skip_locked=True).filter(state__in=[State.ENROLLED, State.ACTIVE])
    quiet = [n for n in heard if is_silent(n.last_seen_at, n.enrolled_at or n.invited_at, moment, n.limits)]
    for found in quiet:
        move(found, "silence", Side.CLOCK)
    return len(quiet)
