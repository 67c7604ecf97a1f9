"""Results overtake each other on their ways: what was said earlier never replaces what was said later.

A row says when by ``_said``, and by ``_firm`` "1" that it corrects. Of two sayings of one row the later report counts; of one report
the corrected (HL7 table 0085: a final result changes only by a correction), then the message that was sent later.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from yigong.platform.records import tables

SAID, FIRM = "_said", "_firm"
AT = "extracted_at"  # the column that keeps when it was said
ORDER = ("event_at", FIRM, AT)
_KEPT = {"_known": pl.Int64, "_event_at": tables.DTYPES["timestamp with time zone"], f"_{FIRM}": pl.Boolean}
KEPT = {**_KEPT, "_kept": _KEPT["_event_at"]}
STORED = f"""select id, event_at, coalesce(extra->>'结果状态' = 'C', false) or coalesce(extra->>'报告状态' = 'C', false), {AT}
    from {{table}} where id = any(%s)"""

#: what a row is, however little is said of it
_OWN = {"id", "version", "row_hash", "registration_id", "org_code", "source_system", "source_key", "loaded_at"}


def ordered(frame: pl.DataFrame) -> bool:
    """Whether the rows say when they were said."""
    return SAID in frame.columns


def said(frame: pl.DataFrame) -> list[pl.Expr]:
    """The two columns in their types, the moment under the name that the tables give it."""
    firm = pl.col(FIRM).eq_missing(pl.lit("1")) if FIRM in frame.columns else pl.lit(False)
    moment = pl.col(SAID)
    if frame.schema[SAID] == pl.String:
        moment = moment.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    return [moment.alias(AT), firm.alias(FIRM)]


def parted(table: str, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows whose id is ``_known``: those that are the later word, and those that come too late. One without a moment is taken as later."""
    if rows.is_empty() or AT not in rows.columns:
        return rows, rows.clear()
    kept = tables.ask(STORED.format(table=table), [rows.get_column("_known").to_list()], KEPT)
    both = rows.join(kept, on="_known", how="left", maintain_order="left")
    report, firm = pl.col("event_at"), pl.col(FIRM)
    kept_report, kept_firm = pl.col("_event_at"), pl.col(f"_{FIRM}")
    same = report.eq_missing(kept_report)
    earlier = (report < kept_report) | (
        same & ((~firm & kept_firm) | ((firm == kept_firm) & (pl.col(AT) < pl.col("_kept"))))
    )
    late = both.select(earlier.fill_null(False)).to_series()
    return rows.filter(~late), rows.filter(late)


def keep(table: str, late: pl.DataFrame, data_set: str, *, at: datetime, batch_id: int | None) -> None:
    """Keep rows that came too late among what their records said before, once each; they were never what was known."""
    if late.is_empty():
        return
    rows = late.rename({"_known": "id"})
    new = tables.temporary("records_late", table, rows)
    left_out = [name for name, c in tables.columns(table).items() if name not in rows.columns and not c.required]
    empty = "{" + ", ".join(f'"{name}": null' for name in left_out if name not in _OWN) + "}"
    given: list[Any] = [data_set, empty, at, at, batch_id, data_set]
    tables.do(
        f"""with late as (
            insert into records_version (data_set, record_id, version, registration_id, org_code, source_system, source_key,
                row, known_from, known_until, withdrawn, batch_id)
            select %s, t.id, t.version, n.registration_id, t.org_code, t.source_system, t.source_key,
                to_jsonb(t) || %s::jsonb || to_jsonb(n), %s, %s, false, %s
            from {table} t join {new} n on n.id = t.id
            where not exists (select 1 from records_version v where v.data_set = %s and v.record_id = t.id
                and (v.row->>'row_hash')::bigint = n.row_hash)
            returning record_id)
        update {table} t set version = t.version + 1 from late where t.id = late.record_id""",
        given,
    )
