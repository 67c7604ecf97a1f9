"""Screening against simulated counties: whom it accuses though he is honest, and whom it finds.

Honest pressures are measured three ways: by an electronic device (each mmHg), at a mercury column (even values), and by hand
as people do (30 % to tens, 10 % to fives, the rest even). Four visits of each patient; means 136/82, within a person 9/6 mmHg.
The figures stand in docs/guide-quality.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from yigong.standards.quality import api

SET = "hypertension_management_2009"
DOCTORS, A_DAY, DAYS = 24, 16, 48
SYSTOLIC, DIASTOLIC = "systolic_blood_pressure_mmhg", "diastolic_blood_pressure_mmhg"
WAYS = ("electronic", "mercury", "by hand")


def _read(values: Any, way: str, dice: Any) -> Any:
    """What is written down of true pressures."""
    if way == "electronic":
        return np.round(values)
    even = np.round(values / 2) * 2
    if way == "mercury":
        return even
    habit = dice.random(len(values))
    return np.where(habit < 0.3, np.round(values / 10) * 10, np.where(habit < 0.4, np.round(values / 5) * 5, even))


def county(way: str, *, seed: int = 7, doctors: int = DOCTORS, a_day: int = A_DAY, days: int = DAYS) -> pl.DataFrame:
    """Follow-ups of honest doctors: each patient comes back every quarter of the days."""
    dice = np.random.default_rng(seed)
    doctor, day, slot = (x.ravel() for x in np.indices((doctors, days, a_day)))
    patient = (doctor * (days // 4) + day % (days // 4)) * a_day + slot
    many, rows = int(patient.max()) + 1, len(doctor)
    systolic = dice.normal(136, 12, many)[patient] + dice.normal(0, 9, rows)
    diastolic = dice.normal(82, 8, many)[patient] + dice.normal(0, 6, rows)
    weight = dice.normal(64, 10, many)[patient] + dice.normal(0, 0.8, rows)
    first = date(2026, 1, 1)
    return pl.DataFrame(
        {
            "org_code": "A", "source_key": np.arange(rows).astype(str), "follow_up_physician_name": doctor.astype(str),
            "patient": patient.astype(str), "follow_up_on": [first + timedelta(days=int(d)) for d in day],
            SYSTOLIC: _read(systolic, way, dice), DIASTOLIC: _read(diastolic, way, dice),
            "body_weight_kg": np.round(weight * 2) / 2,
        }
    ).with_columns(pl.col("follow_up_on").cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("event_at"))  # fmt: skip


def accused(frame: pl.DataFrame) -> Mapping[str, set[str]]:
    """Rule -> the doctors of whose rows some fail."""
    rules = [r for r in api.rules(SET) if r.dimension is api.Dimension.FABRICATION]
    failing = api.check(SET, frame, rules)
    doctors = frame.get_column("follow_up_physician_name")
    return {r.code: set(doctors.gather(failing.filter(rule=r.code).get_column("row"))) for r in rules}


@pytest.mark.feature("C29")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [(60, 8, 8), (DOCTORS, A_DAY, DAYS), (6, 32, 120)], ids=["few", "usual", "many"])
def test_honest_doctors_are_not_accused(way: str, size: tuple[int, int, int]) -> None:
    """Neither the way of measuring nor the number of rows makes a suspect: at most one doctor in a hundred under any rule."""
    doctors, a_day, days = size
    found = accused(county(way, doctors=doctors, a_day=a_day, days=days))
    assert {code: len(some) for code, some in found.items() if len(some) > doctors / 100} == {}


@pytest.mark.feature("C29")
@pytest.mark.parametrize(
    ("rule", "invented"),
    [
        ("QC-FAB-001", {SYSTOLIC: (pl.col(SYSTOLIC) / 10).round() * 10}),
        ("QC-FAB-002", {SYSTOLIC: (pl.col(SYSTOLIC) / 10).round() * 10 + 8}),
        ("QC-FAB-003", {c: pl.col(c).first().over("patient") for c in (SYSTOLIC, DIASTOLIC, "body_weight_kg")}),
        ("QC-FAB-005", {SYSTOLIC: pl.lit(138.0), DIASTOLIC: pl.when(pl.col("event_at").dt.day() % 2 == 0).then(86.0).otherwise(84.0)}),
    ],
)  # fmt: skip
def test_who_invents_or_copies_is_found(rule: str, invented: Mapping[str, pl.Expr]) -> None:
    """One doctor among the honest writes tens only, one last digit only, the readings of the first visit, one pressure for all of a day."""
    frame = county("electronic")
    one = pl.col("follow_up_physician_name") == "3"
    frame = frame.with_columns(
        pl.when(one).then(made).otherwise(pl.col(name)).alias(name) for name, made in invented.items()
    )
    assert accused(frame)[rule] == {"3"}


@pytest.mark.feature("C29")
def test_twins_of_one_day_copy_nobody() -> None:
    """Two persons seen one after the other with the same readings are no copies, each time they come."""
    frame = county("mercury", doctors=1)
    readings = [SYSTOLIC, DIASTOLIC, "body_weight_kg"]
    slot = pl.int_range(pl.len()).over("follow_up_on")
    twins = frame.with_columns(
        pl.when(slot == 1).then(pl.col(c).shift(1)).otherwise(pl.col(c)).alias(c) for c in readings
    )
    found = accused(twins)
    assert found["QC-FAB-003"] == found["QC-FAB-005"] == set()
