"""How a history is laid out."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yigong.sharing import domain

TODAY = date(2026, 11, 22)
FRAME = domain.window("12m", TODAY, None)


def happening(
    n: int, days_ago: float, kind: str = "outpatient", *, nights: int = 0, flag: str = ""
) -> domain.Happening:
    """An event some days ago."""
    at = datetime(2026, 11, 22, 2, tzinfo=UTC) - timedelta(days=days_ago)
    return domain.Happening(n, "A", kind, at, at + timedelta(days=nights) if nights else None, f"e{n}", flag)


@pytest.mark.feature("B04")
@given(st.lists(st.floats(0, 360), max_size=120))
def test_no_event_is_lost_in_the_drawing(days: list[float]) -> None:
    """每条事件恰好在一个标记里；同一道里的标记不互相压住，压住的合并成带数字的一个。"""
    events = [happening(n, d) for n, d in enumerate(days)]
    marks = [m for lane in domain.lanes(events, FRAME, str) for m in lane.marks]
    assert sorted(e.id for m in marks for e in m.events) == list(range(len(days)))
    lefts = sorted({m.left for m in marks})
    assert all(b - a >= domain.NEAR - 0.01 for a, b in pairwise(lefts))
    assert all(0 <= m.left <= 100 for m in marks)


@pytest.mark.feature("B04")
def test_records_of_one_stay_are_one_bar() -> None:
    """入院记录、病案首页、出院小结是同一次住院，画成一条，点开是最长的那条。"""
    events = [happening(1, 30, "inpatient"), happening(2, 30, "inpatient", nights=9), happening(3, 21, "inpatient")]
    (bar,) = domain.lanes(events, FRAME, str)[0].marks
    assert (bar.count, bar.first.id) == (3, 2)
    assert bar.width > 2


def test_the_most_serious_event_opens_first() -> None:
    """同期多条的标记打开最要紧的一条。"""
    events = [happening(1, 1), happening(2, 1.1, flag="critical"), happening(3, 1.2, flag="abnormal")]
    (mark,) = domain.lanes(events, FRAME, str)[0].marks
    assert mark.first.id == 2


@pytest.mark.parametrize(("span", "most"), [("3m", 6), ("12m", 15), ("3y", 15), ("all", 16)])
def test_the_calendar_is_never_crowded(span: str, most: int) -> None:
    """刻度按范围取月、季或年，不拥挤，且都在画面内。"""
    found = domain.ticks(domain.window(span, TODAY, date(1990, 1, 1)))
    assert 2 <= len(found) <= most
    assert all(0 <= t.left <= 100 for t in found)


@pytest.mark.parametrize(
    ("born", "said"),
    [(date(1959, 3, 12), (67, "years")), (date(2026, 11, 19), (3, "days")), (date(2026, 4, 20), (7, "months")),
     (date(2023, 11, 23), (35, "months")), (date(2023, 11, 22), (3, "years")), (None, None), (date(2027, 1, 1), None)],
)  # fmt: skip
def test_age_as_it_is_said(born: date | None, said: tuple[int, str] | None) -> None:
    """不满 1 月说天，不满 3 岁说月，否则说岁；将来的生日不算年龄。"""
    assert domain.age(born, TODAY) == said


@pytest.mark.parametrize(
    ("name", "key"),
    [("氨氯地平片", "antihypertensive"), ("缬沙坦胶囊", "antihypertensive"), ("二甲双胍片", "glucose_lowering"), ("阿莫西林胶囊", "")],
)  # fmt: skip
def test_medication_classes(name: str, key: str) -> None:
    """按通用名词干归到降压药、降糖药。"""
    assert domain.supply_class(name) == key


def test_walking_the_events() -> None:
    """方向键在显示的事件间移动，到头为止。"""
    assert domain.walk([9, 5, 1], 5) == (9, 1, 2)
    assert domain.walk([9, 5, 1], 9) == (None, 5, 1)
    assert domain.walk([9], 4) == (None, None, 0)
