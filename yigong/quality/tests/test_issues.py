"""Issues of data quality on a real database: found, worked on, disputed, waived, closed by the re-check."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from yigong.kit import clock
from yigong.kit.ctx import Ctx, system
from yigong.kit.errors import Refused
from yigong.outbox.models import OutboxEvent
from yigong.quality import due, issues, running, selectors, services
from yigong.quality.domain import State
from yigong.quality.models import QualityDue, QualityFailure, QualityIssue, QualityMove, QualityResult
from yigong.quality.tests.conftest import FOLLOW_UP, OTHER, OWN, Cast, follow_ups
from yigong.security.models import Audit

SWAPPED = {"systolic_blood_pressure_mmhg": 82.0, "diastolic_blood_pressure_mmhg": 138.0}
RULE = "QC-FU-004"


def check(**facts: Any) -> None:
    """Run the rules over the follow-ups."""
    running.run(system(), data_sets=[FOLLOW_UP], **facts)


def found(org: str = OWN, rule: str = RULE) -> QualityIssue:
    """The issue of an institution under a rule."""
    return QualityIssue.everything.get(org_code=org, rule=rule)


def move(ctx: Ctx, verb: str, **given: Any) -> QualityIssue:
    """Make a move of the one issue."""
    return services.move(ctx, found().pk, verb, given=given)


@pytest.fixture
def one(cast: Cast) -> Cast:
    """Forty follow-ups, two of them with both pressures exchanged."""
    follow_ups(OWN, [SWAPPED if i in (3, 9) else {} for i in range(40)])
    check()
    return cast


@pytest.mark.feature("C24", "C26")
def test_a_run_lists_every_failing_row_with_its_key_and_opens_one_issue(one: Cast) -> None:
    """Failing rows bear their source keys; results count what was judged; the institution gets a work item with a limit."""
    issue = found()
    rows = selectors.failing_rows(one.clerk, issue)
    assert [r.source_key for r in rows] == ["F9", "F3"]
    assert rows[0].values == ("82.0", "138.0") or rows[0].values == ("82", "138")
    assert (issue.failing, issue.judged, issue.state) == (2, 40, State.OPEN)
    result = QualityResult.objects.filter(rule=RULE)
    assert sum(r.failed for r in result) == 2 and sum(r.judged for r in result) == 40
    assert OutboxEvent.objects.filter(name="quality.issues_found").exists()


@pytest.mark.feature("C26")
def test_the_sql_shown_finds_the_same_rows(one: Cast) -> None:
    """The statement of every rule of the data set, run as it stands, gives the rows that the engine found."""
    from yigong.quality import rulebook
    from yigong.standards.quality import api as quality

    context, told = rulebook.context(), 0
    for rule in rulebook.rules(FOLLOW_UP):
        condition = quality.sql_of(rule, FOLLOW_UP, context)
        if condition is None:
            continue
        with connection.cursor() as cursor:
            cursor.execute(selectors.listing(FOLLOW_UP, condition, OWN))
            listed = set(cursor.fetchall())
        failing = QualityFailure.objects.filter(rule=rule.code, failing=True)
        assert listed == set(failing.values_list("record_id", "source_key")), rule.code
        told += 1
    assert told >= 12


@pytest.mark.feature("C24")
def test_a_mended_row_closes_the_issue_and_a_new_one_opens_it_again(one: Cast) -> None:
    """Reported as mended it waits for the check; with nothing found it is closed, found again it is open with its count."""
    move(one.clerk, "assign", assignee="护士长")
    assert move(one.clerk, "fix", reason="已按纸质记录改正").state == State.FIXED
    check()
    assert found().state == State.OPEN, "the rows are still wrong"
    follow_ups(OWN, [{}] * 40)
    check()
    assert (found().state, found().failing) == (State.CLOSED, 0)
    follow_ups(OWN, [SWAPPED], start=100)
    check()
    assert (found().state, found().failing, found().recurred) == (State.OPEN, 1, 1)
    verbs = list(QualityMove.objects.order_by("id").values_list("verb", flat=True))
    assert verbs == ["assign", "fix", "return", "verify", "recur"]


@pytest.mark.feature("C24", "C29")
def test_a_conceded_dispute_excuses_its_rows_for_good(one: Cast) -> None:
    """The county answers; rows that are right as they are count no more, also after the next run; new ones do."""
    move(one.clerk, "dispute", reason="仪器如此，已附照片")
    with pytest.raises(Refused) as refused:
        move(one.clerk, "concede", answer="同意")
    assert refused.value.code == "quality.wrong_side"
    assert move(one.office, "concede", answer="照片清楚，同意").state == State.CLOSED
    check()
    assert (found().state, found().failing) == (State.CLOSED, 0)
    follow_ups(OWN, [SWAPPED], start=100)
    check()
    assert (found().state, found().failing) == (State.OPEN, 1)


@pytest.mark.feature("C24", "C25")
def test_the_score_follows_a_conceded_dispute_and_its_reopening(one: Cast) -> None:
    """Excused rows fail no more where scores are made of them; taken back by the county they do, and the issue tells them again."""

    def failed() -> int:
        return sum(
            row[4]
            for row in selectors.sums(start=date(1900, 1, 1), end=date(2999, 1, 1), by="rule")
            if row[1] == found().rule
        )

    before, failing = failed(), found().failing
    assert failing and before == failing
    move(one.clerk, "dispute", reason="仪器如此")
    move(one.office, "concede", answer="同意")
    assert failed() == 0
    check()
    assert (failed(), found().state) == (0, State.CLOSED)
    move(one.office, "reopen", reason="照片是另一台仪器的")
    assert (failed(), found().failing) == (before, failing)
    check()
    assert (failed(), found().state) == (before, State.OPEN)


@pytest.mark.feature("C24")
def test_a_waiver_ends_by_itself(one: Cast) -> None:
    """Waived until a day it stays waived through checks; after that day it is open again."""
    until = clock.today() + timedelta(days=10)
    move(one.office, "waive", waived_until=until, reason="换系统期间")
    check()
    assert found().state == State.WAIVED
    with clock.fixed(datetime(until.year, until.month, until.day, tzinfo=UTC) + timedelta(days=2)):
        assert issues.expire_waivers(system()) == 1
    assert (found().state, found().waived_until) == (State.OPEN, None)


@pytest.mark.feature("C24")
@pytest.mark.parametrize(("minute", "state"), [(-1, State.WAIVED), (1, State.OPEN)])
def test_a_waiver_ends_at_midnight_of_the_county(one: Cast, minute: int, state: str) -> None:
    """It holds to the last minute of its last day by the county's clock, for the worker and for a check alike."""
    until = clock.today() + timedelta(days=10)
    move(one.office, "waive", waived_until=until, reason="换系统期间")
    midnight = datetime(until.year, until.month, until.day, 16, tzinfo=UTC)
    with clock.fixed(midnight + timedelta(minutes=minute)):
        assert issues.expire_waivers(system()) == (state == State.OPEN)
        check()
    assert found().state == state


@pytest.mark.feature("C24")
@pytest.mark.parametrize(("days", "code"), [(0, "waiver_past"), (400, "waiver_too_long")])
def test_a_waiver_has_an_end_within_a_year(one: Cast, days: int, code: str) -> None:
    """A waiver for ever is no waiver."""
    with pytest.raises(Refused) as refused:
        move(one.office, "waive", waived_until=clock.today() + timedelta(days=days), reason="…")
    assert refused.value.code == code


@pytest.mark.feature("C24")
def test_only_the_institution_sees_and_works_on_its_issue(one: Cast) -> None:
    """Others do not find it; the county sees all and may waive but not report as mended."""
    with pytest.raises(Refused) as refused:
        selectors.one(one.outsider, found().pk)
    assert refused.value.code == "not_found"
    assert selectors.one(one.office, found().pk).pk == found().pk
    with pytest.raises(Refused) as refused:
        move(one.office, "fix", reason="代改")
    assert refused.value.code == "quality.wrong_side"


@pytest.mark.feature("C24")
def test_the_same_key_twice_is_one_move_and_a_stale_version_is_refused(one: Cast) -> None:
    """A double click does nothing twice; who looked at an old page is told."""
    first = services.move(one.clerk, found().pk, "assign", given={"assignee": "甲"}, key="k1")
    again = services.move(one.clerk, found().pk, "assign", given={"assignee": "乙"}, key="k1")
    assert again.assignee == first.assignee == "甲" and QualityMove.objects.count() == 1
    with pytest.raises(Refused) as refused:
        services.move(one.clerk, found().pk, "fix", given={"reason": "x"}, version=1)
    assert refused.value.code == "quality.stale"
    assert Audit.objects.filter(action="quality.assign").count() == 1


@pytest.mark.feature("C23")
def test_since_judges_only_institutions_with_newer_rows(one: Cast) -> None:
    """A run after a moment leaves institutions alone that sent nothing since."""
    follow_ups(OTHER, [{}] * 3, start=500)
    before = clock.now() + timedelta(hours=1)
    assert running.run(system(), data_sets=[FOLLOW_UP], since=before).rows == 3  # never judged yet
    assert running.run(system(), data_sets=[FOLLOW_UP], since=before).rows == 0
    assert running.run(system(), data_sets=[FOLLOW_UP]).rows == 43


@pytest.mark.feature("C23")
def test_running_twice_changes_nothing(one: Cast) -> None:
    """The same rows under the same rules give the same results, failures and issues."""
    facts = lambda: (  # noqa: E731
        sorted(QualityResult.objects.values_list("rule", "month", "judged", "failed")),
        sorted(QualityFailure.objects.values_list("rule", "record_id", "failing")),
        sorted(QualityIssue.everything.values_list("rule", "state", "failing")),
    )
    before = facts()
    check()
    assert facts() == before


@pytest.mark.feature("C24")
def test_rows_that_come_in_are_checked_by_the_worker(one: Cast) -> None:
    """A batch makes its institution due once; when the moment has come the worker runs the rules and the issue closes."""
    facts = {"data_set": FOLLOW_UP, "counts": [{"org_code": OWN, "inserted": 1, "updated": 0}]}
    due.loaded(1, facts)
    due.loaded(2, facts)
    assert QualityDue.objects.count() == 1 and due.work() == 0
    follow_ups(OWN, [{}] * 40)
    with clock.fixed(clock.now() + due.WAIT + timedelta(seconds=1)):
        assert due.work() == 1
    assert (found().state, QualityDue.objects.count()) == (State.CLOSED, 0)


@pytest.mark.feature("C26", "C29")
def test_the_sql_of_screening_finds_the_same_rows(cast: Cast) -> None:
    """A doctor who writes tens only and one pressure for most of a day: engine and statement name the same rows."""
    from yigong.quality import rulebook

    rows: list[dict[str, Any]] = [
        {"follow_up_physician_name": "赵医生", "follow_up_on": date(2026, 3, 2) if i < 20 else date(2026, 3, 3 + i % 20),
         "systolic_blood_pressure_mmhg": 130.0 if i < 14 else 120.0 + 10 * (i % 4), "diastolic_blood_pressure_mmhg": 80.0}
        for i in range(120)
    ]  # fmt: skip
    follow_ups(OWN, rows)
    check()
    context, told = rulebook.context(), {}
    for code in ("QC-FAB-001", "QC-FAB-002", "QC-FAB-003", "QC-FAB-005"):
        issue = QualityIssue(rule=code, data_set=FOLLOW_UP, org_code=OWN)
        with connection.cursor() as cursor:
            cursor.execute(selectors.statement(issue, rulebook.rule(code), context))
            ids = {row[0] for row in cursor.fetchall()}
        failing = QualityFailure.objects.filter(rule=code, failing=True).values_list("record_id", flat=True)
        assert ids == set(failing), code
        told[code] = len(ids)
    assert told["QC-FAB-001"] == told["QC-FAB-002"] == 120 and 14 <= told["QC-FAB-005"] < 20
