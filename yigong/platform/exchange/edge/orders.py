"""What nodes are to read: feeds given to them, and the signed versions of their orders."""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction

from yigong.edge import api as edge
from yigong.edge.mapping.api import field_kinds, fingerprint
from yigong.edge.mapping.plan import Plan, compile_mapping
from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange.edge import selectors, signing
from yigong.platform.exchange.edge.domain import HEARD, State
from yigong.platform.exchange.edge.models import Assignment, Configuration, Node, Work
from yigong.platform.exchange.edge.services import locked, must_be_heard
from yigong.platform.exchange.models import Feed, FeedState, Mapping
from yigong.platform.exchange.schedule import parse
from yigong.security.api import audit
from yigong.standards.quality import api as quality

READER = "edge"  # of a feed that a node reads


@transaction.atomic
def assign(
    ctx: Ctx, node_id: int, feed_id: int, *, mapping_id: int | None = None, every_seconds: int = 300, rows: int = 2000,
    at_node: str = "read",
) -> Assignment:  # fmt: skip
    """Let a node read a feed in place of the centre, under one version of its mapping or always the newest.

    *at_node* says how much is done there: ``read``, ``filter`` or ``map``.
    """
    ctx.must("exchange.edge.order")
    found = _ordered(ctx, node_id)
    feed = Feed.objects.select_for_update().get(pk=feed_id)
    _check(found, feed)
    version = _version(feed, mapping_id)
    made = Assignment.objects.create(
        node=found, feed=feed, mapping=version, kind=feed.reader, schedule=feed.schedule, every_seconds=every_seconds,
        rows=rows, at_node=at_node,
    )  # fmt: skip
    feed.reader, feed.schedule, feed.due_at, feed.watched_at = READER, "", None, now()
    feed.save(update_fields=["reader", "schedule", "due_at", "watched_at"])
    issue(ctx, found, f"+ {feed.name}")
    return made


def _check(found: Node, feed: Feed) -> None:
    taken = Assignment.objects.select_related("node").filter(feed=feed).first()
    if taken:
        raise Refused("edge.feed_taken", feed=feed.name, node=taken.node.name)
    if feed.org_code != found.org_code:
        raise Refused("edge.feed_elsewhere", feed=feed.name)
    if feed.reader not in selectors.KINDS:
        raise Refused("edge.feed_unfit", feed=feed.name, kind=feed.reader)


def _version(feed: Feed, mapping_id: int | None) -> Mapping | None:
    if mapping_id is None:
        return None
    found = feed.mappings.filter(pk=mapping_id).first()
    if found is None:
        raise Refused("edge.mapping_elsewhere")
    return found


@transaction.atomic
def change(
    ctx: Ctx, node_id: int, feed_id: int, *, mapping_id: int | None, every_seconds: int, rows: int, at_node: str = "read"
) -> None:  # fmt: skip
    """Read a feed under another version, more or less often, in other portions, with more or less done at the node."""
    found, line = _line(ctx, node_id, feed_id)
    line.mapping = _version(line.feed, mapping_id)
    line.every_seconds, line.rows, line.at_node = every_seconds, rows, at_node
    line.save(update_fields=["mapping", "every_seconds", "rows", "at_node"])
    issue(ctx, found, f"= {line.feed.name}")


@transaction.atomic
def steer(ctx: Ctx, node_id: int, feed_id: int, *, active: bool) -> None:
    """Let a feed rest at its node, or read on."""
    found, line = _line(ctx, node_id, feed_id)
    line.active = active
    line.save(update_fields=["active"])
    rests = {"state": FeedState.IDLE, "watched_at": now()} if active else {"state": FeedState.PAUSED}
    Feed.objects.filter(pk=feed_id).update(active=active, **rests)
    issue(ctx, found, f"{'>' if active else '||'} {line.feed.name}")


@transaction.atomic
def reread(ctx: Ctx, node_id: int, feed_id: int) -> None:
    """Have a feed read from its beginning; what is in already is recognised as unchanged."""
    found, line = _line(ctx, node_id, feed_id)
    line.epoch += 1
    line.save(update_fields=["epoch"])
    issue(ctx, found, f"<< {line.feed.name}")


@transaction.atomic
def read_now(ctx: Ctx, feed: Feed) -> None:
    """Have a feed read at its node with the node's next word. Raises Refused edge.not_heard, exchange.paused."""
    found, line = _heard(ctx, feed)
    line.turn += 1
    line.save(update_fields=["turn"])
    issue(ctx, found, f">> {feed.name}")


@transaction.atomic
def read_range(ctx: Ctx, feed: Feed, start: str, end: str) -> None:
    """Have a range of dates read once more at the node, with the node's next word. Raises Refused edge.not_heard, exchange.paused, exchange.range_unfit."""
    found, line = _heard(ctx, feed)
    if not feed.config.get("since_column"):
        raise Refused("exchange.range_unfit", place=feed.name)
    line.again = {"number": (line.again or {}).get("number", 0) + 1, "start": start, "end": end}
    line.save(update_fields=["again"])
    issue(ctx, found, f">> {feed.name} {start} – {end}")


@transaction.atomic
def read_whole(ctx: Ctx, feed: Feed) -> None:
    """Have a feed read from its beginning with the node's next word. Raises Refused edge.not_heard, exchange.paused."""
    found, line = _heard(ctx, feed)
    line.epoch += 1
    line.save(update_fields=["epoch"])
    issue(ctx, found, f"<< {feed.name}")


def _heard(ctx: Ctx, feed: Feed) -> tuple[Node, Assignment]:
    """The node that reads a feed and its line of orders, both held. Raises Refused edge.not_heard, exchange.paused."""
    ctx.must("exchange.run")
    line = Assignment.objects.select_for_update(of=("self",)).select_related("node", "feed").get(feed=feed)
    if not line.active:
        raise Refused("exchange.paused", feed=feed.name)
    found = Node.objects.select_for_update().get(pk=line.node_id)
    must_be_heard(found)
    return found, line


@transaction.atomic
def release(ctx: Ctx, node_id: int, feed_id: int) -> None:
    """Let the centre read a feed again. Raises Refused edge.queue_waits while rows of it are under way."""
    found, line = _line(ctx, node_id, feed_id, revoked=True)
    theirs: dict[str, Any] = next((f for f in found.facts.get("feeds") or () if f.get("name") == str(feed_id)), {})
    rows = (theirs.get("waiting") or {}).get("rows", 0)
    rows += sum(found.bundles.filter(feed_id=feed_id, state__in=selectors.OPEN).values_list("rows", flat=True))
    if rows and found.state != "revoked":
        raise Refused("edge.queue_waits", rows=rows)
    due = parse(line.schedule).next_after(now())
    Feed.objects.filter(pk=feed_id).update(reader=line.kind, schedule=line.schedule, due_at=due, watched_at=now())
    name = line.feed.name
    line.delete()
    issue(ctx, found, f"- {name}")


@transaction.atomic
def save_limits(ctx: Ctx, node_id: int, **limits: int) -> None:
    """Bounds of the node: buffer, free disk, beat."""
    ctx.must("exchange.edge.order")
    found = _ordered(ctx, node_id)
    found.limits = {**found.limits, **limits}
    found.save(update_fields=["limits"])
    issue(ctx, found, "参数 limits")


def _line(ctx: Ctx, node_id: int, feed_id: int, *, revoked: bool = False) -> tuple[Node, Assignment]:
    ctx.must("exchange.edge.order")
    found = locked(ctx, node_id) if revoked else _ordered(ctx, node_id)
    return found, selectors.assignment(ctx, node_id, feed_id)


def _ordered(ctx: Ctx, node_id: int) -> Node:
    """A node that may be given orders, held for a change. Raises Refused edge.not_heard for one that was revoked."""
    found = locked(ctx, node_id)
    if found.state == State.REVOKED:
        must_be_heard(found)
    return found


def issue(ctx: Ctx, found: Node, what: str) -> Configuration:
    """The next version of a node's orders, signed; the node takes it with its next word."""
    found.configuration += 1
    text = json.dumps(document(found), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    made = Configuration.objects.create(
        node=found, version=found.configuration, document=text, signature=signing.sign(edge.document_base(text)),
        change=what[:200], by_name=ctx.actor_name, created_at=now(),
    )  # fmt: skip
    found.save(update_fields=["configuration"])
    audit(ctx, "exchange.edge.order", "edge_node", found.pk, after={"version": made.version, "change": made.change})
    return made


def document(found: Node) -> dict[str, Any]:
    """A node's orders as they stand."""
    lines = [a for a in found.assignments.select_related("feed", "mapping").order_by("feed_id") if mapping_of(a)]
    rules = {r.file: quality.text_of(r) for line in lines for r in _rules(line)}
    return {
        "version": found.configuration, "node": found.code, "issued_at": now().isoformat(),
        "limits": found.limits, "feeds": [_feed(line) for line in lines], "rules": rules,
    }  # fmt: skip


def _rules(line: Assignment) -> list[quality.Rule]:
    """The rules that the node applies: those that judge each row by itself."""
    plan = compiled(line.feed, mapping_of(line)) if line.at_node == Work.MAP else None
    return quality.rules(plan.data_set, by_row=True) if plan else []


def _work(line: Assignment, plan: Plan | None, version: Mapping | None) -> dict[str, Any]:
    """What a node needs to filter, map and check; nothing where the rows travel as they are read."""
    if line.at_node == Work.READ or plan is None or version is None:
        return {}
    return {
        "at_node": line.at_node, "mapping": version.text, "org_code": line.feed.org_code, "data_set": plan.data_set,
        "declared": fingerprint(plan.data_set), "rules": [r.file for r in _rules(line)],
    }  # fmt: skip


def _feed(line: Assignment) -> dict[str, Any]:
    version = mapping_of(line)
    plan = compiled(line.feed, version)
    return {
        "name": str(line.feed_id), "title": line.feed.name, "active": line.active,
        "source": {"kind": selectors.KINDS[line.kind], **line.feed.config}, "every_seconds": line.every_seconds,
        "rows": line.rows, "epoch": line.epoch, "turn": line.turn, "again": line.again, "mapping_version": version.version if version else 0,
        "needs": sorted(plan.used) if plan else [], "only_needed": bool(plan and not plan.source.keep_unmapped),
        **_work(line, plan, version),
    }  # fmt: skip


@transaction.atomic
def source_changed(ctx: Ctx, feed: Feed, kind: str) -> None:
    """Bring the node of a feed up to another address, table or way of reading it."""
    line = Assignment.objects.select_related("node").get(feed=feed)
    line.kind = kind
    line.save(update_fields=["kind"])
    issue(ctx, Node.objects.select_for_update().get(pk=line.node_id), f"= {feed.name}")


@transaction.atomic
def refresh(ctx: Ctx) -> int:
    """New orders for the nodes whose rules or declarations are others than when theirs were signed; how many.

    For a centre that was upgraded: what nodes check follows without anybody's doing.
    """
    heard = Node.objects.select_for_update(skip_locked=True).filter(state__in=HEARD, assignments__at_node=Work.MAP)
    return sum(_refreshed(ctx, found) for found in Node.objects.filter(pk__in=[n.pk for n in heard]))


def _refreshed(ctx: Ctx, found: Node) -> bool:
    newest = found.configurations.order_by("-version").first()
    before, after = json.loads(newest.document) if newest else {}, document(found)
    declared = [[f.get("declared") for f in d.get("feeds", ())] for d in (before, after)]
    if before.get("rules") == after["rules"] and declared[0] == declared[1]:
        return False
    issue(ctx, found, "规则 rules")
    return True


def mapping_of(line: Assignment) -> Mapping | None:
    """The version of the mapping under which a feed's rows are carried in."""
    return line.mapping or line.feed.mappings.order_by("-version").first()


def compiled(feed: Feed, version: Mapping | None) -> Plan | None:
    """A version, ready to be applied."""
    return (
        compile_mapping(version.text, field_kinds(), f"{feed.name} v{version.version}", kept=True) if version else None
    )


@transaction.atomic
def mapping_changed(ctx: Ctx, feed: Feed) -> None:
    """Bring the node of a feed up to a new version of its mapping; nothing where the centre reads it, or a version is fixed."""
    line = Assignment.objects.select_related("node").filter(feed=feed, mapping=None).first()
    if line and line.node.state in (*HEARD, "invited"):
        issue(ctx, Node.objects.select_for_update().get(pk=line.node_id), f"= {feed.name}")


__all__ = [
    "assign",
    "change",
    "document",
    "issue",
    "mapping_changed",
    "must_be_heard",
    "read_now",
    "read_range",
    "read_whole",
    "refresh",
    "release",
    "reread",
    "source_changed",
    "steer",
]
