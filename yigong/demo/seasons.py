"""When people come: seasons, the week's rhythm, the Spring Festival, growth over two years."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
from lunardate import LunarDate
from numpy.typing import NDArray

DAYS = 730
SEASONS = ("flat", "winter", "summer", "spring")
_PEAK = {"winter": 15, "summer": 205, "spring": 105}  # day of the year
_WEEK = np.array([1.28, 1.10, 1.06, 1.04, 1.02, 0.84, 0.66])
GROWTH = 0.05  # in a year


def first_day(today: date) -> date:
    """The first of the two years; the last day of data is yesterday."""
    return today - timedelta(days=DAYS)


@cache
def chances(season: str, today: date) -> NDArray[np.float64]:
    """How the visits of a season's kind spread over the days."""
    days = [first_day(today) + timedelta(days=n) for n in range(DAYS)]
    of_year = np.array([d.timetuple().tm_yday for d in days])
    weight = _WEEK[[d.weekday() for d in days]] * (1 + GROWTH * np.arange(DAYS) / 365)
    if season in _PEAK:
        weight = weight * (1 + 0.6 * np.cos(2 * np.pi * (of_year - _PEAK[season]) / 365))
    weight[[_is_festival(d) for d in days]] *= 0.3
    return weight / weight.sum()


@cache
def _new_year(year: int) -> date:
    return LunarDate(year, 1, 1).to_solar_date()


def _is_festival(day: date) -> bool:
    return -1 <= (day - _new_year(day.year)).days <= 5


def draw_days(rng: np.random.Generator, season: NDArray[np.str_], today: date) -> NDArray[np.int64]:
    """A day, counted from the first, for each visit by the season of its illness."""
    out = np.empty(len(season), dtype=np.int64)
    for name in SEASONS:
        rows = np.flatnonzero(season == name)
        out[rows] = rng.choice(DAYS, len(rows), p=chances(name, today))
    return out


def draw_seconds(rng: np.random.Generator, emergency: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The second of the day: two peaks in office hours, any time for emergencies."""
    morning = rng.triangular(8, 9.3, 12, len(emergency))
    afternoon = rng.triangular(14, 15, 17.6, len(emergency))
    office = np.where(rng.random(len(emergency)) < 0.64, morning, afternoon)
    hour = np.where(emergency, rng.uniform(0, 24, len(emergency)), office)
    return (hour * 3600).astype(np.int64)
