"""How ages, days, numbers and time limits are worded, in the language of the reader."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from yigong.kit.clock import COUNTY_ZONE, now, today

MINUS = "−"
THIN = "\u2009"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def age(born_on: date | datetime | None, on: date | None = None) -> str:
    """The age as it is said at the bedside: 67岁, under one year 7个月, under one month 3天."""
    if born_on is None:
        return _("年龄未记录")
    born, day = _date(born_on), on or today()
    if day < born:
        return _("出生日期在今天之后")
    years, months = _years_months(born, day)
    if years:
        return _("%(n)s岁") % {"n": years}
    if months:
        return _("%(n)s个月") % {"n": months}
    return _("%(n)s天") % {"n": (day - born).days}


def _years_months(born: date, day: date) -> tuple[int, int]:
    months = (day.year - born.year) * 12 + day.month - born.month - (day.day < born.day)
    return divmod(months, 12)


def _date(value: date | datetime) -> date:
    if isinstance(value, datetime):
        return value.astimezone(COUNTY_ZONE).date() if value.tzinfo else value.date()
    return value


def day_words(value: date | datetime | None, form: str = "") -> str:
    """A day as 2026-11-22; *form* ``short`` leaves out the year when it is this year."""
    if value is None or value == "":
        return _("未记录")
    day = _date(value)
    return f"{day:%m-%d}" if form == "short" and day.year == today().year else day.isoformat()


def month_word(month: int) -> str:
    """A month of the year on an axis: 9月, Sep."""
    return MONTHS[month - 1] if get_language() == "en" else f"{month}月"


def daytime_words(value: datetime | None, form: str = "") -> str:
    """A moment as 2026-11-22 14:20 in the county; *form* ``short`` leaves out this year, ``time`` leaves the hour only."""
    if value is None or value == "":
        return _("未记录")
    moment = value.astimezone(COUNTY_ZONE) if value.tzinfo else value
    if form == "time":
        return f"{moment:%H:%M}"
    return f"{day_words(moment, form)} {moment:%H:%M}"


def number_words(value: object, digits: int | None = None) -> str:
    """A number with thousands and a true minus: −12,345.6; — when there is none."""
    if value is None or value == "":
        return "—"
    if isinstance(value, str):
        try:
            return number_words(Decimal(value), digits)
        except ArithmeticError:
            return value
    if digits is None:
        digits = 0 if isinstance(value, int) else max(0, -int(Decimal(str(value)).as_tuple().exponent))
    return true_minus(f"{value:,.{digits}f}")


def percent_words(share: float | Decimal | None, digits: int = 1) -> str:
    """A share between 0 and 1 as 61.8 %; the page also shows numerator and denominator."""
    return "—" if share is None or share == "" else number_words(float(share) * 100, digits) + THIN + "%"


def true_minus(value: object) -> str:
    """The number with a true minus instead of a hyphen."""
    text = str(value)
    return MINUS + text[1:] if text[:1] == "-" and text[1:2].isdigit() else text


def span_words(span: timedelta) -> str:
    """A span in its two largest units: 2 天 3 小时, 3 小时 10 分, 18 分."""
    minutes = int(abs(span).total_seconds() // 60)
    days, hours, rest = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days:
        return _("%(d)s 天 %(h)s 小时") % {"d": days, "h": hours} if hours else _("%(d)s 天") % {"d": days}
    if hours:
        return _("%(h)s 小时 %(m)02d 分") % {"h": hours, "m": rest}
    return _("%(m)s 分") % {"m": rest}


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a time limit."""

    tone: str  # idle while there is time, warn in the last hour or quarter, bad when it is over
    word: str
    used: int  # percent of the time that is gone


def left(due_at: datetime, since: datetime | None = None, at: datetime | None = None) -> Left:
    """What is left until *due_at*; the bar is drawn from *since*."""
    here = at or now()
    rest = due_at - here
    whole = due_at - since if since and since < due_at else None
    used = 100 if rest <= timedelta(0) else int(100 - 100 * rest / whole) if whole else 0
    used = min(100, max(0, used))
    if rest < timedelta(0):
        return Left("bad", _("超时 %(span)s") % {"span": span_words(rest)}, 100)
    late = rest <= timedelta(hours=1) or (whole is not None and rest <= whole / 4)
    return Left("warn" if late else "idle", _("还剩 %(span)s") % {"span": span_words(rest)}, used)
