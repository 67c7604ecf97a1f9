"""Taking decisions back, after any history and whatever arrived in between (ADR 8)."""

from __future__ import annotations

import os
import random

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yigong.kit.ctx import system
from yigong.platform.empi import api, services, stored
from yigong.platform.empi.models import Candidate, Registration
from yigong.platform.empi.tests.histories import (
    Rolled,
    decide_something,
    exactly,
    history,
    seen,
    some_frame,
    told_by_the_log,
)

EXAMPLES = int(os.environ.get("YIGONG_EXAMPLES", "25"))
often = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.django_db
@pytest.mark.feature("A26")
@often
@given(seed=st.integers(0, 10**9), length=st.integers(1, 8))
def test_undoing_the_last_decision_restores_everything(seed: int, length: int) -> None:
    """After any history, undoing the last decision restores persons, golden records, pairs, marks and blocks to the byte."""
    dice = random.Random(seed)
    with pytest.raises(Rolled), transaction.atomic():
        history(dice, length)
        before = exactly()
        decision = decide_something(dice)
        if decision is not None:
            services.undo(system(), decision, reason="x")
            assert exactly() == before
        raise Rolled


@pytest.mark.django_db
@pytest.mark.feature("A26")
@often
@given(seed=st.integers(0, 10**9), length=st.integers(1, 8), frames=st.integers(1, 3), same_keys=st.booleans())
def test_an_undone_decision_has_never_been(seed: int, length: int, frames: int, same_keys: bool) -> None:
    """After any history: decide, let records arrive or change, undo - all is as if only the records had arrived.

    Persons, golden records, pairs and marks. Arrivals are several frames of new registrations, or one frame in which
    known ones change as well.
    """
    dice = random.Random(seed)
    with pytest.raises(Rolled), transaction.atomic():
        history(dice, length)
        came = (
            [some_frame(dice)]
            if same_keys
            else [some_frame(dice, ids=range(100 * n, 100 * n + 20)) for n in range(1, frames + 1)]
        )
        without = _without(came)
        decision = decide_something(dice)
        if decision is not None:
            for frame in came:
                api.register(system(), frame)
            services.undo(system(), decision, reason="x")
            assert seen() == without
        raise Rolled


def _without(came: list) -> dict:  # type: ignore[type-arg]
    """What is seen when these frames arrive and nothing was decided; they are taken away again."""
    out: dict = {}  # type: ignore[type-arg]
    with pytest.raises(Rolled), transaction.atomic():
        for frame in came:
            api.register(system(), frame)
        out |= seen()
        raise Rolled
    return out


@pytest.mark.django_db
@pytest.mark.feature("A26")
@often
@given(seed=st.integers(0, 10**9), length=st.integers(1, 14))
def test_the_log_alone_tells_who_is_who(seed: int, length: int) -> None:
    """After any history of register, update, merge, split, review and undo in any order, the log folded from its first
    line gives the column, the pairs and the marks; and no person holds two trusted numbers."""
    dice = random.Random(seed)
    with pytest.raises(Rolled), transaction.atomic():
        history(dice, length)
        persons, pairs, marks = told_by_the_log()
        held = {r.pk: r for r in Registration.objects.all()}
        assert persons == {pk: r.person_id for pk, r in held.items()}
        assert pairs == {(c.left_id, c.right_id): c.state for c in Candidate.objects.all()}
        assert {pk: r.state for pk, r in held.items()} == {pk: marks.get(pk, "active") for pk in held}
        numbers = stored.numbers(set(persons.values()))
        assert all(len(some) == 1 for some in numbers.values())
        raise Rolled


@pytest.mark.django_db
@pytest.mark.feature("A26")
@pytest.mark.parametrize(("seed", "length"), [(16, 13), (115, 13), (307, 7), (1208, 8)])
def test_histories_that_once_gave_a_person_two_numbers(seed: int, length: int) -> None:
    """A likeness to what has just come to a person, and a person of which one registration changes, keep to the guard."""
    with pytest.raises(Rolled), transaction.atomic():
        history(random.Random(seed), length)
        numbers = stored.numbers(set(Registration.objects.values_list("person_id", flat=True)))
        assert all(len(some) == 1 for some in numbers.values())
        raise Rolled
