"""How a pair looks on its page: two registrations side by side, the weights, what speaks for and against."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.kit.text import mask_phone, narrow
from yigong.platform.empi import matching, rules, shown_family
from yigong.platform.empi.engine.api import Explanation, Step
from yigong.platform.empi.questions import WAITING
from yigong.platform.empi.review import Pair
from yigong.platform.empi.selectors import Registration
from yigong.platform.empi.shown import decision
from yigong.platform.empi.shown_words import BARS, FIELDS, KINDS, SEXES, TRUSTS, chinese, half
from yigong.web.http import sentence
from yigong.web.marks import institution
from yigong.web.parts import Comparison, Evidence, Threshold, Weight
from yigong.web.words import day_words


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
        "tree": shown_family.tree(one.family, one.left.person_id, one.right.person_id),
        "history": [decision(_line(line), ctx) for line in one.history],
        "locked": sentence(Refused(one.locked)) if one.locked else "",
        "two": one.risk >= rules.current().two_from_risk,
        "waits": one.state in WAITING,
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
        return Comparison(word, left, right, pgettext("empi", "一致"))
    tone = "warn" if step is None or step.weight > -3 else "bad"
    return Comparison(word, left, right, _("不同"), tone, note=_said(step) if step else "")


def _numbers(a: Registration, b: Registration, step: Step | None) -> Comparison:
    row = _row(FIELDS["id_no"], half(a.id_no), half(b.id_no), step)
    if a.id_no and b.id_no:
        same, trust = a.id_no == b.id_no, {a.id_trust, b.id_trust}
        note = _("均校验通过") if trust == {"trusted"} else TRUSTS[min(trust - {"trusted"})]
        tone = "" if same and trust == {"trusted"} else "bad" if trust == {"trusted"} else "warn"
        return Comparison(row.word, row.a, row.b, pgettext("empi", "一致") if same else _("不同"), tone, note=note)
    return row


def _phones(a: str | None, b: str | None) -> tuple[str, str]:
    return (mask_phone(a), mask_phone(b)) if a and a == b else (a or "", b or "")


def _said(step: Step) -> str:
    return (step.zh if chinese() else step.en).partition("：" if chinese() else ": ")[2] or step.field


def _evident(step: Step) -> str:
    """What a comparison said, with its name where the words alone do not tell what was compared."""
    said = _said(step)
    return (
        _("%(field)s：%(said)s") % {"field": BARS[step.field], "said": said} if step.field in ("card", "age") else said
    )


def _weights(explanation: Explanation) -> list[Weight]:
    """Prior, one bar for each comparison, and one for all corrections of fields that hang together."""
    single = [s for s in explanation.steps if "+" not in s.field and abs(s.weight) >= 0.05]
    together = sum(s.weight for s in explanation.steps) - sum(s.weight for s in single)
    bars = [
        Weight(pgettext("bar", "先验"), explanation.prior),
        *(Weight(BARS.get(s.field, s.field), s.weight) for s in single),
    ]
    return [*bars, Weight(pgettext("bar", "关联修正"), together)] if abs(together) >= 0.05 else bars


def _step(step: Step) -> dict[str, Any]:
    return {"word": step.zh if chinese() else step.en, "weight": step.weight}


def _evidence(explanation: Explanation) -> list[Evidence]:
    single = [s for s in explanation.steps if "+" not in s.field]
    against = [g.zh if chinese() else g.en for g in explanation.guards]
    against += [_evident(s) for s in sorted(single, key=lambda s: s.weight) if s.weight <= -0.5]
    speaks = [_evident(s) for s in sorted(single, key=lambda s: -s.weight) if s.weight >= 0.5]
    return [
        Evidence(_("支持「不是同一人」"), list(dict.fromkeys(against)), "equal-not"),
        Evidence(_("支持「是同一人」"), list(dict.fromkeys(speaks)), "equal"),
    ]
