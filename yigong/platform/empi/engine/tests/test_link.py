"""Clusters: what never may happen, whatever the records; single records and bulk give the same answers."""

from __future__ import annotations

import random
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from yigong.platform.empi.engine import api
from yigong.platform.empi.engine.link import run
from yigong.platform.empi.engine.model import load_model
from yigong.platform.empi.engine.tests.people import frame, number, record, registrations, villages

MODEL = load_model("county")
RESIDENT = number("341222", date(1950, 3, 8), 22)


def groups(records: list[dict[str, str]]) -> set[frozenset[int]]:
    """The clusters as sets of places in the list."""
    linked = api.link(frame(records), MODEL)
    return {frozenset(c["record"]) for c in linked.partition_by("cluster")}


@pytest.mark.feature("A23")
@settings(max_examples=60, deadline=None)
@given(villages)
def test_no_cluster_holds_two_trusted_numbers(records: list[dict[str, str]]) -> None:
    """By construction, however strongly everything else agrees."""
    linked = run(frame(records), MODEL, train=False)
    rows = linked.rows.reshape(-1, MODEL.width)
    at = MODEL.at("number")
    trusted = np.isin(rows[:, at + 1] & 7, (4, 6))
    held = pl.DataFrame({"cluster": linked.root, "number": rows[:, at]}).filter(pl.Series(trusted))
    assert held.is_empty() or held.group_by("cluster").agg(pl.col("number").n_unique())["number"].max() == 1


@pytest.mark.feature("A23")
@settings(max_examples=60, deadline=None)
@given(villages)
def test_the_order_of_records_does_not_matter(records: list[dict[str, str]]) -> None:
    """Shuffled records fall into the same clusters of the same contents."""
    places = list(range(len(records)))
    random.Random(len(records)).shuffle(places)
    shuffled = {frozenset(places[i] for i in c) for c in groups([records[p] for p in places])}
    assert _contents(groups(records), records) == _contents(shuffled, records)


def _contents(clusters: set[frozenset[int]], records: list[dict[str, str]]) -> list[list[str]]:
    return sorted(sorted(str(sorted(records[i].items())) for i in c) for c in clusters)


@pytest.mark.feature("A23")
@settings(max_examples=40, deadline=None)
@given(villages)
def test_an_unrelated_record_changes_nothing(records: list[dict[str, str]]) -> None:
    """Somebody of another name, place, number and birth date stays alone and leaves all others as they were."""
    stranger = record(
        name="尉迟拓", sex="男", dob="1987-11-23", idno=number("522327", date(1987, 11, 23), 117), phone="18888131415",
        address="双河镇上岭村九组77号",
    )  # fmt: skip
    assert groups([*records, stranger]) == groups(records) | {frozenset({len(records)})}


@pytest.mark.feature("A25")
@settings(max_examples=150, deadline=None)
@given(registrations(), registrations())
def test_the_steps_add_up_to_the_score_exactly(a: dict[str, str], b: dict[str, str]) -> None:
    """Prior and steps sum to the score without any rounding, and the score is the same from either side."""
    why = api.compare(MODEL, a, b)
    assert why.prior + sum(s.weight for s in why.steps) == why.score
    assert api.compare(MODEL, b, a).score == why.score


@pytest.mark.feature("A25")
@settings(max_examples=40, deadline=None)
@given(villages)
def test_one_pair_scores_as_it_does_in_bulk(records: list[dict[str, str]]) -> None:
    """The waterfall of two single records ends at the number that the bulk run used."""
    standard = api.standardise(frame(records))
    left, right = pl.Series([0] * (len(records) - 1)), pl.Series(range(1, len(records)))
    bulk = api.score_pairs(MODEL, standard, left, right).to_list()
    assert bulk == [api.compare(MODEL, records[0], other).score for other in records[1:]]


@pytest.mark.feature("A23")
@settings(max_examples=40, deadline=None)
@given(villages)
def test_keys_of_one_record_are_those_of_the_bulk(records: list[dict[str, str]]) -> None:
    """An index filled record by record finds the same neighbors as one filled at once."""
    bulk = api.block_keys(frame(records)).filter(pl.col("row") == len(records) - 1).drop("row")
    assert api.block_keys(frame(records[-1:])).drop("row").equals(bulk)


FAMILY = {"address": "石桥镇王家庄村三组12号", "phone": "13912345678"}
CASES = [
    ("the same number, another way of writing the name", True,
     {"name": "王秀兰", "sex": "女", "dob": "1950-03-08", "idno": RESIDENT}, {"name": "王秀蓝", "sex": "女", "dob": "1950-03-08", "idno": RESIDENT}),
    ("fifteen digits and eighteen", True,
     {"name": "王秀兰", "sex": "女", "dob": "1950-03-08", "idno": RESIDENT}, {"name": "王秀兰", "sex": "女", "dob": "1950-03-08", "idno": RESIDENT[:6] + RESIDENT[8:17]}),
    ("a husband on his wife's number", False,
     {"name": "王秀兰", "sex": "女", "dob": "1950-03-08", "idno": RESIDENT, **FAMILY}, {"name": "李建国", "sex": "男", "dob": "1948-06-10", "idno": RESIDENT, **FAMILY}),
    ("twins with numbers of their own", False,
     {"name": "李思雨", "sex": "女", "dob": "2015-05-06", "idno": number("341222", date(2015, 5, 6), 24), **FAMILY},
     {"name": "李思琪", "sex": "女", "dob": "2015-05-06", "idno": number("341222", date(2015, 5, 6), 26), **FAMILY}),
    ("twins under placeholder names", False,
     {"name": "王芳之大子", "sex": "男", "dob": "2024-05-06", **FAMILY}, {"name": "王芳之小子", "sex": "男", "dob": "2024-05-06", **FAMILY}),
    ("a newborn that has got a name", True,
     {"name": "王芳之子", "sex": "男", "dob": "2024-05-06", **FAMILY}, {"name": "李浩然", "sex": "男", "dob": "2024-05-06", "contact": "王芳", **FAMILY}),
    ("a newborn and its mother", False,
     {"name": "王芳之子", "dob": "", "reg_date": "2024-05-08", **FAMILY}, {"name": "王芳", "sex": "女", "dob": "1995-02-03", **FAMILY}),
    ("a lunar birth date", True,
     {"name": "王荣建", "sex": "男", "dob": "1961-04-19", **FAMILY}, {"name": "王荣建", "sex": "男", "dob": "1961-03-05", **FAMILY}),
    ("two unknown persons", False,
     {"name": "无名氏", "sex": "男", "reg_date": "2024-05-08"}, {"name": "无名氏", "sex": "男", "reg_date": "2024-05-08"}),
]  # fmt: skip


@pytest.mark.feature("A29")
@pytest.mark.parametrize(("story", "together", "one", "other"), CASES, ids=[c[0] for c in CASES])
def test_who_is_who(story: str, together: bool, one: dict[str, str], other: dict[str, str]) -> None:
    """The hard cases of a county, each decided as a careful registrar would."""
    assert (len(groups([record(**one), record(**other)])) == 1) == together


def test_a_newborn_that_fits_two_twins_stays_alone() -> None:
    """Rather than join the wrong one of two children whom nothing tells apart."""
    twins = [
        record(name="李思雨", sex="女", dob="2024-05-06", idno=number("341222", date(2024, 5, 6), 24), contact="王芳", **FAMILY),
        record(name="李思琪", sex="女", dob="2024-05-06", idno=number("341222", date(2024, 5, 6), 26), contact="王芳", **FAMILY),
    ]  # fmt: skip
    newborn = record(name="王芳之女", sex="女", dob="2024-05-06", **FAMILY)
    assert frozenset({2}) in groups([*twins, newborn])


def test_every_link_gives_its_reason() -> None:
    """A linked record says which levels of its best pair spoke for it; a record alone says nothing."""
    people = [
        record(name="王秀兰", dob="1950-03-08", idno=RESIDENT),
        record(name="王秀蓝", dob="1950-03-08", idno=RESIDENT),
    ]
    linked = api.link(frame([*people, record(name="赵大山")]), MODEL)
    assert "number same_trusted" in linked["reason"][0]
    assert "name same_sound" in linked["reason"][1]
    assert linked["reason"][2] == ""
