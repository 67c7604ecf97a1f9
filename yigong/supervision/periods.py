"""Windows of time that a board can show."""

from __future__ import annotations

from datetime import date, timedelta

from django.utils.translation import gettext_lazy as _

from yigong.platform.warehouse.api import Period

WORDS = {"day": _("昨日"), "month": _("本月"), "quarter": _("本季"), "year": _("本年")}
NAMES = tuple(WORDS)


def period(name: str, today: date) -> Period:
    """The window *name* that holds yesterday, up to the end of yesterday: today is not over and never counted."""
    end = today
    last = today - timedelta(days=1)
    match name:
        case "day":
            return Period(last, end)
        case "quarter":
            return Period(last.replace(month=(last.month - 1) // 3 * 3 + 1, day=1), end)
        case "year":
            return Period(last.replace(month=1, day=1), end)
    return Period(last.replace(day=1), end)


def last_months(today: date, number: int = 12) -> Period:
    """The last *number* months, this one included, up to the end of yesterday."""
    month = today.year * 12 + today.month - 1 - (number - 1)
    return Period(date(month // 12, month % 12 + 1, 1), today)


def months_of(period: Period) -> list[str]:
    """Every month of a window as ``2026-11``, also those without a row."""
    months, day = [], period.start.replace(day=1)
    while day < period.end:
        months.append(f"{day:%Y-%m}")
        day = (day + timedelta(days=32)).replace(day=1)
    return months
