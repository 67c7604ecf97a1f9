"""The life of a referral, decided without a database."""

from itertools import product

import pytest

from yigong.collaboration.referral.domain import LIFE, Side, State, direction, read_days
from yigong.collaboration.referral.words import STATES, VERBS
from yigong.kit.errors import Refused

EVERYTHING = dict.fromkeys(("to_org", "reason", "diagnosis_name", "consent", "clinic", "summary"), "x")


@pytest.mark.feature("D10")
@pytest.mark.parametrize(("state", "verb", "side"), list(product(State, sorted(VERBS), Side)))
def test_a_move_is_possible_exactly_when_the_table_says(state: State, verb: str, side: Side) -> None:
    """For each state, verb and side the guard agrees with the table: the move is made, or refused with the true reason."""
    in_table = [m for m in LIFE.moves if (m.verb, m.source, m.side) == (verb, state, side)]
    if in_table:
        assert LIFE.move(state, verb, side=side, given=EVERYTHING).target == in_table[0].target
        return
    with pytest.raises(Refused) as refused:
        LIFE.move(state, verb, side=side, given=EVERYTHING)
    other_side = any(m.verb == verb and m.source == state for m in LIFE.moves)
    assert refused.value.code == ("wrong_side" if other_side else "wrong_state")


@pytest.mark.feature("D10")
@pytest.mark.parametrize("move", LIFE.moves, ids=lambda m: f"{m.source}-{m.verb}")
def test_a_move_without_its_facts_is_refused(move: object) -> None:
    """Each fact that a move needs is asked for by name when it is missing."""
    for needed in move.needs:  # type: ignore[attr-defined]
        given = {k: v for k, v in EVERYTHING.items() if k != needed}
        with pytest.raises(Refused) as refused:
            LIFE.move(move.source, move.verb, side=move.side, given=given)  # type: ignore[attr-defined]
        assert (refused.value.code, refused.value.facts["fields"]) == ("missing", [needed])


def test_each_move_back_exists() -> None:
    """Every verb that names an inverse has that inverse in the state it leads to."""
    for move in LIFE.moves:
        if move.inverse:
            assert any(m.verb == move.inverse and m.source == move.target for m in LIFE.moves), move


def test_each_state_and_verb_has_its_word() -> None:
    """Pages, guard and drawing share one table of words: no state or verb is missing from it."""
    assert {s.value for s in LIFE.states()} == set(STATES) == {s.value for s in State}
    assert {m.verb for m in LIFE.moves} == set(VERBS)


def test_history_is_readable_exactly_while_the_case_says_so() -> None:
    """The receiver reads the history from sending until 30 days after the end; a refused or withdrawn case opens nothing."""
    assert {s: read_days(s) for s in State} == {
        State.DRAFT: 0, State.SENT: 180, State.RETURNED: 180, State.ACCEPTED: 180, State.ARRIVED: 180,
        State.CLOSED: 30, State.NO_SHOW: 30, State.REFUSED: 0, State.CANCELLED: 0, State.DISCARDED: 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sender", "receiver", "expected"),
    [
        ("township_centre", "county_hospital", "up"),
        ("village_clinic", "township_centre", "up"),
        ("county_hospital", "township_centre", "down"),
        ("tcm_hospital", "county_hospital", "peer"),
        ("community_centre", "township_centre", "peer"),
    ],
)
def test_direction_follows_the_institutions(sender: str, receiver: str, expected: str) -> None:
    """Whether a referral goes up, down or across follows from the kinds of the two institutions."""
    assert direction(sender, receiver) == expected
