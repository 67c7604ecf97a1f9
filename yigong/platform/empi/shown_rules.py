"""How rules, figures and cleaning look on pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from yigong.platform.empi.measures import Share
from yigong.platform.empi.models import Cleaning
from yigong.platform.empi.rules import Rules
from yigong.platform.empi.shown_words import CLEANING_STATES, COUNTS, KINDS, RISKS, RULE_SAID, SHARES, TWO_FROM
from yigong.web.parts import Figure
from yigong.web.words import true_minus


def rule_fields(present: Rules, edited: Rules) -> list[dict[str, Any]]:
    """The thresholds of the rules: name, words, now, in the draft."""
    words = {
        "auto": _("自动合并：得分不低于（位）"),
        "review": _("人工复核：得分不低于（位）"),
        "two_from_risk": _("哪些须两人复核"),
    }
    return [
        {
            "name": name,
            "word": word,
            "now": _value(name, getattr(present, name)),
            "value": round(getattr(edited, name), 2),
            "options": list(TWO_FROM.items()) if name == "two_from_risk" else [],
        }
        for name, word in words.items()
    ]


def _value(name: str, value: float) -> object:
    return TWO_FROM[int(value)] if name == "two_from_risk" else true_minus(f"{value:.2f}")


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
        definition=_definition(window, one.version),
        withheld="" if one.value is not None else _("数据不足：%(n)s 例，至少要 20 例") % {"n": one.denominator},
    )


def _definition(window: str, version: int) -> str:
    if not version:
        return _("窗口 %(window)s · 出厂规则") % {"window": window}
    return _("窗口 %(window)s · 规则第 %(n)s 版") % {"window": window, "n": version}


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
