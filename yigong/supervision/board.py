"""The board: six figures, two charts, the map and the institutions, all from declared measures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from yigong.platform.registry import api as registry
from yigong.platform.warehouse import api as warehouse
from yigong.platform.warehouse.api import Measure, Period, Value
from yigong.supervision.periods import last_months, months_of

FIGURES = (
    "primary_visit_share",
    "admission_cost",
    "managed_admission_rate",
    "tcm_prescription_share",
    "referral_reply_in_time",
    "fund_spent_in_county",
)
COLUMNS = (
    "visit_count",
    "admission_count",
    "laboratory_report_count",
    "referral_count",
    "down_referral_count",
    "abnormal_report_share",
)
INSTITUTION_KINDS = ("county_hospital", "tcm_hospital", "maternal_hospital", "community_centre", "township_centre")
MAP_MEASURE = "primary_visit_share"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as the board shows it."""

    measure: Measure
    value: Value
    before: Value | None  # the same days a year earlier

    @property
    def change(self) -> float | None:
        """Points for a share, percent for an amount; None when a year earlier is not known."""
        old = self.before.value if self.before else None
        if self.value.value is None or not old:
            return None
        if self.measure.unit == "%":
            return round(self.value.value - old, 1)
        return round((self.value.value - old) / old * 100, 1)

    @property
    def is_better(self) -> bool | None:
        """Whether the change is for the better; None when neither way is."""
        if not self.change or self.measure.better == "none":
            return None
        return (self.change > 0) == (self.measure.better == "up")


def words_of(measure: Measure) -> dict[str, str]:
    """Name, unit, definition and the reason of withholding in the reader's language."""
    english = translation.get_language() == "en"
    return {
        "name": measure.name_en if english else measure.name,
        "unit": (measure.unit_en or ("" if measure.unit == "人次" else measure.unit)) if english else measure.unit,
        "definition": measure.definition_en if english else measure.definition,
        "withheld": measure.withheld_en if english else measure.withheld,
        "remedy": measure.remedy_en if english else measure.remedy,
    }


def reason_words(value: Value) -> str:
    """Why a figure is not shown."""
    reasons = {
        "too_few": _("分母不足 %(n)s，不显示") % {"n": value.measure.needs_denominator},
        "not_refreshed": _("数据仓库还没有刷新"),
    }
    return reasons.get(value.reason, words_of(value.measure)["withheld"])


def figures(period: Period, orgs: list[str] | None) -> list[Figure]:
    """The six figures with the same days a year earlier."""
    present = warehouse.measure(FIGURES, period=period, orgs=orgs)
    earlier = warehouse.measure(FIGURES, period=period.year_before(), orgs=orgs)
    return [Figure(v.measure, v, b) for v, b in zip(present, earlier, strict=True)]


def visits_by_month(today: date, orgs: list[str] | None) -> dict[str, Any]:
    """Visits of the last twelve months by kind of institution, a column for each month even without a visit."""
    window = last_months(today)
    found = _by_month("visit_count", window, orgs)
    primary = {v.key: v for v in warehouse.measure(["primary_visit_share"], period=window, orgs=orgs, by="month")}
    months = months_of(window)
    low = [int(primary[m].numerator or 0) if m in primary else 0 for m in months]
    return {
        "months": months,
        "primary": low,
        "hospital": [found.get(m, 0) - n for m, n in zip(months, low, strict=True)],
    }


def referrals_by_month(today: date, orgs: list[str] | None) -> dict[str, Any]:
    """Up- and down-referrals of the last twelve months."""
    window = last_months(today)
    up, down = _by_month("referral_count", window, orgs), _by_month("down_referral_count", window, orgs)
    months = months_of(window)
    return {"months": months, "up": [up.get(m, 0) for m in months], "down": [down.get(m, 0) for m in months]}


def _by_month(measure_id: str, window: Period, orgs: list[str] | None) -> dict[str, int]:
    values = warehouse.measure([measure_id], period=window, orgs=orgs, by="month")
    return {v.key: int(v.numerator or 0) for v in values if v.key}


def by_division(period: Period) -> dict[str, Value]:
    """The measure of the map for each township of residence, by the name of the township."""
    names = registry.division_names()
    values = warehouse.measure([MAP_MEASURE], period=period, by="division")
    found: dict[str, Value] = {}
    for v in values:
        name = names.get(v.key or "") or names.get(f"{v.key}000") if v.key else None
        if name:
            found[name] = v
    return found


def institutions(period: Period) -> list[dict[str, Any]]:
    """A row for each institution with its measures and the visits a year earlier."""
    tables = {m: _by_org(m, period) for m in COLUMNS}
    earlier = _by_org("visit_count", period.year_before())
    rows = []
    for institution in registry.institutions(*INSTITUTION_KINDS):
        values = {m: tables[m].get(institution.code) for m in COLUMNS}
        now, old = values["visit_count"], earlier.get(institution.code)
        change = (now.numerator / old.numerator - 1) * 100 if now and old and old.numerator and now.numerator else None
        rows.append({"institution": institution, "change": change, **values})
    return rows


def _by_org(measure_id: str, period: Period) -> dict[str, Value]:
    return {v.key: v for v in warehouse.measure([measure_id], period=period, by="org") if v.key}
