"""The trend of a laboratory item as a chart: one line, sources by mark and colour, the reference range as a band."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from yigong.kit.clock import COUNTY_ZONE
from yigong.platform.records import api as records
from yigong.platform.registry import api as registry
from yigong.web import charts as draw

#: kind of institution -> (symbol, colour token)
SYMBOLS = {
    "county_hospital": ("circle", "--yg-i-county_hospital"),
    "tcm_hospital": ("rect", "--yg-i-tcm_hospital"),
    "maternal_hospital": ("pin", "--yg-i-maternal_hospital"),
    "community_centre": ("roundRect", "--yg-i-community_centre"),
    "township_centre": ("diamond", "--yg-i-township_centre"),
    "village_clinic": ("triangle", "--yg-i-village_clinic"),
}


def trend(series: Sequence[records.LabResult]) -> SafeString | str:
    """Results of one item as a chart with its table; nothing when no result is a number."""
    option = trend_option(series)
    if not option:
        return ""
    head = (_("日期"), _("机构"), _("结果"), _("单位"), _("参考范围"))
    return draw.chart("lab-chart", option, [_line(r) for r in reversed(series)], head=head, size="fill")


def _line(r: records.LabResult) -> tuple[str, str, str, str, str]:
    institution = registry.institution(r.source.org_code)
    limits = "–".join(records.plain(x) for x in (r.low, r.high) if x is not None) or "—"
    value = records.plain(r.value) if r.value is not None else r.text
    day = r.at.astimezone(COUNTY_ZONE).strftime("%Y-%m-%d")
    return day, institution.short_name if institution else r.source.org_code, value, r.unit, limits


#: how a time axis tells its moments: a bare number of the day says nothing
DAYS = {"year": "{yyyy}", "month": "{yyyy}-{MM}", "day": "{MM}-{dd}", "hour": "{HH}:{mm}"}


def trend_option(series: Sequence[records.LabResult]) -> dict[str, Any]:
    """What ECharts draws for results of one item, oldest first."""
    points = [r for r in series if r.value is not None]
    if not points:
        return {}
    last = points[-1]
    low, high = _limits(points)
    return {
        "grid": {"left": 44, "right": 24, "top": 18, "bottom": 26},
        "tooltip": {"trigger": "item"},
        "xAxis": {
            "type": "time",
            "boundaryGap": ["4%", "4%"],
            "splitLine": {"show": False},
            "splitNumber": 4,
            "axisLabel": {"formatter": DAYS},
        },
        "yAxis": {"type": "value", "scale": True, **_extent(points, low, high)},
        "series": [
            {
                "type": "line",
                "name": f"{last.name} {last.unit}".strip(),
                "symbolSize": 9,
                "labelLayout": {"hideOverlap": True},
                "lineStyle": {"color": "--yg-ink3", "width": 1.5},
                "label": {"show": len(points) <= 14, "position": "top", "formatter": "{@[2]}"},
                "data": [_point(r) for r in points],
                **_band(low, high),
            }
        ],
    }


def _point(r: records.LabResult) -> dict[str, Any]:
    institution = registry.institution(r.source.org_code)
    symbol, colour = SYMBOLS.get(institution.kind if institution else "", ("circle", "--yg-ink3"))
    day = r.at.astimezone(COUNTY_ZONE).strftime("%Y-%m-%d")
    name = institution.short_name if institution else r.source.org_code
    return {
        "value": [day, float(r.value or 0), records.plain(r.value)],
        "name": f"{day} {name}",
        "symbol": symbol,
        "itemStyle": {"color": colour},
        "label": {"color": "--yg-bad", "fontWeight": "bold"} if r.is_abnormal else {"color": "--yg-ink"},
    }


def _limits(points: Sequence[records.LabResult]) -> tuple[float | None, float | None]:
    """The reference range of the newest result that has one: laboratories change theirs, the table shows each."""
    newest = next((r for r in reversed(points) if r.low is not None or r.high is not None), None)
    if newest is None:
        return None, None
    return (
        float(newest.low) if newest.low is not None else None,
        float(newest.high) if newest.high is not None else None,
    )


def _extent(points: Sequence[records.LabResult], low: float | None, high: float | None) -> dict[str, float]:
    """Ends of the axis on round numbers, so that values, range and a little room are inside."""
    values = [float(r.value or 0) for r in points] + [v for v in (low, high) if v is not None]
    least, most = min(values), max(values)
    step = 10 ** math.floor(math.log10(max(most - least, abs(most) * 0.1, 1e-6)))
    bottom = math.floor((least - step / 4) / step) * step
    top = math.ceil((most + step / 4) / step) * step
    return {"min": round(max(bottom, 0.0) if least >= 0 else bottom, 6), "max": round(top, 6)}


def _band(low: float | None, high: float | None) -> dict[str, Any]:
    lines = [
        {"yAxis": limit, "name": f"{records.plain(limit)} {word}"}
        for limit, word in ((high, _("参考上限")), (low, _("参考下限")))
        if limit is not None
    ]
    if not lines:
        return {}
    band: dict[str, Any] = {
        "markLine": {
            "silent": True, "symbol": "none", "lineStyle": {"type": "dashed", "color": "--yg-ok"},
            "label": {"position": "insideStartTop", "formatter": "{b}", "color": "--yg-ok"}, "data": lines,
        }
    }  # fmt: skip
    if low is not None or high is not None:
        edge = [{"yAxis": low if low is not None else "min"}, {"yAxis": high if high is not None else "max"}]
        band["markArea"] = {"silent": True, "itemStyle": {"color": "--yg-ok-t", "opacity": 0.55}, "data": [edge]}
    return band
