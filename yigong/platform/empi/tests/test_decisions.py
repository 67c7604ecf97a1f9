"""Decisions about persons and taking them back, on a real PostgreSQL."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.outbox.models import OutboxEvent
from yigong.platform.empi import api, services
from yigong.platform.empi.models import Candidate, Decision, Person, Registration
from yigong.platform.empi.tests.test_register import number, partition, rows
from yigong.security.models import Audit

BARE = {"id_no": None, "phone": None, "address": None}


def golden_of(registrations: set[int]) -> dict[int, tuple[int, str, str]]:
    """Person, state and golden record, as text, that each registration leads to."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select r.id, r.person_id, p.state, p.golden::text from empi_registration r
               join empi_person p on p.id = r.person_id where r.id = any(%s)""",
            [sorted(registrations)],
        )
        return {row[0]: row[1:] for row in cursor.fetchall()}


def two_alike() -> tuple[Candidate, int, int]:
    """Two persons with an open question about them."""
    done = api.register(system(), rows(BARE, {**BARE, "local_id": "2", "born_on": date(1959, 3, 14)}))
    one, two = done.get_column("person_id")
    return Candidate.objects.get(), one, two


@pytest.mark.django_db
@pytest.mark.feature("A26")
def test_a_confirmed_pair_is_one_person_and_can_be_taken_back() -> None:
    """Confirming joins two persons with log, audit and event; undoing gives back persons, golden records and question."""
    question, one, two = two_alike()
    before = golden_of(set(Registration.objects.values_list("pk", flat=True)))
    decision = services.confirm(system(), question.pk, reason="同一张照片")
    assert len(partition()) == 1
    assert Audit.objects.filter(action="empi.confirm", subject_id=str(decision)).count() == 1
    assert OutboxEvent.objects.get(name="persons.merged").facts["to_person"] == min(one, two)
    services.undo(system(), decision, reason="看错")
    assert golden_of(set(before)) == before
    assert Candidate.objects.get().state == "open"


@pytest.mark.django_db
@pytest.mark.feature("A25", "A26")
def test_a_rejected_pair_is_never_asked_again() -> None:
    """A rejected pair leaves the queue, stays apart when its facts come again, and undoing brings the question back."""
    question, _, _ = two_alike()
    decision = services.reject(system(), question.pk, reason="邻居")
    api.register(system(), rows({**BARE, "phone": "13800009999"}))
    api.register(system(), rows({**BARE, "local_id": "3", "phone": "13800009999"}))
    assert not Candidate.objects.filter(pk=question.pk, state="open").exists()
    assert not any({question.left_id, question.right_id} <= group for group in partition())
    services.undo(system(), decision, reason="是同一人")
    assert Candidate.objects.get(pk=question.pk).state == "open"


@pytest.mark.django_db
@pytest.mark.feature("A26")
def test_two_trusted_numbers_cannot_be_merged_by_hand() -> None:
    """The guard holds for people as for machines."""
    done = api.register(system(), rows({}, {"local_id": "2", "id_no": number("19590304", 7)}))
    one, two = done.get_column("person_id")
    with pytest.raises(Refused) as refused:
        services.merge(system(), two, one, reason="像")
    assert refused.value.code == "empi.two_trusted_numbers"


@pytest.mark.django_db
@pytest.mark.feature("A26")
def test_who_came_because_of_a_moved_registration_goes_back_with_it() -> None:
    """A registration linked between a merge and its undoing follows the one it is like."""
    done = api.register(
        system(), rows({}, {"local_id": "2", "full_name": "李四", "id_no": None, "phone": "13700000000"})
    )
    wang, li = done.get_column("person_id")
    decision = services.merge(system(), li, wang, reason="曾用名")
    more = {"full_name": "李四", "id_no": None, "phone": "13700000000", "local_id": "3"}
    came = [api.register(system(), rows(one)).row(0)[1] for one in (more, {"local_id": "4"})]
    assert came == [wang, wang]
    services.undo(system(), decision, reason="弄错")
    assert api.register(system(), rows(more, {"local_id": "4"})).get_column("person_id").to_list() == [li, wang]


@pytest.mark.django_db
@pytest.mark.feature("A26")
def test_what_a_machine_linked_stays_apart_once_taken_back() -> None:
    """Undoing an automatic link makes a person of its own, which the same facts do not join again."""
    api.register(system(), rows({}, {"local_id": "2"}))
    link = Decision.objects.get(verb="link")
    services.undo(system(), link.pk, reason="冒用证件")
    api.register(system(), rows({"local_id": "2", "address": "别处"}))
    assert len(partition()) == 2


@pytest.mark.django_db
@pytest.mark.feature("A26")
@pytest.mark.parametrize("again", ["twice", "moved", "new", "no reason", "part"])
def test_what_cannot_be_decided_is_refused_by_name(again: str) -> None:
    """Undoing twice, undoing what moved on, undoing a registration, no reason, splitting off everything."""
    done = api.register(
        system(),
        rows({}, {"local_id": "2", "full_name": "李四", **BARE}, {"local_id": "3", "full_name": "周五", **BARE}),
    )
    one, two, three = done.get_column("person_id")
    merged = services.merge(system(), two, one, reason="合")
    act: dict[str, tuple[Any, str]] = {
        "twice": (
            lambda: [services.undo(system(), merged, reason="a"), services.undo(system(), merged, reason="b")],
            "empi.already_undone",
        ),
        "moved": (
            lambda: [services.merge(system(), one, three, reason="c"), services.undo(system(), merged, reason="b")],
            "empi.moved_since",
        ),
        "new": (
            lambda: services.undo(system(), Decision.objects.filter(verb="new")[0].pk, reason="b"),
            "empi.cannot_undo",
        ),
        "no reason": (lambda: services.undo(system(), merged, reason=" "), "empi.no_reason"),
        "part": (
            lambda: services.split(system(), one, done.get_column("registration_id").to_list()[:2], reason="x"),
            "empi.not_a_part",
        ),
    }
    with pytest.raises(Refused) as refused:
        act[again][0]()
    assert refused.value.code == act[again][1]


@pytest.mark.django_db
@pytest.mark.feature("A26")
@pytest.mark.parametrize("sql", ["update empi_decision set reason = 'x'", "delete from empi_decision"])
def test_the_log_of_decisions_cannot_be_rewritten(sql: str) -> None:
    """The database itself refuses to change or remove a decision."""
    api.register(system(), rows({}))
    with pytest.raises(DatabaseError, match="append only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.django_db
@pytest.mark.feature("A32")
def test_each_golden_field_says_where_it_comes_from() -> None:
    """The newest phone wins, the name that goes with a trusted number wins, and both name their institution."""
    api.register(
        system(),
        rows(
            {"registered_at": "2020-01-01 00:00:00"},
            {"org_code": "DH02", "phone": "13900000000", "id_no": None, "registered_at": "2026-01-01 00:00:00"},
            {"org_code": "LY03", "phone": "13900000000", "registered_at": "2021-01-01 00:00:00"},
        ),
    )
    golden = Person.objects.get(golden__full_name__value="王秀兰", golden__phone__org_code="DH02").golden
    assert (golden["phone"]["value"], golden["phone"]["on"]) == ("13900000000", "2026-01-01")
    assert golden["full_name"]["org_code"] == "LY03"
