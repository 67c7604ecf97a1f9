"""What the public-health service does: follow-up of hypertension and diabetes, yearly examinations, vaccinations, births."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from yigong.demo import seasons
from yigong.demo.illness import MATERNAL, doctors
from yigong.demo.people import CHILD, CHILD_2, WIFE

#: vaccine code of CV08.50.001, months of age
SCHEDULE = (
    ("0002", 0), ("0001", 0), ("0001", 1), ("0001", 6), ("0003", 2), ("0003", 3), ("0003", 4), ("0004", 3), ("0004", 4), ("0004", 5),
    ("0011", 8), ("0006", 8), ("0007", 6), ("0007", 9), ("0011", 18), ("0004", 18), ("0015", 18), ("0006", 24), ("0007", 36), ("0003", 48),
    ("0010", 72), ("0007", 72),
)  # fmt: skip
QUARTERS = 8


def follow_ups(rng: np.random.Generator, people: pl.DataFrame, condition: str, today: date) -> pl.DataFrame:
    """Quarterly follow-ups of the managed part of those with *condition*, some missed."""
    managed = people.filter(pl.col(condition) & (pl.col("age") > 35) & pl.Series(rng.random(len(people)) < 0.78))
    person = np.repeat(managed["person"].to_numpy(), QUARTERS)
    quarter = np.tile(np.arange(QUARTERS), len(managed))
    day = quarter * 91 + rng.integers(0, 84, len(person))
    kept = rng.random(len(person)) < 0.86
    person, day, quarter = person[kept], day[kept], quarter[kept]
    frailty = people["frailty"].to_numpy()[person]
    systolic = np.clip(rng.normal(147, 10, len(person)) + 3 * frailty - 1.1 * quarter, 96, 210).round().astype(int)
    glucose = np.clip(rng.normal(8.2, 1.5, len(person)) + 0.5 * frailty - 0.08 * quarter, 4.2, 22).round(1)
    well = (systolic < 140) if condition == "htn" else (glucose < 7.0)
    height = 150 + 9 * (people["sex"].to_numpy()[person] == 1) + np.abs(people["frailty"].to_numpy()[person]) * 2
    frame = _on_days(people, person, day, today).with_columns(
        pl.Series("systolic", systolic), pl.Series("diastolic", (systolic * 0.4 + rng.normal(27, 5, len(person))).round().astype(int)),
        pl.Series("glucose", glucose), pl.Series("well", well),
        pl.Series("weight", np.clip(rng.normal(61, 3, len(person)) + 2 * frailty, 38, 110).round(1)),
        pl.Series("height", height.round(1)),
        pl.Series("way", rng.choice(np.array(["1", "1", "2", "3"]), len(person))),
        pl.Series("adherence", rng.choice(np.array(["1", "1", "1", "2", "3"]), len(person))),
        pl.Series("smokes", np.where(rng.random(len(person)) < 0.2, rng.integers(1, 25, len(person)), 0)),
    )  # fmt: skip
    return _with_doctor(rng, frame, "follow_up")


def _on_days(people: pl.DataFrame, person: np.ndarray, day: np.ndarray, today: date) -> pl.DataFrame:
    start = np.datetime64(seasons.first_day(today))
    return (
        pl.DataFrame(
            {"person": person, "on": start + day.astype("timedelta64[D]"), "org": people["centre"].to_numpy()[person]}
        ).filter(pl.col("on") < today)
        if len(person)
        else pl.DataFrame(schema={"person": pl.Int64, "on": pl.Date, "org": pl.Int64})
    )


def _with_doctor(rng: np.random.Generator, frame: pl.DataFrame, number: str) -> pl.DataFrame:
    one = doctors().group_by("org", maintain_order=True).agg(pl.col("doctor").first())
    return (
        frame.join(one, on="org", how="left", maintain_order="left")
        .sort("on", maintain_order=True)
        .with_row_index(number)
    )


def examinations(rng: np.random.Generator, people: pl.DataFrame, today: date) -> pl.DataFrame:
    """Yearly examinations of residents of 65 and older."""
    old = people.filter(pl.col("age") >= 66)["person"].to_numpy()
    person = np.repeat(old, 2)
    year = np.tile([0, 1], len(old))
    season = seasons.draw_days(rng, np.full(len(person), "spring"), today) // 2 + year * 365
    kept = rng.random(len(person)) < 0.71
    person, day = person[kept], season[kept]
    size, frailty = len(person), people["frailty"].to_numpy()[person]
    ill = {c: people[c].to_numpy()[person] for c in ("htn", "dm", "ckd")}
    systolic = np.clip(np.where(ill["htn"], 148, 126) + rng.normal(0, 12, size), 88, 214).round().astype(int)
    height = np.where(people["sex"].to_numpy()[person] == 1, 163, 152) + rng.normal(0, 5, size)
    weight = np.clip(height - 98 + rng.normal(0, 8, size), 34, 105)
    frame = _on_days(people, person, day, today).with_columns(
        pl.Series("systolic", systolic), pl.Series("diastolic", (systolic * 0.4 + rng.normal(26, 5, size)).round().astype(int)),
        pl.Series("height", height.round(1)), pl.Series("weight", weight.round(1)), pl.Series("bmi", (weight / (height / 100) ** 2).round(1)),
        pl.Series("waist", np.clip(weight * 0.7 + 42 + rng.normal(0, 4, size), 55, 125).round(1)),
        pl.Series("pulse", rng.normal(74, 8, size).round().astype(int)),
        pl.Series("glucose", (np.where(ill["dm"], 8.3, 5.3) + rng.normal(0, 0.7, size)).round(1)),
        pl.Series("creatinine", np.clip(np.where(ill["ckd"], 138, 74) + rng.normal(0, 13, size), 38, 600).round(0)),
        pl.Series("cholesterol", (4.8 + 0.3 * frailty + rng.normal(0, 0.7, size)).round(2)),
        pl.Series("hemoglobin", (131 - 16 * ill["ckd"] + rng.normal(0, 11, size)).round(0)),
    )  # fmt: skip
    return _with_doctor(rng, frame, "examination")


def vaccinations(rng: np.random.Generator, people: pl.DataFrame, today: date) -> pl.DataFrame:
    """Doses given to children by their age, and against influenza to some of the old each autumn."""
    parts = [_doses(rng, people, code, months, number, today) for number, (code, months) in enumerate(SCHEDULE)]
    old = people.filter((pl.col("age") > 64) & pl.Series(rng.random(len(people)) < 0.22))
    for year in (today.year - 1, today.year):
        day = date(year, 10, 15)
        parts.append(
            old.select(
                "person", "centre", pl.lit(day).alias("on"), pl.lit("0014").alias("vaccine"), pl.lit(1).alias("dose")
            )
        )
    frame = pl.concat(parts).rename({"centre": "org"})
    spread = rng.integers(0, 24, len(frame))
    frame = frame.with_columns((pl.col("on") + pl.duration(days=pl.lit(pl.Series(spread)))).alias("on"))
    frame = frame.filter(pl.col("on").is_between(seasons.first_day(today), today - timedelta(days=1)))
    lots = rng.integers(1, 40, len(frame))
    return _with_doctor(
        rng,
        frame.with_columns(pl.format("{}{}", pl.col("on").dt.strftime("%Y%m"), pl.Series(lots)).alias("lot")),
        "vaccination",
    )


def _doses(
    rng: np.random.Generator, people: pl.DataFrame, code: str, months: int, number: int, today: date
) -> pl.DataFrame:
    due = pl.col("born_on").dt.offset_by(f"{months}mo")
    dose = 1 + sum(1 for c, m in SCHEDULE[:number] if c == code)
    chosen = people.filter(due.is_between(seasons.first_day(today), today) & pl.Series(rng.random(len(people)) < 0.93))
    return chosen.select("person", "centre", due.alias("on"), pl.lit(code).alias("vaccine"), pl.lit(dose).alias("dose"))


def births(rng: np.random.Generator, people: pl.DataFrame, today: date) -> pl.DataFrame:
    """Births within the two years whose mother lives in the household."""
    mothers = people.filter(pl.col("role") == WIFE).select(
        "home", pl.col("person").alias("mother"), pl.col("age").alias("mother_age")
    )
    young = people.filter(
        (pl.col("born_on") >= seasons.first_day(today))
        & (pl.col("born_on") < today)
        & pl.col("role").is_in([CHILD, CHILD_2])
    )
    frame = young.join(mothers, on="home", maintain_order="left").filter(pl.col("mother_age").is_between(17, 46))
    size = len(frame)
    weeks = np.clip(rng.normal(39.1, 1.3, size), 31, 42)
    return frame.select("person", "home", "mother", "sex", "role", pl.col("born_on").alias("on")).with_columns(
        pl.lit(MATERNAL, dtype=pl.Int64).alias("org"),
        pl.Series("days", (weeks * 7).astype(int)),
        pl.Series("weight", np.clip(rng.normal(3250, 380, size) + (weeks - 39) * 120, 1500, 4900).round().astype(int)),
        pl.Series("length", np.clip(rng.normal(49.8, 1.4, size), 42, 55).round(1)),
        pl.Series("minute", rng.integers(0, 1440, size)),
        pl.Series("certificate", 4000000 + np.arange(size)),
    )
