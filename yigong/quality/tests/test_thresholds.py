"""Thresholds change without running rules again, and what is counted anew is what a run would count."""

from __future__ import annotations

from typing import Any

import pytest

from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.quality import preview, rulebook, running, selectors, services
from yigong.quality.models import QualityFailure, QualityIssue, QualityResult, QualityRun
from yigong.quality.tests.conftest import FOLLOW_UP, OWN, Cast, follow_ups
from yigong.standards.quality import api as quality

RULE = "QC-FU-007"


def state() -> dict[str, Any]:
    """What is known under the rule."""
    return {
        "results": sorted(QualityResult.objects.filter(rule=RULE).values_list("month", "judged", "failed")),
        "failing": set(QualityFailure.objects.filter(rule=RULE, failing=True).values_list("source_key", flat=True)),
        "issues": list(QualityIssue.everything.filter(rule=RULE).values_list("state", "failing")),
    }


@pytest.mark.feature("C27")
@pytest.mark.parametrize("most", [140.0, 145.0, 155.0, 160.0])
def test_a_threshold_moved_counts_as_if_the_rules_had_run_again(cast: Cast, most: float) -> None:
    """Results, failing rows and issues after the change equal those of a new run; no run took place."""
    follow_ups(
        OWN,
        [
            {"systolic_blood_pressure_mmhg": 136.0 + i, "hypertension_follow_up_evaluation_result_code": "1"}
            for i in range(30)
        ],
    )
    running.run(system(), data_sets=[FOLLOW_UP])
    runs = QualityRun.objects.count()
    then = services.tried(RULE, least=None, most=most)
    told = preview.effect(rulebook.rule(RULE), then, None)["total"]
    services.set_threshold(cast.office, RULE, most=most, reason="县里规定")
    changed = state()
    assert QualityRun.objects.count() == runs
    assert len(changed["failing"]) == told.then == sum(136 + i > most for i in range(30))
    running.run(system(), data_sets=[FOLLOW_UP])
    assert state() == changed
    assert selectors.listed(QualityIssue.everything.get(rule=RULE)) == told.then


@pytest.mark.feature("C27")
def test_a_threshold_keeps_within_what_the_rule_allows_and_needs_a_reason(cast: Cast) -> None:
    """Outside the range it is refused with the range; without a reason too."""
    with pytest.raises(Refused) as refused:
        services.set_threshold(cast.office, RULE, most=500, reason="…")
    assert refused.value.code == "threshold_out" and "140–160" in str(refused.value.facts["allowed"])
    with pytest.raises(Refused) as refused:
        services.set_threshold(cast.office, RULE, most=145, reason=" ")
    assert refused.value.code == "quality.missing"
    assert rulebook.rule(RULE).most == quality.rule(RULE).most


@pytest.mark.feature("C27")
def test_the_version_of_the_rule_set_follows_thresholds(cast: Cast) -> None:
    """A moved threshold is another rule set, so that two scores are never compared unawares."""
    before = rulebook.version(rulebook.rules())
    services.set_threshold(cast.office, RULE, most=145, reason="试点")
    assert rulebook.version(rulebook.rules()) != before


@pytest.mark.feature("C27")
def test_a_threshold_between_two_steps_is_refused(cast: Cast) -> None:
    """Values are kept by steps: results counted from them and failing rows marked by them would contradict each other."""
    follow_ups(
        OWN,
        [
            {"systolic_blood_pressure_mmhg": 137.0 + i / 2, "hypertension_follow_up_evaluation_result_code": "1"}
            for i in range(30)
        ],
    )
    running.run(system(), data_sets=[FOLLOW_UP])
    before = state()
    with pytest.raises(Refused) as refused:
        services.set_threshold(cast.office, RULE, most=145.5, reason="县里规定")
    assert (refused.value.code, refused.value.facts["near"]) == ("threshold_step", ["145", "150"])
    assert state() == before
    services.set_threshold(cast.office, RULE, most=145, reason="县里规定")
    after = state()
    assert sum(failed for _m, _j, failed in after["results"]) == len(after["failing"]) > 0
