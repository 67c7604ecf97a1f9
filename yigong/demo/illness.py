"""Who is ill with what, and where and when they go: chronic conditions and two years of visits."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from yigong.demo import names, seasons, world

CHRONIC = ("htn", "dm", "copd", "chd", "ckd", "stroke")
#: share of people who have it: at 40, at 60, at 75 and older
_PREVALENCE = {
    "htn": (0.06, 0.30, 0.52), "dm": (0.02, 0.10, 0.15), "copd": (0.005, 0.04, 0.10),
    "chd": (0.004, 0.05, 0.13), "ckd": (0.004, 0.02, 0.06), "stroke": (0.002, 0.03, 0.08),
}  # fmt: skip
COUNTY, TCM, MATERNAL, COMMUNITY, TOWNSHIP = 0, 1, 2, 3, 6  # places in ``homes_of_care``
_COMMUNITY_OF_VILLAGE = (3, 3, 5, 5, 4, 5)


@cache
def homes_of_care() -> tuple[world.Institution, ...]:
    """The twenty institutions that treat people, hospitals first."""
    order = ("county_hospital", "tcm_hospital", "maternal_hospital", "community_centre", "township_centre")
    return tuple(i for kind in order for i in world.with_systems() if i.kind == kind)


def home_centre(town: NDArray[np.int64], village: NDArray[np.int64]) -> NDArray[np.int64]:
    """The centre that serves a village, as a place in ``homes_of_care``."""
    return np.where(town == 0, np.array(_COMMUNITY_OF_VILLAGE)[village % 6], town + TOWNSHIP - 1)


def conditions(rng: np.random.Generator, people: pl.DataFrame) -> pl.DataFrame:
    """The people with a flag for each chronic condition and the centre that serves them."""
    age = people["age"].to_numpy()
    flags = {c: _has(rng, age, _PREVALENCE[c]) for c in CHRONIC}
    flags["ckd"] |= flags["dm"] & (age > 55) & (rng.random(len(age)) < 0.08)
    flags["htn"] |= (flags["stroke"] | flags["ckd"]) & (rng.random(len(age)) < 0.6)
    centre = home_centre(people["town"].to_numpy(), people["village"].to_numpy())
    return people.with_columns(
        *(pl.Series(c, f) for c, f in flags.items()),
        pl.Series("centre", centre),
        pl.Series("frailty", rng.normal(0, 1, len(age))),
        pl.Series(
            "allergy",
            rng.choice(np.array(["", "青霉素", "磺胺类", "头孢类"]), len(age), p=[0.955, 0.025, 0.011, 0.009]),
        ),
    )


def _has(rng: np.random.Generator, age: NDArray[np.float64], at: tuple[float, ...]) -> NDArray[np.bool_]:
    return rng.random(len(age)) < np.interp(age, (25, 40, 60, 75), (0.0, *at))


def visits(rng: np.random.Generator, people: pl.DataFrame, today: date) -> pl.DataFrame:
    """Two years of visits: person, place, moment, illness, department, doctor, measurements."""
    person = np.repeat(people["person"].to_numpy(), rng.poisson(_rate(people)))
    age, sex = people["age"].to_numpy()[person], people["sex"].to_numpy()[person]
    illness = _illness(rng, people, person, age, sex)
    table = pl.DataFrame(world.table("diagnoses"))
    serious = table["serious"].cast(pl.Float64).to_numpy()[illness]
    emergency = rng.random(len(person)) < 0.02 + 0.25 * np.clip(serious - 0.4, 0, 1)
    day = seasons.draw_days(rng, table["season"].to_numpy()[illness].astype(str), today)
    second = seasons.draw_seconds(rng, emergency)
    start = np.datetime64(seasons.first_day(today)).astype("datetime64[s]")
    alive = start + (day * 86400 + second).astype("timedelta64[s]")
    frame = pl.DataFrame(
        {
            "person": person, "dx": illness, "at": alive.astype("datetime64[ms]"), "serious": serious, "emergency": emergency,
            "org": _org(rng, people, person, illness, serious, emergency), "age": age, "sex": sex,
        }
    ).filter(pl.col("at").dt.date() > pl.Series(people["born_on"].gather(person)))  # fmt: skip
    return complete(rng, _aged(frame, people).sort("at"), people)


def _aged(frame: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Visits with the age that the person had then, in years."""
    born = people["born_on"].gather(frame["person"])
    return frame.with_columns(age=(pl.col("at").dt.date() - born).dt.total_days() / 365.25)


def _rate(people: pl.DataFrame) -> NDArray[np.float64]:
    age = people["age"].to_numpy()
    base = np.interp(age, (0, 3, 7, 15, 20, 45, 65, 85), (5.0, 4.2, 2.4, 1.3, 1.2, 1.7, 2.6, 3.0))
    chronic = sum(people[c].to_numpy().astype(float) for c in CHRONIC)
    rate = base * np.exp(0.45 * people["frailty"].to_numpy() - 0.1) + 1.5 * np.minimum(chronic, 3)
    return np.where(people["cast"].is_null().to_numpy(), rate, 0.0)  # the named cast lives by its own story


def _illness(
    rng: np.random.Generator,
    people: pl.DataFrame,
    person: NDArray[np.int64],
    age: NDArray[np.float64],
    sex: NDArray[np.int64],
) -> NDArray[np.int64]:
    table = world.table("diagnoses")
    chronic = people.select(CHRONIC).to_numpy()[person] * rng.random((len(person), len(CHRONIC)))
    out = np.argmax(chronic, axis=1)  # the chronic ones stand first in the table, in this order
    acute = (chronic.max(axis=1) == 0) | (rng.random(len(person)) < 0.5)
    stage = np.digitize(age, [15, 60])
    for s, column in enumerate(("child", "adult", "old")):
        for x in (1, 2):
            weight = np.array([float(r[column]) * (r["sex"] in ("0", str(x))) for r in table])
            rows = np.flatnonzero(acute & (stage == s) & (sex == x))
            out[rows] = rng.choice(len(table), len(rows), p=weight / weight.sum())
    return out


def _org(
    rng: np.random.Generator, people: pl.DataFrame, person: NDArray[np.int64], illness: NDArray[np.int64],
    serious: NDArray[np.float64], emergency: NDArray[np.bool_],
) -> NDArray[np.int64]:  # fmt: skip
    department = np.array([r["department"] for r in world.table("diagnoses")])[illness]
    centre, town = people["centre"].to_numpy()[person], people["town"].to_numpy()[person]
    age = people["age"].to_numpy()[person]
    stays = rng.random(len(person)) < np.where(town == 0, 0.58, 0.72) - 0.62 * serious - 0.2 * emergency
    chance = rng.random(len(person))
    tcm = chance < np.where(np.isin(department, ("骨科", "神经内科", "心内科", "消化内科")), 0.34, 0.2)
    family = (chance > 0.45) & ((department == "妇产科") | (age < 10))
    away = np.where(emergency, COUNTY, np.where(family, MATERNAL, np.where(tcm, TCM, COUNTY)))
    other = rng.integers(TOWNSHIP, len(homes_of_care()), len(person))
    near = np.where(rng.random(len(person)) < 0.03, other, centre)
    return np.where(stays, near, away)


_TCM_DEPARTMENTS = {"骨科": "骨伤科", "心内科": "心病科", "呼吸内科": "肺病科", "消化内科": "脾胃病科", "肾内科": "肾病科", "皮肤科": "皮肤科",
                    "妇产科": "中医妇科", "神经内科": "针灸推拿科"}  # fmt: skip


def _department(org: world.Institution, wanted: str) -> str:
    match org.kind:
        case "county_hospital":
            return wanted
        case "tcm_hospital":
            return _TCM_DEPARTMENTS.get(wanted, "中医内科")
        case "maternal_hospital":
            return "妇科" if wanted == "妇产科" else "儿科"
        case "community_centre":
            return "全科"
    return "外科" if wanted in ("骨科", "普外科", "急诊科") and "外科" in org.departments else "内科"


@cache
def doctors() -> pl.DataFrame:
    """Every doctor who sees patients: institution, department, a number within it, name. The named cast stand first."""
    rng = np.random.default_rng(532998)
    rows: list[tuple[int, str, int, str]] = []
    for o, org in enumerate(homes_of_care()):
        for department in org.departments:
            named = [
                s.full_name
                for s in world.staff()
                if (s.institution, s.department, s.profession) == (org.name, department, "执业医师")
            ]
            count = 3 if o in (COUNTY, TCM, MATERNAL) else 2
            sex = rng.integers(1, 3, count)
            made = np.char.add(names.surnames(rng, count), names.given_names(rng, sex, rng.integers(1966, 1999, count)))
            rows += [(o, department, n, name) for n, name in enumerate([*named, *made.tolist()][:count])]
    return pl.DataFrame(rows, schema=["org", "department", "doctor_no", "doctor"], orient="row")


@cache
def _departments_of_illness() -> pl.DataFrame:
    rows = [
        (o, d, _department(org, r["department"]))
        for o, org in enumerate(homes_of_care())
        for d, r in enumerate(world.table("diagnoses"))
    ]
    return pl.DataFrame(rows, schema=["org", "dx", "department"], orient="row")


def complete(rng: np.random.Generator, frame: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Visits with department, doctor, pressure, temperature, fee and a running number."""
    size = len(frame)
    person = frame["person"].to_numpy()
    high = people["htn"].to_numpy()[person]
    late = np.linspace(0, 1, size) if size else np.zeros(0)  # care gets better with time
    systolic = (
        np.where(high, rng.normal(150, 13, size) - 7 * late, rng.normal(123, 10, size))
        + 2 * people["frailty"].to_numpy()[person]
    )
    fee = np.where(frame["org"].to_numpy() < COMMUNITY, rng.gamma(3.2, 70, size), rng.gamma(2.6, 24, size))
    return (
        frame.join(_departments_of_illness(), on=["org", "dx"], how="left", maintain_order="left")
        .with_columns(
            pl.Series("doctor_no", rng.integers(0, 2, size)),
            pl.Series("visit", np.arange(size)),
            pl.Series("systolic", np.clip(systolic, 84, 226).round().astype(np.int64)),
            pl.Series(
                "diastolic", np.clip(systolic * 0.42 + rng.normal(24, 6, size), 48, 130).round().astype(np.int64)
            ),
            pl.Series("temperature", np.round(np.clip(rng.normal(36.6, 0.25, size), 35.8, 37.2), 1)),
            pl.Series("fee", fee.round(2)),
            pl.Series("first_visit", rng.random(size) < 0.62),
        )
        .join(doctors(), on=["org", "department", "doctor_no"], how="left", maintain_order="left")
    )
