"""Why two records are or are not one person: the prior, the weight of every comparison, the guards; their sum is the score exactly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One comparison: its field, the level reached, the weight in bits, and the sentence in both languages."""

    field: str
    level: str
    weight: float
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Guard:
    """A rule that forbids joining whatever the score."""

    name: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision on one pair; ``prior + sum(step.weight) == score`` holds exactly."""

    score: float
    band: str  # auto, review, none
    prior: float
    steps: tuple[Step, ...]
    guards: tuple[Guard, ...] = ()
