"""Standard rows into their tables: new ones by COPY, changed ones as a new version, withdrawn ones out, the rest left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import polars as pl

from yigong.kit.clock import now
from yigong.platform.records import keeping, overtaking, tables
from yigong.platform.records.buffers import Buffers
from yigong.platform.records.hashing import row_hash, text_hash

KEY = ("org_code", "source_system", "source_key")
#: column of a frame that says what to do with a row: "upsert" (null too) or "delete"
OP = "_op"
#: columns that say how a row came, not what it says: no part of its hash
MANNER = {"id", "row_hash", "version", "batch_id", "extracted_at", "loaded_at", *KEY}
#: columns that travel beside those of the table while a frame is loaded
_BESIDE = ("_at", "_ends", "_known", "_stored", overtaking.FIRM)
#: stored rows between the first and the last of a frame's keys are read as one stretch while they are at most so many times the keys
CROWD = 2
_STORED = {"source_key": pl.String, "_known": pl.Int64, "_stored": pl.Int64}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of the rows of a frame: those new or changed, and the groups that lost a row."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    touched: pl.DataFrame = field(default_factory=pl.DataFrame)
    gone: pl.DataFrame = field(default_factory=lambda: keeping.NO_GROUPS)
    outcome: pl.Series = field(default_factory=lambda: pl.Series("outcome", [], pl.String))  # of each row given
    late: tuple[str, ...] = ()  # keys of unchanged rows that were said before what is known, kept as earlier versions

    @property
    def total(self) -> int:
        """All rows given."""
        return self.inserted + self.updated + self.unchanged + self.deleted


@dataclass(frozen=True, slots=True)
class _Came:
    """How the rows of one frame came: the same for all of them."""

    batch_id: int | None
    extracted_at: datetime | None
    loaded_at: datetime

    def facts(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """The columns that say so, of those the table has."""
        own = {"batch_id": self.batch_id, "extracted_at": self.extracted_at, "loaded_at": self.loaded_at}
        return {name: value for name, value in own.items() if name in known}


def load_rows(table: str, frame: pl.DataFrame, *, batch_id: int | None, extracted_at: datetime | None) -> Loaded:
    """Load the rows of *frame*; of rows with one key the last one counts, the earlier ones count as unchanged."""
    if frame.is_empty():
        return Loaded()
    moment = now()
    came = _Came(batch_id, extracted_at, moment)
    buffers = _ready(table, frame)
    fates = _fates(table, buffers.frame)
    there, ends = pl.col("_known").is_not_null(), pl.col("_ends")
    if fates.get_column("_known").null_count() == fates.height and not fates.get_column("_ends").any():
        new, changed, gone, late = fates, fates.clear(), fates.clear(), fates.clear()
    else:
        new, gone = fates.filter(~there & ~ends), fates.filter(there & ends)
        differs = pl.col("_stored").ne_missing(pl.col("row_hash"))
        changed, late = overtaking.parted(table, fates.filter(there & ~ends & differs))
    _insert(table, new, buffers, came)
    left = pl.concat([_update(table, changed, came), _withdraw(table, gone, came)])
    _keep_late(table, late, came)
    return replace(_told(frame.height, new, changed, gone, left), late=tuple(late.get_column("source_key")))


def _keep_late(table: str, late: pl.DataFrame, came: _Came) -> None:
    rows = late.drop("_at", "_ends", "_stored", overtaking.FIRM, strict=False)
    overtaking.keep(table, rows, table.removeprefix("records_"), at=came.loaded_at, batch_id=came.batch_id)


def _told(
    given: int, new: pl.DataFrame, changed: pl.DataFrame, gone: pl.DataFrame, left: pl.DataFrame
) -> Loaded:  # fmt: skip
    counts = {"inserted": new.height, "updated": changed.height, "deleted": gone.height}
    touched = (pl.concat([new, changed]) if changed.height else new).drop(_BESIDE, strict=False)
    if new.height == given:
        outcome = pl.repeat("inserted", given, eager=True).alias("outcome")
    else:
        at = pl.DataFrame({"_at": pl.int_range(given, dtype=pl.UInt32, eager=True)})
        parts = zip((new, changed, gone), counts, strict=True)
        fate = pl.concat([part.select("_at", outcome=pl.lit(name)) for part, name in parts])
        joined = at.join(fate, on="_at", how="left", maintain_order="left")
        outcome = joined.get_column("outcome").fill_null("unchanged")
    unchanged = given - sum(counts.values())
    return Loaded(new.height, changed.height, unchanged, gone.height, touched, left, outcome)


def _ready(table: str, frame: pl.DataFrame) -> Buffers:
    """The last row of each key, by key, in the columns the table has and in its types, with the hash of what it says."""
    known = tables.columns(table)
    present = [c for c in known.values() if c.name in frame.columns and c.name not in MANNER - set(KEY)]
    needed = [c for c in known.values() if c.required and c.name not in frame.columns and c.type == "text"]
    ends = pl.col(OP).eq_missing(pl.lit("delete")) if OP in frame.columns else pl.lit(False)
    rows = frame.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("_at"),
        ends.alias("_ends"),
        *(pl.col(c.name).cast(c.dtype) if frame.schema[c.name] != c.dtype else pl.col(c.name) for c in present),
        *(pl.lit("").alias(c.name) for c in needed),
        *(overtaking.said(frame) if overtaking.ordered(frame) else ()),
    )
    holes = [c.name for c in present if c.required and c.dtype == pl.String and rows.get_column(c.name).null_count()]
    buffers = Buffers(_by_key(rows.with_columns(pl.col(name).fill_null("") for name in holes)))
    hashed = row_hash(buffers, sorted(c.name for c in present if c.name not in MANNER))
    buffers.frame = buffers.frame.with_columns(hashed)
    return buffers


def _by_key(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows by their key, so that neighbours in the index lie together; the last one of each."""
    if overtaking.AT in rows.columns:
        rows = rows.sort("source_key", *(c for c in overtaking.ORDER if c in rows.columns), maintain_order=True)
    key = rows.get_column("source_key")
    ordered = rows if key.is_sorted() else rows.sort("source_key", maintain_order=True)
    key = ordered.get_column("source_key")
    if not (key == key.shift()).any():
        return ordered
    if not ordered.select(pl.struct(KEY).is_duplicated().any()).item():
        return ordered
    return ordered.unique(KEY, keep="last", maintain_order=True)


def came_by(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The keys of *rows* under which something is stored, with the batch that brought it as it stands."""
    if rows.is_empty():
        return pl.DataFrame(schema={**dict.fromkeys(KEY, pl.String), "batch_id": pl.Int64})
    sources, parts = sources_of(rows), []
    for org, system in sources:
        keys = part_of(rows, org, system, whole=len(sources) == 1).get_column("source_key").to_list()
        asked = f"select source_key, batch_id from {table} where org_code = %s and source_system = %s and source_key = any(%s)"
        found = tables.ask(asked, [org, system, keys], {"source_key": pl.String, "batch_id": pl.Int64})
        parts.append(
            found.select(pl.lit(org).alias("org_code"), pl.lit(system).alias("source_system"), "source_key", "batch_id")
        )
    return pl.concat(parts)


def sources_of(rows: pl.DataFrame) -> list[tuple[str, str]]:
    """The institutions and systems that rows come from, in one order everywhere."""
    org, system = rows.get_column("org_code"), rows.get_column("source_system")
    if (org == org[0]).all() and (system == system[0]).all():
        return [(org[0], system[0])]
    return sorted(rows.select("org_code", "source_system").unique().iter_rows())


def part_of(rows: pl.DataFrame, org: str, system: str, *, whole: bool) -> pl.DataFrame:
    """The rows of one source; *whole* says that there is no other."""
    return rows if whole else rows.filter(pl.col("org_code") == org, pl.col("source_system") == system)


def lock(table: str, rows: pl.DataFrame, *, shared: bool = False) -> None:
    """Loaders of one system of one institution take turns until their commit; *shared*: beside others who share.

    Who shares may meet another that writes the same key: then the database refuses one of them, who has to try again.
    """
    call = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    for org, system in sources_of(rows):
        tables.do(f"select {call}(%s)", [text_hash(f"records.load {table} {org} {system}")])


def _fates(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with id and hash of what is stored under their key."""
    sources, parts = sources_of(rows), []
    for org, system in sources:
        part = part_of(rows, org, system, whole=len(sources) == 1)
        stored = _stored(table, org, system, part)
        if stored.is_empty():
            parts.append(
                part.with_columns(pl.lit(None, pl.Int64).alias("_known"), pl.lit(None, pl.Int64).alias("_stored"))
            )
        else:
            parts.append(part.join(stored, on="source_key", how="left", maintain_order="left"))
    return parts[0] if len(parts) == 1 else pl.concat(parts)


def _stored(table: str, org: str, system: str, part: pl.DataFrame) -> pl.DataFrame:
    """Id and hash of what is stored under the keys of *part*, which are in order; perhaps of keys between them too."""
    keys = part.get_column("source_key")
    between = f"from {table} where org_code = %s and source_system = %s and source_key between %s and %s"
    if not _some(between, [org, system, keys[0], keys[-1]], 1):
        return pl.DataFrame(schema=_STORED)
    if _neighbours(between, [org, system], keys):
        most = CROWD * keys.len()
        asked = f"select source_key, id, row_hash {between} limit {most + 1}"
        stored = tables.ask(asked, [org, system, keys[0], keys[-1]], _STORED)
        if stored.height <= most:
            return stored
    return tables.ask(
        f"""select source_key, id, row_hash from {table}
            where org_code = %s and source_system = %s and source_key = any(%s)""",
        [org, system, keys.to_list()],
        _STORED,
    )


def _neighbours(between: str, source: list[str], keys: pl.Series) -> bool:
    """Whether a source's keys lie in its table as they lie here, judged by some in the middle: then they are one stretch of the index."""
    some = keys.len() // 50
    if not some:
        return False
    middle = keys.len() // 2
    return not _some(between, [*source, keys[middle], keys[middle + some - 1]], CROWD * some + 1)


def _some(between: str, params: list[str], least: int) -> bool:
    """Whether at least so many rows are stored there."""
    counted = f"select count(*) from (select 1 {between} limit {least}) r"
    return bool(tables.ask(counted, params, {"rows": pl.Int64}).item() >= least)


def _insert(table: str, new: pl.DataFrame, buffers: Buffers, came: _Came) -> None:
    if new.is_empty():
        return
    known = tables.columns(table)
    again = keeping.withdrawn(table, new)
    if again.height:  # what was withdrawn and comes again keeps its id and counts its versions on
        back = new.join(again, on=KEY, how="inner")
        _send(table, Buffers(back), [*_own(new), "id", "version"], came.facts(known))
        new = new.join(again, on=KEY, how="anti", maintain_order="left")
    own = buffers if new.height == buffers.frame.height else Buffers(new)
    _send(table, own, _own(new), {**came.facts(known), "version": 1})


def _own(rows: pl.DataFrame) -> list[str]:
    return [name for name in rows.columns if name not in _BESIDE]


def _send(table: str, buffers: Buffers, names: list[str], more: Mapping[str, Any]) -> None:
    kinds = {name: column.type for name, column in tables.columns(table).items()}
    tables.send(table, buffers, names, {n: v for n, v in more.items() if n not in names}, kinds)


def _update(table: str, changed: pl.DataFrame, came: _Came) -> pl.DataFrame:
    """The changed rows as their next version; the groups they belonged to until now."""
    if changed.is_empty():
        return keeping.NO_GROUPS
    known = tables.columns(table)
    rows = changed.drop("_at", "_ends", "_stored", overtaking.FIRM, strict=False).rename({"_known": "id"})
    facts = {c: v for c, v in came.facts(known).items() if c not in rows.columns}
    rows = rows.with_columns(pl.lit(v).cast(known[c].dtype).alias(c) for c, v in facts.items())
    new = tables.temporary("records_changed", table, rows)
    left = keeping.keep_old(table, new, until=came.loaded_at, batch_id=came.batch_id)
    # a column that the source no longer fills becomes null: the row says what the source says now
    fixed = {"id", "version", *KEY}
    sets = ", ".join(
        f'"{c}" = ' + (f'n."{c}"' if c in rows.columns else "null")
        for c, column in known.items()
        if c not in fixed and not (column.required and c not in rows.columns)
    )
    tables.do(f"update {table} t set {sets}, version = t.version + 1 from {new} n where t.id = n.id")
    return left


def _withdraw(table: str, gone: pl.DataFrame, came: _Came) -> pl.DataFrame:
    return keeping.withdraw(table, gone.get_column("_known"), until=came.loaded_at, batch_id=came.batch_id)
