"""How the desk and persons look on pages: tabs, queue, history, golden record, marks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yigong.kit.ctx import Ctx
from yigong.kit.text import mask_phone
from yigong.platform.empi import matching, rules
from yigong.platform.empi.domain import LIFE, Side
from yigong.platform.empi.review import Waiting
from yigong.platform.empi.selectors import GoldenPerson
from yigong.platform.empi.shown_words import (
    FIELDS,
    KINDS,
    MACHINE_VERBS,
    MARK_WORDS,
    ORDERS,
    SEXES,
    VERBS,
    chinese,
    ethnic_group,
    half,
)
from yigong.security.api import opaque_id
from yigong.web import links
from yigong.web.charts import chart
from yigong.web.parts import Tab
from yigong.web.words import true_minus

DESK = {
    "review": (gettext_lazy("核对队列"), "empi.view"),
    "many": (gettext_lazy("批量核对"), "empi.decide"),
    "together": (gettext_lazy("查找合并"), "empi.decide"),
    "history": (gettext_lazy("决定记录"), "empi.view"),
    "log": (gettext_lazy("索引日志"), "empi.view"),
    "quality": (gettext_lazy("质量"), "empi.view"),
    "rules": (gettext_lazy("规则"), "empi.view"),
    "cleaning": (gettext_lazy("清洗"), "empi.view"),
}


def desk(request: Any) -> dict[str, Any]:
    """What every page of the desk needs: the tabs that the reader may open, and what they may do."""
    here, ctx = request.resolver_match.url_name, request.ctx
    tabs = [
        Tab(word, reverse(f"empi:{name}"), None, here.split("_")[0] == name)
        for name, (word, act) in DESK.items()
        if ctx.may(act)
    ]
    return {
        "desk_tabs": tabs,
        "may": {verb: ctx.may(f"empi.{verb}") for verb in ("rules", "publish", "clean", "decide")},
    }


def waiting(one: Waiting) -> dict[str, Any]:
    """A row of the queue."""
    word, tone, icon = KINDS.get(one.kind, KINDS["alike"])
    return {"id": one.id, "opaque": opaque_id(one.id), "names": f"{one.left_name or _('未记录')} / {one.right_name or _('未记录')}",
            "score": one.score, "word": word, "tone": tone, "icon": icon, "later": one.state == "later", "pending": one.state == "pending", "worth": one.worth,
            "left_org": one.left_org, "right_org": one.right_org}  # fmt: skip


def filters(counts: Mapping[str, int], chosen: str) -> list[dict[str, Any]]:
    """The filters of the queue with their numbers; those with nothing behind them are left out."""
    words: dict[str, object] = {"": _("全部"), "high": _("高风险"), **{k: w for k, (w, _t, _i) in KINDS.items()}}
    numbers = {**counts, "": counts["all"]}
    return [
        {"value": kind, "word": word, "count": numbers.get(kind, 0), "on": kind == chosen}
        for kind, word in words.items()
        if numbers.get(kind) or kind == chosen
    ]


def orders(request: Any) -> list[Tab]:
    """The ways to put the queue in order."""
    return links.tabs(request, "order", list(ORDERS.items()), default="risk")


def model_words() -> dict[str, Any]:
    """Name and thresholds of the model."""
    auto, review = matching.thresholds()
    return {"name": rules.model().zh if chinese() else rules.model().en, "auto": auto, "review": review}


def decision(row: Mapping[str, Any], ctx: Ctx) -> dict[str, Any]:
    """One line of the history, with its way back when there is one."""
    verb = str(row["verb"])
    may = ctx.may("empi.undo") and verb not in MACHINE_VERBS and not row["undone_by"]
    word = VERBS.get(verb) or MACHINE_VERBS.get(verb) or verb
    who = _("模型") if row["by_name"] == "system" else row["by_name"]
    why = _("自动") if row["reason"] == "auto" else row["reason"]
    names = [n for n in row["names"] or [] if n]
    return {
        **row,
        "word": word,
        "by": who,
        "why": why,
        "undo": reverse("empi:undo", args=[row["id"]]) if may else "",
        "names": names,
        "named": " / ".join(names) or _("未记录"),
        "line": _line(word, who, row["score"], why),
    }


def _line(word: object, who: object, score: float | None, why: object) -> str:
    """A decision in one line: who, what, with which score, why."""
    what = str(word) if score is None else f"{word} {true_minus(f'{score:.1f}')}"
    said = {"who": who, "what": what, "why": why}
    return (_("%(who)s：%(what)s（%(why)s）") if why else _("%(who)s：%(what)s")) % said


def trend(days: list[tuple[str, int]]) -> Any:
    """The number of waiting pairs day by day, as a chart with its table."""
    option = {
        "grid": {"left": 44, "right": 12, "top": 16, "bottom": 28},
        "xAxis": {"type": "category", "data": [day for day, _n in days]},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": [{"type": "line", "name": str(_("疑似重复")), "data": [n for _day, n in days]}],
    }
    return chart(
        "empi-trend", option, days, head=[_("日期"), _("疑似重复")], title=_("疑似重复对数，近 30 天"), size="h180"
    )


def golden_fields(golden: GoldenPerson) -> list[dict[str, Any]]:
    """The golden record field by field with institution and day."""
    out = []
    for name, word in FIELDS.items():
        if found := golden.fields.get(name):
            value: object = SEXES.get(found.value, found.value) if name == "sex_code" else found.value
            value = ethnic_group(found.value) if name == "ethnic_group_code" else value
            value = half(found.value) if name == "id_no" else mask_phone(found.value) if "phone" in name else value
            out.append({"word": word, "value": value, "org_code": found.org_code, "on": found.on})
    return out


def marks(state: str, ctx: Ctx) -> list[dict[str, Any]]:
    """What may be done to an identity in this state: verb, words, whether it is grave."""
    moves = [m.verb for m in LIFE.verbs(state, Side.CLERK) if m.verb in MARK_WORDS and ctx.may(f"empi.{m.verb}")]
    return [{"verb": verb, "word": MARK_WORDS[verb], "grave": verb in ("cancel", "decease")} for verb in moves]
