"""Cleaning of what was registered long ago: under today's form and rules, once and no more."""

from __future__ import annotations

import pytest

from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.platform.empi import api, cleaning, rules, ruling
from yigong.platform.empi.models import Cleaning, Decision, Registration
from yigong.platform.empi.tests.histories import exactly
from yigong.platform.empi.tests.test_desk import several
from yigong.platform.empi.tests.test_register import rows


@pytest.mark.django_db
@pytest.mark.feature("A28")
def test_cleaning_applies_todays_form_and_rules_to_what_is_there() -> None:
    """A run mends what is written in an old form, decides again under the rules in force, and reports before and after."""
    least = min(pair.score for pair in several(3))
    Registration.objects.filter(local_id="0-0").update(name_key="wrong", phone="+86 138-0000-0001")
    loose = {"auto": least - 0.5, "review": least - 5.0}
    draft = ruling.save_draft(system(), {**rules.current().body(), **loose}, "放宽")
    ruling.publish(system(), draft.version)
    job = cleaning.start(system())
    with pytest.raises(Refused) as refused:
        cleaning.start(system())
    assert refused.value.code == "empi.cleaning_runs"
    while cleaning.work():
        pass
    job.refresh_from_db()
    cleaning.work()
    job = Cleaning.objects.get(pk=job.pk)
    assert (job.state, job.done, job.total, job.rule_version) == ("done", 6, 6, draft.version)
    assert job.mended >= 1 and Registration.objects.get(local_id="0-0").name_key == "wangxiulan"
    assert (job.before["persons"], job.after["persons"], job.after["waiting"]) == (6, 3, 0)
    assert Decision.objects.filter(verb="join").count() == 3
    assert not Decision.objects.filter(verb="change").exists()


@pytest.mark.django_db
@pytest.mark.feature("A28")
def test_cleaning_twice_changes_nothing_the_second_time() -> None:
    """A second run mends nothing, moves nobody and asks nothing."""
    several(3)
    api.register(system(), rows({}, {"org_code": "DH02"}))
    for _ in range(2):
        job = cleaning.start(system())
        before = exactly()
        while cleaning.work():
            pass
    assert exactly() == before
    assert Cleaning.objects.get(pk=job.pk).mended == 0
