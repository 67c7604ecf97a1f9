"""The report of a closed month stands, whatever happens to rows, rules, thresholds and disputes afterwards."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from yigong.kit import clock
from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.quality import closing, due, report, running, scores, services
from yigong.quality.models import QualityClosed, QualityIssue
from yigong.quality.tests.conftest import FOLLOW_UP, OTHER, OWN, Cast, follow_ups
from yigong.quality.tests.test_scores import JANUARY

RULE = "QC-FU-007"
pytestmark = pytest.mark.feature("C25", "C27")


def figures() -> dict[str, Any]:
    """What the report of January says in figures."""
    told = report.facts(JANUARY, None)
    return {k: told[k] for k in ("version", "lead", "ranking", "dimensions", "data_sets", "rules")}


@pytest.fixture
def january(cast: Cast) -> Cast:
    """A month with thirty rows, some of them beyond the threshold."""
    follow_ups(
        OWN,
        [
            {"systolic_blood_pressure_mmhg": 137.0 + i, "hypertension_follow_up_evaluation_result_code": "1"}
            for i in range(26)
        ],
    )
    running.run(system(), data_sets=[FOLLOW_UP])
    return cast


def test_a_closed_month_is_told_as_it_was_closed(january: Cast) -> None:
    """A threshold moved, rows corrected, a dispute conceded: the overview follows, the report is the same to the last figure."""
    before = figures()
    assert closing.close(system(), JANUARY) == QualityClosed.objects.count() > 0
    stands = figures()
    assert "封账" in stands["version"] and "会变" in before["version"]
    assert {**stands, "version": ""} == {**before, "version": ""}
    live = scores.total(scores.window("month", JANUARY))
    services.set_threshold(january.office, RULE, most=140, reason="县里规定")
    assert scores.total(scores.window("month", JANUARY)) != live and figures() == stands
    follow_ups(OWN, [{}] * 26)
    follow_ups(OTHER, [{}] * 3, start=700)  # an institution that joins later
    running.run(system(), data_sets=[FOLLOW_UP])
    assert figures() == stands


def test_the_rules_of_a_closed_month_weigh_as_they_did(january: Cast) -> None:
    """A weight changed, or a rule taken out of the files, moves no figure of it."""
    closing.close(system(), JANUARY)
    stands = scores.total(scores.report_window(JANUARY))
    QualityClosed.objects.filter(rule=RULE).update(rule="QC-OLD-001")
    assert scores.total(scores.report_window(JANUARY)) == stands
    QualityClosed.objects.filter(rule="QC-OLD-001").update(weight=50)
    heavy = scores.total(scores.report_window(JANUARY))
    assert heavy.value is not None and stands.value is not None and heavy.value < stands.value


def test_a_month_is_closed_once_and_when_it_is_over(january: Cast) -> None:
    """The month under way cannot be; a closed one not again, unless somebody took the closing back and said why."""
    with pytest.raises(Refused) as refused:
        closing.close(system(), date(2026, 11, 1))
    assert refused.value.code == "month_not_over"
    closing.close(system(), JANUARY)
    with pytest.raises(Refused) as refused:
        closing.close(system(), JANUARY)
    assert refused.value.code == "month_closed"
    with pytest.raises(Refused):
        closing.reopen(system(), JANUARY, " ")
    assert closing.reopen(system(), JANUARY, "补送后重算") and not closing.is_closed(JANUARY)
    assert closing.close(system(), JANUARY)


def test_the_worker_closes_the_month_before_on_its_day(january: Cast) -> None:
    """On the ninth of February January still moves; from the tenth of the county it stands."""
    QualityIssue.everything.all().delete()
    for moment, done in ((datetime(2026, 2, 9, 15, tzinfo=UTC), False), (datetime(2026, 2, 9, 17, tzinfo=UTC), True)):
        with clock.fixed(moment):
            due.work()
        assert closing.is_closed(JANUARY) == done
