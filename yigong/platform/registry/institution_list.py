"""The list of institutions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from yigong.kit.ctx import Ctx
from yigong.platform.registry.models import Kind, State
from yigong.platform.registry.selectors import institutions, staff_counts
from yigong.security.api import audit
from yigong.web.lists import Choice, Code, Inst, ListPage, Number, Text
from yigong.web.lists import State as StateColumn

TONES = {"planned": "idle", "active": "ok", "suspended": "hold", "closed": "idle"}
STATES = {s.value: (TONES[s.value], s.label) for s in State}


def _exported(ctx: Ctx, name: str, filters: Mapping[str, Any], count: int) -> None:
    audit(ctx, "registry.export", "list", name, after={"rows": count})


class InstitutionList(ListPage):
    """Institutions as registered for the newest year (A17)."""

    name, title = "institutions", _("机构注册")
    template = "registry/institutions/list.html"
    search = _("名称、简称或组织机构代码")
    columns = (
        Inst("code", _("标记")),
        Text("name", _("名称"), order="name", lead=True),
        Text("code", _("组织机构代码"), order="code"),
        Code("kind", _("类别"), dict(Kind.choices), order="kind"),
        Text("level", _("级别")),
        Number("beds", _("床位"), order="beds"),
        Number("staff", _("在册人员"), order="staff"),
        StateColumn("state", _("状态"), STATES),
    )
    filters = (Choice("kind", _("类别"), Kind.choices), Choice("state", _("状态"), State.choices))
    export_action = "registry.export"
    exported = _exported
    empty_title = _("没有符合条件的机构")
    empty_reason = _("去掉筛选再看。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """The register is small: it is filtered in hand."""
        staff = staff_counts()
        text = filters.get("q", "")
        return [
            {
                "code": i.code,
                "name": i.name,
                "kind": i.kind,
                "level": i.level,
                "beds": i.beds,
                "state": i.state,
                "staff": staff.get(i.code, 0),
            }
            for i in institutions()
            if filters.get("kind", i.kind) == i.kind
            and filters.get("state", i.state) == i.state
            and (not text or text in i.name or text in i.short_name or text == i.code)
        ]

    def row_url(self, row: Any) -> str:
        """The page of the institution."""
        return reverse("institutions:one", args=[row["code"]])

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """Whether the reader may add."""
        return {"may_save": ctx.may("registry.save")}
