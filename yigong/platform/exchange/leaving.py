"""Rows that a filter leaves out though their record is in: what this feed brought under their keys is withdrawn (ADR 34)."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from yigong.kit.ctx import Ctx
from yigong.platform.exchange.batch import KEY, OP
from yigong.platform.exchange.models import BatchRun, Feed
from yigong.platform.records import api as records


def going(ctx: Ctx, feed: Feed, data_set: str, left: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """Of the keys *left* out, as deletions, those whose record this feed brought, or that pass earlier in *frame*.

    What another feed said last under the same key stays: its filter may be the other half of this one's.
    """
    if left.is_empty():
        return left
    stored = records.came_by(ctx, data_set, left)
    batches = stored.get_column("batch_id").drop_nulls().unique().to_list()
    own = BatchRun.objects.filter(pk__in=batches, job__feed=feed).values_list("pk", flat=True) if batches else ()
    mine = stored.filter(pl.col("batch_id").is_in(list(own))).select(KEY)
    here = left.join(frame.select(KEY), on=KEY, how="semi") if frame.height else left.clear()
    return pl.concat([mine, here]).unique().with_columns(pl.lit("delete").alias(OP))


def joined(frame: pl.DataFrame, leaving: pl.DataFrame) -> pl.DataFrame:
    """The rows to be loaded with those that leave behind them, so that these have the last word."""
    if leaving.is_empty():
        return frame
    return leaving if frame.is_empty() else pl.concat([frame, leaving], how="diagonal")


def parted(loaded: records.Loaded, rows: int, leaving: pl.DataFrame) -> tuple[records.Loaded, dict[str, int]]:
    """What became of the first *rows* alone, and of those that left how many were withdrawn, by institution."""
    if leaving.is_empty():
        return loaded, {}
    gone = leaving.filter(loaded.outcome.tail(leaving.height) == "deleted")
    withdrawn = dict(gone.group_by("org_code").len().sort("org_code").iter_rows())
    own = replace(
        loaded, outcome=loaded.outcome.head(rows), deleted=loaded.deleted - gone.height,
        unchanged=loaded.unchanged - (leaving.height - gone.height),
    )  # fmt: skip
    return own, withdrawn
