"""The same model on Spark: standard form, blocks, scores and clusters made in partitions; no step gathers the records.

Clusters are those of a run in one process. Whether two clusters join is asked only along pairs that score above the
threshold, and answered from the members of the two clusters alone; so what happens in one knot of records that such
pairs hold together (a connected component) does not depend on any other. Components are found by Spark; whole ones are
laid into buckets, and in each bucket the loop of the single process runs on its rows and pairs in the same order.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession, Window, functions
from pyspark.sql.functions import col

from yigong.platform.empi.engine import learn, pairs, standard, tables
from yigong.platform.empi.engine.link import Progress, clusters, threshold_of
from yigong.platform.empi.engine.model import Model
from yigong.platform.empi.engine.reading import Files, encoding_of
from yigong.platform.empi.engine.score import UNIT

BUCKET = 100_000  # records of whole components that one task clusters
Batches = Iterator[pa.RecordBatch]
ROWS = "row long, facts binary, void int"
KEYS = "row long, space int, key long"
SCORED = "left long, right long, levels long, score int, met long"
LINKS = "row long, cluster long, score double, reason string"


def link(
    frame: DataFrame, model: Model, *, train: bool | None = None, progress: Progress | None = None
) -> tuple[DataFrame, Model]:
    """``row, cluster, score, reason`` of a frame with a column ``row``, as ``link.link`` makes them; and the model used."""
    say = progress or (lambda zh, en: None)
    say("读取与标准化", "reading and standardising")
    rows = _keep(frame.mapInArrow(partial(_standard, model), "row long, facts binary"))
    learning = not model.learnt if train is None else train
    if learning:
        model = _with_signs(rows, model)
        rows = _keep(rows.mapInArrow(partial(_marked, model), "row long, facts binary"))
    say("分块", "making blocks")
    rows, blocks = _blocks(rows, model)
    if learning:
        say("学习权重", "learning weights")
        model = learn.learnt_from(model, _sample(rows, blocks, model))
    say("比较记录对", "comparing pairs")
    floor = int(np.ceil(threshold_of(model) * UNIT))
    edges = _keep(_scored(rows, _pairs(blocks), model, floor))
    say("聚类", "clustering")
    return _clusters(rows, edges, model), model


def _keep(frame: DataFrame) -> DataFrame:
    """The frame held by the workers, so that it is made once; what does not fit in memory lies on their disks."""
    return frame.localCheckpoint()


def _standard(model: Model, batches: Batches) -> Batches:
    for batch in batches:
        frame = pl.DataFrame(pl.from_arrow(batch))
        facts = standard.rows_of(frame.drop("row"), model)
        yield _batch(row=frame["row"].to_numpy(), facts=_packed(facts, model.width))


def _packed(rows: NDArray[np.int64], width: int) -> pa.Array:
    """Standard rows as binary values, without copying."""
    count = rows.size // width
    offsets = np.arange(count + 1, dtype=np.int32) * (8 * width)
    return pa.BinaryArray.from_buffers(pa.binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(rows)])


def _rows(column: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """Binary values as standard rows."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if len(whole) == 0:
        return np.zeros(0, np.int64)
    _, offsets, data = whole.buffers()
    at = np.frombuffer(offsets, np.int32)[whole.offset : whole.offset + len(whole) + 1]
    return np.frombuffer(data, np.int64, (int(at[-1]) - int(at[0])) // 8, int(at[0]))


def _batch(**columns: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {name: pa.array(c) if isinstance(c, np.ndarray) else c for name, c in columns.items()}
    )


def _with_signs(rows: DataFrame, model: Model) -> Model:
    """The model with how rare each sign is, counted in the partitions."""
    counted = (
        rows.mapInArrow(partial(_signs, model), "sign int, times long").groupBy("sign").agg(functions.sum("times"))
    )
    counts = np.zeros(2 * tables.SIZE, np.int64)
    for sign, times in counted.collect():
        counts[sign] = times
    return replace(model, signs=standard.bits_of_signs(counts))


def _signs(model: Model, batches: Batches) -> Batches:
    for batch in batches:
        counts = standard.count_signs(_rows(batch.column("facts")), model)
        seen = np.flatnonzero(counts)
        yield _batch(sign=seen.astype(np.int32), times=counts[seen])


def _marked(model: Model, batches: Batches) -> Batches:
    for batch in batches:
        rows = _rows(batch.column("facts")).copy()
        standard.mark_rarity(rows, model)
        yield _batch(row=batch.column("row"), facts=_packed(rows, model.width))


def _blocks(rows: DataFrame, model: Model) -> tuple[DataFrame, DataFrame]:
    """Rows with the rules they are left out of because too many meet there, and the blocks: ``row, space, key, first``."""
    keys = _keep(rows.mapInArrow(partial(_keys, model), KEYS))
    sizes = _keep(
        keys.groupBy("space", "key")
        .agg(functions.count("row").alias("size"), functions.min("row").alias("first"))
        .filter("size > 1")
    )
    large = keys.join(sizes.filter(col("size") > model.cap), ["space", "key"])
    void = large.groupBy("row").agg(functions.bit_or(functions.expr("shiftleft(1, space)")).alias("void"))
    told = _keep(
        rows.join(void, "row", "left").select(
            "row", "facts", functions.coalesce("void", functions.lit(0)).alias("void")
        )
    )
    small = sizes.filter(col("size") <= model.cap).select("space", "key", "first")
    return told, _keep(keys.join(small, ["space", "key"]))


def _keys(model: Model, batches: Batches) -> Batches:
    for batch in batches:
        made = pairs.key_frame(_rows(batch.column("facts")), model)
        row = batch.column("row").to_numpy()[made["row"].to_numpy()]
        yield _batch(row=row, space=made["rule"].to_numpy().astype(np.int32), key=made["key"].to_numpy())


def _meetings(blocks: DataFrame) -> DataFrame:
    """``left, right, space, first, print`` for each block in which two rows meet."""
    told = functions.expr("greatest(1L, shiftrightunsigned(key, 33))").alias("print")
    one = blocks.select("space", "key", col("row").alias("left"), "first", told)
    other = blocks.select("space", "key", col("row").alias("right"))
    return one.join(other, ["space", "key"]).filter("left < right").drop("key")


def _pairs(blocks: DataFrame) -> DataFrame:
    return _meetings(blocks).select("left", "right").distinct()


def _scored(rows: DataFrame, wanted: DataFrame, model: Model, floor: int, rules: bool = False) -> DataFrame:
    """Pairs with levels and scores of at least *floor*; with *rules* also the rules under which they meet."""
    one = rows.select(col("row").alias("left"), col("facts").alias("a"), col("void").alias("u"))
    two = rows.select(col("row").alias("right"), col("facts").alias("b"), col("void").alias("v"))
    return wanted.join(one, "left").join(two, "right").mapInArrow(partial(_compare, model, floor, rules), _also(wanted))


def _also(wanted: DataFrame) -> str:
    return SCORED + (", space int" if "space" in wanted.columns else "")


def _compare(model: Model, floor: int, rules: bool, batches: Batches) -> Batches:
    for batch in batches:
        n = batch.num_rows
        rows = np.concatenate([_rows(batch.column("a")), _rows(batch.column("b"))])
        left = np.arange(n, dtype=np.uint32)
        made = pairs.score_between(rows, model, left, left + np.uint32(n))
        void = np.concatenate([batch.column(c).to_numpy().astype(np.uint32) for c in ("u", "v")])
        met = (
            pairs.meetings(pairs.Runs(rows, [], np.empty(0, np.uint32), void), model, made)
            if rules
            else np.zeros(n, np.int64)
        )
        keep = made.scores >= floor
        if rules:  # of several blocks of one rule that with the smallest print, as blocking.make_pairs chooses
            barred = ((void[:n] | void[n:]).astype(np.int64) >> batch.column("space").to_numpy()) & 1
            keep &= batch.column("own").to_numpy(zero_copy_only=False) | (barred == 1)
        columns = {
            "left": batch.column("left").to_numpy(),
            "right": batch.column("right").to_numpy(),
            "levels": made.levels,
            "score": made.scores,
            "met": met,
        }
        if "space" in batch.schema.names:
            columns["space"] = batch.column("space").to_numpy()
        yield _batch(**{name: np.ascontiguousarray(c[keep]) for name, c in columns.items()})


def _sample(rows: DataFrame, blocks: DataFrame, model: Model) -> learn.Sample:
    """The pairs that a run in one process would learn from, as counts of patterns: same blocks, same pairs."""
    nth = learn.share_of(blocks.count())
    together = Window.partitionBy("left", "right", "space")
    met = _meetings(blocks).withColumn("own", col("print") == functions.min("print").over(together))
    chosen = met.filter(f"shiftright(first * 2654435761L, 7) % {nth} = 0").select("left", "right", "space", "own")
    scored = _scored(rows, chosen, model, pairs.EVERYTHING, rules=True)
    first = scored.filter("(met & (shiftleft(1L, space) - 1)) = 0")
    counted = (
        first.groupBy("levels", "met").agg(functions.count("left").alias("total")).orderBy("levels", "met").toArrow()
    )
    return learn.Sample(*(counted.column(c).to_numpy() for c in ("levels", "met", "total")))


def _components(edges: DataFrame) -> DataFrame:
    """``row, component``: every row that an edge ends in, and the smallest row that it hangs together with."""
    ends = _keep(
        edges.select(col("left").alias("row"), col("right").alias("other"))
        .union(edges.select("right", "left"))
        .distinct()
    )
    known = _keep(ends.groupBy("row").agg(functions.least(col("row"), functions.min("other")).alias("component")))
    while True:
        there = known.select(col("row").alias("other"), col("component").alias("near"))
        near = ends.join(there, "other").groupBy("row").agg(functions.min("near").alias("near"))
        nearer = known.join(near, "row").select("row", functions.least("component", "near").alias("component"))
        jump = nearer.select(col("row").alias("component"), col("component").alias("farther"))
        next_known = _keep(nearer.join(jump, "component").select("row", col("farther").alias("component")))
        moved = next_known.join(known.withColumnRenamed("component", "before"), "row").filter("component <> before")
        if moved.isEmpty():
            return next_known
        known = next_known


def _clusters(rows: DataFrame, edges: DataFrame, model: Model) -> DataFrame:
    place = _components(edges)
    buckets = max(1, -(-place.count() // BUCKET), place.sparkSession.sparkContext.defaultParallelism)
    held = rows.select("row", "facts").join(_in_buckets(place, "row", buckets), "row")
    ties = edges.select("left", "right", "levels", "score").join(_in_buckets(place, "left", buckets), "left")
    made = held.groupBy("bucket").cogroup(ties.groupBy("bucket")).applyInArrow(partial(_grow, model), LINKS)
    alone = rows.join(place, "row", "left_anti").selectExpr("row", "row as cluster", "0D as score", "'' as reason")
    return made.union(alone)


def _in_buckets(place: DataFrame, name: str, buckets: int) -> DataFrame:
    """Which bucket the component of each row lies in; the row is called *name*."""
    return place.select(col("row").alias(name), functions.expr(f"pmod(hash(component), {buckets})").alias("bucket"))


def _grow(model: Model, held: pa.Table, ties: pa.Table) -> pa.Table:
    """Clusters of the whole components in one bucket, by the loop of the single process."""
    order = np.argsort(held.column("row").to_numpy())
    held = held.take(pa.array(order))
    ties = ties.sort_by([("left", "ascending"), ("right", "ascending")])
    row = held.column("row").to_numpy()
    left, right = (np.searchsorted(row, ties.column(c).to_numpy()).astype(np.uint32) for c in ("left", "right"))
    levels, scores = (np.ascontiguousarray(ties.column(c).to_numpy()) for c in ("levels", "score"))
    made = clusters(_rows(held.column("facts")).copy(), model, pairs.Pairs(left, right, levels, scores)).frame()
    columns = {
        "row": row,
        "cluster": row[made["cluster"].to_numpy()],
        "score": made["score"].to_numpy(),
        "reason": made["reason"].to_arrow().cast(pa.string()),
    }
    return pa.table(columns)


def numbered(parts: list[DataFrame]) -> DataFrame:
    """The rows of all parts one after the other, numbered from 0 in the column ``row``."""
    whole, start = None, 0
    for part in parts:
        marked = part.withColumn("_mark", functions.monotonically_increasing_id())
        sizes = dict(marked.groupBy(functions.expr("shiftright(_mark, 33)").alias("part")).count().collect())
        starts, total = {}, start
        for number in sorted(sizes):
            starts[number], total = total, total + sizes[number]
        first = functions.create_map(*[functions.lit(x) for pair in starts.items() for x in pair]) if starts else None
        if first is None:
            continue
        row = functions.element_at(first, functions.expr("shiftright(_mark, 33)")) + functions.expr(
            "_mark & 8589934591"
        )
        placed = marked.withColumn("row", row.cast("long")).drop("_mark")
        whole = placed if whole is None else whole.unionByName(placed, allowMissingColumns=True)
        start = total
    if whole is None:
        raise ValueError("no records / 没有记录")
    return whole


def link_files(
    made_in: SparkSession, files: Files, model: Model, out: Path, train: bool | None, progress: Progress | None,
    names: str | None,
) -> tuple[int, int, Model]:  # fmt: skip
    """Links files and writes the folder *out* of Parquet or CSV parts; how many records and persons, and the model used."""
    wanted = [c for f in model.fields if (c := next((c for c in f.columns if c in files.names), None))]
    if not wanted:
        raise ValueError(standard.no_columns(model, files.names))
    also = {c: f.columns for f in model.fields for c in wanted if c in f.columns}
    asked = [*wanted, *([names] if names else [])]
    whole = numbered([_open(made_in, path, files.held(path, asked, also)) for path in files.paths])
    links, used = link(whole.select("row", *wanted), model, train=train, progress=progress)
    links = _keep(links)
    if progress:
        progress("写出", "writing")
    records, persons = links.count(), links.select("cluster").distinct().count()
    writer = _called(links, whole, names).write.mode("overwrite")
    writer.csv(str(out), header=True) if out.suffix.lower() == ".csv" else writer.parquet(str(out))
    return records, persons, used


def _open(made_in: SparkSession, path: Path, held: Mapping[str, str]) -> DataFrame:
    """The columns of a file as texts, each under the name that it stands for."""
    place = str(path.resolve())
    if path.suffix.lower() == ".parquet":
        frame = made_in.read.parquet(place)
    else:
        frame = made_in.read.csv(
            place, header=True, multiLine=True, escape='"', encoding=encoding_of(path).replace("utf8", "UTF-8")
        )
        frame = frame.toDF(*[name.strip() for name in frame.columns])
    return frame.select([col(f"`{column}`").cast("string").alias(name) for name, column in held.items()])


def _called(links: DataFrame, whole: DataFrame, names: str | None) -> DataFrame:
    """The links with records and clusters called as the files call them."""
    if names is None:
        return links.select(col("row").alias("record"), "cluster", "score", "reason")
    called = whole.select("row", col(f"`{names}`").alias("record"))
    first = called.select(col("row").alias("cluster"), col("record").alias("_first"))
    held = links.join(called, "row").join(first, "cluster")
    return held.select("record", col("_first").alias("cluster"), "score", "reason")


def session(master: str | None = None) -> SparkSession:
    """A session on *master*, on what ``spark-submit`` set, or on the processors of this machine."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("yigong empi").config("spark.ui.showConsoleProgress", "false")
    builder = builder.config("spark.sql.legacy.javaCharsets", "true")  # GB 18030
    made = (builder.master(master) if master else builder).getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    return made
