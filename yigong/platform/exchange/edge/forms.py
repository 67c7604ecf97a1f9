"""What clerks type about nodes."""

from __future__ import annotations

from typing import Any

from django import forms as fields
from django.utils.translation import gettext_lazy as _

from yigong.kit.ctx import Ctx, Reach
from yigong.platform.exchange.edge import selectors
from yigong.platform.exchange.edge.models import Assignment, Node, Work
from yigong.platform.exchange.models import Mapping
from yigong.platform.registry import api as registry
from yigong.web.forms import Form

INTERVALS = [(10, _("10 秒")), (60, _("1 分钟")), (300, _("5 分钟")), (900, _("15 分钟")), (3600, _("1 小时")), (86400, _("1 天"))]  # fmt: skip


class InviteForm(Form):
    """A new node: whose it is and what it is called."""

    org_code = fields.ChoiceField(label=_("机构"))
    name = fields.CharField(label=_("节点名称"), max_length=60, help_text=_("如：龙潭镇卫生院前置机"))

    def __init__(self, *args: Any, ctx: Ctx, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = [i for i in registry.institutions() if i.kind not in ("authority", "centre")]
        mine = [i for i in found if ctx.reach == Reach.COUNTY or i.code in ctx.orgs]
        self.fields["org_code"].choices = [("", _("请选择")), *((i.code, i.name) for i in mine)]  # type: ignore[attr-defined]


class RevokeForm(Form):
    """Why a node is revoked."""

    reason = fields.CharField(label=_("原因"), max_length=300, widget=fields.Textarea({"rows": 2}))
    wipe = fields.BooleanField(
        label=_("同时销毁节点上未传出的数据"), required=False,
        help_text=_("机器遗失或被盗时勾选；节点下次联网时执行，源系统里的数据不受影响。"),
    )  # fmt: skip


class OrderForm(Form):
    """How a node reads a feed."""

    mapping = fields.ChoiceField(label=_("映射版本"), required=False)
    every_seconds = fields.TypedChoiceField(label=_("采集间隔"), choices=INTERVALS, coerce=int, initial=300)
    bundle_rows = fields.IntegerField(
        label=_("每包行数"), min_value=10, max_value=20_000, initial=2000,
        help_text=_("网络差时调小：每包传完才算数，断了重传的就少。"),
    )  # fmt: skip
    at_node = fields.ChoiceField(
        label=_("在节点完成"), choices=Work.choices, initial=Work.READ, required=False,
        help_text=_("过滤掉的行不离开机构，只上报各条规则的条数；有问题的行原样上传，到隔离区等待修正。"),
    )  # fmt: skip
    widths = {"bundle_rows": "w4"}

    def __init__(self, *args: Any, line: Assignment | None = None, **kwargs: Any) -> None:
        if line:
            kwargs["initial"] = {
                "mapping": line.mapping_id or "",
                "every_seconds": line.every_seconds,
                "bundle_rows": line.rows,
                "at_node": line.at_node,
            }
        super().__init__(*args, **kwargs)
        versions = list(line.feed.mappings.order_by("-version")) if line else []
        self.fields["mapping"].choices = [("", _("总用最新版")), *_versions(versions)]  # type: ignore[attr-defined]

    def cleaned(self) -> dict[str, Any]:
        """The facts as the service takes them."""
        found = self.cleaned_data
        mapping = found["mapping"]
        return {
            "mapping_id": int(mapping) if mapping else None,
            "every_seconds": found["every_seconds"],
            "rows": found["bundle_rows"],
            "at_node": found["at_node"] or Work.READ,
        }


def _versions(versions: list[Mapping], prefix: str = "") -> list[tuple[str, str]]:
    return [(str(v.pk), f"{prefix}v{v.version} · {v.created_at:%Y-%m-%d}") for v in versions]


class AssignForm(OrderForm):
    """A feed of the institution given to its node."""

    feed = fields.ChoiceField(label=_("采集源"))
    field_order = ["feed", "mapping", "at_node", "every_seconds", "bundle_rows"]

    def __init__(self, *args: Any, ctx: Ctx, node: Node, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = selectors.assignable(ctx, node)
        self.fields["feed"].choices = [("", _("请选择")), *((str(f.pk), f.name) for f in found)]  # type: ignore[attr-defined]
        versions = [
            choice for f in found for choice in _versions(list(f.mappings.order_by("-version")), f"{f.name} · ")
        ]
        self.fields["mapping"].choices = [("", _("总用最新版")), *versions]  # type: ignore[attr-defined]


class LimitsForm(Form):
    """Bounds of a node."""

    buffer_mb = fields.IntegerField(
        label=_("缓存上限"), min_value=16, max_value=100_000, initial=512, help_text=_("满了就暂停读取，不会丢数据。")
    )
    free_mb = fields.IntegerField(label=_("磁盘至少剩余"), min_value=0, max_value=100_000, initial=200)
    beat_seconds = fields.IntegerField(label=_("心跳间隔"), min_value=5, max_value=3600, initial=60)
    retry_seconds = fields.IntegerField(
        label=_("重连最长间隔"), min_value=1, max_value=3600, initial=300, required=False,
        help_text=_("网络断开后逐次加倍等待，最长不超过它。"),
    )  # fmt: skip
    silent_minutes = fields.IntegerField(
        label=_("多久没有消息算离线"), min_value=1, max_value=10_000, initial=10, required=False,
        help_text=_("夜里关机的村卫生室可以放长。"),
    )  # fmt: skip
    units = {
        "silent_minutes": _("分钟"),
        "retry_seconds": _("秒"),
        "buffer_mb": "MB",
        "free_mb": "MB",
        "beat_seconds": _("秒"),
    }
    widths = {"silent_minutes": "w4", "retry_seconds": "w4", "buffer_mb": "w4", "free_mb": "w4", "beat_seconds": "w4"}
