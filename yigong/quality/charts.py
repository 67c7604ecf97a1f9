"""Tables and charts of the overview: ranking, trend, dimensions, data sets, fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from yigong.quality import shown, words
from yigong.quality.domain import Score
from yigong.quality.scores import Place, Window
from yigong.web import charts as draw

WORST = 12


def place(p: Place, _w: Window) -> SimpleNamespace:
    """An institution in the ranking."""
    return SimpleNamespace(
        org_code=p.org_code, name=shown.institution(p.org_code), place=p.place, score=shown.score_cell(p.score),
        change=shown.change(p.score, p.before), url=f"{reverse('quality:issues')}?tab=todo&org_code={p.org_code}",
    )  # fmt: skip


def trend(months: Sequence[tuple[date, Score]]) -> Any:
    """Scores by month; a month without enough data is a gap."""
    labels = [f"{m:%Y-%m}" for m, _s in months]
    values = [s.value for _m, s in months]
    told = [v for v in values if v is not None]
    low = max(0, int(min(told, default=0) / 10) * 10 - 10) if told else 0
    option = {
        "grid": {"left": 44, "right": 12, "top": 16, "bottom": 24},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": labels},
        "yAxis": {"type": "value", "min": low, "max": 100},
        "series": [{"name": _("质量得分"), "type": "line", "data": values, "connectNulls": False}],
    }
    rows = [
        [label, "—" if s.value is None else f"{s.value:.1f}", s.passed, s.judged]
        for label, (_m, s) in zip(labels, months, strict=True)
    ]
    return draw.chart("trend", option, rows, head=[_("月份"), _("得分"), _("合规"), _("已判定")], title=_("得分走势"))


def dimensions(found: Mapping[str, Score]) -> list[SimpleNamespace]:
    """Every dimension with its score, also those about which nothing is known."""
    nothing = Score(None, 0, 0, 0, "nothing")
    url = reverse("quality:issues")
    return [
        SimpleNamespace(
            name=word, score=shown.score_cell(found.get(code, nothing)), url=f"{url}?tab=all&dimension={code}",
            note=_("不计入总分") if code == "fabrication" else "",
        )
        for code, word in words.DIMENSIONS.items()
    ]  # fmt: skip


def data_sets(found: Mapping[str, Score]) -> list[SimpleNamespace]:
    """Data sets, the worst first."""
    url = reverse("quality:issues")
    rows = [
        SimpleNamespace(name=shown.data_set(d), score=shown.score_cell(s), url=f"{url}?tab=all&data_set={d}")
        for d, s in found.items()
    ]
    return sorted(rows, key=lambda r: (not r.score.known, r.score.percent))


def worst_fields(found: Mapping[tuple[str, str], Score]) -> list[SimpleNamespace]:
    """The fields with the lowest scores."""
    told = [(k, s) for k, s in found.items() if s.value is not None and s.passed < s.judged]
    worst = sorted(told, key=lambda x: x[1].value or 0)[:WORST]
    return [
        SimpleNamespace(name=shown.field(d, f), data_set=shown.data_set(d), score=shown.score_cell(s))
        for (d, f), s in worst
    ]
