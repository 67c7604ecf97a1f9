"""Those who work beside the doctors: pharmacists, laboratory and imaging staff, nurses, in three shifts of every institution."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl

from yigong.demo import names
from yigong.demo.illness import doctors, homes_of_care

SHIFTS = 3
ROLES = (
    "pharmacist_reviewing",
    "pharmacist_preparing",
    "pharmacist_checking",
    "pharmacist_dispensing",
    "laboratory_technician",
    "laboratory_physician",
    "examining_physician",
    "reviewing_physician",
    "nurse",
    "second_nurse",
)


@cache
def colleagues() -> pl.DataFrame:
    """A row for each institution (its place in ``homes_of_care``) and shift, a column for each role."""
    rng = np.random.default_rng(532_998_2)
    size = len(homes_of_care()) * SHIFTS
    org, shift = np.repeat(np.arange(len(homes_of_care())), SHIFTS), np.tile(np.arange(SHIFTS), len(homes_of_care()))
    sex = {role: rng.integers(1, 3, size) for role in ROLES}
    made = {
        role: np.char.add(names.surnames(rng, size), names.given_names(rng, sex[role], rng.integers(1968, 2001, size)))
        for role in ROLES
    }
    return pl.DataFrame({"org": org, "shift": shift, **{role: texts.tolist() for role, texts in made.items()}})


@cache
def _attending() -> pl.DataFrame:
    last = doctors().group_by("org", "department", maintain_order=True).last()
    return last.select(pl.col("org").cast(pl.Int64), "department", pl.col("doctor").alias("attending"))


def with_colleagues(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of visits with who was on duty; which shift follows from the visit, the attending doctor from the department."""
    frame = frame.with_columns(pl.col("org").cast(pl.Int64), (pl.col("visit").cast(pl.Int64) % SHIFTS).alias("shift"))
    frame = frame.join(colleagues(), on=["org", "shift"], how="left", maintain_order="left")
    return frame.join(_attending(), on=["org", "department"], how="left", maintain_order="left")
