"""A node as its page shows it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from django.utils.timezone import localtime
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from yigong.edge import api as edge
from yigong.kit.clock import now
from yigong.platform.exchange.edge import orders, selectors
from yigong.platform.exchange.edge import refusals as found_refusals
from yigong.platform.exchange.edge.domain import troubles
from yigong.platform.exchange.edge.models import Assignment, Configuration, Node, NodeState
from yigong.platform.exchange.edge.sentences import SENTENCES
from yigong.platform.exchange.edge.words import STATES, TROUBLES, VERBS, WAYS
from yigong.web.charts import chart
from yigong.web.parts import Step


def moment(text: object) -> datetime | None:
    """A moment as a node writes it; None where it is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def size(count: object) -> str:
    """Bytes for people."""
    value = float(count) if isinstance(count, int | float) else 0.0
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1024 or unit == "GB":
            return f"{value:.0f} {unit}" if unit in ("B", "KB") else f"{value:.1f} {unit}"
        value /= 1024
    return ""


def head(node: Node) -> dict[str, Any]:
    """State with its tone, and what is wrong."""
    tone, word = STATES[node.state]
    codes = troubles(node.facts) if node.state in (NodeState.ACTIVE, NodeState.SILENT) else []
    if selectors.last_error(node):
        codes.append("journal")
    return {
        "tone": "warn" if tone == "ok" and codes else tone,
        "word": word,
        "troubles": [TROUBLES.get(c, c) for c in codes],
    }


def lines(node: Node) -> list[dict[str, Any]]:
    """The last lines of the node's own log, the newest first; times by the clock of the node."""
    told = node.facts.get("log")
    word = "en" if get_language() == "en" else "zh"
    listed = [n for n in told if isinstance(n, dict)] if isinstance(told, list) else []
    return [
        {"at": moment(n.get("at")), "grave": bool(n.get("grave")), "text": str(n.get(word, ""))} for n in listed[:60]
    ]


def refusals(node: Node) -> list[dict[str, Any]]:
    """Who was turned away lately in the name of this node."""
    word = 1 if get_language() == "en" else 0
    return [{"line": r, "text": SENTENCES[r.code][word]} for r in found_refusals.of(node)]


def quiet(node: Node) -> dict[str, Any] | None:
    """Since when nothing was heard of a node that should speak, and what waited at it then."""
    since, beat = node.last_seen_at, int(node.limits.get("beat_seconds") or 60)
    if since is None or node.state not in (NodeState.ACTIVE, NodeState.SILENT):
        return None
    span = int((now() - since).total_seconds())
    if span < 3 * beat:
        return None
    queue = node.facts.get("queue") or {}
    eldest = moment(queue.get("eldest_at"))
    return {
        "since": since,
        "span": _span(span),
        "rows": queue.get("rows") or 0,
        "eldest": eldest,
    }


def configurations(node: Node) -> list[Configuration]:
    """The last versions of the node's orders; one that it did not follow bears the sentence why."""
    found = list(node.configurations.order_by("-version")[:12])
    last = node.facts.get("configuration_refused") or {}
    for one in found:
        facts = dict(last.get("facts") or {}) if last.get("version") == one.version else {}
        one.refused_word = edge.said_of(one.refused, facts)[get_language() == "en"] if one.refused else ""  # type: ignore[attr-defined]
    return found


def steps(node: Node) -> list[Step]:
    """The life of the node as stations."""
    path = [NodeState.INVITED, NodeState.ENROLLED, NodeState.ACTIVE]
    if node.state in (NodeState.SILENT, NodeState.REVOKED):  # three stations fit beside the page
        dropped = NodeState.INVITED if node.state == NodeState.SILENT else NodeState.ACTIVE
        path = [*(p for p in path if p != dropped), NodeState(node.state)]
    at = path.index(NodeState(node.state))
    return [Step(STATES[s][1], "done" if n < at else "now" if n == at else "later") for n, s in enumerate(path)]


def health(node: Node) -> list[tuple[str, str]]:
    """The battery of facts, in the order in which one looks at them."""
    facts = node.facts
    machine, queue = facts.get("machine") or {}, facts.get("queue") or {}
    versions = facts.get("versions") or {}
    eldest = moment(queue.get("eldest_at"))
    lines = [
        (_("待传"), f"{queue.get('rows', 0):,} {_('行')} · {size(queue.get('bytes'))} / {size(queue.get('limit_bytes'))}"),
        (_("最早一包"), f"{localtime(eldest):%m-%d %H:%M}" if eldest else "—"),
        (_("时钟偏差"), _drift(node.drift_ms)),
        (_("磁盘剩余"), f"{size(machine.get('disk_free'))} / {size(machine.get('disk_total'))}"),
        (_("内存占用"), size(machine.get("memory"))),
        (_("系统"), f"{machine.get('system', '—')} · {machine.get('processor', '')}"),
        (_("程序"), f"yigong {versions.get('yigong-edge') or versions.get('yigong', '—')} · Python {versions.get('python', '—')}"),
        (_("配置"), f"v{node.applied}" if node.applied == node.configuration else f"v{node.applied} → v{node.configuration}"),
        (_("已运行"), _span(facts.get("uptime_s"))),
    ]  # fmt: skip
    return lines if facts else []


def _drift(drift_ms: int | None) -> str:
    if drift_ms is None:
        return "—"
    return (
        _("%(n)s 毫秒") % {"n": f"{drift_ms:,}"}
        if abs(drift_ms) < 10_000
        else _("%(n)s 秒") % {"n": f"{drift_ms // 1000:,}"}
    )


def _span(seconds: object) -> str:
    if not isinstance(seconds, int):
        return "—"
    parts = {"d": seconds // 86400, "h": seconds // 3600 % 24, "m": seconds // 60 % 60}
    if not parts["d"]:
        return (_("%(h)s 小时 %(m)s 分") if parts["h"] else _("%(m)s 分")) % parts
    return _("%(d)s 天 %(h)s 小时 %(m)s 分") % parts


def feeds(node: Node) -> list[dict[str, Any]]:
    """What the node reads, with how far it is here and there."""
    lines = node.assignments.select_related("feed", "mapping").order_by("feed__name")
    told = {f.get("name"): f for f in node.facts.get("feeds") or ()}
    journal = selectors.journal(node)
    return [_feed(line, told.get(str(line.feed_id)) or {}, journal.get(line.feed_id) or {}) for line in lines]


def _feed(line: Assignment, told: dict[str, Any], here: dict[str, Any]) -> dict[str, Any]:
    waiting = told.get("waiting") or {}
    error = told.get("error") or {}
    version = orders.mapping_of(line)
    return {
        "line": line, "feed": line.feed, "kind": line.kind, "way": WAYS.get(str(line.feed.config.get("way") or ""), ""),
        "version": version.version if version else "—", "is_fixed": line.mapping_id is not None,
        "read": told.get("rows", 0), "ended_at": moment(told.get("ended_at")), "waiting": waiting.get("rows", 0),
        "at_node": line.get_at_node_display() if line.at_node != "read" else "",
        "received": here.get("total") or 0, "open": here.get("open") or 0, "failed": here.get("failed") or 0,
        "error": error.get("en" if get_language() == "en" else "zh", "") or waiting.get("refused", ""),
    }  # fmt: skip


def runs(node: Node) -> list[dict[str, Any]]:
    """The last accounts that the node gave of its runs."""
    found = node.runs.select_related("feed").order_by("-id")[:10]
    return [{"run": r, "is_even": r.source is None or r.source == r.read, "sent": r.kept - r.filtered} for r in found]


def queue_chart(node: Node) -> Any:
    """Rows that waited at the node, by quarter of an hour."""
    found = selectors.beats(node)
    if len(found) < 2:
        return ""
    marks = [f"{localtime(b.slot):%m-%d %H:%M}" for b in found]
    values = [b.rows_waiting for b in found]
    option = {
        "xAxis": {"type": "category", "data": marks},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": [{"type": "line", "step": "end", "areaStyle": {"opacity": 0.2}, "showSymbol": False, "data": values, "name": _("待传行数")}],
        "grid": {"left": 56, "right": 16, "top": 16, "bottom": 28},
    }  # fmt: skip
    return chart("edge-queue", option, list(zip(marks, values, strict=True)), head=[_("时间"), _("待传行数")])


def history(node: Node) -> list[dict[str, Any]]:
    """The moves of the node, the newest first."""
    found = node.moves.order_by("-id")[:30]
    return [
        {"at": m.at, "word": VERBS.get(m.verb, m.verb), "by": m.by_name, "reason": m.reason, "state": STATES[m.target][1]} for m in found
    ]  # fmt: skip


def document_lines(document: str) -> list[tuple[int, str]]:
    """A signed document for reading: indented, passwords in addresses hidden."""
    text = json.dumps(json.loads(document), ensure_ascii=False, indent=2)
    hidden = re.sub(r"(://[^:/@\"]+:)[^@\"]+@", r"\1***@", text)
    return list(enumerate(hidden.splitlines(), start=1))
