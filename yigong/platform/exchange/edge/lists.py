"""The list of nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from yigong.kit.ctx import Ctx, Reach
from yigong.platform.exchange.edge import refusals, selectors
from yigong.platform.exchange.edge.domain import troubles
from yigong.platform.exchange.edge.models import NodeState
from yigong.platform.exchange.edge.sentences import SENTENCES
from yigong.platform.exchange.edge.words import STATES, TROUBLES
from yigong.platform.registry import api as registry
from yigong.web.lists import Choice, Column, Inst, ListPage, Moment, Number, State, Text


def _institutions(ctx: Ctx | None) -> list[tuple[str, object]]:
    if ctx is None:
        return []
    codes = selectors.nodes(ctx).order_by("org_code").values_list("org_code", flat=True).distinct()
    known = {i.code: i.short_name for i in registry.institutions()}
    return [(c, known.get(c, c)) for c in dict.fromkeys(codes)]


class Waiting(Column):
    """Rows that wait at the node."""

    num = True

    def plain(self, row: object) -> str:
        rows = (getattr(row, "facts", {}).get("queue") or {}).get("rows")
        return "—" if rows is None else f"{rows:,}"


class Health(Column):
    """The gravest thing that is wrong, in its first words."""

    def plain(self, row: object) -> str:
        found = troubles(getattr(row, "facts", {}))
        if not found:
            return _now("正常") if getattr(row, "state", "") == NodeState.ACTIVE else "—"
        first = str(TROUBLES.get(found[0], found[0])).replace(":", "：").split("：")[0]
        return first + (f" +{len(found) - 1}" if len(found) > 1 else "")


class Versions(Column):
    """The orders in force at the node, and the newest when they differ."""

    def plain(self, row: object) -> str:
        applied, newest = getattr(row, "applied", 0), getattr(row, "configuration", 0)
        return f"v{applied}" if applied == newest else f"v{applied} → v{newest}"


class NodeList(ListPage):
    """Nodes in reach, those that are not well first."""

    name, title, search = "edge-nodes", _("边缘节点"), _("节点名称")
    template = "edge/nodes.html"
    above = "edge/_strangers.html"
    columns = (
        State("state", _("状态"), STATES),
        Inst("org_code", _("机构")),
        Text("name", _("节点"), lead=True),
        Health("facts", _("健康")),
        Waiting("facts", _("待传行数")),
        Number("feeds", _("任务")),
        Versions("applied", _("配置")),
        Moment("last_seen_at", _("最后心跳"), order="last_seen_at"),
    )
    filters = (
        Choice("state", _("状态"), NodeState.choices),
        Choice("org_code", _("机构"), _institutions),
    )
    order = ("rank", "org_code", "id")
    empty_title = _("还没有边缘节点")
    empty_reason = _("机构没有稳定网络或不允许中心直连数据库时，在机构内装一个节点：先在这里发放接入码。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """Nodes in reach."""
        return selectors.nodes(ctx, **{n: filters.get(n, "") for n in ("state", "org_code", "q")})

    def row_url(self, row: Any) -> str:
        """The node."""
        return reverse("edge:node", args=[row.pk])

    def more(self, request: Any, ctx: Ctx) -> Mapping[str, Any]:
        """Whether the reader may invite."""
        of_all = ctx.may("exchange.edge.invite") and ctx.reach == Reach.COUNTY
        word = 1 if get_language() == "en" else 0
        found = refusals.of_nobody() if of_all else ()
        return {
            "may_invite": ctx.may("exchange.edge.invite"),
            "strangers": [{"line": r, "text": SENTENCES[r.code][word]} for r in found],
        }
