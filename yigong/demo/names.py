"""Names as people of the county bear them: frequent surnames, given names of their era."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np
import yaml
from numpy.typing import NDArray

from yigong.demo.world import DATA

Texts = NDArray[np.str_]


@dataclass(frozen=True)
class NameBook:
    """Surnames with shares, given signs by sex and era, signs that sound alike."""

    surnames: Texts
    shares: NDArray[np.float64]
    given: dict[tuple[int, int], Texts]
    alike: dict[str, str]
    ethnic: dict[str, float]


@cache
def book() -> NameBook:
    """The names of ``data/names.yaml``."""
    raw = yaml.safe_load((DATA / "names.yaml").read_text("utf-8"))
    found = re.findall(r"([^\d\s.]+)([\d.]+)", raw["surnames"])
    shares = np.array([float(share) for _name, share in found])
    given = {
        (sex, era): np.array(list(dict.fromkeys(signs)))
        for sex, key in ((1, "male"), (2, "female"))
        for era, signs in enumerate(raw[key])
    }
    return NameBook(np.array([n for n, _ in found]), shares / shares.sum(), given, raw["homophones"], raw["ethnic"])


def era_of(year: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which of the three fashions of names a year of birth belongs to."""
    return np.digitize(year, [1968, 1998])


def surnames(rng: np.random.Generator, count: int) -> Texts:
    """*count* surnames by frequency."""
    return rng.choice(book().surnames, count, p=book().shares)


def given_names(rng: np.random.Generator, sex: NDArray[np.int64], year: NDArray[np.int64]) -> Texts:
    """A given name of one or two signs for each person."""
    era = era_of(year)
    out = np.empty(len(sex), dtype="U2")
    for (wanted_sex, wanted_era), signs in book().given.items():
        rows = np.flatnonzero((sex == wanted_sex) & (era == wanted_era))
        out[rows] = _of_signs(rng, signs, len(rows), single=(0.10, 0.28, 0.10)[wanted_era])
    return out


def _of_signs(rng: np.random.Generator, signs: Texts, count: int, single: float) -> Texts:
    weights = 1 / np.arange(3, len(signs) + 3) ** 0.8
    weights /= weights.sum()
    first, second = rng.choice(signs, count, p=weights), rng.choice(signs, count, p=weights)
    return np.char.add(first, np.where(rng.random(count) < single, "", second))
