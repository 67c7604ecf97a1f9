"""Bulk linkage: raw records to clusters in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from yigong.platform.empi.engine import cluster, learn, pairs, standard, tables
from yigong.platform.empi.engine.compare import LEVELS
from yigong.platform.empi.engine.model import Model
from yigong.platform.empi.engine.score import UNIT

Progress = Callable[[str, str], None]


@dataclass(frozen=True)
class Linked:
    """The outcome of a bulk run: for each record its cluster, best score and reason; the pairs that were considered."""

    model: Model
    rows: NDArray[np.int64]
    pairs: pairs.Pairs
    refused: NDArray[np.uint8]  # for each pair: 0 not refused, 1 two numbers, 2 too large, 3 cross pairs disagree
    root: NDArray[np.uint32]
    best: NDArray[np.int32]
    reason: NDArray[np.uint32]  # the best pair of each record, counted from 1; 0 for none

    def frame(self) -> pl.DataFrame:
        """``record, cluster, score, reason``; a cluster is named by the first of its records."""
        return pl.DataFrame(
            {
                "record": np.arange(self.root.size, dtype=np.uint32),
                "cluster": first_of(self.root),
                "score": self.best / UNIT,
                "reason": reasons(self.model, self.pairs.levels, self.reason),
            }
        )


def reasons(model: Model, levels: NDArray[np.int64], best: NDArray[np.uint32]) -> pl.Series:
    """For every record the levels of its best pair that spoke for it: ``name same_rare; born same; number same_trusted``."""
    held = np.append(levels, -1)[best.astype(np.int64) - 1]
    patterns = pl.Series("levels", held)
    texts = {p: _spoke_for(model, p) if p >= 0 else "" for p in patterns.unique().to_list()}
    return patterns.replace_strict(list(texts), list(texts.values()), return_dtype=pl.String)


def _spoke_for(model: Model, levels: int) -> str:
    said = []
    for i, c in enumerate(model.comparisons):
        level = (levels >> (5 * i)) & 31
        if c.kind != "age" and level and model.weights[model.weight_at(i, level)] > 0:
            said.append(f"{c.name} {LEVELS[c.kind][level]}")
    return "; ".join(said)


def first_of(root: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Every cluster named by the first row in it."""
    first = np.full(root.size, root.size, np.uint32)
    np.minimum.at(first, root, np.arange(root.size, dtype=np.uint32))
    return first[root]


def link(
    frame: pl.DataFrame | pl.LazyFrame, model: Model, *, train: bool | None = None, progress: Progress | None = None
) -> pl.DataFrame:
    """The cluster of every record with the score and reason of its strongest link.

    *train*: learn the weights from these records (True), use the model's own (False), or learn when the model has none
    (None).
    """
    return run(frame, model, train=train, progress=progress).frame()


def run(
    frame: pl.DataFrame | pl.LazyFrame, model: Model, *, train: bool | None = None, progress: Progress | None = None
) -> Linked:
    """As :func:`link`, with everything that was found on the way."""
    say = progress or (lambda zh, en: None)
    say("读取与标准化", "reading and standardising")
    rows = standard.rows_of(frame, model)
    learning = not model.learnt if train is None else train
    if learning:
        rows, model = _with_signs(rows, model)
    say("排序分块键", "sorting keys")
    runs = pairs.runs_of(rows, model)
    if learning:
        say("学习权重", "learning weights")
        model = learn.train_model(rows, model, runs)
    say("比较记录对", "comparing pairs")
    floor = int(np.ceil(threshold_of(model) * UNIT))
    found = pairs.joined(pairs.make(runs, model, floor))
    say("聚类", "clustering")
    return clusters(rows, model, found)


def threshold_of(model: Model) -> float:
    """The score from which on a pair may join two clusters in a bulk run."""
    share = model.bands["link"]
    return float(np.log2(share / (1 - share)))


def _with_signs(rows: NDArray[np.int64], model: Model) -> tuple[NDArray[np.int64], Model]:
    model = replace(model, signs=standard.measure_signs(rows, model))
    standard.mark_rarity(rows, model)
    return rows, model


def clusters(rows: NDArray[np.int64], model: Model, found: pairs.Pairs) -> Linked:
    """Clusters of the records along the pairs found."""
    n, known = rows.size // model.width, tables.load()
    if "ambiguous" in model.guards:
        found = without_ambiguous(rows, model, found)
    order = _order(rows, model.width, found)
    root, next_of, size = np.empty(n, np.uint32), np.empty(n, np.uint32), np.empty(n, np.uint32)
    held, best, reason = np.empty(n, np.int64), np.zeros(n, np.int32), np.zeros(n, np.uint32)
    refused = np.zeros(max(1, len(found)), np.uint8)
    guard = model.at(model.guards["two_numbers"]) if "two_numbers" in model.guards else -1
    cluster.grow(
        order, len(found), found.left, found.right, found.scores, found.levels, rows, model.width, n, guard, model.program,
        len(model.comparisons), known.alike, known.kin, model.weights, model.relation_program, len(model.relations),
        model.clusters["clip"] * UNIT, model.clusters["need"] * UNIT, model.clusters["most"], root, next_of, size,
        held, best, reason, refused,
    )  # fmt: skip
    return Linked(model, rows, found, refused, root, best, reason)


def without_ambiguous(rows: NDArray[np.int64], model: Model, found: pairs.Pairs) -> pairs.Pairs:
    """The pairs without those of a newborn that fits two children nearly alike who cannot be one."""
    rule = model.guards["ambiguous"]
    born = ((rows.reshape(-1, model.width)[:, model.at(rule["name"]) + 1] >> 47) & 1).astype(bool)
    one = np.flatnonzero(born[found.left] ^ born[found.right])
    if one.size == 0:
        return found
    swap = born[found.right[one]]
    child = np.where(swap, found.right[one], found.left[one])
    other = np.where(swap, found.left[one], found.right[one])
    edges = pl.DataFrame({"edge": one, "child": child, "other": other, "score": found.scores[one]})
    rivals = edges.join(edges, on="child").filter(
        (pl.col("other") != pl.col("other_right")) & (pl.col("score") < pl.col("score_right") + rule["bits"] * UNIT)
    )
    between = pairs.score_between(rows, model, _u32(rivals["other"]), _u32(rivals["other_right"]))
    twins = (between.scores < 0) & (_level(model, rule["born"], between.levels) == LEVELS["date"].index("same"))
    torn = rivals.filter(pl.Series(twins))
    keep = np.ones(len(found), bool)
    keep[torn["edge"].unique().to_numpy()] = False
    unsure = np.zeros(born.size, bool)
    unsure[torn["child"].unique().to_numpy()] = True
    keep &= ~(born[found.left] & born[found.right] & (unsure[found.left] | unsure[found.right]))
    return pairs.Pairs(found.left[keep], found.right[keep], found.levels[keep], found.scores[keep])


def _level(model: Model, comparison: str, levels: NDArray[np.int64]) -> NDArray[np.int64]:
    return (levels >> (5 * model.comparison(comparison))) & 31


def _u32(rows: pl.Series) -> NDArray[np.uint32]:
    return np.ascontiguousarray(rows.to_numpy().astype(np.uint32))


def _order(rows: NDArray[np.int64], width: int, found: pairs.Pairs) -> NDArray[np.uint32]:
    """Pairs by falling score; ties by what stands in the records, so that their order does not matter."""
    tie = cluster.tie_breaks(rows, width, found.left, found.right)
    return np.lexsort((tie, -found.scores)).astype(np.uint32)
