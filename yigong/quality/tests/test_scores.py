"""Scores, ranking and report say the same of the same rows, whoever asks and at whatever hour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from yigong.kit import clock
from yigong.kit.ctx import system
from yigong.quality import report, running, scores, selectors, services, shown
from yigong.quality.models import QualityIssue, QualityResult
from yigong.quality.tests.conftest import FOLLOW_UP, OFFICE, OTHER, OWN, Cast, follow_ups

DIABETES = "diabetes_management_2009"
SWAPPED = {"systolic_blood_pressure_mmhg": 82.0, "diastolic_blood_pressure_mmhg": 138.0}
JANUARY = date(2026, 1, 1)


@pytest.fixture
def two_sets(cast: Cast) -> Cast:
    """One institution with two data sets, sound in the large one and not in the small one."""
    follow_ups(OWN, [{}] * 26)
    follow_ups(OWN, [SWAPPED] * 14, start=100, data_set=DIABETES)
    running.run(system(), data_sets=[FOLLOW_UP, DIABETES])
    return cast


@pytest.mark.feature("C25")
def test_the_score_of_all_is_the_score_of_the_only_institution(two_sets: Cast) -> None:
    """Figure, ranking and trend weigh a rule once, however many data sets it judges, and count it as one rule."""
    w = scores.window("month", JANUARY)
    own = scores.by_institution(w)[OWN]
    assert own.value is not None
    assert scores.total(w) == own
    assert dict(scores.by_month(number=12))[JANUARY] == own


@pytest.mark.feature("C25")
def test_an_institution_that_sends_nothing_stands_in_the_ranking_without_score_and_place(two_sets: Cast) -> None:
    """Silence is neither a hundred nor absence: who sent before, or is to send, is listed last with the reason."""
    follow_ups(OTHER, [{}] * 40, start=500)
    running.run(system(), data_sets=[FOLLOW_UP])
    places = {p.org_code: p for p in scores.ranking(scores.window("month", date(2026, 11, 1)))}
    assert (places[OTHER].place, places[OTHER].score.value, places[OTHER].score.reason) == (None, None, "nothing")
    assert OFFICE not in places  # never sent anything and is no source


@pytest.mark.feature("C25")
def test_a_code_that_nobody_registered_is_not_ranked(two_sets: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows under an unknown code were turned away; the code becomes no institution by it."""
    monkeypatch.setattr(selectors.exchange, "collecting_since", lambda: {OTHER: JANUARY, "QH999999-9": JANUARY})
    assert selectors.sources() == {OWN, OTHER}


@pytest.mark.feature("C25")
def test_a_change_of_place_needs_two_scores(two_sets: Cast) -> None:
    """Beside a month without a score no change is told."""
    (place,) = (p for p in scores.ranking(scores.window("month", JANUARY)) if p.org_code == OWN)
    assert shown.change(place.score, place.before) == "—"


@pytest.mark.feature("C25")
@pytest.mark.parametrize(
    ("hour", "overdue"),
    [(datetime(2026, 12, 12, 15, 59, tzinfo=UTC), 0), (datetime(2026, 12, 12, 16, 1, tzinfo=UTC), 1)],
)
def test_an_issue_is_overdue_from_midnight_of_the_county(two_sets: Cast, hour: datetime, overdue: int) -> None:
    """The report counts with the county's day as the pages do, not with the day of the database."""
    QualityIssue.everything.update(due_on=date(2026, 12, 12))
    with clock.fixed(hour):
        lines = report.facts(JANUARY, None)["issues"]
    assert sum(int(line[2]) > 0 for line in lines) == overdue


@pytest.mark.feature("C25")
def test_an_issue_closed_in_the_first_hours_of_a_month_belongs_to_that_month(two_sets: Cast) -> None:
    """Seven in the morning of the first of December is December in the county, though still November in UTC."""
    QualityIssue.everything.update(state="closed", closed_at=datetime(2026, 11, 30, 23, tzinfo=UTC))
    closed = {
        m: sum(int(line[5]) for line in report.facts(m, None)["issues"]) for m in (date(2026, 11, 1), date(2026, 12, 1))
    }
    assert closed[date(2026, 11, 1)] == 0 and closed[date(2026, 12, 1)] == QualityIssue.everything.count()


@pytest.mark.feature("C25")
def test_what_is_excused_is_excused_in_score_and_report_alike(two_sets: Cast) -> None:
    """After a conceded dispute the worst rules of the report name the rule no more, and the score rises."""
    issue = QualityIssue.everything.get(rule="QC-FU-004", data_set=DIABETES)
    w = scores.window("month", JANUARY)
    before = scores.total(w)
    services.move(two_sets.clerk, issue.pk, "dispute", given={"reason": "仪器如此"})
    services.move(two_sets.office, issue.pk, "concede", given={"answer": "同意"})
    after = scores.total(w)
    assert before.value is not None and after.value is not None and after.value > before.value
    assert not [line for line in report.facts(JANUARY, None)["rules"] if "QC-FU-004" in line[0]]


@pytest.mark.feature("C23")
def test_the_last_check_of_everything_is_not_that_of_one_issue(two_sets: Cast) -> None:
    """Checking one issue again does not hide newer rows of others from the next check of what came in."""
    running.run(system())
    whole = selectors.last_run()
    follow_ups(OTHER, [SWAPPED] * 3, start=900)
    with clock.fixed(clock.now() + timedelta(hours=1)):
        services.check_again(system(), QualityIssue.everything.filter(org_code=OWN).earliest("pk").pk)
    assert selectors.last_run() == whole


@pytest.mark.feature("C25")
def test_scores_that_look_alike_have_the_same_place(cast: Cast) -> None:
    """97.31 and 97.28 are both shown as 97.3: neither stands before the other."""
    run = running.run(system(), data_sets=[FOLLOW_UP])
    for org, failed in ((OWN, 100), (OTHER, 101)):
        for rule in ("QC-FU-001", "QC-FU-002", "QC-FU-004"):
            facts = {"rule": rule, "data_set": FOLLOW_UP, "org_code": org, "month": JANUARY}
            QualityResult.objects.create(**facts, rows=10_000, judged=10_000, failed=failed, run=run)
    places = scores.ranking(scores.window("month", JANUARY))
    values = {p.org_code: p.score.value for p in places if p.score.value}
    assert len({f"{v:.1f}" for v in values.values()}) == 1 < len(set(values.values()))
    assert {p.org_code: p.place for p in places if p.place} == {OWN: 1, OTHER: 1}
