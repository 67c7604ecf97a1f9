"""Why two records are or are not one person: the prior, the weight of every comparison, the guards; their sum is the score exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yigong.platform.empi.engine import pairs, standard
from yigong.platform.empi.engine.compare import LEVELS
from yigong.platform.empi.engine.model import FOLDER, Model, declaration
from yigong.platform.empi.engine.score import UNIT


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


TWO_NUMBERS = Guard(
    "two_numbers", "两个可信的身份证号不同，不可合并", "two different trusted identity numbers never join"
)


@lru_cache(maxsize=1)
def words() -> dict[str, dict[str, tuple[str, str]]]:
    """What every level says, in both languages."""
    said = declaration(FOLDER / "levels.yaml")
    return {kind: {level: (zh, en) for level, (zh, en) in levels.items()} for kind, levels in said.items()}


def compare(model: Model, a: dict[str, Any], b: dict[str, Any]) -> Explanation:
    """The decision on two records, given as the model's source columns, with its waterfall."""
    rows = one_row(model, a, b)
    zero, one = np.zeros(1, np.uint32), np.ones(1, np.uint32)
    return explain(model, int(pairs.score_between(rows, model, zero, one).levels[0]))


def one_row(model: Model, *records: dict[str, Any]) -> NDArray[np.int64]:
    """The standard rows of records given one by one."""
    names = [c for f in model.fields for c in f.columns if any(r.get(c) is not None for r in records)]
    import polars as pl

    frame = {c: [_plain(r.get(c)) for r in records] for c in names}
    if not frame:
        return np.zeros(len(records) * model.width, np.int64)
    return standard.rows_of(pl.DataFrame(frame, schema=dict.fromkeys(names, pl.String)), model)


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def explain(model: Model, levels: int) -> Explanation:
    """The waterfall of packed levels."""
    said = [(levels >> (5 * i)) & 31 for i in range(len(model.comparisons))]
    steps = [_step(model, i, level) for i, level in enumerate(said)]
    steps += [s for r in range(len(model.relations)) if (s := _relation(model, r, said)).weight]
    prior = float(model.weights[0]) / UNIT
    score = prior + sum(s.weight for s in steps)
    guards = _guards(model, said)
    return Explanation(score, "none" if guards else band_of(model, score), prior, tuple(steps), guards)


def band_of(model: Model, score: float) -> str:
    """Which of the three bands a score falls into."""
    return "auto" if score >= model.auto else "review" if score >= model.review else "none"


def _step(model: Model, place: int, level: int) -> Step:
    c = model.comparisons[place]
    name = LEVELS[c.kind][level]
    zh, en = words()[c.kind][name]
    weight = float(model.weights[model.weight_at(place, level)]) / UNIT
    return Step(c.name, name, weight, f"{c.zh}：{zh}", f"{c.en}: {en}")


def _relation(model: Model, relation: int, said: list[int]) -> Step:
    a, b = model.relations[relation]
    first, second = model.comparisons[a], model.comparisons[b]
    weight = float(model.weights[model.relation_at(relation, said[a], said[b])]) / UNIT
    zh = f"“{first.zh}”与“{second.zh}”合看的修正"
    en = f"correction for {first.en} and {second.en} taken together"
    return Step(f"{first.name}+{second.name}", "together", weight, zh, en)


def _guards(model: Model, said: list[int]) -> tuple[Guard, ...]:
    place = next((i for i, c in enumerate(model.comparisons) if c.kind == "identity"), -1)
    apart = place >= 0 and LEVELS["identity"][said[place]] == "two_trusted"
    return (TWO_NUMBERS,) if apart and "two_numbers" in model.guards else ()
