"""Lists of this module: the audit and the log-ins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from yigong.kit.ctx import Ctx
from yigong.security.models import Audit, Login
from yigong.security.roles import ROLES, action_words
from yigong.security.services import audit
from yigong.web.http import action_word
from yigong.web.lists import Choice, Code, Days, Inst, ListPage, Moment, State, Text

PURPOSES = {"treatment": _("诊疗"), "operation": _("平台运维"), "supervision": _("监管统计"), "system": _("平台自身")}
OUTCOMES = {
    "in": ("ok", _("登录")),
    "out": ("idle", _("退出")),
    "wrong_password": ("warn", _("密码错")),
    "locked": ("bad", _("已锁定")),
    "inactive": ("hold", _("账号停用")),
    "no_membership": ("hold", _("没有角色")),
}


def _exported(ctx: Ctx, name: str, filters: Mapping[str, Any], count: int) -> None:
    audit(ctx, "audit.export", "list", name, after={"rows": count, "filters": {k: str(v) for k, v in filters.items()}})


def _days(found: Any, filters: Mapping[str, Any]) -> Any:
    span = filters.get("days")
    return found.filter(at__date__gte=span[0], at__date__lte=span[1]) if span else found


class _Action(Text):
    """An action by its words."""

    def plain(self, row: object) -> str:
        return action_word(str(self.fact(row)))


class AuditList(ListPage):
    """Who did what, when and why (B24); whose record it was is named by a number only."""

    name, title, crumb = "audit", _("审计记录"), _("只增不改")
    search = _("操作人、单号或请求编号")
    columns = (
        Moment("at", _("时间"), order="at", lead=True),
        Text("actor_name", _("操作人"), order="actor_name"),
        Inst("org_code", _("机构")),
        Code("role", _("角色"), {row.code: row.name for row in ROLES} | {"system": _("平台自身")}),
        _Action("action", _("做了什么"), order="action"),
        Text("subject_id", _("对象")),
        Code("purpose", _("用途"), PURPOSES),
        Text("request_id", _("请求编号")),
        Text("address", _("网络地址")),
    )
    filters = (
        Choice("action", _("做了什么"), lambda _ctx: sorted((a, w) for a, w in action_words().items())),
        Choice("purpose", _("用途"), tuple(PURPOSES.items())),
        Days("days", _("时间")),
    )
    order = ("-at",)
    export_action = "audit.export"
    exported = _exported
    empty_title = _("没有符合条件的审计记录")
    empty_reason = _("每一次登录、读取和修改都会记在这里；去掉筛选再看。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """The audit of the whole platform; only holders of audit.view come here."""
        found = Audit.objects.all()
        for name in ("action", "purpose"):
            if name in filters:
                found = found.filter(**{name: filters[name]})
        if text := filters.get("q"):
            found = (
                found.filter(actor_name__contains=text)
                | found.filter(subject_id=text)
                | found.filter(request_id=text.upper())
            )
        return _days(found, filters)


class LoginList(ListPage):
    """Who logged in or tried to."""

    name, title = "logins", _("登录日志")
    search = _("登录名")
    columns = (
        Moment("at", _("时间"), order="at", lead=True),
        Text("login_name", _("登录名"), order="login_name"),
        Inst("org_code", _("机构")),
        State("outcome", _("结果"), OUTCOMES),
        Text("address", _("网络地址")),
    )
    filters = (
        Choice("outcome", _("结果"), tuple((k, word) for k, (_tone, word) in OUTCOMES.items())),
        Days("days", _("时间")),
    )
    order = ("-at",)
    export_action = "audit.export"
    exported = _exported

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """All attempts."""
        found = Login.objects.all()
        if "outcome" in filters:
            found = found.filter(outcome=filters["outcome"])
        if text := filters.get("q"):
            found = found.filter(login_name__contains=text)
        return _days(found, filters)
