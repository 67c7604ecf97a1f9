"""How the facts of this module look on its pages: words, tones, parts of components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.kit.text import mask_phone, narrow
from yigong.platform.empi import matching, rules
from yigong.platform.empi.engine.api import Explanation, Step
from yigong.platform.empi.review import Pair, Waiting
from yigong.platform.empi.selectors import GoldenPerson, Registration
from yigong.web.charts import chart
from yigong.web.http import sentence
from yigong.web.marks import institution
from yigong.web.parts import Comparison, Evidence, Threshold, Weight
from yigong.web.words import day_words

#: kind of question -> words, tone, icon
KINDS = {
    "twins": (gettext_lazy("疑为双胞胎"), "bad", "alert-octagon"),
    "numbers": (gettext_lazy("两个可信证号"), "bad", "alert-octagon"),
    "borrowed": (gettext_lazy("证号借用"), "bad", "alert-octagon"),
    "newborn": (gettext_lazy("新生儿占位名"), "wait", "baby-carriage"),
    "doubtful": (gettext_lazy("证号可疑"), "warn", "alert-triangle"),
    "birth": (gettext_lazy("生日不同"), "wait", "calendar-question"),
    "homophone": (gettext_lazy("同音不同字"), "wait", "ear"),
    "alike": (gettext_lazy("信息不足"), "wait", "clock"),
}
VERBS = {
    "confirm": gettext_lazy("同一人"),
    "reject": gettext_lazy("不是同一人"),
    "later": gettext_lazy("稍后"),
    "merge": gettext_lazy("合并"),
    "split": gettext_lazy("拆分"),
    "propose": gettext_lazy("提议合并"),
    "mark": gettext_lazy("改状态"),
    "undo": gettext_lazy("撤销"),
    "link": gettext_lazy("自动归入"),
    "join": gettext_lazy("自动合并"),
}
_MORE_VERBS = {
    "new": gettext_lazy("首次登记"),
    "change": gettext_lazy("信息变更"),
    "ask": gettext_lazy("列入待核"),
    "part": gettext_lazy("自动拆分"),
}
PERSON_STATES = {
    "temporary": gettext_lazy("临时身份"),
    "provisional": gettext_lazy("待核身份"),
    "verified": gettext_lazy("已核身份"),
    "merged": gettext_lazy("已并入他人"),
    "split": gettext_lazy("拆分后待核"),
    "deceased": gettext_lazy("已故"),
    "cancelled": gettext_lazy("已注销"),
}
SEXES = {"1": gettext_lazy("男"), "2": gettext_lazy("女"), "9": gettext_lazy("未说明"), "0": gettext_lazy("未知")}
TRUSTS = {
    "trusted": gettext_lazy("校验通过"),
    "doubtful": gettext_lazy("与生日或性别矛盾"),
    "bad": gettext_lazy("校验不通过"),
    "shared": gettext_lazy("多人共用，不作依据"),
    "other": gettext_lazy("其他证件"),
    "missing": gettext_lazy("未记录"),
}
FIELDS = {
    "full_name": gettext_lazy("姓名"),
    "sex_code": gettext_lazy("性别"),
    "born_on": gettext_lazy("出生"),
    "id_no": gettext_lazy("身份证"),
    "phone": gettext_lazy("电话"),
    "address": gettext_lazy("住址"),
    "health_card_no": gettext_lazy("医保或健康卡"),
    "contact_name": gettext_lazy("联系人"),
    "contact_phone": gettext_lazy("联系电话"),
    "ethnic_group_code": gettext_lazy("民族"),
}
#: the engine's comparisons in words short enough to stand under a bar
BARS = {
    "name": gettext_lazy("姓名"),
    "born": gettext_lazy("出生"),
    "sex": gettext_lazy("性别"),
    "phone": gettext_lazy("电话"),
    "place": gettext_lazy("住址"),
    "card": gettext_lazy("卡号"),
    "contact": gettext_lazy("联系人"),
    "age": gettext_lazy("年龄段"),
    "number": gettext_lazy("身份证"),
}


def waiting(one: Waiting) -> dict[str, Any]:
    """A row of the queue."""
    word, tone, icon = KINDS.get(one.kind, KINDS["alike"])
    return {"id": one.id, "names": f"{one.left_name or _('未记录')} / {one.right_name or _('未记录')}",
            "score": one.score, "word": word, "tone": tone, "icon": icon, "later": one.state == "later",
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


def model_words() -> dict[str, Any]:
    """Name and thresholds of the model."""
    auto, review = matching.thresholds()
    return {"name": rules.model().zh if _chinese() else rules.model().en, "auto": auto, "review": review}


def pair(one: Pair, ctx: Ctx) -> dict[str, Any]:
    """Everything the page says about one pair."""
    auto, review = matching.thresholds()
    return {
        "pair": one,
        "title": KINDS.get(one.kind, KINDS["alike"]),
        "rows": comparisons(one),
        "heads": (_head(_("记录 A"), one.left), _head(_("记录 B"), one.right)),
        "weights": _weights(one.explanation),
        "thresholds": [
            Threshold(_("自动合并"), round(auto, 1), "ok"),
            Threshold(_("复核下限"), round(review, 1), "warn"),
        ],
        "steps": [_step(step) for step in one.explanation.steps if step.weight],
        "evidence": _evidence(one.explanation),
        "history": [decision(_line(line), ctx) for line in one.history],
        "locked": sentence(Refused(one.locked)) if one.locked else "",
    }


def _line(line: Any) -> dict[str, Any]:
    facts = {name: getattr(line, name) for name in line.__dataclass_fields__}
    return facts | {"names": [], "person_id": 0, "org_code": ""}


def comparisons(one: Pair) -> list[Comparison]:
    """The two registrations field by field."""
    a, b, said = one.left, one.right, {step.field: step for step in one.explanation.steps}
    return [
        _row(FIELDS["full_name"], a.full_name, b.full_name, said.get("name")),
        _row(FIELDS["sex_code"], SEXES.get(a.sex_code or ""), SEXES.get(b.sex_code or ""), said.get("sex")),
        _row(FIELDS["born_on"], a.born_on, b.born_on, said.get("born")),
        _numbers(a, b, said.get("number")),
        _row(FIELDS["phone"], *_phones(a.phone, b.phone), said.get("phone")),
        _row(FIELDS["address"], a.address, b.address, said.get("place")),
        _row(FIELDS["contact_name"], a.contact_name, b.contact_name, said.get("contact")),
        _row(FIELDS["health_card_no"], a.health_card_no, b.health_card_no, said.get("card")),
    ]


def _head(word: object, one: Registration) -> SafeString:
    """Institution and day above a column of the comparison."""
    day = day_words(one.registered_at) if one.registered_at else _("登记日未记录")
    return format_html(
        '{} <b>{}</b> <span class="yg-sub">{} · {} {}</span>',
        institution(one.org_code), word, day, one.source_system, one.local_id,
    )  # fmt: skip


def _row(word: object, a: object, b: object, step: Step | None) -> Comparison:
    left, right = str(a or ""), str(b or "")
    if not left or not right:
        return Comparison(word, left, right, _("一方缺失") if left or right else _("都缺失"), icon="minus")
    if narrow(left) == narrow(right):
        return Comparison(word, left, right, _("一致"))
    tone = "warn" if step is None or step.weight > -3 else "bad"
    return Comparison(word, left, right, _("不同"), tone, note=_said(step) if step else "")


def _numbers(a: Registration, b: Registration, step: Step | None) -> Comparison:
    row = _row(FIELDS["id_no"], _half(a.id_no), _half(b.id_no), step)
    if a.id_no and b.id_no:
        same, trust = a.id_no == b.id_no, {a.id_trust, b.id_trust}
        note = _("均校验通过") if trust == {"trusted"} else TRUSTS[min(trust - {"trusted"})]
        tone = "" if same and trust == {"trusted"} else "bad" if trust == {"trusted"} else "warn"
        return Comparison(row.word, row.a, row.b, _("一致") if same else _("不同"), tone, note=note)
    return row


def _half(number: str | None) -> str:
    """An identity number without its place: enough to compare, too little to use."""
    return f"{number[:3]}***{number[6:]}" if number and len(number) > 9 else number or ""


def _phones(a: str | None, b: str | None) -> tuple[str, str]:
    return (mask_phone(a), mask_phone(b)) if a and a == b else (a or "", b or "")


def _chinese() -> bool:
    return (get_language() or "zh").startswith("zh")


def _said(step: Step) -> str:
    return (step.zh if _chinese() else step.en).partition("：" if _chinese() else ": ")[2] or step.field


def _weights(explanation: Explanation) -> list[Weight]:
    """Prior, one bar for each comparison, and one for all corrections of fields that hang together."""
    single = [s for s in explanation.steps if "+" not in s.field and abs(s.weight) >= 0.05]
    together = sum(s.weight for s in explanation.steps) - sum(s.weight for s in single)
    bars = [Weight(_("先验"), explanation.prior), *(Weight(BARS.get(s.field, s.field), s.weight) for s in single)]
    return [*bars, Weight(_("关联修正"), together)] if abs(together) >= 0.05 else bars


def _step(step: Step) -> dict[str, Any]:
    return {"word": step.zh if _chinese() else step.en, "weight": step.weight}


def _evidence(explanation: Explanation) -> list[Evidence]:
    single = [s for s in explanation.steps if "+" not in s.field]
    against = [g.zh if _chinese() else g.en for g in explanation.guards]
    against += [_said(s) for s in sorted(single, key=lambda s: s.weight) if s.weight <= -0.5]
    speaks = [_said(s) for s in sorted(single, key=lambda s: -s.weight) if s.weight >= 0.5]
    return [
        Evidence(_("支持「不是同一人」"), list(dict.fromkeys(against)), "equal-not"),
        Evidence(_("支持「是同一人」"), list(dict.fromkeys(speaks)), "equal"),
    ]


def decision(row: Mapping[str, Any], ctx: Ctx) -> dict[str, Any]:
    """One line of the history, with its way back when there is one."""
    verb = str(row["verb"])
    may = ctx.may("empi.undo") and verb not in _MORE_VERBS and not row["undone_by"]
    return {
        **row,
        "word": VERBS.get(verb) or _MORE_VERBS.get(verb, verb),
        "by": _("模型") if row["by_name"] == "system" else row["by_name"],
        "why": _("自动") if row["reason"] == "auto" else row["reason"],
        "undo": reverse("empi:undo", args=[row["id"]]) if may else "",
        "names": [n for n in row["names"] or [] if n],
    }


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
            value = _half(found.value) if name == "id_no" else mask_phone(found.value) if "phone" in name else value
            out.append({"word": word, "value": value, "org_code": found.org_code, "on": found.on})
    return out
