"""A look at a source that only its node can reach: asked for here, taken there with the next beat, kept for half an hour."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import polars as pl
from django.db import transaction

from yigong.edge import api as edge
from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange.edge import selectors
from yigong.platform.exchange.edge.models import Assignment, Node, Probe
from yigong.platform.exchange.models import Feed
from yigong.security.api import audit

KEPT = timedelta(minutes=30)
ROWS, AT_ONCE = 200, 5
BYTES = 2_000_000  # of an answer


@transaction.atomic
def ask(ctx: Ctx, feed: Feed) -> Probe:
    """Have the node of a feed look at its source. Raises Refused edge.no_such_assignment, edge.not_heard."""
    ctx.must("exchange.view")
    line = _line(feed)
    audit(ctx, "exchange.edge.order", "feed", feed.pk, after={"probe": True})
    facts: dict[str, Any] = {"node": line.node, "asked_at": now(), "by_name": ctx.actor_name[:60], "answered_at": None}
    found, _made = Probe.objects.update_or_create(
        feed=feed, defaults={**facts, "sample": "", "columns": [], "rows": None, "error": None}
    )
    return found


def _line(feed: Feed) -> Assignment:
    line = Assignment.objects.select_related("node").filter(feed=feed).first()
    if line is None:
        raise Refused("edge.no_such_assignment")
    return line


def last(feed: Feed) -> Probe | None:
    """The last look at a feed's source, by the node that reads it now."""
    return Probe.objects.filter(feed=feed, node__assignments__feed=feed).select_related("node").first()


def sample(ctx: Ctx, feed: Feed) -> pl.DataFrame:
    """Rows that the node took; where there are none it is asked for them.

    Raises Refused edge.probe_waits until they are here, edge.probe_failed with the node's own sentence.
    """
    found = last(feed)
    if found is None or (found.answered_at and found.answered_at < now() - KEPT):
        found = ask(ctx, feed)
    if found.answered_at is None:
        seconds = int(found.node.limits.get("beat_seconds", 60))
        raise Refused("edge.probe_waits", node=found.node.name, seconds=seconds)
    if found.error:
        raise Refused("edge.probe_failed", node=found.node.name, zh=found.error["zh"], en=found.error["en"])
    return pl.read_ndjson(io.StringIO(found.sample), schema=dict.fromkeys(found.columns, pl.String)) if found.sample else pl.DataFrame()  # fmt: skip


# ---- what the node hears and says ----


def open_probes(node: Node) -> list[dict[str, Any]]:
    """What a node is asked to look at, as it hears it."""
    waiting = Probe.objects.filter(node=node, answered_at=None).order_by("id")[:AT_ONCE]
    lines = {a.feed_id: a for a in Assignment.objects.select_related("feed").filter(node=node)}
    return [_asked(p, lines[p.feed_id]) for p in waiting if p.feed_id in lines]


def _asked(probe: Probe, line: Assignment) -> dict[str, Any]:
    source = {"kind": selectors.KINDS[line.kind], **line.feed.config}
    return {"id": probe.pk, "feed": str(line.feed_id), "title": line.feed.name, "source": source, "rows": ROWS}


def answered(node: Node, body: bytes) -> dict[str, Any]:
    """The node's look at a source. Raises Refused edge.malformed, edge.too_large."""
    if len(body) > BYTES:
        raise Refused("edge.too_large", limit=BYTES)
    facts = edge.read_json(body)
    number = facts.get("id")
    found = Probe.objects.filter(node=node, pk=number if isinstance(number, int) else 0).first()
    if found is None:
        return {}  # asked anew, or given up, meanwhile
    found.answered_at = now()
    if isinstance(facts.get("error"), dict):
        found.error = {n: str(facts["error"].get(n, ""))[:500] for n in ("code", "zh", "en")}
    else:
        found.columns, found.sample, found.rows = _rows(facts)
    found.save()
    return {}


def _rows(facts: dict[str, Any]) -> tuple[list[str], str, int | None]:
    columns, rows, count = facts.get("columns"), facts.get("sample"), facts.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list) or not all(isinstance(r, list) for r in rows):
        raise Refused("edge.malformed", part="sample")
    names = [str(c)[:200] for c in columns[:1000]]
    lines = (json.dumps(dict(zip(names, ((None if v is None else str(v)) for v in r), strict=False)), ensure_ascii=False) for r in rows[:ROWS])  # fmt: skip
    return names, "\n".join(lines), count if isinstance(count, int) and 0 <= count < 2**62 else None


def forget() -> int:
    """Erase the rows of looks that are half an hour old; how many."""
    return Probe.objects.filter(answered_at__lt=now() - KEPT).exclude(sample="").update(sample="")
