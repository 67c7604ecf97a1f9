"""Charts, map and cells of the board: what the components of the house draw."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from yigong.platform.registry import api as registry
from yigong.platform.warehouse.api import Value
from yigong.web import charts as draw
from yigong.web import maps

#: column of a drilled row -> words
COLUMN_WORDS = {
    "event_at": gettext_lazy("时间"),
    "ended_at": gettext_lazy("结束时间"),
    "sent_at": gettext_lazy("提交时间"),
    "replied_at": gettext_lazy("答复时间"),
    "reply_due_at": gettext_lazy("答复时限"),
    "org_code": gettext_lazy("机构"),
    "to_org": gettext_lazy("接收机构"),
    "kind": gettext_lazy("类型"),
    "title": gettext_lazy("内容"),
    "data_set": gettext_lazy("数据集"),
    "event_id": gettext_lazy("事件号"),
    "diagnosis_code": gettext_lazy("诊断编码"),
    "total_cost_yuan": gettext_lazy("总费用（元）"),
    "flag": gettext_lazy("结果"),
    "case_no": gettext_lazy("转诊单号"),
    "direction": gettext_lazy("方向"),
    "urgency": gettext_lazy("紧急程度"),
    "state": gettext_lazy("状态"),
}
#: values that stand for words
CELL_WORDS = {
    "outpatient": gettext_lazy("门诊"),
    "emergency": gettext_lazy("急诊"),
    "inpatient": gettext_lazy("住院"),
    "laboratory": gettext_lazy("检验"),
    "imaging": gettext_lazy("检查"),
    "prescription": gettext_lazy("处方"),
    "follow_up": gettext_lazy("随访"),
    "normal": gettext_lazy("正常"),
    "abnormal": pgettext_lazy("result", "异常"),
    "critical": gettext_lazy("危急"),
    "up": gettext_lazy("上转"),
    "down": gettext_lazy("下转"),
    "peer": gettext_lazy("平转"),
}


def cell(name: str, value: Any) -> Any:
    """A cell of a drilled row as people read it."""
    if value is None:
        return "—"
    if name in ("org_code", "to_org") and (found := registry.institution(str(value))):
        return found.name
    if isinstance(value, datetime):
        return f"{localtime(value):%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return CELL_WORDS.get(str(value), value)


def visits(months: dict[str, Any]) -> Any:
    """Visits by month, hospitals and primary care side by side on one bar."""
    series = [
        {"name": _("基层机构"), "type": "bar", "stack": "a", "data": months["primary"]},
        {"name": _("县级医院"), "type": "bar", "stack": "a", "data": months["hospital"]},
    ]
    return _bars("visits", _("门急诊人次"), months, series)


def referrals(months: dict[str, Any]) -> Any:
    """Up- and down-referrals by month."""
    series = [
        {"name": _("上转"), "type": "bar", "data": months["up"]},
        {"name": _("下转"), "type": "bar", "data": months["down"], "itemStyle": {"decal": {"symbol": "rect"}}},
    ]
    return _bars("referrals", _("双向转诊"), months, series)


def _bars(chart_id: str, title: str, months: dict[str, Any], series: list[dict[str, Any]]) -> Any:
    option = {
        "legend": {"top": 0, "right": 8},
        "grid": {"left": 52, "right": 12, "top": 32, "bottom": 24},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": months["months"]},
        "yAxis": {"type": "value", "min": 0},
        "series": series,
    }
    head = [_("月份"), *(s["name"] for s in series)]
    table = [[m, *(s["data"][i] for s in series)] for i, m in enumerate(months["months"])]
    return draw.chart(chart_id, option, table, head=head, title=title)


def county_map(values: dict[str, Value]) -> Any:
    """The county with the share of each township; a township without enough data is hatched."""
    if not settings.COUNTY_MAP.exists():
        return format_html('<div class="yg-pd yg-hint">{}</div>', _("本机还没有县域地图（.local/county.geojson）"))
    return maps.county_map(
        settings.COUNTY_MAP,
        {name: v.value for name, v in values.items()},
        words=lambda value: f"{value:.1f}",
        title=_("基层诊疗占比 · 按乡镇"),
        unit="%",
    )
