"""Registering identities: one or many, again, changed, at the same instant, poisoned."""

from __future__ import annotations

from datetime import date
from unittest.mock import patch

import polars as pl
import pytest

from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.platform.empi import api, matching
from yigong.platform.empi.frames import arrange
from yigong.platform.empi.identity import CHECK_SIGNS, WEIGHTS
from yigong.platform.empi.models import Decision, Person, Registration


def number(birth: str, order: int = 1, area: str = "532901", *, male: bool = False) -> str:
    """A valid identity number."""
    first = f"{area}{birth}{order:02d}{1 if male else 2}"
    return first + CHECK_SIGNS[sum(int(a) * b for a, b in zip(first, WEIGHTS, strict=True)) % 11]


WANG = {
    "org_code": "QH01", "source_system": "HIS", "local_id": "1", "full_name": "王秀兰", "sex_code": "2",
    "born_on": date(1959, 3, 4), "id_no": number("19590304"), "phone": "13800006620", "address": "东河镇柳树村2组17号",
}  # fmt: skip


def rows(*changes: dict[str, object]) -> pl.DataFrame:
    """A frame of 王秀兰's registrations, each with what is different."""
    return pl.DataFrame([{**WANG, **change} for change in changes], infer_schema_length=None)


def partition() -> set[frozenset[int]]:
    """The registrations of each person."""
    held: dict[int, set[int]] = {}
    for one, person in Registration.objects.values_list("pk", "person_id"):
        held.setdefault(person, set()).add(one)
    return {frozenset(group) for group in held.values()}


@pytest.mark.django_db
@pytest.mark.feature("A23")
def test_one_person_at_two_institutions_is_one_person() -> None:
    """Two registrations with the same trusted number and name become one person, in one frame or one after the other."""
    first = api.register(system(), rows({}, {"org_code": "DH02", "local_id": "88"}))
    later = api.register(system(), rows({"org_code": "LY03", "local_id": "5"}))
    assert first.get_column("outcome").to_list() == ["new", "linked"]
    assert later.get_column("outcome").to_list() == ["linked"]
    assert {*first.get_column("person_id"), *later.get_column("person_id")} == set(
        Person.objects.values_list("pk", flat=True)
    )


@pytest.mark.django_db
@pytest.mark.feature("A23")
def test_registering_again_changes_nothing() -> None:
    """The same frame a second time answers the same ids, all known, and writes no row."""
    frame = rows({}, {"org_code": "DH02"}, {"local_id": "2", "full_name": "赵四", "id_no": None})
    first = api.register(system(), frame)
    before = (Registration.objects.count(), Person.objects.count(), Decision.objects.count())
    second = api.register(system(), frame)
    assert second.get_column("outcome").to_list() == ["known"] * 3
    assert second.select("registration_id", "person_id").equals(first.select("registration_id", "person_id"))
    assert (Registration.objects.count(), Person.objects.count(), Decision.objects.count()) == before


@pytest.mark.django_db
def test_equal_keys_in_one_frame_are_one_registration() -> None:
    """A key given twice in a frame is registered once, with the facts given last, and both rows get its id."""
    done = api.register(system(), rows({"phone": "1"}, {"phone": "13900001111"}))
    assert done.get_column("registration_id").n_unique() == 1
    assert Registration.objects.get().phone == "13900001111"


@pytest.mark.django_db
@pytest.mark.feature("A23")
def test_two_trusted_numbers_are_never_one_person() -> None:
    """Equal name, birth, phone and address do not join two registrations with different trusted identity numbers."""
    done = api.register(system(), rows({}, {"local_id": "2", "id_no": number("19590304", 7)}))
    assert done.get_column("person_id").n_unique() == 2


@pytest.mark.django_db
@pytest.mark.feature("A23")
def test_likeness_without_proof_waits_for_a_reviewer() -> None:
    """Same name and a birth date that differs in one sign stay two persons, and the pair is in the queue once."""
    bare = {"id_no": None, "phone": None, "address": None}
    other = {**bare, "local_id": "2", "born_on": date(1959, 3, 14)}
    done = api.register(system(), rows(bare, other))
    api.register(system(), rows(other))
    assert done.get_column("person_id").n_unique() == 2
    assert done.get_column("outcome").to_list() == ["review", "review"]


@pytest.mark.django_db
def test_changed_facts_are_kept_and_decided_again() -> None:
    """A registration whose number becomes known joins the person of that number; its id stays."""
    one, two = api.register(
        system(), rows({}, {"local_id": "2", "id_no": None, "phone": None, "born_on": None, "address": None})
    ).rows()
    again = api.register(system(), rows({"local_id": "2", "phone": None, "born_on": None, "address": None})).row(0)
    assert one[1] != two[1]
    assert again == (two[0], one[1], "changed")


@pytest.mark.django_db
@pytest.mark.feature("A23")
def test_a_number_that_changes_to_another_trusted_one_parts_the_registrations() -> None:
    """No person ever holds two trusted numbers: the registration that now has another one leaves, and its id stays."""
    one, two = api.register(system(), rows({}, {"local_id": "2"})).rows()
    again = api.register(system(), rows({"local_id": "2", "id_no": number("19590304", 9)})).row(0)
    assert one[1] == two[1]
    assert again[0] == two[0]
    assert again[1] != one[1]
    assert Decision.objects.filter(verb="part", registration_ids=[two[0]]).exists()


@pytest.mark.feature("A22")
@pytest.mark.parametrize(
    ("id_no", "born_on", "sex_code", "kind", "kept", "trust"),
    [
        ("532901195903040027", "1959-03-04", "2", None, "532901195903040027", "bad"),
        (number("19590304"), "1959-03-04", "2", None, number("19590304"), "trusted"),
        (number("19590304").lower(), None, None, "01", number("19590304"), "trusted"),
        ("341222990101998", "1899-01-01", None, None, "341222189901019981", "trusted"),
        (number("19590304"), "1959-03-05", "2", None, number("19590304"), "trusted"),
        (number("19590304"), "1959-03-04", "1", None, number("19590304"), "trusted"),
        (number("19590304"), "1959-03-05", "1", None, number("19590304"), "doubtful"),
        (number("19590304"), "1983-11-20", "2", None, number("19590304"), "doubtful"),
        (number("19590304")[:6] + number("19590304")[8:17], "1959-03-04", "2", None, number("19590304"), "trusted"),
        ("E12345678", None, None, "03", "E12345678", "other"),
        ("E12345678", None, None, None, "E12345678", "bad"),
        ("53290119591304001X", None, None, None, "53290119591304001X", "bad"),
        ("  ", None, None, None, None, "missing"),
        (None, None, None, None, None, "missing"),
    ],
)
def test_how_far_a_number_is_trusted(
    id_no: str | None, born_on: str | None, sex_code: str | None, kind: str | None, kept: str | None, trust: str
) -> None:
    """Check sign, date inside, birth date and sex beside it: a date or sex that may be a slip does not disprove the number,
    another person's does; 15 digits become 18, those of centenarians of their century; other papers keep their number; one
    by one as by columns."""
    given = {"id_no": id_no, "born_on": born_on, "sex_code": sex_code, "id_type_code": kind}
    frame = arrange(pl.DataFrame({"org_code": "A", "source_system": "B", "local_id": "1", **given}))
    for few in (0, 1):
        with patch.object(matching, "_FEW", few):
            assert matching.standardise(frame).select("id_no", "id_trust").row(0) == (kept, trust)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (pl.DataFrame({"org_code": ["A"], "local_id": ["1"]}), "empi.columns_missing"),
        (pl.DataFrame({"org_code": ["A"], "source_system": [" "], "local_id": ["1"]}), "empi.key_empty"),
    ],
)
def test_a_frame_without_keys_is_refused(frame: pl.DataFrame, code: str) -> None:
    """Without the three columns of the key, filled, nothing can be registered."""
    with pytest.raises(Refused) as refused:
        api.register(system(), frame)
    assert refused.value.code == code


@pytest.mark.django_db
def test_known_finds_ids_by_key_alone() -> None:
    """The fast path answers in order, null for what is unknown, and once for each row."""
    done = api.register(system(), rows({}, {"org_code": "DH02"}))
    keys = pl.DataFrame({"org_code": ["DH02", "XX", "QH01", "DH02"], "source_system": "HIS", "local_id": "1"})
    first, second = done.get_column("registration_id")
    assert api.known(keys).get_column("registration_id").to_list() == [second, None, first, second]
