"""How ages, numbers and limits are worded."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from yigong.kit import clock
from yigong.web import words

AT = datetime(2026, 11, 22, 6, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("born", "said", "english"),
    [
        (date(1959, 3, 12), "67岁", "67 y"),
        (date(2025, 11, 22), "1岁", "1 y"),
        (date(2025, 11, 23), "11个月", "11 mo"),
        (date(2026, 4, 20), "7个月", "7 mo"),
        (date(2026, 10, 23), "30天", "30 d"),
        (date(2026, 11, 19), "3天", "3 d"),
        (date(2026, 11, 22), "0天", "0 d"),
        (date(2026, 11, 23), "出生日期在今天之后", "date of birth lies in the future"),
        (None, "年龄未记录", "age not recorded"),
    ],
)
def test_age_is_said_in_the_unit_of_its_size(born: date | None, said: str, english: str) -> None:
    """Years from the first birthday, months from the first month, days before; unknown says so."""
    with clock.fixed(AT):
        assert words.age(born) == said
        with translation.override("en"):
            assert words.age(born) == english


@given(st.dates(date(1900, 1, 1), date(2026, 11, 22)), st.integers(0, 400))
def test_age_never_falls(born: date, more: int) -> None:
    """Nobody grows younger."""
    first, later = date(2026, 11, 22), date(2026, 11, 22) + timedelta(days=more)
    assert words._years_months(born, later) >= words._years_months(born, first)


@given(st.integers(-(10**15), 10**15))
def test_number_keeps_its_value(value: int) -> None:
    """A worded number reads back as itself and never bears a hyphen."""
    said = words.number_words(value)
    assert "-" not in said
    assert int(said.replace(",", "").replace("−", "-")) == value


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "—"), ("", "—"), (0, "0"), (1234.5, "1,234.5"), ("-12.4", "−12.4"), ("阴性", "阴性"), (True and 1, "1")],
)
def test_number_of_anything(value: object, said: str) -> None:
    """Nothing is a dash and never 0; words stay words."""
    assert words.number_words(value) == said


@pytest.mark.parametrize(
    ("share", "said"), [(0.618, "61.8\u2009%"), (0, "0.0\u2009%"), (None, "—"), (-0.124, "−12.4\u2009%")]
)
def test_percent(share: float | None, said: str) -> None:
    """A share is a percentage with one decimal; none is a dash."""
    assert words.percent_words(share) == said


@pytest.mark.parametrize(
    ("due", "since", "tone", "word"),
    [
        (18, 100, "warn", "还剩 18 分"),
        (60, None, "warn", "还剩 1 小时 00 分"),
        (190, None, "idle", "还剩 3 小时 10 分"),
        (190, 1000, "warn", "还剩 3 小时 10 分"),
        (60 * 50, None, "idle", "还剩 2 天 2 小时"),
        (-12, 100, "bad", "超时 12 分"),
    ],
)
def test_limit_says_what_is_left(due: int, since: int | None, tone: str, word: str) -> None:
    """The last hour and the last quarter warn; past the limit it says by how much."""
    begun = AT - timedelta(minutes=since) if since else None
    found = words.left(AT + timedelta(minutes=due), begun, at=AT)
    assert (found.tone, found.word) == (tone, word)


@given(st.integers(-5000, 5000), st.integers(1, 5000))
def test_used_share_of_a_limit_stays_a_share(due: int, since: int) -> None:
    """The bar is never longer than its frame."""
    assert 0 <= words.left(AT + timedelta(minutes=due), AT - timedelta(minutes=since), at=AT).used <= 100


def test_moments_are_told_in_the_county() -> None:
    """A moment in UTC is shown in county time; this year may be left out; unknown says so."""
    with clock.fixed(AT):
        assert words.daytime_words(AT) == "2026-11-22 14:20"
        assert words.daytime_words(AT, "short") == "11-22 14:20"
        assert words.daytime_words(AT, "time") == "14:20"
        assert words.day_words(datetime(2026, 11, 21, 17, 0, tzinfo=UTC)) == "2026-11-22"
        assert words.day_words(date(2025, 1, 2), "short") == "2025-01-02"
        assert words.day_words(None) == "未记录"


@pytest.mark.parametrize(("month", "said", "english"), [(1, "1月", "Jan"), (9, "9月", "Sep"), (12, "12月", "Dec")])
def test_months_of_an_axis_are_said_in_the_language_of_the_reader(month: int, said: str, english: str) -> None:
    """坐标轴上的月份用读者的语言说。"""
    with translation.override("zh-hans"):
        assert words.month_word(month) == said
    with translation.override("en"):
        assert words.month_word(month) == english
