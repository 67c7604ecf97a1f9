"""Points in time as senders write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yigong.kit.moments import NotAMoment, day, is_blank, moment


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("20260301093000", "2026-03-01T01:30"),
        ("20260301093000+0800", "2026-03-01T01:30"),
        ("20260301093000.123-0500", "2026-03-01T14:30"),
        ("20090401142335-700", "2009-04-01T21:23"),
        ("202603010930", "2026-03-01T01:30"),
        ("20260301092960", "2026-03-01T01:29"),
        ("20260301", "2026-02-28T16:00"),
        ("2026-03-01 09:30:00", "2026-03-01T01:30"),
        ("2026-03-01T09:30:00Z", "2026-03-01T09:30"),
        ("2026/3/1", "2026-02-28T16:00"),
        ("2026年3月1日", "2026-02-28T16:00"),
        ("202603", "2026-02-28T16:00"),
    ],
)
def test_every_usual_form_is_read(text: str, utc: str) -> None:
    """Long and short forms, with and without signs and zones; without a zone it is Chinese time."""
    assert moment(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M") == utc


@pytest.mark.parametrize(
    "text",
    [
        "20260230",
        "20261301",
        "20260301256100",
        "77777777777777",
        "199101010",
        "20260301240000",
        "202603012400",
        "abc",
        "00000000",
        "",
    ],
)
def test_what_no_calendar_has_is_no_moment(text: str) -> None:
    """Impossible days, months and hours, blanks and words are refused."""
    with pytest.raises(NotAMoment):
        moment(text)


def test_a_birthday_is_the_day_that_was_written() -> None:
    """A zone never moves a date of birth to another day, and an incomplete date is none."""
    assert day("19880818112600-1100").isoformat() == "1988-08-18"
    with pytest.raises(NotAMoment):
        day("198808")
    with pytest.raises(NotAMoment):
        day("19880230")
    assert is_blank("00000000") and not is_blank("20260101")


@given(st.datetimes(min_value=datetime(1992, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001
def test_written_and_read_again(at: datetime) -> None:
    """The form of HL7 is read back to the second."""
    assert moment(at.strftime("%Y%m%d%H%M%S")).replace(tzinfo=None) == at.replace(microsecond=0)
