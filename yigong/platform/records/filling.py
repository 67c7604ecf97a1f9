"""Rows of messages that tell only what is new: what they leave out is as it was said before."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from yigong.platform.records import tables
from yigong.platform.records.loading import KEY, OP, part_of, sources_of

#: names of columns, joined by commas, that a row takes away
CLEAR = "_clear"
#: "1" where ``event_at`` is only when the message was sent: an earlier word is better
GUESS = "_guess"
_OWN = {
    "id",
    "row_hash",
    "version",
    "batch_id",
    "extracted_at",
    "loaded_at",
    "registration_id",
    "document_id",
    "group_key",
    *KEY,
}


def fill(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """*frame* with the gaps of each row filled from the row before it of the same key, stored or in the frame.

    A deletion ends what was said. Call it under the lock of ``loading.lock``.
    """
    kinds = tables.columns(table)
    frame = frame.with_columns(pl.lit(None, pl.String).alias(c) for c in (OP, CLEAR, GUESS) if c not in frame.columns)
    old = _stored(table, frame)
    names = [c for c in kinds if c not in _OWN]
    dtypes = {c: kinds[c].dtype for c in names}
    given = frame.with_columns(pl.col(c).cast(t) for c, t in dtypes.items() if c in frame.columns)
    given = given.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("_nth"))
    both = pl.concat([old.with_columns(pl.lit(-1, pl.Int64).alias("_nth")), given], how="diagonal").sort(*KEY, "_nth")
    both = both.with_columns(_ends(c).alias(f"_era_{c}") for c in names)
    filled = both.with_columns(_carried(c) for c in names if c not in ("extra", "event_at")).with_columns(_moment())
    filled = filled.with_columns(_extras(filled)).filter(pl.col("_nth") >= 0).sort("_nth")
    empty = [c for c in names if c not in frame.columns and filled.get_column(c).null_count() == filled.height]
    return filled.drop("_nth", *(f"_era_{c}" for c in names), *empty)


def _ends(name: str) -> pl.Expr:
    """How often the column was emptied so far, within a key."""
    taken = pl.col(CLEAR).fill_null("").str.split(",").list.contains(name) | pl.col(OP).eq_missing(pl.lit("delete"))
    gone = pl.col(OP).shift(1).eq_missing(pl.lit("delete")).over(KEY)
    return (taken | gone).cast(pl.Int32).cum_sum().over(KEY)


def _carried(name: str) -> pl.Expr:
    return pl.col(name).forward_fill().over(*KEY, f"_era_{name}").alias(name)


def _moment() -> pl.Expr:
    sure = pl.when(pl.col(GUESS).fill_null("") != "1").then(pl.col("event_at"))
    return pl.coalesce(sure.forward_fill().over(*KEY, "_era_event_at"), pl.col("event_at")).alias("event_at")


def _extras(rows: pl.DataFrame) -> pl.Series:
    """``extra`` of each row over that of the row before."""
    made: list[str | None] = []
    before: tuple[Sequence[str], int, dict[str, object]] = ((), -1, {})
    wanted = rows.select(*KEY, "_era_extra", "extra").iter_rows()
    for *key, era, extra in wanted:
        known = before[2] if before[0] == key and before[1] == era else {}
        whole = {**known, **(json.loads(extra) if extra else {})}
        made.append(json.dumps(whole, ensure_ascii=False) if whole else None)
        before = (key, era, whole)
    return pl.Series("extra", made, pl.String)


def _stored(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    kinds = tables.columns(table)
    schema = {c: k.dtype for c, k in kinds.items() if c not in _OWN or c in KEY}
    cast = {"jsonb": "::text", "numeric": "::float8"}
    listed = ", ".join(f'"{c}"{cast.get(kinds[c].type.partition("(")[0], "")}' for c in schema)
    parts, sources = [pl.DataFrame(schema=schema)], sources_of(frame)
    for org, system in sources:
        keys = part_of(frame, org, system, whole=len(sources) == 1).get_column("source_key").unique().to_list()
        sql = f"select {listed} from {table} where org_code = %s and source_system = %s and source_key = any(%s)"
        parts.append(tables.ask(sql, [org, system, keys], schema))
    return pl.concat(parts)
