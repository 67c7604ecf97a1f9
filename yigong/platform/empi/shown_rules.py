"""How rules, figures and cleaning look on pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from yigong.platform.empi.measures import Share
from yigong.platform.empi.models import Cleaning
from yigong.platform.empi.rules import Rules
from yigong.platform.empi.shown_words import CLEANING_STATES, COUNTS, KINDS, RISKS, RULE_SAID, SHARES
from yigong.web.parts import Figure


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
