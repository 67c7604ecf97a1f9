"""A referral between two institutions, on a real database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from yigong.collaboration.referral import selectors, services
from yigong.collaboration.referral.models import Referral, ReferralMove
from yigong.collaboration.referral.tests.conftest import COUNTY, TCM, TOWNSHIP, Cast, without
from yigong.kit import clock
from yigong.kit.errors import Refused
from yigong.outbox.models import OutboxEvent
from yigong.security.api import persons_in_reach
from yigong.security.models import Audit

FACTS: dict[str, Any] = {
    "to_org": COUNTY, "to_department": "心内科", "urgency": "urgent", "diagnosis_name": "高血压 3 级",
    "reason": "三药联用血压不达标", "consent": True,
}  # fmt: skip


def sent(cast: Cast, **facts: Any) -> Referral:
    """A case that was sent to the county hospital."""
    referral = services.draft(cast.township, cast.registration_id, facts=FACTS | facts)
    return services.move(cast.township, referral.pk, "send", given={})


def can_read(cast: Cast, ctx: Any) -> bool:
    """Whether the actor's reach holds the person."""
    reach = persons_in_reach(ctx, "p.id")
    with connection.cursor() as cursor:
        cursor.execute(
            f"select 1 from empi_person p where p.id = %(id)s and {reach.sql}", reach.params | {"id": cast.person_id}
        )
        return cursor.fetchone() is not None


@pytest.mark.feature("D10")
def test_a_case_goes_its_whole_way(cast: Cast) -> None:
    """Draft, send, accept, arrive, close: each move leaves history, audit and an event of its own."""
    referral = sent(cast)
    for verb, given in (
        ("accept", {"clinic": "心内科 3 诊室"}),
        ("arrive", {}),
        ("close", {"summary": "调整用药，两周复查"}),
    ):
        referral = services.move(cast.county, referral.pk, verb, given=given)
    assert (referral.state, referral.direction) == ("closed", "up")
    assert list(referral.moves.values_list("verb", flat=True)) == ["draft", "send", "accept", "arrive", "close"]
    assert set(Audit.objects.values_list("action", flat=True)) >= {"referral.send", "referral.accept", "referral.close"}
    names = list(OutboxEvent.objects.filter(name__startswith="referral.").order_by("id").values_list("name", flat=True))
    assert names == ["referral.sent", "referral.accepted", "referral.moved", "referral.closed"]


@pytest.mark.feature("D11")
def test_sending_opens_the_history_to_the_receiver_and_to_nobody_else(cast: Cast) -> None:
    """The receiver can read the person exactly while the case lets it: not before sending, nor after refusal."""
    assert not can_read(cast, cast.county)
    referral = sent(cast)
    assert can_read(cast, cast.county)
    assert not can_read(cast, cast.outsider)
    services.move(cast.county, referral.pk, "refuse", given={"reason": "可在镇卫生院续方"})
    assert not can_read(cast, cast.county)
    services.move(cast.county, referral.pk, "reconsider", given={})
    assert can_read(cast, cast.county)


def test_the_history_closes_thirty_days_after_the_end(cast: Cast) -> None:
    """After a case is closed its receiver reads on for 30 days and not longer."""
    referral = sent(cast)
    for verb, given in (("accept", {"clinic": "3 诊室"}), ("arrive", {}), ("close", {"summary": "好转"})):
        services.move(cast.county, referral.pk, verb, given=given)
    with clock.fixed(clock.now() + timedelta(days=29)):
        assert can_read(cast, cast.county)
    with clock.fixed(clock.now() + timedelta(days=31)):
        assert not can_read(cast, cast.county)


@pytest.mark.feature("D14")
def test_a_misdirected_case_is_passed_on(cast: Cast) -> None:
    """A receiver passes a case on to the right institution: the history follows, and closes for the first one."""
    referral = sent(cast)
    referral = services.move(cast.county, referral.pk, "redirect", given={"to_org": TCM, "reason": "宜中医康复"})
    assert (referral.state, referral.to_org) == ("sent", TCM)
    assert not can_read(cast, cast.county)


def test_an_outsider_sees_and_moves_nothing(cast: Cast) -> None:
    """An institution that takes no part finds no such case, in lists, by number or for a move."""
    referral = sent(cast)
    assert selectors.cases(cast.outsider, selectors.Filters(tab="all")) == ([], 0)
    for attempt in (
        lambda: selectors.one(cast.outsider, referral.pk),
        lambda: services.move(cast.outsider, referral.pk, "accept", given={"clinic": "x"}),
        lambda: selectors.anchor(cast.outsider, cast.registration_id),
    ):
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.code == "not_found"


def test_a_draft_is_the_senders_alone(cast: Cast) -> None:
    """A draft addressed to an institution is not seen there before it is sent."""
    referral = services.draft(cast.township, cast.registration_id, facts=FACTS)
    with pytest.raises(Refused):
        selectors.one(cast.county, referral.pk)


def test_reading_without_saying_who_reads_is_an_error(cast: Cast) -> None:
    """The table of referrals answers nobody who does not say who asks."""
    for attempt in (
        Referral.objects.all,
        lambda: Referral.objects.filter(pk=1),
        lambda: Referral.objects.seen_by(None),
    ):
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.code == "no_actor"


@pytest.mark.parametrize("verb", ["accept", "refuse", "return", "close"])
def test_a_move_needs_its_permission(cast: Cast, verb: str) -> None:
    """Each verb is a permission of its own: without it the move is refused by name."""
    referral = sent(cast)
    with pytest.raises(Refused) as refused:
        services.move(without(cast.county, f"referral.{verb}"), referral.pk, verb, given={"reason": "x", "clinic": "x"})
    assert (refused.value.code, refused.value.facts["action"]) == ("not_permitted", f"referral.{verb}")


def test_the_same_act_twice_is_one_act(cast: Cast) -> None:
    """A double click, carried by one key, makes one move."""
    referral = sent(cast)
    for _ in range(2):
        services.move(cast.county, referral.pk, "accept", given={"clinic": "3 诊室"}, key="k1")
    assert ReferralMove.objects.filter(referral=referral, verb="accept").count() == 1


def test_two_people_at_one_case_do_not_overwrite_each_other(cast: Cast) -> None:
    """A move on a version that has changed meanwhile is refused and names who changed it."""
    referral = sent(cast)
    services.move(cast.county, referral.pk, "accept", given={"clinic": "3 诊室"}, version=referral.version)
    with pytest.raises(Refused) as refused:
        services.move(cast.county, referral.pk, "release", given={"reason": "停诊"}, version=referral.version)
    assert (refused.value.code, refused.value.facts["by"]) == ("stale", "周明")


@pytest.mark.parametrize(("to_org", "code"), [("9999999999", "unknown_org"), (TOWNSHIP, "same_org")])
def test_a_receiver_must_be_another_known_institution(cast: Cast, to_org: str, code: str) -> None:
    """A case cannot be addressed to an unknown institution or to one's own."""
    with pytest.raises(Refused) as refused, transaction.atomic():
        services.draft(cast.township, cast.registration_id, facts=FACTS | {"to_org": to_org})
    assert refused.value.code == code


def test_a_case_cannot_be_closed_without_feedback_even_in_the_database(cast: Cast) -> None:
    """The database itself keeps a closed case from having no summary."""
    referral = sent(cast)
    from django.db import IntegrityError

    with pytest.raises(IntegrityError), transaction.atomic():
        Referral.everything.filter(pk=referral.pk).update(state="closed")


@pytest.mark.feature("D17")
def test_lists_filter_count_and_sort(cast: Cast) -> None:
    """Tabs count what they hold; text, direction and urgency narrow the list."""
    sent(cast)
    sent(cast, urgency="emergency", diagnosis_name="急性胸痛")
    services.draft(cast.township, cast.registration_id, facts=FACTS)
    assert selectors.counts(cast.county)["todo"] == 2
    assert selectors.counts(cast.township)["drafts"] == 1
    rows, total = selectors.cases(cast.county, selectors.Filters(tab="todo"))
    assert (total, rows[0].urgency) == (2, "emergency")
    assert selectors.cases(cast.county, selectors.Filters(tab="todo", text="胸痛"))[1] == 1
    assert selectors.cases(cast.county, selectors.Filters(tab="todo", text="wxl"))[1] == 2
    assert selectors.cases(cast.county, selectors.Filters(tab="todo", direction="down"))[1] == 0


@pytest.mark.feature("D10")
def test_a_long_history_opens_with_its_latest_moves_and_keeps_every_state_reached(cast: Cast) -> None:
    """A case moved to and fro shows its latest thirty moves first; all of them, and the arrival in each state, stay at hand."""
    referral = sent(cast)
    services.move(cast.county, referral.pk, "accept", given={"clinic": "心内科 3 诊室"})
    for _ in range(16):
        services.move(cast.county, referral.pk, "arrive", given={})
        referral = services.move(cast.county, referral.pk, "unarrive", given={})
    shown, is_cut = selectors.moves(referral)
    every, nothing_left = selectors.moves(referral, whole=True)
    assert (len(shown), is_cut, len(every), nothing_left) == (30, True, 35, False)
    assert shown == every[-30:]
    assert {m.target: m.pk for m in selectors.arrivals(referral)} == {m.target: m.pk for m in every}
