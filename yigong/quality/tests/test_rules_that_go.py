"""A rule is taken out or no longer asks a data set: its issues do not break the pages, and are closed by the next check."""

from __future__ import annotations

import pytest
from django.urls import reverse

from yigong.kit.ctx import Reach, system
from yigong.quality import report, running, scores
from yigong.quality.actions import ACTIONS
from yigong.quality.domain import State
from yigong.quality.models import QualityFailure, QualityIssue, QualityResult
from yigong.quality.tests.conftest import FOLLOW_UP, OFFICE, OWN, Cast, follow_ups
from yigong.quality.tests.test_pages import signed_in
from yigong.quality.tests.test_scores import JANUARY

GONE = "QC-OLD-001"


@pytest.fixture
def gone(cast: Cast) -> QualityIssue:
    """What a rule left that is declared no more."""
    follow_ups(OWN, [{}] * 40)
    run = running.run(system(), data_sets=[FOLLOW_UP])
    facts = {"rule": GONE, "data_set": FOLLOW_UP, "org_code": OWN}
    QualityResult.objects.create(**facts, month=JANUARY, rows=40, judged=40, failed=2, run=run)
    QualityFailure.objects.create(**facts, record_id=1, source_key="F1")
    issue = QualityIssue(**facts, severity="error", dimension="validity", failing=2, judged=40)
    issue.found_at = issue.checked_at = run.started_at
    issue.save()
    return issue


@pytest.mark.feature("C23", "C24")
def test_the_issue_of_a_rule_that_is_gone_can_be_read(gone: QualityIssue) -> None:
    """Page, list, report and score do not fail for it; the page says that the rule is declared no more."""
    client = signed_in("office", OFFICE, tuple(ACTIONS), Reach.COUNTY)
    answer = client.get(reverse("quality:issue", args=[gone.pk]))
    assert answer.status_code == 200 and GONE in answer.content.decode() and "不再声明" in answer.content.decode()
    assert client.get(reverse("quality:issues")).status_code == 200
    assert report.facts(JANUARY, None)["ranking"] and scores.total(scores.window("month", JANUARY)).judged


@pytest.mark.feature("C23", "C24")
def test_the_next_check_closes_what_a_rule_that_is_gone_left(gone: QualityIssue) -> None:
    """Results and failing rows of it go, its issue is closed without anything judged; others stay."""
    before = QualityResult.objects.exclude(rule=GONE).count()
    running.run(system(), data_sets=[FOLLOW_UP])
    gone.refresh_from_db()
    assert (gone.state, gone.failing, gone.judged) == (State.CLOSED, 0, 0)
    assert (
        not QualityResult.objects.filter(rule=GONE).exists() and not QualityFailure.objects.filter(rule=GONE).exists()
    )
    assert QualityResult.objects.count() == before
