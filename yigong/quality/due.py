"""New rows are checked by themselves: a batch that came in makes its institution and data set due, a worker runs the rules."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from yigong.kit.clock import now
from yigong.kit.ctx import system
from yigong.quality import closing, issues, running
from yigong.quality.models import QualityDue
from yigong.standards.quality import api as quality

#: batches of one load follow each other: the check waits until they are likely through
WAIT = timedelta(minutes=10)
GIVEN_UP = timedelta(hours=2)  # a check claimed so long ago died on the way


def loaded(_event_id: int, facts: dict[str, Any]) -> None:
    """Rows of a data set came in (event ``records.loaded``): its institutions are due, once however many batches come."""
    data_set = str(facts.get("data_set", ""))
    if not data_set or not quality.rules(data_set):
        return
    due = now() + WAIT
    orgs = [str(c["org_code"]) for c in facts.get("counts", ())]
    rows = [QualityDue(data_set=data_set, org_code=org, due_at=due) for org in orgs]
    QualityDue.objects.bulk_create(rows, ignore_conflicts=True)


def work() -> int:
    """Run the rules where they are due, one institution and data set at a time; end waivers whose time is over; close the month before.

    How much was done.
    """
    done = issues.expire_waivers(system()) + closing.close_due(system())
    one = _claimed()
    if one is None:
        return done
    running.run(system(), data_sets=[one.data_set], orgs=[one.org_code])
    one.delete()
    return done + 1


@transaction.atomic
def _claimed() -> QualityDue | None:
    """What is due the longest and nobody checks; rows that come in from now on make a line of their own."""
    moment = now()
    due = Q(claimed_at=None, due_at__lte=moment) | Q(claimed_at__lt=moment - GIVEN_UP)
    one = QualityDue.objects.select_for_update(skip_locked=True).filter(due).order_by("due_at").first()
    if one is not None:
        one.claimed_at = moment
        one.save(update_fields=["claimed_at"])
    return one
