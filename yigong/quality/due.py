"""New rows are checked by themselves: a batch that came in makes its institution and data set due, a worker runs the rules."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import system
from yigong.quality import issues, running
from yigong.quality.models import QualityDue
from yigong.standards.quality import api as quality

#: batches of one load follow each other: the check waits until they are likely through
WAIT = timedelta(minutes=10)


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
    """Run the rules where they are due, one institution and data set at a time; end waivers whose time is over. How much was done."""
    done = issues.expire_waivers(system())
    with transaction.atomic():
        one = (
            QualityDue.objects.select_for_update(skip_locked=True).filter(due_at__lte=now()).order_by("due_at").first()
        )
        if one is None:
            return done
        running.run(system(), data_sets=[one.data_set], orgs=[one.org_code])
        one.delete()
    return done + 1
