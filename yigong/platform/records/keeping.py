"""What records said before: every row that is corrected or withdrawn stays readable as a version."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from yigong.platform.records import tables

VERSION = "records_version"
#: groups of rows, with the registration their rows hung on
GROUPS = {"org_code": pl.String, "source_system": pl.String, "group_key": pl.String, "registration_id": pl.Int64}
NO_GROUPS = pl.DataFrame(schema=GROUPS)
_COLUMNS = """(data_set, record_id, version, registration_id, org_code, source_system, source_key, row, known_from,
    known_until, withdrawn, batch_id)"""
_VALUES = """%s::text, t.id, t.version, t.registration_id, t.org_code, t.source_system, t.source_key, to_jsonb(t), t.loaded_at,
    %s::timestamptz, {withdrawn}, %s::bigint"""


def keep_old(table: str, new: str, *, until: datetime, batch_id: int | None) -> pl.DataFrame:
    """Keep what the rows said whose ids stand in the table *new*; the groups they belong to."""
    return tables.ask(
        f"""with kept as (
            insert into {VERSION} {_COLUMNS} select {_VALUES.format(withdrawn="false")}
            from {table} t join {new} n on n.id = t.id)
            select distinct t.org_code, t.source_system, t.group_key, t.registration_id
            from {table} t join {new} n on n.id = t.id where t.group_key is not null""",
        [_data_set(table), until, batch_id],
        GROUPS,
    )


def withdraw(table: str, ids: pl.Series, *, until: datetime, batch_id: int | None) -> pl.DataFrame:
    """Take rows out of their table and keep them as versions that ended; the groups they belonged to."""
    if ids.is_empty():
        return NO_GROUPS
    return tables.ask(
        f"""with t as (delete from {table} where id = any(%s) returning *),
            kept as (insert into {VERSION} {_COLUMNS} select {_VALUES.format(withdrawn="true")} from t)
            select distinct org_code, source_system, group_key, registration_id from t where group_key is not null""",
        [ids.to_list(), _data_set(table), until, batch_id],
        GROUPS,
    )


def withdrawn(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Those of the keys that were withdrawn before, with id and the version they continue with."""
    schema = {"org_code": pl.String, "source_system": pl.String, "source_key": pl.String, "id": pl.Int64, "version": pl.Int64}  # fmt: skip
    keys = rows.get_column("source_key")
    where, params = "data_set = %s and withdrawn", [_data_set(table)]
    if tables.ask(
        f"select 1 from {VERSION} where {where} and source_key between %s and %s limit 1",
        [*params, keys.min(), keys.max()],
        {"one": pl.Int64},
    ).is_empty():
        return pl.DataFrame(schema=schema)
    found = tables.ask(
        f"""select distinct on (org_code, source_system, source_key) org_code, source_system, source_key, record_id,
                version + 1
            from {VERSION} where {where} and source_key = any(%s)
            order by org_code, source_system, source_key, version desc""",
        [*params, keys.to_list()],
        schema,
    )
    return found.join(rows.select("org_code", "source_system", "source_key"), on=list(schema)[:3], how="semi")


def _data_set(table: str) -> str:
    return table.removeprefix("records_")
