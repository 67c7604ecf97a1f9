"""Institutions as nodes of the exchange: how each stands, judged from its feeds and rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Sum
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.platform.exchange import alarms, selectors
from yigong.platform.exchange.models import Alarm, Feed, FeedState, Job
from yigong.platform.registry import api as registry
from yigong.web import maps

#: tone of a node -> its word, worst first
TONES = {
    "bad": gettext_lazy("静默/失败"),
    "late": gettext_lazy("迟到"),
    "low": gettext_lazy("质量低"),
    "run": gettext_lazy("采集中"),
    "ok": gettext_lazy("准时"),
    "hold": gettext_lazy("已暂停"),
    "idle": gettext_lazy("未接入"),
}
LOW_QUALITY = 0.10  # share of rows turned away from which a node is called low in quality
_OF_STATE = {
    FeedState.FAILED: "bad",
    FeedState.RUNNING: "run",
    FeedState.WAITING: "run",
    FeedState.PAUSED: "hold",
}
_OF_ALARM = {"failed": "bad", "silent": "bad", "late": "late", "trend": "late", "uneven": "late", "aside": "late"}


@dataclass(slots=True)
class NodeFacts:
    """An institution with its feeds and what they brought today."""

    institution: registry.Institution
    feeds: list[Feed] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    today: selectors.Account | None = None

    @property
    def rejected_share(self) -> float:
        """Share of today's rows that were turned away."""
        return self.today.rejected / self.today.read if self.today and self.today.read else 0.0

    @property
    def tone(self) -> str:
        """The shape on the map: the worst of its feeds, or that there are none."""
        return judge([f.state for f in self.feeds], self.rejected_share, {a.kind for a in self.alarms})

    @property
    def word(self) -> str:
        """The state in words."""
        return str(TONES[self.tone])


def judge(states: Sequence[str], rejected_share: float, worries: Collection[str] = ()) -> str:
    """The tone of a node from the states of its feeds, the share of rows turned away and the kinds of its alarms."""
    if not states:
        return "idle"
    tones = {_OF_STATE.get(FeedState(s), "ok") for s in states} | {_OF_ALARM[w] for w in worries}
    if rejected_share >= LOW_QUALITY:
        tones.add("low")
    if tones == {"hold"}:
        return "hold"
    return next(t for t in TONES if t in tones - {"hold"})


def nodes(ctx: Ctx, day: date) -> list[NodeFacts]:
    """Every institution that could be a source with what it brought on *day*, the worst first."""
    found = {i.code: NodeFacts(i) for i in registry.institutions() if i.kind not in ("authority", "centre")}
    for feed in selectors.feeds(ctx):
        if feed.org_code in found:
            found[feed.org_code].feeds.append(feed)
    for alarm in alarms.open_alarms(ctx):
        if alarm.feed.org_code in found:
            found[alarm.feed.org_code].alarms.append(alarm)
    for line in selectors.accounts(ctx, by="org_code", day=day):
        if line.name in found:
            found[line.name].today = line
    order = list(TONES)
    shown = [n for n in found.values() if n.institution.kind != "village_clinic" or n.feeds]
    return sorted(shown, key=lambda n: (order.index(n.tone), n.institution.code))


def legend(found: Iterable[NodeFacts], chosen: str) -> list[dict[str, Any]]:
    """The shapes of the map with their words and counts."""
    counted = Counter(n.tone for n in found)
    return [
        {"tone": tone, "word": word, "count": counted.get(tone, 0), "on": tone == chosen}
        for tone, word in TONES.items()
    ]


def drawing(found: Sequence[NodeFacts]) -> Any:
    """The county with its nodes; nothing where this installation has no map."""
    path = Path(settings.COUNTY_MAP)
    placed = [n for n in found if n.institution.longitude is not None and n.institution.latitude is not None]
    if not path.exists() or not placed:
        return ""
    hub = next((i for i in registry.institutions() if i.kind == "centre" and i.longitude is not None), None)
    places = _spread(placed, hub)
    spots = [
        maps.Node(
            n.institution.code,
            n.institution.short_name,
            *places[n.institution.code],
            n.tone,
            url=f"{reverse('exchange:monitor')}?node={n.institution.code}",
            note=_note(n),
        )
        for n in placed
    ]
    ties = []
    if hub:
        spots.append(maps.Node(hub.code, "", hub.longitude or 0.0, hub.latitude or 0.0, "hub"))
        tones = {"run": "run", "bad": "bad", "low": "low", "late": "late"}
        ties = [
            maps.Tie(n.institution.code, hub.code, float(n.today.read if n.today else 0), tones.get(n.tone, ""))
            for n in placed
            if n.tone not in ("idle", "hold")
        ]
    return maps.county_map(path, nodes=spots, ties=ties, title=_("交换监控"))


def _note(node: NodeFacts) -> str:
    """What a worrying node says beside its name: for how long."""
    if node.tone != "bad":
        return node.word if node.tone in ("low", "late") else ""
    began = min((a.opened_at for a in node.alarms), default=None)
    if began is None:
        return node.word
    hours, minutes = divmod(int((now() - began).total_seconds() // 60), 60)
    return f"{hours}:{minutes:02}"


def _spread(placed: Sequence[NodeFacts], hub: registry.Institution | None) -> dict[str, tuple[float, float]]:
    """Where nodes are drawn (longitude, latitude): those in the hub's own town stand on a ring around it, to be told apart."""
    spots = {n.institution.code: (n.institution.longitude or 0.0, n.institution.latitude or 0.0) for n in placed}
    if hub is None or hub.longitude is None or hub.latitude is None:
        return spots
    width = max(x for x, _y in spots.values()) - min(x for x, _y in spots.values())
    near = [code for code, (x, y) in spots.items() if math.hypot(x - hub.longitude, y - hub.latitude) < width * 0.09]
    for turn, code in enumerate(sorted(near)):
        angle = math.tau * turn / len(near) + math.pi / 6
        spots[code] = (hub.longitude + width * 0.13 * math.cos(angle), hub.latitude + width * 0.11 * math.sin(angle))
    return spots


def on_the_way(feed: Feed) -> int:
    """Rows of a feed that wait at its node by the node's last word, or were received and are not in yet."""
    waiting = feed.bundle_set.filter(state__in=("received", "failed"))  # type: ignore[attr-defined]
    here = waiting.aggregate(n=Sum("rows"))["n"] or 0
    facts = feed.edge.node.facts if hasattr(feed, "edge") else {}
    told: dict[str, Any] = next((f for f in facts.get("feeds") or () if f.get("name") == str(feed.pk)), {})
    return int(here + ((told.get("waiting") or {}).get("rows") or 0))


def progress(job: Job) -> tuple[float, str]:
    """How far a job is, in percent, and its tone."""
    if job.state == FeedState.RUNNING:
        share = 100 * job.read / job.expected if job.expected else 50.0
        return min(share, 99.0), "run"
    return 100.0, {FeedState.FAILED: "bad", FeedState.PARTIAL: "warn"}.get(FeedState(job.state), "ok")
