"""Scores and lives of issues, decided without a database."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yigong.quality import domain
from yigong.quality.domain import LIFE, Line, Side, State

TODAY = date(2026, 11, 26)


@pytest.mark.feature("C25")
@pytest.mark.parametrize(
    ("lines", "value", "reason"),
    [
        ([], None, "nothing"),
        ([Line(1, 0, 0)] * 5, None, "nothing"),
        ([Line(1, 20, 0)] * 3, None, "few_judged"),
        ([Line(1, 500, 0)] * 2, None, "few_rules"),
        ([Line(1, 100, 0)] * 3, 100.0, ""),
        ([Line(3, 100, 50), Line(1, 100, 0), Line(0, 100, 100)], 62.5, ""),
        ([Line(1, 1_000_000, 1), Line(1, 1_000_000, 0), Line(1, 1_000_000, 0)], 99.9, ""),
    ],
)
def test_a_score_is_the_weighted_mean_or_is_withheld_with_its_reason(
    lines: list[Line], value: float | None, reason: str
) -> None:
    """Too few values or rules give no score; a failing row never gives a hundred."""
    told = domain.score(lines)
    assert (told.value, told.reason) == (value, reason)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.floats(0.5, 5), st.integers(0, 500), st.integers(0, 500)), max_size=12))
def test_a_score_lies_between_its_best_and_worst_rule(rows: list[tuple[float, int, int]]) -> None:
    """Whatever the rules find, passed and judged add up and the score stays within the shares."""
    lines = [Line(w, max(j, f), f) for w, j, f in rows]
    told = domain.score(lines)
    assert told.judged == sum(x.judged for x in lines)
    assert told.passed == told.judged - sum(x.failed for x in lines)
    if told.value is not None:
        shares = [100 * (1 - x.failed / x.judged) for x in lines if x.judged]
        assert min(shares) - 0.11 <= told.value <= max(shares) + 0.01


@pytest.mark.feature("C24")
@pytest.mark.parametrize(
    ("state", "failing", "until", "verb"),
    [
        ("open", 0, None, "verify"), ("assigned", 0, None, "verify"), ("disputed", 0, None, "verify"), ("closed", 0, None, ""),
        ("fixed", 3, None, "return"), ("fixed", 0, None, "verify"), ("closed", 2, None, "recur"), ("open", 2, None, ""),
        ("waived", 2, date(2026, 11, 25), "expire"), ("waived", 2, date(2026, 11, 26), ""), ("disputed", 2, None, ""),
    ],
)  # fmt: skip
def test_a_check_moves_an_issue(state: str, failing: int, until: date | None, verb: str) -> None:
    """What the re-check finds decides the platform's verb, and the life cycle allows it."""
    assert domain.after_check(state, failing, waived_until=until, today=TODAY) == verb
    if verb:
        assert LIFE.move(state, verb, side=Side.PLATFORM).target in State


@pytest.mark.feature("C29")
def test_an_appeal_is_possible_wherever_the_institution_has_to_act() -> None:
    """From every state that waits for the institution it may dispute, and the county must answer with words."""
    for state in (*domain.WAITING, State.WAIVED):
        assert any(m.verb == "dispute" for m in LIFE.verbs(state, Side.INSTITUTION))
    answers = LIFE.verbs(State.DISPUTED, Side.COUNTY)
    assert {m.verb for m in answers} == {"uphold", "concede"} and all(m.needs == ("answer",) for m in answers)
