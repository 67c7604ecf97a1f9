"""What another threshold would change, counted from the measured values; the cases of a rule as they come out."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from django.utils.translation import gettext as _

from yigong.quality import selectors, shown
from yigong.quality.models import QualityThreshold
from yigong.standards.quality import api as quality
from yigong.web import charts as draw

MOST_BARS = 60


def fails(rule: quality.Rule, bin_: int) -> bool:
    """Whether the values of a bin fail under the thresholds of the rule."""
    over = rule.most is not None and bin_ > round(rule.most.at / rule.step) * 2
    return over or (rule.least is not None and bin_ < round(rule.least.at / rule.step) * 2)


def effect(now: quality.Rule, then: quality.Rule, orgs: list[str] | None) -> dict[str, Any]:
    """Failing rows now and under other thresholds, by institution, from what was measured."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for org, bin_, count in selectors.spread(now.code, orgs):
        line = sums[org]
        line[0] += count
        line[1] += count * fails(now, bin_)
        line[2] += count * fails(then, bin_)
    rows = [
        SimpleNamespace(name=shown.institution(o), org_code=o, judged=j, now=a, then=b, change=b - a)
        for o, (j, a, b) in sorted(sums.items(), key=lambda x: -abs(x[1][2] - x[1][1]))
    ]
    total = SimpleNamespace(
        judged=sum(r.judged for r in rows), now=sum(r.now for r in rows), then=sum(r.then for r in rows)
    )
    total.change = total.then - total.now
    return {"rows": rows, "total": total, "limits": shown.limits(then)}


def spread_chart(rule: quality.Rule, orgs: list[str] | None) -> Any:
    """How the measured values fall, those that fail in the color of what is abnormal."""
    sums: dict[int, int] = defaultdict(int)
    for _org, bin_, count in selectors.spread(rule.code, orgs):
        sums[bin_] += count
    if not sums:
        return ""
    width = max(1, -(-(max(sums) - min(sums) + 1) // MOST_BARS))
    width += width % 2
    bars: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for bin_, count in sums.items():
        bars[bin_ // width * width][fails(rule, bin_)] += count
    labels = [f"{b / 2 * rule.step:g}" for b in sorted(bars)]
    good, bad = ([bars[b][i] for b in sorted(bars)] for i in (0, 1))
    option = {
        "legend": {"top": 0, "right": 8},
        "grid": {"left": 52, "right": 12, "top": 32, "bottom": 24},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": labels},
        "yAxis": {"type": "value", "min": 0},
        "series": [
            {"name": _("合规"), "type": "bar", "stack": "a", "data": good},
            {"name": _("不合规"), "type": "bar", "stack": "a", "data": bad, "itemStyle": {"decal": {"symbol": "rect"}}},
        ],
    }
    rows = [[label, g, b] for label, g, b in zip(labels, good, bad, strict=True)]
    head = [f"{_('测量值')} {shown.said(rule.unit)}", _("合规"), _("不合规")]
    return draw.chart("spread", option, rows, head=head, title=_("测量值的分布"))


def cases(rule: quality.Rule) -> list[SimpleNamespace]:
    """The cases of a rule with what it says of them now: with moved thresholds a case may come out otherwise."""
    found = []
    for case in rule.cases:
        data_set = case.data_set or rule.data_sets[0]
        said = quality.holds(rule, data_set, case.given)
        found.append(
            SimpleNamespace(
                name=shown.said(case.name),
                rows=_rows(data_set, case),
                wanted=_word(case.holds),
                said=_word(said),
                same=said == list(case.holds),
            )
        )
    return found


def _rows(data_set: str, case: quality.Case) -> list[str]:
    """The rows of a case in words, equal neighbours once with their number."""
    told: list[list[Any]] = []
    for row in case.given:
        text = (", " if shown.english() else "，").join(f"{shown.field(data_set, k)} {v}" for k, v in row.items())
        if told and told[-1][0] == text:
            told[-1][1] += 1
        else:
            told.append([text, 1])
    return [f"{text} ×{n}" if n > 1 else text for text, n in told]


def _word(holds: Any) -> str:
    known = {True: _("合规"), False: _("不合规"), None: _("不判")}
    return (", " if shown.english() else "、").join(dict.fromkeys(str(known[h]) for h in holds))


def history(code: str) -> list[QualityThreshold]:
    """The thresholds that the county set, the newest first."""
    return list(QualityThreshold.objects.filter(rule=code).order_by("-id")[:20])
