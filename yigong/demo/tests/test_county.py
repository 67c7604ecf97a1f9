"""The generated county: valid, repeatable, coherent."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from yigong.demo import county as made
from yigong.demo import illness, laboratory, registering, stories, world
from yigong.demo.tests.conftest import TODAY

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def valid(number: str) -> bool:
    """Whether an identity number ends with its check sign, reckoned here anew."""
    return number[17] == "10X98765432"[sum(w * int(d) for w, d in zip(WEIGHTS, number, strict=False)) % 11]


@pytest.mark.feature("A16")
def test_same_seed_same_county(county):
    """The same seed and day make the same people, registrations and lives; another seed does not."""
    again = made.county(1500, 11, TODAY)
    for name in ("people", "registrations", "visits", "results", "prescriptions"):
        assert getattr(county, name).equals(getattr(again, name)), name
    assert not county.people.equals(made.county(1500, 12, TODAY).people)


@pytest.mark.parametrize("residents", [1, 40, 700])
def test_any_number_of_residents(residents):
    """The county has as many people as asked for, but never fewer than its named cast."""
    assert len(made.county(residents, 3, TODAY).people) == max(residents, stories.size())


def test_identity_numbers_are_valid_and_unique(county):
    """Every true identity number has its check sign, its owner's birthday and sex, and one owner."""
    people = county.people
    assert people["id_no"].n_unique() == len(people)
    for number, born, sex in people.select("id_no", "born_on", "sex").iter_rows():
        assert valid(number)
        assert number[6:14] == born.strftime("%Y%m%d")
        assert int(number[16]) % 2 == sex % 2


def test_the_county_is_ageing(county):
    """More than one in seven is 65 or older, and there are children."""
    assert (county.people["age"] >= 65).mean() > 0.14
    assert (county.people["age"] < 14).sum() > 100


@pytest.mark.feature("A16")
def test_truth_names_one_person_for_each_registration(county):
    """Every registration has a key of its own and belongs to a person who exists."""
    registrations = county.registrations
    assert registrations.select("org", "local_id").is_unique().all()
    assert set(registrations["person"]) <= set(county.people["person"])


def test_registrars_err_at_the_declared_places(county):
    """A registration without a declared error has the person's true number, name and birthday."""
    clean = county.registrations.filter((pl.col("errors") == "") & pl.col("cast").is_null())
    both = clean.join(county.people, on="person", suffix="_true")
    assert (both["id_no"] == both["id_no_true"]).all()
    assert (both["name"] == both["name_true"]).all()
    assert (both["born_on"] == both["born_on_true"]).all()


@pytest.mark.feature("A16")
def test_declared_errors_are_really_made(county):
    """A missing number is missing, an old number has fifteen signs, a borrowed one belongs to somebody else."""
    by = {kind: county.registrations.filter(pl.col("errors") == kind) for kind in ("missing_id", "old_id", "borrowed")}
    assert (by["missing_id"]["id_no"] == "").all()
    assert len(by["missing_id"]) > 20
    assert (by["old_id"]["id_no"].str.len_chars() == 15).all()
    owners = dict(county.people.select("id_no", "person").iter_rows())
    lent = [(owners.get(n), p) for n, p in by["borrowed"].select("id_no", "person").iter_rows()]
    assert any(owner is not None and owner != person for owner, person in lent)


def test_lunar_birthday_is_the_day_of_the_farmers_calendar():
    """2000-02-05 was New Year's Day of the farmer's calendar; a day that the common calendar lacks gives nothing."""
    assert registering.lunar_as_solar(date(2000, 2, 5)) == date(2000, 1, 1)
    assert registering.lunar_as_solar(date(2000, 4, 4)) is None  # the thirtieth of the second month


def test_newborn_is_written_under_the_mothers_name(county):
    """At the place of birth a child is 某某之子 or 某某之女, without a number."""
    born = county.births.join(county.registrations, on=["person", "org"])
    assert len(born) > 3
    assert born["name"].str.contains("之[子女]$").all()
    assert (born["id_no"] == "").all()


def test_everybody_is_registered_where_things_happened(county):
    """Each visit has a registration of that person at that institution."""
    lost = county.visits.join(county.registrations, on=["person", "org"], how="anti")
    assert lost.is_empty()


def test_nothing_happens_before_birth_or_after_yesterday(county):
    """All visits lie between birth and the day before the county's day."""
    visits = county.visits.join(county.people.select("person", "born_on"), on="person")
    assert (visits["at"].dt.date() >= visits["born_on"]).all()
    assert (visits["at"].dt.date() < TODAY).all()


def test_children_have_childrens_illnesses(county):
    """Nobody under fifteen has high blood pressure or a broken hip, and no man an illness of women."""
    table = world.table("diagnoses")
    for dx, age, sex in county.visits.select("dx", "age", "sex").iter_rows():
        row = table[dx]
        assert age >= 15 or row["kind"] == "acute" or row["code"] == "J44.9"
        assert row["sex"] in ("0", str(sex))


def test_sick_kidneys_show_in_the_laboratory(county):
    """People with kidney disease have higher creatinine, and the filtration rate of a report follows from its creatinine."""
    results = county.results.join(county.people.select("person", "ckd"), on="person")
    mean = (
        results.filter(pl.col("code") == "Cr")
        .group_by("ckd")
        .agg(pl.col("value").mean())
        .sort("ckd")["value"]
        .to_list()
    )
    assert mean[1] > mean[0] + 40
    rates = (
        results.filter(pl.col("code").is_in(["Cr", "eGFR"])).pivot("code", index="report", values="value").drop_nulls()
    )
    assert rates.select(pl.corr("Cr", "eGFR", method="spearman")).item() < -0.8


def test_flags_agree_with_ranges(county):
    """A value above its range is marked high, below it low, and a normal one is not marked."""
    for value, low, high, flag in county.results.select("value", "low", "high", "flag").drop_nulls("value").iter_rows():
        expected = "H" if high is not None and value > high else "L" if low is not None and value < low else ""
        assert flag[:1] == expected


def test_filtration_rate_by_the_published_formula():
    """A woman of 67 with creatinine 128 μmol/L has about 37 mL/min/1.73 m² (CKD-EPI 2009)."""
    import numpy as np

    rate = laboratory.filtration_rate(np.array([128.0]), np.array([67.0]), np.array([True]))[0]
    assert 36 < rate < 39


def test_wang_xiulan_is_as_her_story_tells(county):
    """Six institutions know her, they disagree on blood group and sulfonamides, her kidneys fail slowly, and she was admitted for nine days."""
    her = county.registrations.filter(pl.col("cast") == "wangxiulan")
    assert len(her) == 6
    assert her["blood"].n_unique() > 1
    assert her["allergy"].str.contains("否认磺胺").any()
    person = her["person"][0]
    rates = county.results.filter((pl.col("person") == person) & (pl.col("code") == "eGFR")).sort("at")["value"]
    assert rates[0] > 55
    assert rates[-1] < 42
    stay = county.stays.filter(pl.col("person") == person)
    assert (stay["discharged_at"] - stay["admitted_at"]).dt.total_days().to_list() == [8]


def test_somebody_of_the_cast_has_no_record(county):
    """田静怡 lives in the county and no institution knows her."""
    person = county.people.filter(pl.col("cast") == "tianjingyi")["person"][0]
    assert county.registrations.filter(pl.col("person") == person).is_empty()


def test_volume_grows_with_the_county():
    """Rows per resident stay the same when the county grows: cost is linear."""
    small, large = made.county(600, 5, TODAY), made.county(2400, 5, TODAY)
    assert 0.7 < (large.rows() / 2400) / (small.rows() / 600) < 1.4


def test_winter_has_more_coughs_than_summer():
    """Upper airway infections come in winter, gut infections in summer."""
    visits = made.county(3000, 5, TODAY).visits
    codes = {r["code"]: i for i, r in enumerate(world.table("diagnoses"))}
    month = pl.col("at").dt.month()
    winter, summer = month.is_in([12, 1, 2]), month.is_in([6, 7, 8])
    colds, guts = visits.filter(pl.col("dx") == codes["J06.9"]), visits.filter(pl.col("dx") == codes["A09"])
    assert colds.filter(winter).height > 1.5 * colds.filter(summer).height
    assert guts.filter(summer).height > guts.filter(winter).height


def test_doctors_work_in_departments_that_exist():
    """Every doctor's department is one of the institution's."""
    orgs = illness.homes_of_care()
    assert all(department in orgs[org].departments for org, department, _no, _name in illness.doctors().iter_rows())
