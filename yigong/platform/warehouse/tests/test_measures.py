"""Measures are declared, computed with numerator and denominator, and withheld when data do not suffice."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from yigong.platform.warehouse import declared, engine, extracts
from yigong.platform.warehouse.api import Period, measure, measures, rows

ZONE = ZoneInfo("Asia/Shanghai")
NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))


def visit(
    day: int, kind: str, org_kind: str, *, org: str = "A", person: int = 1, fee: float | None = None
) -> dict[str, object]:
    """An event of November 2026."""
    return {
        "event_id": day, "person_id": person, "kind": kind, "org_code": org, "org_kind": org_kind,
        "event_at": datetime(2026, 11, day, 9, tzinfo=ZONE), "ended_at": datetime(2026, 11, day, 9, tzinfo=ZONE),
        "flag": None, "data_set": "inpatient_front_page", "title": "t", "diagnosis_code": "I10", "total_cost_yuan": fee,
        "sex_code": "1", "born_year": 1960, "home_division_code": "532998101",
    }  # fmt: skip


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """40 visits, 10 of them at a hospital, and 12 admissions of 1000 each."""
    low = [visit(1 + n % 28, "outpatient", "township_centre", org="B", person=n) for n in range(30)]
    high = [visit(1 + n, "outpatient", "county_hospital", person=n) for n in range(10)]
    stays = [visit(1 + n, "inpatient", "county_hospital", person=n, fee=1000.0) for n in range(12)]
    pl.DataFrame([*low, *high, *stays]).write_parquet(tmp_path / "event.parquet")
    for module in (engine, extracts):
        monkeypatch.setattr(module, "folder", lambda: tmp_path)
    return tmp_path


@pytest.mark.feature("A12")
def test_a_share_shows_numerator_and_denominator(warehouse: Path) -> None:
    """A share comes with the numbers it is made of, its window and the version of its definition."""
    (value,) = measure(["primary_visit_share"], period=NOVEMBER)
    assert (value.value, value.numerator, value.denominator) == (75.0, 30, 40)
    assert value.period.words == "2026-11-01 – 2026-11-30"
    assert value.measure.definition_version


@pytest.mark.feature("E20")
def test_a_figure_without_enough_data_is_withheld_with_its_reason(warehouse: Path) -> None:
    """Below the declared denominator, without data, or declared as not computable, a figure has no value but a reason."""
    (few,) = measure(["primary_visit_share"], period=Period(date(2026, 11, 1), date(2026, 11, 2)))
    (never,) = measure(["fund_spent_in_county"], period=NOVEMBER)
    (absent,) = measure(["down_referral_ratio"], period=NOVEMBER)
    assert [(v.value, v.reason) for v in (few, absent)] == [(None, "too_few"), (None, "not_refreshed")]
    assert never.is_withheld
    assert "异地" in never.reason


def test_a_figure_can_be_broken_down_and_narrowed(warehouse: Path) -> None:
    """The parts of a breakdown add up to the whole, and a narrowed figure counts only the institutions asked for."""
    parts = measure(["visit_count"], period=NOVEMBER, by="org")
    assert {v.key: v.numerator for v in parts} == {"A": 10, "B": 30}
    (one,) = measure(["visit_count"], period=NOVEMBER, orgs=["B"])
    assert one.numerator == 30


@pytest.mark.feature("A12")
def test_every_figure_drills_to_exactly_its_rows(warehouse: Path) -> None:
    """The rows behind a figure are as many as its denominator and its numerator say."""
    (value,) = measure(["primary_visit_share"], period=NOVEMBER)
    for part, number in (("denominator", value.denominator), ("numerator", value.numerator)):
        _names, found, total = rows("primary_visit_share", period=NOVEMBER, part=part, limit=1000)
        assert len(found) == total == number


def test_an_amount_is_a_mean_over_cases_that_have_it(warehouse: Path) -> None:
    """The cost per admission divides the sum by the cases with a cost."""
    (value,) = measure(["admission_cost"], period=NOVEMBER)
    assert (value.value, value.denominator) == (1000.0, 12)


@pytest.mark.parametrize("name", sorted(m.id for m in measures().values() if m.table == "event"))
def test_each_declared_measure_runs(warehouse: Path, name: str) -> None:
    """The SQL of every declared measure is accepted by the engine on the columns of its table."""
    assert measure([name], period=NOVEMBER)


def test_a_broken_declaration_names_its_file(tmp_path: Path) -> None:
    """A declaration with an unknown word is refused by the name of its file."""
    path = tmp_path / "wrong.yaml"
    path.write_text("id: wrong\ncolour: red\n", "utf-8")
    with pytest.raises(declared.BadMeasure, match=r"wrong\.yaml"):
        declared._read(path)
