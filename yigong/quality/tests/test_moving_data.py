"""Data move while they are checked: rows are withdrawn, corrected, and come in during a check."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from django.db import connection

from yigong.kit import clock
from yigong.kit.ctx import system
from yigong.platform.records import api as records
from yigong.quality import due, running, services, stored
from yigong.quality.domain import State
from yigong.quality.models import QualityDue, QualityFailure, QualityIssue, QualityMove, QualityResult
from yigong.quality.tests.conftest import FOLLOW_UP, OTHER, OWN, Cast, follow_ups

RULE = "QC-FU-004"
SWAPPED = {"systolic_blood_pressure_mmhg": 82.0, "diastolic_blood_pressure_mmhg": 138.0}


def found() -> QualityIssue:
    """The issue of our institution."""
    return QualityIssue.everything.get(org_code=OWN, rule=RULE)


def check(**facts: Any) -> None:
    """Run the rules over the follow-ups."""
    running.run(system(), data_sets=[FOLLOW_UP], **facts)


def withdraw(*keys: str) -> None:
    """The source takes rows back."""
    frame = pl.DataFrame({"org_code": OWN, "source_system": "JW", "source_key": list(keys), "_op": "delete"})
    assert records.load(system(), FOLLOW_UP, frame).deleted == len(keys)


@pytest.fixture
def one(cast: Cast) -> Cast:
    """Forty follow-ups, two of them with both pressures exchanged."""
    follow_ups(OWN, [SWAPPED if i in (3, 9) else {} for i in range(40)])
    check()
    return cast


@pytest.mark.feature("C23", "C24")
@pytest.mark.parametrize("since", [False, True])
def test_an_institution_that_takes_all_its_rows_back_has_nothing_failing(one: Cast, since: bool) -> None:
    """Results, failing rows and issue follow although no row is left to be read, also by a check of what is new."""
    withdraw(*(f"F{i}" for i in range(40)))
    check(since=clock.now() + timedelta(days=1)) if since else check(orgs=[OWN])
    assert QualityFailure.objects.count() == QualityResult.objects.count() == 0
    assert (found().state, found().failing, found().judged) == (State.CLOSED, 0, 0)


@pytest.mark.feature("C23")
def test_a_check_of_what_is_new_sees_single_withdrawn_rows(one: Cast) -> None:
    """A withdrawn row leaves no newer row behind; the institution is judged all the same."""
    withdraw("F3")
    check(since=clock.now() + timedelta(days=1))
    assert (found().state, found().failing, found().judged) == (State.OPEN, 1, 39)


@pytest.mark.feature("C24")
def test_an_issue_closed_without_anything_judged_says_so(one: Cast) -> None:
    """A field emptied so that the rule judges nothing is no proof of mending: the move tells how many values were judged."""
    follow_ups(OWN, [{"systolic_blood_pressure_mmhg": None}] * 40)
    check()
    last = QualityMove.objects.latest("id")
    assert (last.verb, last.given) == ("verify", {"failing": 0, "judged": 0})


@pytest.mark.feature("C29")
def test_a_concession_is_for_the_values_as_they_were(one: Cast) -> None:
    """A row that later comes with other failing values counts again; what stayed as it was stays excused."""
    services.move(one.clerk, found().pk, "dispute", given={"reason": "仪器如此"})
    services.move(one.office, found().pk, "concede", given={"answer": "同意"})
    other = {"systolic_blood_pressure_mmhg": 70.0, "diastolic_blood_pressure_mmhg": 138.0}
    follow_ups(OWN, [SWAPPED if i == 3 else other if i == 9 else {} for i in range(40)])
    check()
    assert (found().state, found().failing) == (State.OPEN, 1)
    excused = dict(QualityFailure.objects.filter(rule=RULE).values_list("source_key", "excused"))
    assert excused == {"F3": True, "F9": False}


@pytest.mark.feature("C23")
def test_rows_that_come_in_during_a_check_are_checked_after_it(one: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that arrives when its institution has just been read makes it due once more."""
    facts = {"data_set": FOLLOW_UP, "counts": [{"org_code": OWN, "inserted": 1, "updated": 0}]}
    due.loaded(1, facts)
    judge = running._judge

    def slow(*given: Any) -> None:
        judge(*given)
        follow_ups(OWN, [SWAPPED], start=700)
        due.loaded(2, facts)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(running, "_judge", slow)
        with clock.fixed(clock.now() + due.WAIT + timedelta(seconds=1)):
            assert due.work() == 1
    assert found().failing == 2 and QualityDue.objects.count() == 1
    with clock.fixed(clock.now() + 3 * due.WAIT):
        assert due.work() == 1
    assert found().failing == 3


@pytest.mark.feature("C23")
def test_a_check_that_died_is_done_by_another(one: Cast) -> None:
    """What a worker claimed and never finished is due again after a while, and not before."""
    moment = clock.now()
    QualityDue.objects.create(data_set=FOLLOW_UP, org_code=OWN, due_at=moment, claimed_at=moment)
    with clock.fixed(moment + due.GIVEN_UP / 2):
        assert due.work() == 0
    with clock.fixed(moment + due.GIVEN_UP + timedelta(seconds=1)):
        assert due.work() == 1
    assert not QualityDue.objects.exists()


@pytest.mark.feature("C23")
@pytest.mark.django_db(transaction=True)
def test_two_checks_at_once_take_turns(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody checks an issue again while the worker checks its institution: both end well."""
    follow_ups(OWN, [SWAPPED] * 5)
    both, wrong, replace = threading.Barrier(2), [], running._replace

    def together(*given: Any) -> int:
        with contextlib.suppress(threading.BrokenBarrierError):  # the other waits for its turn
            both.wait(timeout=1)
        return replace(*given)

    def work() -> None:
        try:
            check()
        except Exception as error:
            wrong.append(error)
        finally:
            connection.close()

    monkeypatch.setattr(running, "_replace", together)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and found().failing == 5


def test_a_part_names_every_institution_that_has_something_to_say(one: Cast) -> None:
    """Who has rows, and who had some, each once."""
    follow_ups(OTHER, [{}] * 2, start=600)
    withdraw(*(f"F{i}" for i in range(40)))
    assert [p.org_codes for p in stored.parts(FOLLOW_UP, since=None)] == [(OWN, OTHER)]
