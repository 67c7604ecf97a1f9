"""What the interfaces (FHIR $match, PIXm, PDQm, ADT A28 A31 A40, v3 person services) ask of the index."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.platform.empi import api, matching
from yigong.platform.empi.models import Registration
from yigong.platform.empi.tests.test_register import WANG, number, partition, rows
from yigong.platform.empi.tests.test_search import reader

LI = {"full_name": "李德才", "sex_code": "1", "born_on": date(1966, 7, 8), "id_no": number("19660708", male=True),
      "phone": "13666660000", "address": "杨柳镇石桥村3组8号", "health_card_no": "YB77"}  # fmt: skip


@pytest.fixture
def two() -> tuple[int, int]:
    """王秀兰 at two institutions and 李德才 at a third; the persons."""
    done = api.register(system(), rows({}, {"org_code": "DH02", "local_id": "88"}, {**LI, "org_code": "LY03"}))
    return done.row(0)[1], done.row(2)[1]


@pytest.mark.django_db
@pytest.mark.feature("A23")
@pytest.mark.parametrize(
    ("facts", "band"),
    [
        ({"full_name": "王秀兰", "id_no": WANG["id_no"]}, "auto"),
        ({"full_name": "王秀兰", "born_on": date(1959, 3, 14), "sex_code": "2"}, "review"),
        ({"full_name": "王秀蓝", "born_on": "1959-03-04", "phone": "13800006620", "sex_code": "2"}, "auto"),
    ],
)
def test_match_answers_scored_persons_with_their_band(two: tuple[int, int], facts: dict[str, Any], band: str) -> None:
    """The likeliest person comes first with score, probability and the band that registering would give; nothing is written."""
    best = api.match(system(), facts)[0]
    assert (best.person_id, best.band) == (two[0], band)
    auto, review = matching.thresholds()
    assert 0 < best.probability < 1
    assert best.score >= (auto if band == "auto" else review)
    assert Registration.objects.count() == 3


@pytest.mark.django_db
@pytest.mark.feature("A23")
def test_match_finds_nobody_it_should_not(two: tuple[int, int]) -> None:
    """Unlike facts find nobody, nor do empty ones; a person out of reach is not told of; count is kept."""
    assert api.match(system(), {"full_name": "赵四", "born_on": date(2001, 1, 1)}) == []
    assert api.match(system(), {}) == []
    wang = {"full_name": "王秀兰", "id_no": WANG["id_no"]}
    assert api.match(reader("LY03"), wang) == []
    assert [m.person_id for m in api.match(reader("DH02"), wang)] == [two[0]]
    assert len(api.match(system(), wang, count=1, least="none")) == 1


@pytest.mark.django_db
@pytest.mark.feature("A24")
def test_one_local_id_leads_to_all_identities_of_the_person(two: tuple[int, int]) -> None:
    """PIX: the identities of the person of a local id; an unknown key, or one out of reach, is refused."""
    found = api.cross_references(system(), "DH02", "HIS", "88")
    assert [one.key for one in found] == [("QH01", "HIS", "1"), ("DH02", "HIS", "88")]
    for ctx, key in ((system(), ("DH02", "HIS", "nobody")), (reader("LY03"), ("DH02", "HIS", "88"))):
        with pytest.raises(Refused) as refused:
            api.cross_references(ctx, *key)
        assert refused.value.code == "empi.no_such_registration"


@pytest.mark.django_db
@pytest.mark.feature("A24")
@pytest.mark.parametrize(
    ("kind", "value", "more", "local_ids"),
    [
        ("id_no", WANG["id_no"], {}, ["1", "88"]),
        ("id_no", f"{str(WANG['id_no'])[:6]}{str(WANG['id_no'])[8:17]}", {}, ["1", "88"]),
        ("phone", "13666660000", {}, ["1"]),
        ("health_card_no", "YB77", {}, ["1"]),
        ("local_id", "88", {"org_code": "DH02", "source_system": "HIS"}, ["88"]),
        ("local_id", "88", {}, []),
        ("registration", "no number", {}, []),
    ],
)
def test_an_identity_is_found_by_any_identifier(
    two: tuple[int, int], kind: str, value: str, more: dict[str, str], local_ids: list[str]
) -> None:
    """Identity number in both forms, phone, card, local id."""
    assert [one.local_id for one in api.lookup(system(), kind, value, **more)] == local_ids


@pytest.mark.django_db
@pytest.mark.feature("A24")
@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"full_name": "王秀蓝", "sex_code": "2"}, [0]),
        ({"full_name": "李德", "born_from": "1966-01-01", "born_to": "1966-12-31"}, [1]),
        ({"address": "石桥", "org_code": "LY03"}, [1]),
        ({"id_no": LI["id_no"], "sex_code": "2"}, []),
        ({"born_on": date(1959, 3, 4), "phone": None}, [0]),
    ],
)
def test_persons_are_found_by_demographics(two: tuple[int, int], facts: dict[str, Any], expected: list[int]) -> None:
    """PDQ: all facts given must fit one registration; names also by sound and beginning."""
    page = api.find(system(), facts)
    assert [hit.person_id for hit in page.rows] == [two[n] for n in expected]
    assert page.total == len(expected)


@pytest.mark.django_db
@pytest.mark.parametrize(("facts", "code"), [({"sex_code": "1"}, "no_facts"), ({"shoe": "41"}, "no_such_identifier")])
def test_a_question_that_is_none_is_refused(facts: dict[str, Any], code: str) -> None:
    """Sex alone and unknown facts are no query."""
    with pytest.raises(Refused) as refused:
        api.find(system(), facts)
    assert refused.value.code == f"empi.{code}"


@pytest.mark.django_db
@pytest.mark.feature("A26")
def test_an_institution_may_say_that_two_of_its_ids_are_one_patient() -> None:
    """A40 makes one person of two and can be undone; two trusted numbers are refused; unknown ids are refused."""
    other = {"local_id": "2", "full_name": "李四", "id_no": None, "phone": None, "address": None}
    api.register(system(), rows({}, other, {**LI, "local_id": "3"}))
    before = partition()
    key = ("QH01", "HIS", "1")
    decision = api.merge_registrations(system(), api.Key(*key), api.Key("QH01", "HIS", "2"), reason="A40")
    assert len(partition()) == 2
    assert api.merge_registrations(system(), api.Key(*key), api.Key("QH01", "HIS", "2"), reason="A40") is None
    assert decision is not None
    api.undo(system(), decision, reason="误发")
    assert partition() == before
    for local_id, code in (("3", "empi.two_trusted_numbers"), ("9", "empi.no_such_registration")):
        with pytest.raises(Refused) as refused:
            api.merge_registrations(system(), api.Key(*key), api.Key("QH01", "HIS", local_id), reason="A40")
        assert refused.value.code == code


@pytest.mark.django_db
@pytest.mark.feature("A24")
def test_an_update_concerns_a_known_registration(two: tuple[int, int]) -> None:
    """A31 changes the facts of a registration, which keeps its id; an unknown one is refused."""
    before = api.lookup(system(), "phone", WANG["phone"])[0]
    done = api.update(system(), {**WANG, "phone": "13900001111"})
    assert done.registration_id == before.registration_id
    assert Registration.objects.get(pk=done.registration_id).phone == "13900001111"
    with pytest.raises(Refused) as refused:
        api.update(system(), {**WANG, "local_id": "nobody"})
    assert refused.value.code == "empi.no_such_registration"
