"""The list of journalled messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from yigong.kit.ctx import Ctx
from yigong.platform.bus import selectors
from yigong.platform.bus.models import Endpoint, MessageState
from yigong.web.lists import Choice, Column, Days, Inst, ListPage, Moment, Number, State, Text
from yigong.web.parts import Tab

STATES = {
    MessageState.RECEIVED: ("wait", _("已接收")),
    MessageState.PROCESSED: ("ok", _("已处理")),
    MessageState.FAILED: ("warn", _("等待重试")),
    MessageState.DEAD: ("bad", _("死信")),
}
OUTCOMES = {"loaded": _("已入库"), "waiting": _("隔离待处理"), "kept": _("原件已保存"), "": _("尚无")} | {
    "answered": _("已应答"),
    "refused": _("已拒绝"),
}


class Masked(Column):
    """A patient's number of which one sees only the ends."""

    def plain(self, row: object) -> str:
        return selectors.masked(str(self.fact(row) or "")) or "—"


class Result(Column):
    """What became of the message."""

    def plain(self, row: object) -> str:
        return str(OUTCOMES.get(str(self.fact(row)), self.fact(row)))


class MessageList(ListPage):
    """Messages, the newest first."""

    name, title, search = "bus-messages", _("服务总线消息"), _("患者号、申请单号或消息号（完整）")
    columns = (
        State("state", _("状态"), STATES),
        Text("kind", _("类型"), lead=True),
        Inst("org_code", _("机构")),
        Text("control_id", _("消息号")),
        Masked("local_id", _("患者号")),
        Text("order_no", _("申请单号")),
        Result("outcome", _("结果")),
        Number("attempts", _("处理次数"), order="attempts"),
        Moment("received_at", _("接收时间"), order="received_at"),
    )
    filters = (
        Choice("state", _("状态"), MessageState.choices),
        Choice("endpoint", _("端点"), lambda _c: [(c, c) for c in Endpoint.objects.values_list("code", flat=True)]),
        Choice("kind", _("类型"), lambda _c: [(k, k) for k in selectors.kinds()]),
        Days("days", _("接收日期")),
    )
    order = ("-id",)
    empty_title = _("没有消息")
    empty_reason = _("启动 yigong listen 后，每条收到的消息都先记在这里再应答。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """Messages in reach."""
        return selectors.messages(ctx, **filters)

    def row_url(self, row: Any) -> str:
        """The message."""
        return reverse("bus:message", args=[row.pk])

    def tabs(self, request: HttpRequest, ctx: Ctx) -> Sequence[Tab]:
        """All messages, and those that wait for a person."""
        here, dead = reverse("bus:messages"), request.GET.get("state") == MessageState.DEAD
        return [
            Tab(_("全部消息"), here, None, not dead),
            Tab(_("死信"), f"{here}?state=dead", selectors.dead_count(ctx), dead),
        ]
