"""Learning weights: from pairs that label themselves by identity numbers, by EM where numbers are few, from reviewed pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from yigong.platform.empi.engine import pairs, train
from yigong.platform.empi.engine.compare import LEVELS
from yigong.platform.empi.engine.model import Model
from yigong.platform.empi.engine.score import UNIT

SAMPLE = 400_000
RIDGE_MAIN, RIDGE_RELATION = 0.3, 1.5


@dataclass(frozen=True)
class Counts:
    """Patterns of levels with how many pairs have them, and how many of those are known or believed to be one person."""

    levels: NDArray[np.int64]
    good: NDArray[np.float64]
    total: NDArray[np.float64]


def counts_of(levels: NDArray[np.int64], good: NDArray[np.float64]) -> Counts:
    """Equal patterns counted together."""
    seen, where, total = np.unique(levels, return_inverse=True, return_counts=True)
    return Counts(seen, np.bincount(where, good, seen.size), total.astype(np.float64))


def train_model(rows: NDArray[np.int64], model: Model, runs: pairs.Runs | None = None) -> Model:
    """The model with weights learnt from these records, by the way its declaration names."""
    runs = runs or pairs.runs_of(rows, model)
    cells = sum(s.size for s in runs.spaces)
    sampled = pairs.make(runs, model, pairs.EVERYTHING, nth=max(1, cells // SAMPLE))
    by = model.comparison(model.training["by"])
    if by >= 0:
        learnt = _by_number(model, sampled, by)
        if learnt is not None:
            return learnt
        if model.weights.size > 1 and model.signs:
            return model
    return by_em(model, pairs.joined(sampled).levels)


def _by_number(model: Model, sampled: list[pairs.Pairs], by: int) -> Model | None:
    space = next((i for i, k in enumerate(model.keys) if k.name == model.comparisons[by].name), -1)
    free = pairs.joined([p for i, p in enumerate(sampled) if i != space]).levels
    state = (free >> (5 * by)) & 31
    names = LEVELS[model.comparisons[by].kind]
    good, bad = state == names.index("same_trusted"), state == names.index("two_trusted")
    known = good | bad
    if min(good.sum(), bad.sum()) < model.training["least"]:
        return None
    without = free[known] & ~(31 << (5 * by))
    weights = fit(model, counts_of(without, good[known].astype(np.float64)), leave=by)
    return _number_weights(model, weights, pairs.joined(sampled).levels, by)


def fit(model: Model, counts: Counts, leave: int = -1, start: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Weights in nats of the log-linear model that makes these counts likeliest, with a ridge."""
    places, active = _active(model, counts.levels, leave)
    size = places.size
    w = np.zeros(size) if start is None else start[places]
    ridge = np.where(places < 1 + 32 * len(model.comparisons), RIDGE_MAIN, RIDGE_RELATION)
    ridge[places == 0] = 1e-3
    for _ in range(12):
        gradient, hessian = np.zeros(size), np.zeros(size * size)
        train.step(
            active.reshape(-1), active.shape[1], active.shape[0], counts.good, counts.total, w, size, gradient, hessian
        )
        table = hessian.reshape(size, size)
        table = np.tril(table) + np.tril(table, -1).T + np.diag(ridge)
        change = np.linalg.solve(table, gradient - ridge * w)
        w += np.clip(change, -4, 4)
        if np.abs(change).max() < 0.02:
            break
    full = np.zeros(model.size)
    full[places] = w
    return full


def _active(model: Model, levels: NDArray[np.int64], leave: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    at = [np.zeros(levels.size, np.int64)]
    said = [(levels >> (5 * i)) & 31 for i in range(len(model.comparisons))]
    at += [model.weight_at(i, 0) + s for i, s in enumerate(said) if i != leave]
    for r, (a, b) in enumerate(model.relations):
        if leave not in (a, b):
            at.append(model.relation_at(r, 0, 0) + said[a] * 32 + said[b])
    places, where = np.unique(np.stack(at, 1), return_inverse=True)
    return places, np.ascontiguousarray(where.reshape(levels.size, len(at)).astype(np.int32))


def nats_of(model: Model, weights: NDArray[np.float64], levels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Scores in nats of packed levels."""
    said = [(levels >> (5 * i)) & 31 for i in range(len(model.comparisons))]
    total = np.full(levels.size, weights[0])
    for i, s in enumerate(said):
        total += weights[model.weight_at(i, 0) + s]
    for r, (a, b) in enumerate(model.relations):
        total += weights[model.relation_at(r, 0, 0) + said[a] * 32 + said[b]]
    return total


def _number_weights(model: Model, weights: NDArray[np.float64], levels: NDArray[np.int64], by: int) -> Model:
    """Weights of the identity number itself, given how the names agree, from what all other fields believe."""
    seen, total = np.unique(levels, return_counts=True)
    state, relation = (seen >> (5 * by)) & 31, _relation_with(model, by)
    other = model.relations[relation][0] if relation >= 0 else -1
    group = (seen >> (5 * other)) & 31 if other >= 0 else np.zeros(seen.size, np.int64)
    for _ in range(4):
        p = 1 / (1 + np.exp(-np.clip(nats_of(model, weights, seen), -40, 40)))
        m, u = _shares(state, group, p * total), _shares(state, group, (1 - p) * total)
        ratio = np.log(m / u)
        ratio[0] = 0
        _anchor(ratio, LEVELS[model.comparisons[by].kind])
        mean = ratio.mean(axis=1)
        weights[model.weight_at(by, 0) : model.weight_at(by, 32)] = mean
        if relation >= 0:
            at = model.relation_at(relation, 0, 0)
            weights[at : at + 1024] = (ratio - mean[:, None]).T.reshape(-1)
    return _finished(model, weights, seen, total)


def _anchor(ratio: NDArray[np.float64], names: tuple[str, ...]) -> None:
    ratio[names.index("same_trusted")] = np.maximum(ratio[names.index("same_trusted")], 6.0)
    ratio[names.index("two_trusted")] = -14.0
    ratio[names.index("document_same")] = 9.0
    ratio[names.index("document_other")] = -1.5
    ratio[:] = np.clip(ratio, -14, 14)


def _relation_with(model: Model, by: int) -> int:
    return next((r for r, (_, b) in enumerate(model.relations) if b == by), -1)


def _shares(state: NDArray[np.int64], group: NDArray[np.int64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of each level among pairs with a number on both sides, by group, drawn towards the share of all groups."""
    table = np.zeros((32, 32))
    held = state > 0
    np.add.at(table, (state[held], group[held]), weight[held])
    whole = (table.sum(axis=1) + 0.02) / (table.sum() + 0.2)
    return (table + 20 * whole[:, None]) / (table.sum(axis=0) + 20)


def _finished(model: Model, nats: NDArray[np.float64], levels: NDArray[np.int64], total: NDArray[np.int64]) -> Model:
    weights = np.round(nats / np.log(2) * UNIT).astype(np.int32)
    bits = nats_of(model, nats, levels) / np.log(2)
    return replace(
        model, weights=weights, auto=threshold(bits, total, model.bands["auto"]),
        review=threshold(bits, total, model.bands["review"], each=True),
    )  # fmt: skip


def threshold(bits: NDArray[np.float64], total: NDArray[np.int64], precision: float, each: bool = False) -> float:
    """The lowest score from which on the pairs keep the target precision: on the whole, or (*each*) one by one."""
    if each:
        return float(np.round(np.log2(precision / (1 - precision)) * UNIT) / UNIT)
    order = np.argsort(-bits)
    p = 1 / (1 + 2.0 ** -np.clip(bits[order], -60, 60))
    kept = np.cumsum(p * total[order]) / np.cumsum(total[order])
    enough = np.flatnonzero(kept >= precision)
    return float(np.round(max(bits[order][enough[-1]], 0.0) * UNIT) / UNIT) if enough.size else 20.0


def by_em(model: Model, levels: NDArray[np.int64], rounds: int = 60) -> Model:
    """Fellegi-Sunter weights by expectation and maximization, starting from the guesses of the declaration."""
    seen, total = np.unique(levels, return_counts=True)
    said = [(seen >> (5 * i)) & 31 for i in range(len(model.comparisons))]
    weights = model.weights.astype(np.float64) / UNIT * np.log(2)
    weights[1 + 32 * len(model.comparisons) :] = 0
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-np.clip(nats_of(model, weights, seen), -40, 40)))
        share = float((p * total).sum() / total.sum())
        new = np.zeros(model.size)
        new[0] = np.log(share / (1 - share)) if 0 < share < 1 else -8.0
        for i, s in enumerate(said):
            m, u = _level_shares(s, p * total), _level_shares(s, (1 - p) * total)
            part = np.log(m / u)
            part[0] = 0
            new[model.weight_at(i, 0) : model.weight_at(i, 32)] = np.clip(part, -14, 14)
        moved = float(np.abs(new - weights).max())
        weights = new
        if moved < 0.002:
            break
    return _finished(model, weights, seen, total)


def _level_shares(said: NDArray[np.int64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    held = np.bincount(said, weight, 32)
    held[0] = 0
    return (held + 0.05) / (held.sum() + 1.6)


def by_review(model: Model, levels: NDArray[np.int64], good: NDArray[np.bool_], *, strength: float = 1.0) -> Model:
    """The weights moved by pairs that people have judged: the fit starts from the present weights and keeps near them."""
    start = model.weights / UNIT * np.log(2)
    counts = counts_of(levels, good.astype(np.float64))
    places, active = _active(model, counts.levels, -1)
    w, ridge = start[places], np.full(places.size, 8.0 / strength)
    anchor = w.copy()
    for _ in range(12):
        gradient, hessian = np.zeros(places.size), np.zeros(places.size**2)
        train.step(
            active.reshape(-1), active.shape[1], active.shape[0], counts.good, counts.total, w, places.size, gradient,
            hessian,
        )  # fmt: skip
        table = hessian.reshape(places.size, places.size)
        table = np.tril(table) + np.tril(table, -1).T + np.diag(ridge)
        change = np.linalg.solve(table, gradient - ridge * (w - anchor))
        w = w + np.clip(change, -4, 4)
        if np.abs(change).max() < 0.01:
            break
    full = start.copy()
    full[places] = w
    return replace(model, weights=np.round(full / np.log(2) * UNIT).astype(np.int32))
