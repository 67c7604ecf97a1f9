"""Every state of an identity is reached by an act, told on the person's page, and left again by undoing."""

from __future__ import annotations

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from yigong.kit.ctx import system
from yigong.platform.empi import api
from yigong.platform.empi.models import Person, Registration
from yigong.platform.empi.shown_words import PERSON_STATES
from yigong.platform.empi.tests.test_joining import BARE, ZHAO
from yigong.platform.empi.tests.test_pages import clerk, text
from yigong.platform.empi.tests.test_register import rows

__all__ = ["clerk"]


def state(person: int) -> str:
    """The state of a person."""
    return Person.objects.get(pk=person).state


@pytest.mark.django_db
@pytest.mark.feature("A29")
def test_arrival_makes_temporary_provisional_and_verified(clerk: Client) -> None:
    """A newborn under the mother's name is temporary, a name without a number provisional, a sound number verified."""
    done = api.register(system(), rows(
        {**BARE, "local_id": "b", "full_name": "王秀兰之子", "sex_code": "1", "born_on": date(2026, 1, 5)}, ZHAO,
        {"local_id": "w"},
    ))  # fmt: skip
    persons = done.get_column("person_id").to_list()
    assert [state(one) for one in persons] == ["temporary", "provisional", "verified"]
    for one in persons:
        assert str(PERSON_STATES[state(one)]) in text(clerk.get(reverse("empi:person", args=[one])))


@pytest.mark.django_db
@pytest.mark.feature("A29", "A26")
def test_merging_and_splitting_leave_their_states_and_undo_takes_them_back(clerk: Client) -> None:
    """Who gave all registrations away is merged; who came out of a split is so until verified; undone, both are as before."""
    done = api.register(system(), rows(BARE, ZHAO))
    one, other = done.get_column("person_id").to_list()
    merged = api.merge(system(), other, one, reason="化名")
    assert state(other) == "merged"
    going = [Registration.objects.get(local_id=str(ZHAO["local_id"])).pk]
    split = api.split(system(), one, going, reason="并错")
    parted = api.current(going[0])
    assert state(parted) == "split"
    assert str(PERSON_STATES["split"]) in text(clerk.get(reverse("empi:person", args=[parted])))
    api.mark(system(), parted, "attest", reason="见过身份证")
    assert state(parted) == "verified"
    for decision in (_last_mark(parted), split, merged):
        api.undo(system(), decision, reason="撤回")
    assert [state(one), state(other)] == ["provisional", "provisional"]


def _last_mark(person: int) -> int:
    return next(line.id for line in api.decisions(system(), person) if line.verb == "mark")
