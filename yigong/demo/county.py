"""The whole county as frames: people, their registrations, two years of their lives."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date

import numpy as np
import polars as pl

from yigong.demo import illness, laboratory, people, publichealth, registering, stories, treatment


@dataclass(frozen=True)
class County:
    """Frames that the source systems are written from; ``org`` is a place in ``illness.homes_of_care``."""

    people: pl.DataFrame
    registrations: pl.DataFrame
    visits: pl.DataFrame
    prescriptions: pl.DataFrame
    formulas: pl.DataFrame
    imaging: pl.DataFrame
    stays: pl.DataFrame
    orders: pl.DataFrame
    results: pl.DataFrame
    hypertension: pl.DataFrame
    diabetes: pl.DataFrame
    examinations: pl.DataFrame
    vaccinations: pl.DataFrame
    births: pl.DataFrame

    def rows(self) -> int:
        """How many rows of life there are, people not counted."""
        return sum(len(getattr(self, f.name)) for f in fields(self) if f.name != "people")


def county(residents: int, seed: int, today: date) -> County:
    """The county of *residents* people; the same seed and day give the same county."""
    rng = np.random.default_rng([seed, 2])
    folk = stories.with_cast(people.residents(max(residents - stories.size(), 0), seed, today), today)
    folk = stories.with_conditions(illness.conditions(rng, folk))
    visits = illness.visits(rng, folk, today)
    stays = treatment.admissions(rng, visits, today)
    told = stories.told(folk, visits, today)
    reports = laboratory.reports(rng, visits, stays)
    life = {
        "visits": pl.concat([visits, told.visits], how="diagonal_relaxed"),
        "prescriptions": pl.concat([treatment.prescriptions(rng, visits), told.prescriptions], how="diagonal_relaxed"),
        "formulas": treatment.formulas(rng, visits),
        "imaging": pl.concat([treatment.imaging(rng, visits), told.imaging], how="diagonal_relaxed"),
        "stays": (stays := pl.concat([stays, told.stays(len(stays))], how="diagonal_relaxed")),
        "orders": treatment.orders(rng, stays),
        "results": pl.concat(
            [laboratory.results(rng, reports, folk), told.results(len(reports))], how="diagonal_relaxed"
        ),
        "hypertension": publichealth.follow_ups(rng, folk, "htn", today),
        "diabetes": publichealth.follow_ups(rng, folk, "dm", today),
        "examinations": publichealth.examinations(rng, folk, today),
        "vaccinations": publichealth.vaccinations(rng, folk, today),
        "births": publichealth.births(rng, folk, today),
    }
    return County(people=folk, registrations=registering.registrations(rng, folk, life, today), **life)
