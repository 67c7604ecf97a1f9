"""Standard rows into their tables: new ones by COPY, changed ones as a new version, the rest left alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from yigong.kit.clock import now
from yigong.platform.records import tables
from yigong.platform.records.hashing import row_hash, text_hash

KEY = ("org_code", "source_system", "source_key")
#: columns that say how a row came, not what it says: no part of its hash
MANNER = {"id", "row_hash", "version", "batch_id", "extracted_at", "loaded_at", *KEY}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of the rows of a frame, and those that are new or changed."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    touched: pl.DataFrame = field(default_factory=pl.DataFrame)
    outcome: pl.Series = field(default_factory=lambda: pl.Series("outcome", [], pl.String))  # of each row given

    @property
    def total(self) -> int:
        """All rows given."""
        return self.inserted + self.updated + self.unchanged


def load_rows(table: str, frame: pl.DataFrame, *, batch_id: int | None, extracted_at: datetime | None) -> Loaded:
    """Load the rows of *frame*; of rows with one key the last one counts, the earlier ones count as unchanged."""
    if frame.is_empty():
        return Loaded()
    rows = _ready(table, frame).with_row_index("_at")
    last = rows.unique(KEY, keep="last", maintain_order=True) if _repeats(rows) else rows
    _lock(table, last)
    fates = _fates(table, last)
    moment = now()
    came = {"batch_id": batch_id, "extracted_at": extracted_at or moment, "loaded_at": moment}
    new, changed = fates.filter(pl.col("_known").is_null()), fates.filter(_differs())
    _insert(table, new, came)
    _update(table, changed, came)
    return _told(rows.height, new, changed)


def _told(given: int, new: pl.DataFrame, changed: pl.DataFrame) -> Loaded:
    at = pl.DataFrame({"_at": pl.int_range(given, dtype=pl.UInt32, eager=True)})
    fate = pl.concat([new.select("_at", outcome=pl.lit("inserted")), changed.select("_at", outcome=pl.lit("updated"))])
    outcome = at.join(fate, on="_at", how="left", maintain_order="left").get_column("outcome").fill_null("unchanged")
    touched = (pl.concat([new, changed]) if changed.height else new).drop("_at", "_known", "_stored")
    return Loaded(new.height, changed.height, given - new.height - changed.height, touched, outcome)


def _repeats(rows: pl.DataFrame) -> bool:
    return rows.select(pl.struct(KEY).is_duplicated().any()).item() if rows.height else False


def _differs() -> pl.Expr:
    return pl.col("_known").is_not_null() & pl.col("_stored").ne_missing(pl.col("row_hash"))


def _ready(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The columns the table has, in its types, with the hash of what the row says."""
    known = tables.columns(table)
    present = [c for c in known.values() if c.name in frame.columns and c.name not in MANNER - set(KEY)]
    needed = [c for c in known.values() if c.required and c.name not in frame.columns and c.type == "text"]
    rows = frame.select(
        *(pl.col(c.name).cast(c.dtype) if frame.schema[c.name] != c.dtype else pl.col(c.name) for c in present),
        *(pl.lit("").alias(c.name) for c in needed),
    ).with_columns(pl.col(c.name).fill_null("") for c in present if c.required and c.dtype == pl.String)
    said = sorted(c.name for c in present if c.name not in MANNER)
    return rows.with_columns(row_hash(rows, said))


def _lock(table: str, rows: pl.DataFrame) -> None:
    """One loader at a time for the rows of one system of one institution; others wait until the commit."""
    pairs = rows.select("org_code", "source_system").unique().sort("org_code", "source_system")
    for org, system in pairs.iter_rows():
        tables.do("select pg_advisory_xact_lock(%s)", [text_hash(f"records.load {table} {org} {system}")])


def _fates(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with id and hash of what is stored under their key."""
    parts = []
    for (org, system), part in rows.group_by("org_code", "source_system", maintain_order=True):
        parts.append(part.join(_stored(table, str(org), str(system), part), on="source_key", how="left"))
    return pl.concat(parts).sort("source_key")  # neighbours in the index lie together


def _stored(table: str, org: str, system: str, part: pl.DataFrame) -> pl.DataFrame:
    schema = {"source_key": pl.String, "_known": pl.Int64, "_stored": pl.Int64}
    keys = part.get_column("source_key")
    low, high = keys.min(), keys.max()
    some = tables.ask(
        f"""select 1 from {table} where org_code = %s and source_system = %s
            and source_key between %s and %s limit 1""",
        [org, system, low, high],
        {"one": pl.Int64},
    )
    if some.is_empty():
        return pl.DataFrame(schema=schema)
    return tables.ask(
        f"""select source_key, id, row_hash from {table}
            where org_code = %s and source_system = %s and source_key = any(%s)""",
        [org, system, keys.to_list()],
        schema,
    )


def _insert(table: str, new: pl.DataFrame, came: dict[str, Any]) -> None:
    if new.is_empty():
        return
    known = tables.columns(table)
    full = {**came, "version": 1}
    given = [pl.lit(v).cast(known[c].dtype).alias(c) for c, v in full.items() if c in known]
    rows = new.drop("_at", "_known", "_stored")
    empty = [c for c in rows.columns if rows.get_column(c).null_count() == rows.height]
    tables.copy(table, rows.drop(empty).with_columns(given))


def _update(table: str, changed: pl.DataFrame, came: dict[str, Any]) -> None:
    if changed.is_empty():
        return
    known = tables.columns(table)
    rows = changed.drop("_at", "_stored").rename({"_known": "id"})
    rows = rows.with_columns(pl.lit(v).cast(known[c].dtype).alias(c) for c, v in came.items() if c in known)
    new = tables.temporary("records_changed", table, rows)
    _keep_old(table, new)
    # a column that the source no longer fills becomes null: the row says what the source says now
    fixed = {"id", "version", *KEY}
    sets = ", ".join(
        f'"{c}" = ' + (f'n."{c}"' if c in rows.columns else "null")
        for c, column in known.items()
        if c not in fixed and not (column.required and c not in rows.columns)
    )
    tables.do(f"update {table} t set {sets}, version = t.version + 1 from {new} n where t.id = n.id")


def _keep_old(table: str, new: str) -> None:
    """What the rows said until now, readable for ever."""
    if not tables.exists("records_version"):
        return
    tables.do(
        f"""insert into records_version (data_set, record_id, version, row, replaced_at)
            select %s, t.id, t.version, to_jsonb(t), now() from {table} t join {new} n on n.id = t.id""",
        [table.removeprefix("records_")],
    )
