"""Learning weights: from pairs that label themselves by identity numbers, by EM where numbers are few, from reviewed pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from yigong.platform.empi.engine import evidence, pairs, train
from yigong.platform.empi.engine.compare import LEVELS
from yigong.platform.empi.engine.evidence import FEWEST, nats, nats_of
from yigong.platform.empi.engine.model import Model
from yigong.platform.empi.engine.score import UNIT

SAMPLE = 400_000
GAP = 0.02  # weight of a pair repeated with one field blanked
RIDGE_MAIN, RIDGE_RELATION = 0.3, 1.5  # pull to the weights from which learning starts, when nothing was learnt before
RIDGE_LEARNT = (
    1000.0  # the same when it starts from learnt weights: what they know of many counties outweighs a small sample
)


@dataclass(frozen=True)
class Counts:
    """Patterns of levels with how many pairs have them, and how many of those are known or believed to be one person."""

    levels: NDArray[np.int64]
    good: NDArray[np.float64]
    total: NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """Pairs to learn from, counted by their levels and the rules under which they meet (one bit for each)."""

    levels: NDArray[np.int64]
    met: NDArray[np.int64]
    total: NDArray[np.int64]

    def patterns(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Levels alone and how many pairs have them."""
        seen, where = np.unique(self.levels, return_inverse=True)
        return seen, np.bincount(where, self.total, seen.size).astype(np.int64)


def counts_of(levels: NDArray[np.int64], good: NDArray[np.float64], total: NDArray[np.int64] | None = None) -> Counts:
    """Equal patterns counted together; *good* and *total* say how many pairs each entry stands for (one when left out)."""
    held = np.ones(levels.size) if total is None else total.astype(np.float64)
    return _merged(Counts(levels, good, held))


def sample_of(levels: NDArray[np.int64], met: NDArray[np.int64]) -> Sample:
    """Equal pairs counted together, in the order of their patterns."""
    order = np.lexsort((met, levels))
    levels, met = levels[order], met[order]
    first = np.flatnonzero(np.append(levels.size > 0, (np.diff(levels) != 0) | (np.diff(met) != 0)))
    return Sample(levels[first], met[first], np.diff(np.append(first, levels.size)))


def share_of(cells: int) -> int:
    """Every how manieth block is looked at for learning, of blocks that hold so many rows together."""
    return max(1, cells // SAMPLE)


def train_model(rows: NDArray[np.int64], model: Model, runs: pairs.Runs | None = None) -> Model:
    """The model with weights learnt from these records, by the way its declaration names."""
    runs = runs or pairs.runs_of(rows, model)
    nth = share_of(runs.cells)
    some = pairs.make(runs, model, pairs.EVERYTHING, nth=nth)
    return learnt_from(model, sample_of(some.levels, pairs.meetings(runs, model, some)))


def learnt_from(model: Model, sample: Sample) -> Model:
    """The model with weights learnt from sampled pairs: by identity numbers where there are enough, else by EM.

    Where there is too little to learn from, or EM tells something else apart than persons, the model keeps its weights.
    """
    if sample.total.sum() < FEWEST:
        return model
    by = model.comparison(model.training["by"])
    if by >= 0:
        learnt = _by_number(model, sample, by)
        if learnt is not None:
            return learnt
        if model.learnt:
            return model
    seen, total = sample.patterns()
    if not evidence.enough(model, seen, total):
        return model
    learnt = by_em(model, seen, total)
    return (
        learnt
        if evidence.tells_persons(learnt, seen, total) and evidence.keeps_sure(model, learnt, seen, total)
        else model
    )


def _by_number(model: Model, sample: Sample, by: int) -> Model | None:
    names = LEVELS[model.comparisons[by].kind]
    number_space = next((i for i, k in enumerate(model.keys) if k.name == model.comparisons[by].name), -1)
    state = (sample.levels >> (5 * by)) & 31
    good, bad = state == names.index("same_trusted"), state == names.index("two_trusted")
    if min(sample.total[good].sum(), sample.total[bad].sum()) < model.training["least"]:
        return None
    misleading = _misleading(model, sample.levels)
    known = (good | bad) & (sample.met & ~(1 << max(0, number_space)) != 0) & ~misleading
    levels, met, total = sample.levels[known] & ~(31 << (5 * by)), sample.met[known], sample.total[known]
    yes = total * good[known].astype(np.float64)
    parts = [counts_of(levels, yes, total), *_with_gaps(model, by, Sample(levels, met, total), yes)]
    together = _merged(Counts(*(np.concatenate([getattr(p, f) for p in parts]) for f in ("levels", "good", "total"))))
    if model.learnt:
        together = _merged(_both(together, _believed(model, by, sample.levels[misleading], sample.total[misleading])))
        return _finished(model, fit(model, together, leave=by, pull=RIDGE_LEARNT), *sample.patterns(), "labels")
    return _number_weights(model, fit(model, together, leave=by), *sample.patterns(), by)


def _believed(model: Model, by: int, levels: NDArray[np.int64], total: NDArray[np.int64]) -> Counts:
    """Pairs that do not label themselves, as the weights they come with judge them: what others teach leaves them as they are."""
    plain = levels & ~(31 << (5 * by))
    places, active = _active(model, plain, by)
    chance = 1 / (1 + np.exp(-np.clip(nats(model)[places][active].sum(1), -40, 40)))
    return counts_of(plain, chance * total, total)


def _both(one: Counts, other: Counts) -> Counts:
    return Counts(*(np.concatenate([getattr(c, f) for c in (one, other)]) for f in ("levels", "good", "total")))


def _misleading(model: Model, levels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pairs that may not label themselves.

    Newborns under a placeholder name, of whom too few have numbers; and pairs without a birth date on either side,
    where equal numbers are not confirmed but different ones still are, so that only the latter would be seen.
    """
    found = np.zeros(levels.size, bool)
    for i, c in enumerate(model.comparisons):
        if c.kind == "date":
            found |= (levels >> (5 * i)) & 31 == 0
        if c.kind == "name":
            newborn = [n for n, name in enumerate(LEVELS["name"]) if name.startswith("newborn")]
            found |= np.isin((levels >> (5 * i)) & 31, newborn)
    return found


def _merged(counts: Counts) -> Counts:
    seen, where = np.unique(counts.levels, return_inverse=True)
    return Counts(seen, np.bincount(where, counts.good, seen.size), np.bincount(where, counts.total, seen.size))


def _with_gaps(model: Model, by: int, known: Sample, good: NDArray[np.float64]) -> list[Counts]:
    """The same pairs with one field blanked, where they meet without it too: so gaps are learnt as gaps."""
    made = []
    for i, c in enumerate(model.comparisons):
        if i == by or c.kind not in ("date", "phone", "place", "sex"):
            continue
        fields = [{p.partition(".")[0] for v in k.variants for p in v} for k in model.keys]
        without = sum(1 << s for s, f in enumerate(fields) if c.of not in f and model.comparisons[by].of not in f)
        still = known.met & without != 0
        plain = counts_of(known.levels[still] & ~(31 << (5 * i)), good[still], known.total[still])
        made.append(Counts(plain.levels, plain.good * GAP, plain.total * GAP))
    return made


def fit(model: Model, counts: Counts, leave: int = -1, pull: float | None = None) -> NDArray[np.float64]:
    """Weights in nats of the log-linear model that makes these counts likeliest, pulled towards the model's own."""
    places, active = _active(model, counts.levels, leave)
    size, full = places.size, nats(model)
    start = full[places]
    ridge = np.where(places < 1 + 32 * len(model.comparisons), RIDGE_MAIN, RIDGE_RELATION)
    if pull is not None:
        ridge[:] = pull
    ridge[places == 0] = 1e-3 if pull is None else 20 * pull
    full[places] = _climb(counts, active, start, ridge, start.copy() if model.learnt else np.zeros(size))
    return full


def _climb(
    counts: Counts, active: NDArray[np.int32], start: NDArray[np.float64], ridge: NDArray[np.float64],
    w: NDArray[np.float64],
) -> NDArray[np.float64]:  # fmt: skip
    """Newton's steps, halved where they would lead down."""
    size, flat = w.size, active.reshape(-1)

    def look(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        gradient, hessian = np.zeros(size), np.zeros(size * size)
        likely = train.step(
            flat, active.shape[1], active.shape[0], counts.good, counts.total, at, size, gradient, hessian
        )
        return likely - float(ridge @ (at - start) ** 2) / 2, gradient - ridge * (at - start), hessian

    height, gradient, hessian = look(w)
    for _ in range(40):
        table = hessian.reshape(size, size)
        change = np.linalg.solve(table + np.tril(table, -1).T + np.diag(ridge), gradient)
        for _ in range(12):
            higher, next_gradient, next_hessian = look(w + change)
            if higher >= height - 1e-9:
                break
            change /= 2
        w, gain = w + change, higher - height
        height, gradient, hessian = higher, next_gradient, next_hessian
        if gain < 1e-4 * abs(height):
            break
    return w


def by_truth(model: Model, rows: NDArray[np.int64], person: NDArray[np.int64], runs: pairs.Runs | None = None) -> Model:
    """The model with weights learnt from records whose persons are known."""
    made = pairs.make(runs or pairs.runs_of(rows, model), model, pairs.EVERYTHING)
    counts = counts_of(made.levels, (person[made.left] == person[made.right]).astype(np.float64))
    return _finished(model, fit(model, counts), counts.levels, counts.total.astype(np.int64), "truth")


def _active(model: Model, levels: NDArray[np.int64], leave: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    at = [np.zeros(levels.size, np.int64)]
    said = [(levels >> (5 * i)) & 31 for i in range(len(model.comparisons))]
    at += [model.weight_at(i, 0) + s for i, s in enumerate(said) if i != leave]
    for r, (a, b) in enumerate(model.relations):
        if leave not in (a, b):
            at.append(model.relation_at(r, 0, 0) + said[a] * 32 + said[b])
    places, where = np.unique(np.stack(at, 1), return_inverse=True)
    return places, np.ascontiguousarray(where.reshape(levels.size, len(at)).astype(np.int32))


def _number_weights(
    model: Model, weights: NDArray[np.float64], seen: NDArray[np.int64], total: NDArray[np.int64], by: int
) -> Model:
    """Weights of the identity number itself, given how the names agree, from what all other fields believe."""
    state, relation = (seen >> (5 * by)) & 31, _relation_with(model, by)
    other = model.relations[relation][0] if relation >= 0 else -1
    group = (seen >> (5 * other)) & 31 if other >= 0 else np.zeros(seen.size, np.int64)
    for _ in range(4):
        p = 1 / (1 + np.exp(-np.clip(nats_of(model, weights, seen), -40, 40)))
        m, u = _shares(state, group, (p > 0.9) * total), _shares(state, group, (p < 0.1) * total)
        ratio = np.log(m / u)
        ratio[0] = 0
        _anchor(ratio, LEVELS[model.comparisons[by].kind])
        mean = ratio.mean(axis=1)
        weights[model.weight_at(by, 0) : model.weight_at(by, 32)] = mean
        if relation >= 0:
            at = model.relation_at(relation, 0, 0)
            weights[at : at + 1024] = (ratio - mean[:, None]).T.reshape(-1)
    return _finished(model, weights, seen, total, "labels")


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


def centered(
    model: Model, weights: NDArray[np.float64], levels: NDArray[np.int64], pairs_of: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The same scores, told so that people can read them: a relation says only what its two fields do not say alone.

    What a relation says on average of one level moves to that level; the prior is the score of the middle between the
    average pair of one person and the average pair of two.
    """
    made, main = weights.copy(), model.weight_at(0, 0)
    p = 1 / (1 + np.exp(-np.clip(nats_of(model, weights, levels), -40, 40)))
    total = p * pairs_of / (p @ pairs_of) + (1 - p) * pairs_of / ((1 - p) @ pairs_of)
    for r, (a, b) in enumerate(model.relations):
        at = model.relation_at(r, 0, 0)
        table = made[at : at + 1024].reshape(32, 32)
        first, second = (levels >> (5 * a)) & 31, (levels >> (5 * b)) & 31
        share = np.zeros((32, 32))
        np.add.at(share, (first, second), total)
        for axis, c in ((1, a), (0, b), (1, a), (0, b)):
            mean = (table * share).sum(axis) / np.maximum(share.sum(axis), 1e-12)
            table -= mean[:, None] if axis else mean[None, :]
            made[main + c * 32 : main + c * 32 + 32] += mean
    for c in range(len(model.comparisons)):
        part = made[main + c * 32 : main + c * 32 + 32]
        mean = float(np.bincount((levels >> (5 * c)) & 31, total, 32) @ part) / 2
        made[0] += mean
        part -= mean
    return made


def _finished(
    model: Model, nats: NDArray[np.float64], levels: NDArray[np.int64], total: NDArray[np.int64], by: str
) -> Model:
    nats = centered(model, nats, levels, total)
    weights = np.round(nats / np.log(2) * UNIT).astype(np.int32)
    _silence(weights, model)
    bits = nats_of(model, nats, levels) / np.log(2)
    return replace(
        model, weights=weights, learnt=True, learnt_by=by, auto=threshold(bits, total, model.bands["auto"], each=True),
        review=threshold(bits, total, model.bands["review"], each=True),
    )  # fmt: skip


def _silence(weights: NDArray[np.int32], model: Model) -> None:
    """A level that stands for a veto weighs as one, whatever was learnt."""
    for i, c in enumerate(model.comparisons):
        for name in model.guards.get("never", {}).get(c.name, []):
            at = model.weight_at(i, LEVELS[c.kind].index(name))
            weights[at] = min(int(weights[at]), -12 * UNIT)
        if c.kind == "identity" and "two_numbers" in model.guards:
            at = model.weight_at(i, LEVELS["identity"].index("two_trusted"))
            weights[at] = min(int(weights[at]), -20 * UNIT)


def threshold(bits: NDArray[np.float64], total: NDArray[np.int64], precision: float, each: bool = False) -> float:
    """The lowest score from which on the pairs keep the target precision: on the whole, or (*each*) one by one."""
    if each:
        return float(np.round(np.log2(precision / (1 - precision)) * UNIT) / UNIT)
    order = np.argsort(-bits)
    p = 1 / (1 + 2.0 ** -np.clip(bits[order], -60, 60))
    kept = np.cumsum(p * total[order]) / np.cumsum(total[order])
    enough = np.flatnonzero(kept >= precision)
    return float(np.round(max(bits[order][enough[-1]], 0.0) * UNIT) / UNIT) if enough.size else 20.0


def by_em(model: Model, seen: NDArray[np.int64], total: NDArray[np.int64], rounds: int = 60) -> Model:
    """Fellegi-Sunter weights by expectation and maximization, starting from the guesses of the declaration."""
    said = [(seen >> (5 * i)) & 31 for i in range(len(model.comparisons))]
    weights = nats(model)
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
    return _finished(model, weights, seen, total, "em")


def _level_shares(said: NDArray[np.int64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    held = np.bincount(said, weight, 32)
    held[0] = 0
    return (held + 0.05) / (held.sum() + 1.6)


def by_review(model: Model, levels: NDArray[np.int64], good: NDArray[np.bool_], *, strength: float = 1.0) -> Model:
    """The weights moved by pairs that people have judged: the fit starts from the present weights and keeps near them."""
    counts = counts_of(levels, good.astype(np.float64))
    weights = fit(model, counts, pull=8.0 / strength)
    return _finished(model, weights, counts.levels, counts.total.astype(np.int64), "review")
