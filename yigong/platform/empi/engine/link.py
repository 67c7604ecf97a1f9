"""Bulk linkage: raw records to clusters in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from yigong.platform.empi.engine import cluster, learn, pairs, standard, tables
from yigong.platform.empi.engine.compare import LEVELS
from yigong.platform.empi.engine.kernels import THREADS, pool, together
from yigong.platform.empi.engine.model import Model
from yigong.platform.empi.engine.reading import Files, column_of, column_of_texts, computed
from yigong.platform.empi.engine.score import UNIT

if TYPE_CHECKING:
    import polars as pl

#: from so many records on threads work side by side
_MANY = 20_000
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
    names: list[pa.Array] = field(default_factory=list)  # what the records are called, where they are called anything

    def table(self) -> pa.Table:
        """``record, cluster, score, reason``; a cluster is named by the first of its records."""
        spoken = pool().submit(reasons, self.model, self.pairs.levels, self.reason)
        record, first = np.arange(self.root.size, dtype=np.uint32), first_of(self.root)
        columns = {
            "record": column_of(record),
            "cluster": column_of(first),
            "score": column_of(self.best / UNIT),
        }
        if self.names:
            called = _called(self.names)
            columns |= {"record": called, "cluster": computed("take", called, columns["cluster"])}
        codes, texts = spoken.result()
        return pa.table({**columns, "reason": pa.DictionaryArray.from_arrays(codes, column_of_texts(texts))})

    def frame(self) -> pl.DataFrame:
        """The table as a frame of Polars."""
        import polars as pl

        return pl.DataFrame(pl.from_arrow(self.table())).with_columns(pl.col("reason").cast(pl.String))


def _called(names: list[pa.Array]) -> pa.Array:
    kinds = {part.type for part in names}
    return pa.concat_arrays(names if len(kinds) == 1 else [part.cast(pa.string()) for part in names])


def reasons(model: Model, levels: NDArray[np.int64], best: NDArray[np.uint32]) -> tuple[pa.Array, list[str]]:
    """What spoke for the best pair of every record, ``name same_rare; born same; number same_trusted``: codes and texts."""
    held = computed("dictionary_encode", column_of(np.append(levels, -1)[best.astype(np.int64) - 1]))
    return held.indices, [_spoke_for(model, p) if p >= 0 else "" for p in held.dictionary.to_pylist()]


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
    records: pl.DataFrame | pl.LazyFrame | Files,
    model: Model,
    *,
    train: bool | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """The cluster of every record with the score and reason of its strongest link.

    *train*: learn the weights from these records (True), use the model's own (False), or learn when the model has none
    (None).
    """
    return run(records, model, train=train, progress=progress).frame()


def run(
    records: pl.DataFrame | pl.LazyFrame | Files,
    model: Model,
    *,
    train: bool | None = None,
    progress: Progress | None = None,
    names: str | None = None,
) -> Linked:
    """As :func:`link`, with everything that was found on the way; *names* is the column that names the records."""
    say = progress or (lambda zh, en: None)
    say("读取与标准化", "reading and standardising")
    rows, called = standard.read(records, model, names)
    pa.default_memory_pool().release_unused()
    learning = not model.learnt if train is None else train
    if learning:
        rows, model = _with_signs(rows, model)
    say("排序分块键", "sorting keys")
    runs = pairs.runs_of(rows, model)
    if learning:
        say("学习权重", "learning weights")
        model = learn.train_model(rows, model, runs)
    say("比较记录对", "comparing pairs")
    found = pairs.make(runs, model, int(np.ceil(threshold_of(model) * UNIT)), spend=True)
    del runs
    say("聚类", "clustering")
    return replace(clusters(rows, model, found), names=called)


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
    root, knot, next_of, size = (np.empty(max(1, n), np.uint32) for _ in range(4))
    held, odd = np.empty(max(1, n), np.int64), np.empty(max(1, n), np.uint8)
    best, reason = np.zeros(max(1, n), np.int32), np.zeros(max(1, n), np.uint32)
    refused = np.zeros(max(1, len(found)), np.uint8)
    guard = model.at(model.guards["two_numbers"]) if "two_numbers" in model.guards else -1

    def begin() -> None:
        cluster.knots(found.left, found.right, len(found), n, knot)
        cluster.begin(rows, model.width, 0, n, guard, model.veto, root, next_of, size, held, odd)

    def grow(order: NDArray[np.uint32]) -> None:
        cluster.grow(
            order, order.size, found.left, found.right, found.scores, found.levels, rows, model.width, model.program,
            len(model.comparisons), known.alike, known.kin, model.weights, model.relation_program, len(model.relations),
            model.clusters["clip"] * UNIT, model.clusters["need"] * UNIT, model.clusters["most"], root, next_of, size,
            held, odd, best, reason, refused,
        )  # fmt: skip

    large = n > _MANY
    began = pool().submit(begin) if large else None
    order = cluster.falling(rows, model.width, found.left, found.right, found.scores)
    if began:
        began.result()
    else:
        begin()
    together([partial(grow, o) for o in cluster.shares(order, found.left, knot, THREADS if large else 1)])
    cluster.settle(root, n)
    return Linked(model, rows, found, refused, root[:n], best[:n], reason[:n])


def without_ambiguous(rows: NDArray[np.int64], model: Model, found: pairs.Pairs) -> pairs.Pairs:
    """The pairs without those of a newborn that fits two children who cannot be one, or a child that fits two newborns.

    Twins registered under their mother's name are told apart by nothing; rather none is joined than the wrong one.
    """
    rule = model.guards["ambiguous"]
    born = ((rows.reshape(-1, model.width)[:, model.at(rule["name"]) + 1] >> 47) & 1).astype(bool)
    one = np.flatnonzero(born[found.left] ^ born[found.right])
    if one.size == 0:
        return found
    swap = born[found.right[one]]
    child = np.where(swap, found.right[one], found.left[one])
    other = np.where(swap, found.left[one], found.right[one])
    torn = _torn(rows, model, child, other, found.scores[one])
    unsure = np.zeros(born.size, bool)
    unsure[child[torn]] = True
    keep = np.ones(len(found), bool)
    keep[one[torn]] = False
    keep[one[_rivalled(rows, model, child, other, found.scores[one])]] = False
    keep &= ~(born[found.left] & born[found.right] & (unsure[found.left] | unsure[found.right]))
    return pairs.Pairs(found.left[keep], found.right[keep], found.levels[keep], found.scores[keep])


def _torn(
    rows: NDArray[np.int64], model: Model, child: NDArray[np.uint32], other: NDArray[np.uint32],
    score: NDArray[np.int32],
) -> NDArray[np.int64]:  # fmt: skip
    """Edges of newborns that fit two children of one birth date who are not one person."""
    rule = model.guards["ambiguous"]
    x, y = _rivals(child, other, score, rule["bits"] * UNIT)
    between = pairs.score_between(rows, model, other[x], other[y])
    return x[(between.scores < 0) & (_level(model, rule["born"], between.levels) == LEVELS["date"].index("same"))]


def _rivalled(
    rows: NDArray[np.int64], model: Model, child: NDArray[np.uint32], other: NDArray[np.uint32],
    score: NDArray[np.int32],
) -> NDArray[np.bool_]:  # fmt: skip
    """Edges of newborns that fit a child whom another newborn fits too, one that may not be the same: 之大女 and 之小女."""
    rule = model.guards["ambiguous"]
    x, y = _rivals(other, child, score, rule["bits"] * UNIT)
    between = pairs.score_between(rows, model, child[x], child[y])
    twins = [LEVELS["name"].index(name) for name in ("newborn_conflict", "newborn_ordered")]
    apart = np.isin(_level(model, rule["name"], between.levels), twins)
    unsure = np.zeros(rows.size // model.width, bool)
    unsure[child[x[apart]]] = True
    return unsure[child]


def _level(model: Model, comparison: str, levels: NDArray[np.int64]) -> NDArray[np.int64]:
    return (levels >> (5 * model.comparison(comparison))) & 31


def _rivals(
    child: NDArray[np.uint32], other: NDArray[np.uint32], score: NDArray[np.int32], reach: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places x, y of edges of one child to two others, x not better than y by *reach* or more."""
    order = np.argsort(child, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(child[order]) != 0))
    sizes = np.diff(np.append(starts, order.size))
    ahead = np.repeat(starts, sizes)
    times = np.repeat(sizes, sizes)
    x = np.repeat(np.arange(order.size), times)
    y = np.repeat(ahead, times) + np.arange(x.size) - np.repeat(np.cumsum(times) - times, times)
    x, y = order[x], order[y]
    rival = (other[x] != other[y]) & (score[x] < score[y] + reach)
    return x[rival], y[rival]
