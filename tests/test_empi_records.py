"""What hangs on a registration - documents, orders, appointments, events - follows each decision about it and its undo."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yigong.kit.ctx import system
from yigong.platform.empi import api, services
from yigong.platform.empi.models import Candidate, Decision, Registration
from yigong.platform.empi.tests.histories import Rolled, decide_something, some_frame
from yigong.platform.empi.tests.test_pages import BARE, clerk
from yigong.platform.empi.tests.test_register import number, rows
from yigong.platform.records import api as records

__all__ = ["clerk"]
EXAMPLES = int(os.environ.get("YIGONG_EXAMPLES", "12"))
NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
BIRTHS = ("19590304", "19620811")
Hung = dict[str, set[str]]  # "document", "order", "appointment", "imaging" -> what there is


@pytest.fixture
def shelf(tmp_path: Path, settings: Any) -> None:
    """Documents lie in a folder of the test."""
    settings.LOCAL = tmp_path


def hang(registration: int, place: int) -> Hung:
    """One document, one order, one appointment and one study on a registration; their names."""
    name, at = f"{registration}-{place}", NOON + timedelta(hours=place)
    facts = {"registration_id": registration, "document_code": "01", "title": f"病历 {name}", "media_type": "text/xml",
             "org_code": "QH01", "authored_at": at}  # fmt: skip
    document = records.save_document(system(), f"<x>{name}</x>".encode(), facts)
    records.index_documents(system(), [document])
    records.tell_matters(
        system(),
        [records.Told(kind, "QH01", "HIS", f"{kind} {name}", verb, at, registration_id=registration, starts_at=at)
         for kind, verb in (("order", "place"), ("appointment", "book"))],
    )  # fmt: skip
    study = {"registration_id": registration, "event_at": at, "kind": "imaging", "org_code": "QH01", "flag": "",
             "source_system": "PACS", "title": f"imaging {name}", "summary": "{}", "data_set": "study",
             "group_key": name, "encounter_key": ""}  # fmt: skip
    records.index_events(system(), pl.DataFrame([study]))
    return {"document": {f"病历 {name}"}, **{kind: {f"{kind} {name}"} for kind in ("order", "appointment", "imaging")}}


def of_person(person: int) -> Hung:
    """What a reader finds under a person: documents, matters, the events of the timeline."""
    lines = records.timeline(system(), person)
    return {
        "document": {one.title for one in records.documents(system(), person)},
        "order": {one.number for one in records.matters_of(system(), person, "order")},
        "appointment": {one.number for one in records.matters_of(system(), person, "appointment")},
        "imaging": {one.title for one in lines if one.kind == "imaging"},
    }


def together(hung: dict[int, Hung], registrations: Collection[int]) -> Hung:
    """What hangs on some registrations."""
    kinds = ("document", "order", "appointment", "imaging")
    return {kind: {one for r in registrations if r in hung for one in hung[r][kind]} for kind in kinds}


def by_person() -> dict[int, list[int]]:
    """The registrations of each person."""
    held: dict[int, list[int]] = {}
    for one, person in Registration.objects.order_by("pk").values_list("pk", "person_id"):
        held.setdefault(person, []).append(one)
    return held


def misplaced(hung: dict[int, Hung]) -> dict[int, tuple[Hung, Hung]]:
    """Persons under whom a reader finds something else than what hangs on their registrations."""
    told = {person: (of_person(person), together(hung, held)) for person, held in by_person().items()}
    return {person: (found, wanted) for person, (found, wanted) in told.items() if found != wanted}


def seen(hung: dict[int, Hung]) -> list[list[str]]:
    """Everything found under each person, whatever numbers the persons have."""
    return sorted(sorted(one for kind in of_person(p).values() for one in kind) for p in by_person())


def arrive(hung: dict[int, Hung], dice: random.Random, ids: range) -> None:
    """Registrations come, and something is written about some of them."""
    done = api.register(system(), some_frame(dice, ids=ids))
    for one in sorted(set(done.get_column("registration_id"))):
        if one not in hung and dice.random() < 0.8:
            hung[one] = hang(one, len(hung))


@pytest.mark.django_db
@pytest.mark.feature("A26")
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**9), length=st.integers(1, 5))
def test_records_stand_under_the_person_of_their_registration(shelf: None, seed: int, length: int) -> None:
    """After any history each thing stands under one person, that of its registration; after an undo, too, though
    registrations and records came in between, and then all is as if nobody had decided."""
    dice, hung = random.Random(seed), dict[int, Hung]()
    with pytest.raises(Rolled), transaction.atomic():
        for _ in range(length):
            arrive(hung, dice, range(20))
            decide_something(dice)
        assert misplaced(hung) == {}
        decision = decide_something(dice)
        assert misplaced(hung) == {}
        arrive(hung, dice, range(100, 120))
        late = min(hung, default=0)
        if late:  # a further record of somebody known
            more = hang(late, 1000)
            hung[late] = {kind: some | more[kind] for kind, some in hung[late].items()}
        assert misplaced(hung) == {}
        if decision is not None:
            services.undo(system(), decision, reason="x")
        assert misplaced(hung) == {}
        every = Counter(one for person in seen(hung) for one in person)
        assert set(every.values()) <= {1}
        assert len(every) == sum(len(some) for kinds in hung.values() for some in kinds.values())
        raise Rolled


def two_persons() -> tuple[int, int, dict[int, Hung]]:
    """Two registrations of two persons, a document, an order, an appointment and a study on each."""
    done = api.register(system(), rows(BARE, {**BARE, "local_id": "2", "full_name": "赵桂兰", "phone": "13911112222"}))
    one, two = done.get_column("registration_id")
    return one, two, {one: hang(one, 1), two: hang(two, 2)}


def person_of(registration: int) -> int:
    """Whose registration it is."""
    return int(Registration.objects.values_list("person_id", flat=True).get(pk=registration))


def _merge(one: int, two: int) -> int:
    return services.merge(system(), person_of(two), person_of(one), reason="改过姓名")


def _split(one: int, two: int) -> int:
    _merge(one, two)
    return services.split(system(), person_of(one), [two], reason="借用证件")


@pytest.mark.django_db
@pytest.mark.feature("A26", "A24")
@pytest.mark.parametrize(("act", "joined"), [(_merge, True), (_split, False)], ids=["merge", "split"])
def test_records_follow_a_decision_and_its_undo(shelf: None, act: Callable[[int, int], int], joined: bool) -> None:
    """Merged, both histories are read under one person; split, each has its own; undone after a further record came, the
    record is where its registration is. Each line of the log counts what went with it at that moment."""
    one, two, hung = two_persons()
    decision = act(one, two)
    assert of_person(person_of(one)) == together(hung, [one, two] if joined else [one])
    assert of_person(person_of(two)) == together(hung, [one, two] if joined else [two])
    late = hang(two, 3)
    hung[two] = {kind: some | late[kind] for kind, some in hung[two].items()}
    undone = services.undo(system(), decision, reason="看错")
    assert of_person(person_of(two)) == together(hung, [two] if joined else [one, two])
    assert misplaced(hung) == {}
    went, back = (Decision.objects.get(pk=pk) for pk in (decision, undone))
    assert went.carried == {"documents": 1, "events": {"document": 1, "order": 1, "appointment": 1, "imaging": 1}}
    assert back.carried == {"documents": 2, "events": {"document": 2, "order": 2, "appointment": 2, "imaging": 2}}


@pytest.mark.django_db
@pytest.mark.feature("A26", "A24")
def test_what_arrived_in_between_takes_its_records_with_it(shelf: None) -> None:
    """Two are merged, a third registration arrives and joins them by its number; when the merge is undone, it goes where
    it would have gone, with the document written about it since, and the log counts that document."""
    first = {**BARE, "id_no": number("19590304")}
    done = api.register(system(), rows(first, {**BARE, "local_id": "2", "full_name": "赵桂兰", "born_on": None}))
    one, two = done.get_column("registration_id")
    merged = services.merge(system(), person_of(one), person_of(two), reason="改过姓名")
    third = api.register(system(), rows({**first, "local_id": "3", "org_code": "DH02"})).row(0)[0]
    assert person_of(third) == person_of(two)
    hung = {one: hang(one, 1), two: hang(two, 2), third: hang(third, 3)}
    services.undo(system(), merged, reason="看错")
    assert person_of(third) == person_of(one) != person_of(two)
    assert misplaced(hung) == {}
    moves = [
        d for d in Decision.objects.filter(moved=True, pk__gt=merged).order_by("pk") if d.registration_ids == [third]
    ]
    came, taken, came_again = moves
    assert came.carried == {"documents": 0, "events": {}}
    assert taken.carried == came_again.carried
    assert came_again.carried == {"documents": 1, "events": {"document": 1, "order": 1, "appointment": 1, "imaging": 1}}


@pytest.mark.django_db
@pytest.mark.feature("A24", "A25")
def test_the_index_log_shows_what_a_confirmed_pair_took_along(shelf: None, clerk: Client) -> None:
    """A pair confirmed at the desk: the log has the documents, orders and appointments that changed their person."""
    api.register(system(), rows(BARE, {**BARE, "local_id": "2", "born_on": date(1959, 3, 14)}))
    pair = Candidate.objects.get()
    for place in range(3):
        hang(pair.right_id, place)
    services.confirm(system(), pair.pk, reason="同一张照片")
    page = clerk.get("/platform/empi/log/?verb=confirm").content.decode()
    shown = {name: _cell(page, name) for name in ("文档", "医嘱与处方", "预约", "全部事件")}
    assert shown == {"文档": "3", "医嘱与处方": "3", "预约": "3", "全部事件": "12"}


def _cell(page: str, name: str) -> str:
    """The number in the first row under a heading."""
    _, _, rest = page.partition(f'data-label="{name}"')
    return rest.partition(">")[2].partition("<")[0].strip()
