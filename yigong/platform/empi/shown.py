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
from yigong.platform.empi.domain import LIFE, Side
from yigong.platform.empi.engine.api import Explanation, Step
from yigong.platform.empi.measures import Share
from yigong.platform.empi.models import Cleaning
from yigong.platform.empi.review import Pair, Waiting
from yigong.platform.empi.rules import Rules
from yigong.platform.empi.selectors import GoldenPerson, Registration
from yigong.web.charts import chart
from yigong.web.http import sentence
from yigong.web.marks import institution
from yigong.web.parts import Comparison, Evidence, Figure, Tab, Threshold, Weight
from yigong.web.words import day_words

#: kind of question -> words, tone, icon
KINDS = {
    "twins": (gettext_lazy("疑为双胞胎"), "bad", "alert-octagon"),
    "numbers": (gettext_lazy("两个可信证号"), "bad", "alert-octagon"),
    "borrowed": (gettext_lazy("证号借用"), "bad", "alert-octagon"),
    "unlike": (gettext_lazy("互不相像"), "bad", "users-minus"),
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


ANSWERS = {
    "same": gettext_lazy("同一人"),
    "different": gettext_lazy("不是同一人"),
    "later": gettext_lazy("稍后"),
}
RULE_SAID = {"joined": gettext_lazy("将自动合并"), "unasked": gettext_lazy("将不再询问")}
MARK_WORDS = {
    "attest": gettext_lazy("核验属实"),
    "decease": gettext_lazy("登记死亡"),
    "revive": gettext_lazy("撤回死亡登记"),
    "cancel": gettext_lazy("注销身份"),
    "restore": gettext_lazy("恢复身份"),
}
MARKED = {
    "attest": gettext_lazy("已记为核验属实"),
    "decease": gettext_lazy("已登记死亡"),
    "revive": gettext_lazy("已撤回死亡登记"),
    "cancel": gettext_lazy("已注销身份"),
    "restore": gettext_lazy("已恢复身份"),
}
RISKS = {1: gettext_lazy("一般"), 2: gettext_lazy("较高"), 3: gettext_lazy("高")}
CLEANING_STATES = {
    "queued": (gettext_lazy("排队中"), "wait"),
    "running": (gettext_lazy("清洗中"), "run"),
    "done": (gettext_lazy("已完成"), "ok"),
    "stopped": (gettext_lazy("已停止"), "idle"),
    "failed": (gettext_lazy("失败"), "bad"),
}
COUNTS = {
    "registrations": gettext_lazy("登记"),
    "persons": gettext_lazy("人"),
    "waiting": gettext_lazy("待核登记对"),
    "no_name": gettext_lazy("无姓名"),
    "no_birth": gettext_lazy("无出生日期"),
    "no_number": gettext_lazy("无证号"),
    "bad_number": gettext_lazy("证号校验不通过"),
    "doubtful_number": gettext_lazy("证号与生日或性别矛盾"),
    "shared_number": gettext_lazy("证号多人共用"),
    "no_phone": gettext_lazy("无电话"),
}
SHARES = {
    "precision": (gettext_lazy("自动合并的精确率"), gettext_lazy("次自动归入或合并，未被撤回")),
    "recall": (gettext_lazy("自动合并的召回率"), gettext_lazy("次成立的合并，由模型完成")),
    "agreement": (gettext_lazy("人机一致率"), gettext_lazy("对已答，答案与得分正负一致")),
}


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
    return {"id": one.id, "names": f"{one.left_name or _('未记录')} / {one.right_name or _('未记录')}",
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
        "two": one.risk >= rules.current().two_from_risk,
        "own_proposal": bool(one.proposer) and one.proposer_id == ctx.actor_id,
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


def rule_fields(present: Rules, edited: Rules) -> list[dict[str, Any]]:
    """The thresholds of the rules: name, words, now, in the draft."""
    words = {
        "auto": _("自动合并：得分不低于（位）"),
        "review": _("人工复核：得分不低于（位）"),
        "two_from_risk": _("须两人复核：风险不低于（4 为从不）"),
    }
    return [
        {
            "name": name,
            "word": word,
            "now": round(getattr(present, name), 2),
            "value": round(getattr(edited, name), 2),
            "step": "1" if name == "two_from_risk" else "0.01",
        }
        for name, word in words.items()
    ]


def rule_kinds(present: Rules, edited: Rules) -> list[dict[str, Any]]:
    """The scenarios: each kind of question with its risk and the score it is asked from, now and in the draft."""
    return [
        {
            "kind": kind,
            "word": words[0],
            "now": RISKS[present.risk[kind]],
            "risk": edited.risk[kind],
            "risks": list(RISKS.items()),
            "from": edited.ask_from.get(kind, ""),
            "from_now": present.ask_from.get(kind, ""),
        }
        for kind, words in KINDS.items()
    ]


def example(one: Mapping[str, Any]) -> dict[str, Any]:
    """A pair that a draft would treat otherwise."""
    word, tone, icon = KINDS.get(one["kind"], KINDS["alike"])
    names = f"{one['one'] or _('未记录')} / {one['other'] or _('未记录')}"
    return {**one, "names": names, "word": word, "tone": tone, "icon": icon, "told": RULE_SAID[one["said"]]}


def figure(one: Share) -> Figure:
    """A share as a figure, withheld with its reason where there is too little to say."""
    name, counted = SHARES[one.name]
    window = f"{one.start.isoformat()} — {one.end.isoformat()}"
    return Figure(
        name,
        None if one.value is None else f"{one.value * 100:.1f}",
        unit="%",
        numerator=one.numerator,
        denominator=one.denominator,
        counted=counted,
        definition=_("窗口 %(window)s · 规则第 %(n)s 版") % {"window": window, "n": one.version},
        withheld="" if one.value is not None else _("数据不足：%(n)s 例，至少要 20 例") % {"n": one.denominator},
    )


def cleaning(job: Cleaning) -> dict[str, Any]:
    """A run of cleaning with its report."""
    word, tone = CLEANING_STATES[job.state]
    rows = [
        {"word": COUNTS[name], "before": job.before[name], "after": job.after.get(name)}
        for name in COUNTS
        if name in job.before
    ]
    for row in rows:
        row["change"] = None if row["after"] is None else row["after"] - row["before"]
    return {
        "job": job,
        "word": word,
        "tone": tone,
        "rows": rows,
        "percent": 100 * job.done / job.total if job.total else 0,
    }


def marks(state: str, ctx: Ctx) -> list[dict[str, Any]]:
    """What may be done to an identity in this state: verb, words, whether it is grave."""
    moves = [m.verb for m in LIFE.verbs(state, Side.CLERK) if m.verb in MARK_WORDS and ctx.may(f"empi.{m.verb}")]
    return [{"verb": verb, "word": MARK_WORDS[verb], "grave": verb in ("cancel", "decease")} for verb in moves]
