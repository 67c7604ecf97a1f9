"""Whether there is enough to learn from, and whether what EM has learnt may be believed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yigong.platform.empi.engine.compare import LEVELS
from yigong.platform.empi.engine.model import Model
from yigong.platform.empi.engine.score import UNIT

FEWEST = 10  # pairs; of fewer nothing is learnt
EM_LEAST = 100  # pairs of one person that EM needs
KEPT = 0.98  # share of the pairs sure before EM that it must still join
TOLD = 3  # bits that a person's own field must weigh, equal or different


def nats(model: Model) -> NDArray[np.float64]:
    """The model's weights in nats."""
    return model.weights / UNIT * np.log(2)


def nats_of(model: Model, weights: NDArray[np.float64], levels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Scores in nats of packed levels."""
    said = [(levels >> (5 * i)) & 31 for i in range(len(model.comparisons))]
    total = np.full(levels.size, weights[0])
    for i, s in enumerate(said):
        total += weights[model.weight_at(i, 0) + s]
    for r, (a, b) in enumerate(model.relations):
        total += weights[model.relation_at(r, 0, 0) + said[a] * 32 + said[b]]
    return total


def enough(model: Model, seen: NDArray[np.int64], total: NDArray[np.int64]) -> bool:
    """Whether by the weights it starts from there are pairs enough of one person, and some of two, for EM to learn from."""
    chance = 1 / (1 + np.exp(-np.clip(nats_of(model, nats(model), seen), -40, 40)))
    return bool(chance @ total >= EM_LEAST and (1 - chance) @ total >= FEWEST)


def tells_persons(model: Model, seen: NDArray[np.int64], total: NDArray[np.int64]) -> bool:
    """Whether fields that are a person's own speak for one person when equal, and against it when not.

    Where families outnumber double records EM finds families: then another birth date says nothing, and an address everything.
    """
    for name in model.training.get("told_by", []):
        place = model.comparison(name)
        levels, said = LEVELS[model.comparisons[place].kind], (seen >> (5 * place)) & 31
        same, other = (levels.index(level) for level in ("same", "other"))
        held = min(total[said == same].sum(), total[said == other].sum()) >= FEWEST
        bits = [float(model.weights[model.weight_at(place, level)]) / UNIT for level in (same, other)]
        if held and not (bits[0] >= TOLD and bits[1] <= -TOLD):
            return False
    return True


def keeps_sure(model: Model, learnt: Model, seen: NDArray[np.int64], total: NDArray[np.int64]) -> bool:
    """Whether nearly all pairs that the model was sure of before EM may still be joined after it."""
    sure, link = (np.log(share / (1 - share)) for share in (model.bands["auto"], model.bands["link"]))
    before = total * (nats_of(model, nats(model), seen) >= sure)
    return float(before @ (nats_of(learnt, nats(learnt), seen) >= link)) >= KEPT * float(before.sum())
