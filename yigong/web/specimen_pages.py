"""A list, a form, charts and maps as specimens, with invented facts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.web import charts, maps
from yigong.web.forms import Form
from yigong.web.links import tabs
from yigong.web.lists import Choice, Days, Inst, Left, ListPage, Moment, Number, Person, State, Text
from yigong.web.specimens import COUNTY, TOWN, VILLAGE

STATES = {
    "sent": ("wait", "待接收"),
    "accepted": ("ok", "已接收"),
    "asked": ("hold", "待补材料"),
    "returned": ("idle", "不接收"),
}
FAMILIES, GIVEN = "赵钱孙李周吴郑王冯陈", ("秀兰", "德福", "玉梅", "国栋", "小琴", "永年", "春花")


def cases() -> list[dict[str, Any]]:
    """A hundred and twenty invented referrals."""
    states = list(STATES)
    return [
        {
            "id": n,
            "name": FAMILIES[n % 10] + GIVEN[n % 7],
            "sex": "女" if n % 2 else "男",
            "born_on": date(1940 + n % 60, 1 + n % 12, 1 + n % 28),
            "id_no": f"5323011959031{n:05d}",
            "from": (TOWN, VILLAGE, COUNTY)[n % 3],
            "reason": "规律用药血压不达标",
            "detail": "三药联用 3 月仍 168/96，血钾偏低待查",
            "due_at": now() + timedelta(minutes=23 * n - 30),
            "sent_at": now() - timedelta(minutes=45 + n),
            "systolic": 120 + n * 7 % 70,
            "state": states[n * n % 4],
        }
        for n in range(120)
    ]


class Cases(ListPage):
    """The list of the page of components."""

    name = "specimen"
    title = _("列表示例")
    crumb = _("虚构的转诊")
    search = _("姓名")
    two_lines = True
    columns = (
        Left("due_at", _("答复时限"), since="sent_at", order="due_at"),
        Person("name", _("患者"), lead=True, order="name"),
        Inst("from", _("来源")),
        Text("reason", _("原因"), second="detail"),
        Number("systolic", _("收缩压 mmHg"), order="systolic"),
        Moment("sent_at", _("送出"), order="sent_at"),
        State("state", _("状态"), STATES),
    )
    filters = (Choice("state", _("状态"), [(k, v[1]) for k, v in STATES.items()]), Days("sent", _("送出日期")))
    order = ("due_at",)

    def rows(self, ctx: Ctx, filters: Any) -> list[dict[str, Any]]:
        """The invented cases that the filters let through."""
        found = cases()
        if "state" in filters:
            found = [c for c in found if c["state"] == filters["state"]]
        return [c for c in found if filters.get("q", "") in c["name"]]

    def row_url(self, row: Any) -> str:
        """Every row leads back to the page of components."""
        return f"/_ui/#case-{row['id']}"

    def tabs(self, request: HttpRequest, ctx: Ctx) -> Any:
        """Tabs by state."""
        return tabs(request, "state", [("", _("全部"), 120), ("sent", "待接收", 60)])


class Vitals(Form):
    """The form of the page of components."""

    complaint = forms.CharField(label=_("主诉"), max_length=60, help_text=_("本次最主要的不适和时间"))
    systolic = forms.IntegerField(label=_("收缩压"), min_value=40, max_value=300)
    diastolic = forms.IntegerField(label=_("舒张压"), min_value=20, max_value=200)
    temperature = forms.DecimalField(label=_("体温"), min_value=30, max_value=45, required=False)
    urgency = forms.ChoiceField(
        label=_("紧急程度"), choices=[("plain", _("普通")), ("urgent", _("急"))], widget=forms.RadioSelect
    )
    department = forms.ChoiceField(label=_("转往科室"), choices=[("", _("请选择")), ("cardiology", _("心内科"))])
    day = forms.DateField(label=_("就诊日期"), required=False, widget=forms.DateInput)
    note = forms.CharField(label=_("补充说明"), required=False, widget=forms.Textarea)
    units = {"systolic": "mmHg", "diastolic": "mmHg", "temperature": "℃"}
    pairs = (("systolic", "diastolic"),)


def county() -> dict[str, Any]:
    """An invented county of nine places on a bent grid."""
    names = ("高坪镇", "南坝镇", "太平乡", "青山乡", "城关镇", "双河镇", "石桥镇", "东河镇", "柳林镇")

    def corner(row: int, column: int) -> list[float]:
        return [110.0 + column * 0.1 + (row * 7 % 5) * 0.012, 31.3 - row * 0.1 + (column * 5 % 3) * 0.014]

    def shape(n: int) -> list[list[float]]:
        row, column = divmod(n, 3)
        around = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column), (row, column)]
        return [corner(r, c) for r, c in around]

    features = [
        {"type": "Feature", "properties": {"name": name}, "geometry": {"type": "Polygon", "coordinates": [shape(n)]}}
        for n, name in enumerate(names)
    ]
    return {"type": "FeatureCollection", "features": features}


def drawings() -> dict[str, Any]:
    """Charts and maps."""
    months = [f"{m}月" for m in range(1, 13)]
    up = [812, 790, 702, 880, 905, 921, 940, 962, 951, 933, 918, 897]
    down = [230, 221, 205, 268, 290, 312, 330, 345, 362, 388, 401, 412]
    bars = {
        "legend": True,
        "xAxis": {"type": "category", "data": months},
        "yAxis": {"type": "value"},
        "series": [{"name": "上转", "type": "bar", "data": up}, {"name": "下转", "type": "bar", "data": down}],
    }
    lines = {
        "legend": True,
        "xAxis": {"type": "category", "data": months},
        "yAxis": {"type": "value", "min": -10},
        "series": [
            {"name": "县医", "type": "line", "data": [v / 100 for v in up]},
            {"name": "中医", "type": "line", "data": [v / 100 - 2 for v in down]},
            {"name": "镇卫", "type": "line", "data": [v / 200 for v in up]},
        ],
    }
    values = {
        "高坪镇": 62.2,
        "南坝镇": 55.4,
        "太平乡": 60.9,
        "青山乡": None,
        "城关镇": 43.2,
        "双河镇": 72.6,
        "石桥镇": 71.4,
        "东河镇": 66.1,
        "柳林镇": 61.8,
    }
    ground = county()
    spots = [maps.centre([(p[0], p[1]) for p in f["geometry"]["coordinates"][0]]) for f in ground["features"]]
    tones = ("bad", "idle", "hold", "late", "hub", "run", "ok", "run", "low")
    nodes = [
        maps.Node(n, n, x, y, tone, url=f"#{i}", note="静默 3:12" if tone == "bad" else "")
        for i, ((x, y), tone, n) in enumerate(zip(spots, tones, values, strict=True))
    ]
    ties = [
        maps.Tie(n.key, "城关镇", 10.0 * i, {"run": "run", "bad": "bad", "late": "late", "low": "low"}.get(n.tone, ""))
        for i, n in enumerate(nodes)
        if n.tone not in ("hub", "idle", "hold")
    ]
    return {
        "bars": charts.chart(
            "bars",
            bars,
            [list(r) for r in zip(months, up, down, strict=True)],
            head=["月", "上转", "下转"],
            title="双向转诊",
        ),
        "lines": charts.chart(
            "lines", lines, [[m, u / 100] for m, u in zip(months, up, strict=True)], head=["月", "县医"], title="三条线"
        ),
        "choropleth": maps.county_map(
            ground, values, steps=(50, 58, 64, 70), unit="%", title="基层诊疗占比", links=dict.fromkeys(values, "#")
        ),
        "node_map": maps.county_map(ground, nodes=nodes, ties=ties, title="交换监控"),
        "tones": list(
            zip(
                ("ok", "run", "late", "low", "bad", "hold", "idle"),
                ("准时", "采集中", "迟到", "质量低", "静默/失败", "已暂停", "未接入"),
                (11, 3, 1, 1, 2, 1, 1),
                strict=True,
            )
        ),
    }
