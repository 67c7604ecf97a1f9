"""Windows of time."""

from datetime import date

import pytest

from yigong.supervision.periods import last_months, months_of, period


@pytest.mark.parametrize(
    ("name", "today", "start", "end"),
    [
        ("month", date(2026, 11, 24), date(2026, 11, 1), date(2026, 11, 24)),
        ("month", date(2026, 12, 1), date(2026, 11, 1), date(2026, 12, 1)),
        ("day", date(2026, 1, 1), date(2025, 12, 31), date(2026, 1, 1)),
        ("quarter", date(2026, 11, 24), date(2026, 10, 1), date(2026, 11, 24)),
        ("year", date(2026, 1, 1), date(2025, 1, 1), date(2026, 1, 1)),
    ],
)
def test_a_window_ends_with_yesterday(name: str, today: date, start: date, end: date) -> None:
    """Today is never counted; on the first of a month the window is the whole month before."""
    found = period(name, today)
    assert (found.start, found.end) == (start, end)


def test_twelve_months_have_twelve_columns() -> None:
    """The last twelve months name every month, also across the turn of the year."""
    months = months_of(last_months(date(2026, 3, 15)))
    assert (len(months), months[0], months[-1]) == (12, "2025-04", "2026-03")


def test_the_same_days_a_year_earlier() -> None:
    """The window a year earlier has the same days, the 29th of February becoming the 28th."""
    before = period("year", date(2028, 3, 1)).year_before()
    assert (before.start, before.end) == (date(2027, 1, 1), date(2027, 3, 1))
