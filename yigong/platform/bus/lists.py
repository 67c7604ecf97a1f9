"""The lists of messages, deliveries, services, endpoints, routes and runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from yigong.kit.ctx import Ctx
from yigong.platform.bus import register_reads, resending, selectors, words
from yigong.platform.bus.domain import DeliveryState
from yigong.platform.bus.envelope import business_number_of
from yigong.platform.bus.models import Endpoint, MessageState, Process
from yigong.platform.bus.told import answer_word, kind_word, told, why
from yigong.security.api import audit
from yigong.web import marks
from yigong.web.lists import Choice, Code, Column, Days, Inst, ListPage, Moment, Number, State, Text
from yigong.web.parts import Tab

STATES = {
    MessageState.RECEIVED: ("wait", _("已接收")),
    MessageState.PROCESSED: ("ok", _("已处理")),
    MessageState.FAILED: ("warn", _("等待重试")),
    MessageState.DEAD: ("bad", _("死信")),
}
TEST = ("hold", _("测试"))
OUTCOMES = {"loaded": _("已入库"), "waiting": _("隔离待处理"), "kept": _("原件已保存"), "": _("尚无")} | {
    "answered": _("已应答"),
    "refused": _("已拒绝"),
    "test": _("只保存（测试）"),
}


def tabs(here: str, ctx: Ctx, query: str = "") -> list[Tab]:
    """The lists of this module."""
    named = {
        "messages": pgettext_lazy("list", "消息"), "deliveries": _("投递"), "services": _("服务目录"), "endpoints": pgettext_lazy("list", "端点"),
        "routes": _("路由"), "runs": _("编排"), "kafka": _("Kafka 主题"),
    }  # fmt: skip
    count_of = {"endpoints": selectors.tripped_count(ctx) or None}
    found = [
        Tab(word, reverse(f"bus:{name}"), count_of.get(name), name == here and not query)
        for name, word in named.items()
    ]
    if ctx.may("bus.manage"):
        found.append(Tab(_("通知方式"), reverse("bus:channels"), None, False))
    dead = reverse("bus:deliveries") + "?state=dead"
    count = selectors.deliveries(ctx, state=DeliveryState.DEAD).count()
    found.insert(2, Tab(_("投递死信"), dead, count, here == "deliveries" and query == "dead"))
    dead = reverse("bus:messages") + "?state=dead"
    count = selectors.messages(ctx, state=MessageState.DEAD).count()
    found.insert(1, Tab(_("处理死信"), dead, count, here == "messages" and query == "dead"))
    return found


def searched(ctx: Ctx, q: str) -> None:
    """A search by a business number reads about a person: it needs its permission and leaves its line."""
    ctx.must("bus.search")
    audit(ctx, "bus.search", "bus_message", 0, after={"number": selectors.masked(q)})


class Masked(Column):
    """A patient's number of which one sees only the ends."""

    def plain(self, row: object) -> str:
        return selectors.masked(str(self.fact(row) or "")) or "—"


class Own(Column):
    """The number that a sender gave a message; one that is only its digest is none."""

    def plain(self, row: object) -> str:
        return selectors.own_number(row) or "—"  # type: ignore[arg-type]


class About(Column):
    """The order, visit or document that a message is about."""

    def plain(self, row: object) -> str:
        return business_number_of(self.fact(row)) or "—"


class Kind(Text):
    """A type of message, and what it is about where the standard names it."""

    def plain(self, row: object) -> str:
        kind = super().plain(row)
        return f"{kind} {kind_word(kind)}".strip()


class Stands(State):
    """Where a message stands; one for training or debugging bears a badge."""

    def cell(self, row: object) -> object:
        return marks.state(*TEST) if getattr(row, "is_test", False) else super().cell(row)

    def plain(self, row: object) -> str:
        return str(TEST[1]) if getattr(row, "is_test", False) else super().plain(row)


class Answer(Column):
    """What the receiver answered, in words."""

    def plain(self, row: object) -> str:
        return answer_word(str(self.fact(row) or "")) or "—"


class Maybe(Text):
    """Words that need not be there."""

    def plain(self, row: object) -> str:
        return str(self.fact(row) or "—")


class Retry(Moment):
    """When a delivery that waits is tried again."""

    def cell(self, row: object) -> object:
        return super().cell(row) if getattr(row, "state", "") == DeliveryState.WAITING else "—"


class Result(Column):
    """What became of the message."""

    def plain(self, row: object) -> str:
        return str(OUTCOMES.get(str(self.fact(row)), self.fact(row)))


class BusList(ListPage):
    """A list of this module: what it shows may be taken along, and that is written down."""

    export_action = "bus.export"

    @staticmethod
    def exported(ctx: Ctx, name: str, filters: Mapping[str, Any], count: int) -> None:
        """The list, how much of it, and by which filters; a number that was searched by shows its ends only."""
        said = {k: selectors.masked(str(v)) if k == "q" else str(v) for k, v in filters.items()}
        audit(ctx, "bus.export", "list", name, after={"rows": count, "filters": said})


class MessageList(BusList):
    """Messages, the newest first."""

    above = "bus/_dead_messages.html"
    name, title, search = "bus-messages", _("服务总线消息"), _("患者号、申请单号、就诊号、文档号或消息号（完整）")
    columns = (
        Stands("state", _("状态"), STATES),
        Kind("kind", _("类型"), lead=True, order="kind"),
        Inst("org_code", _("机构")),
        Own("control_id", _("消息号")),
        Masked("local_id", _("患者号")),
        About("keys", _("业务号")),
        Result("outcome", _("结果")),
        Number("attempts", _("处理次数"), order="attempts"),
        Moment("received_at", _("接收时间"), order="received_at"),
    )
    filters = (
        Choice("state", _("状态"), MessageState.choices),
        Choice("endpoint", _("端点"), lambda _c: [(c, c) for c in Endpoint.objects.values_list("code", flat=True)]),
        Choice("kind", _("类型"), lambda _c: [(k, k) for k in selectors.kinds()]),
        Choice("ways", _("去向"), [("none", _("没有路由符合"))]),
        Choice("test", _("用途"), [("no", _("生产")), ("yes", _("测试（T、D）"))]),
        Days("days", _("接收日期")),
    )
    order = ("-id",)
    empty_title = _("没有消息")
    empty_reason = _("启动 yigong listen 后，每条收到的消息都先记在这里再应答。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """Messages in reach."""
        if filters.get("q"):
            searched(ctx, filters["q"])
        return selectors.messages(ctx, **filters)

    def row_url(self, row: Any) -> str:
        """The message."""
        return reverse("bus:message", args=[row.pk])

    def tabs(self, request: HttpRequest, ctx: Ctx) -> Sequence[Tab]:
        """The lists of this module."""
        return tabs("messages", ctx, request.GET.get("state", ""))

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """Of dead letters, what they died of."""
        if request.GET.get("state") != MessageState.DEAD or request.GET.get("q"):
            return {}
        return {
            "causes": [(c, why(c["error"])) for c in selectors.dead_messages(ctx)],
            "may_replay": ctx.may("bus.replay"),
        }


class DeliveryList(BusList):
    """Messages on their way to endpoints, the newest first."""

    above = "bus/_dead_deliveries.html"
    name, title, search = "bus-deliveries", _("消息投递"), _("患者号、申请单号、就诊号、文档号或消息号（完整）")
    columns = (
        State("state", _("状态"), words.DELIVERIES),
        Kind("message.kind", _("类型"), lead=True, order="message__kind"),
        Text("endpoint.name", _("端点"), order="endpoint__name"),
        Code("priority", _("优先级"), words.PRIORITY_WORDS),
        Inst("message.org_code", _("来源机构")),
        Masked("message.local_id", _("患者号")),
        About("message.keys", _("业务号")),
        Answer("answer", _("应答")),
        Number("attempts", _("投递次数"), order="attempts"),
        Moment("created_at", _("排入"), order="created_at"),
        Retry("due_at", _("下次投递"), order="due_at"),
    )
    filters = (
        Choice("state", _("状态"), [(k, w) for k, (_t, w) in words.DELIVERIES.items()]),
        Choice(
            "endpoint", _("端点"), lambda _c: list(Endpoint.objects.filter(direction="out").values_list("code", "name"))
        ),
        Choice("priority", _("优先级"), list(words.PRIORITY_WORDS.items())),
    )
    order = ("-id",)
    empty_title = _("没有投递")
    empty_reason = _("启用一条路由后，符合条件的消息从这里送往各端点。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """Deliveries in reach."""
        if filters.get("q"):
            searched(ctx, filters["q"])
        return selectors.deliveries(ctx, **filters)

    def row_url(self, row: Any) -> str:
        """The delivery."""
        return reverse("bus:delivery", args=[row.pk])

    def tabs(self, request: HttpRequest, ctx: Ctx) -> Sequence[Tab]:
        """The lists of this module."""
        return tabs("deliveries", ctx, request.GET.get("state", ""))

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """Of dead letters, what they died of."""
        if request.GET.get("state") != DeliveryState.DEAD or request.GET.get("q"):
            return {}
        causes = [(c, told(c.error), words.BREAKERS[c.breaker]) for c in resending.causes(ctx)]
        return {"causes": causes, "may_replay": ctx.may("bus.replay")}


class RouteList(BusList):
    """Routes in the order in which they are asked."""

    name, title, search = "bus-routes", _("路由"), _("代码、名称或条件")
    template = "bus/listed.html"
    columns = (
        State("state", _("状态"), words.ROUTES),
        Number("position", _("询问次序"), order="position"),
        Text("name", _("路由"), lead=True, second="code", order="name"),
        Maybe("condition", _("条件"), wide=True),
        Code("priority", _("优先级"), words.PRIORITY_WORDS),
        Number("aims", _("去向")),
        Code("is_last", _("其后路由"), {True: _("不再询问"), False: _("继续询问")}),
    )
    filters = (Choice("state", _("状态"), [(k, w) for k, (_t, w) in words.ROUTES.items()]),)
    order = ("position", "id")
    empty_title = _("还没有路由")
    empty_reason = _("路由按发送方、类型和内容决定消息去往哪里。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """Routes."""
        return register_reads.routes(ctx, **filters)

    def row_url(self, row: Any) -> str:
        """The route."""
        return reverse("bus:route", args=[row.code])

    def tabs(self, request: HttpRequest, ctx: Ctx) -> Sequence[Tab]:
        """The lists of this module."""
        return tabs("routes", ctx)

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """What may be added."""
        return {"new": [(reverse("bus:route-new"), _("新建路由"))] if ctx.may("bus.manage") else []}


class Business(Column):
    """The business number that a run is about; a patient's shows its ends only."""

    def plain(self, row: object) -> str:
        return selectors.business_of(row)  # type: ignore[arg-type]


class Ended(Moment):
    """When a run ended; one under way says so."""

    def cell(self, row: object) -> object:
        return super().cell(row) if self.fact(row) else _("进行中")

    def plain(self, row: object) -> str:
        return super().plain(row) if self.fact(row) else str(_("进行中"))


class RunList(BusList):
    """Runs of processes, the newest first."""

    name, title, search = "bus-runs", _("服务编排"), _("业务号或消息号（完整）")
    template = "bus/listed.html"
    columns = (
        State("state", _("状态"), words.RUNS),
        Text("process.name", _("编排"), lead=True),
        Business("key", _("业务号")),
        Moment("began_at", _("开始"), order="began_at"),
        Ended("ended_at", _("结束"), order="ended_at"),
    )
    filters = (
        Choice("state", _("状态"), [(k, w) for k, (_t, w) in words.RUNS.items()]),
        Choice("process", _("编排"), lambda _c: list(Process.objects.values_list("code", "name"))),
    )
    order = ("-id",)
    empty_title = _("还没有编排运行")
    empty_reason = _("编排由路由或其他模块发起：逐步执行，失败时按相反顺序补偿。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """Runs in reach."""
        if filters.get("q"):
            searched(ctx, filters["q"])
        return register_reads.runs(ctx, **filters)

    def row_url(self, row: Any) -> str:
        """The run."""
        return reverse("bus:run", args=[row.pk])

    def tabs(self, request: HttpRequest, ctx: Ctx) -> Sequence[Tab]:
        """The lists of this module."""
        return tabs("runs", ctx)

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """The processes, and what may be added."""
        new = [(reverse("bus:process-new"), _("新建编排"))] if ctx.may("bus.manage") else []
        return {"new": new, "processes": register_reads.processes(ctx)}
