"""Stored rows as frames that the rules can judge: read by COPY, only the columns that rules ask for."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from django.db import connection

from yigong.standards.quality import api as quality

#: what every frame has beside the columns that rules read
FIXED = ("id", "org_code", "source_key", "event_at", "batch_id")
#: subject -> column -> expression, where the table beside the data sets names it otherwise
NAMED = {
    "registration": {
        "source_key": "r.local_id", "event_at": "r.registered_at", "loaded_at": "r.registered_at",
        "batch_id": "null::bigint", "registration_id": "r.id",
    },
    "document": {"source_key": "r.id::text", "event_at": "r.authored_at", "batch_id": "null::bigint"},
}  # fmt: skip
CHUNK_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class Part:
    """All rows of some institutions in one subject: many small institutions together, or one large one."""

    data_set: str
    org_codes: tuple[str, ...]
    rows: int


def parts(data_set: str, *, since: datetime | None, orgs: Sequence[str] = ()) -> list[Part]:
    """The institutions with rows in a subject; with *since* only those with a row that came after it."""
    table, loaded = quality.subject(data_set).table, _loaded(data_set)
    having = f"having max({loaded}) >= %(since)s" if since and loaded else ""
    narrow = "where r.org_code = any(%(orgs)s)" if orgs else ""
    sql = f"select r.org_code, count(*) from {table} r {narrow} group by 1 {having} order by 1"
    with connection.cursor() as cursor:
        cursor.execute(sql, {"since": since, "orgs": list(orgs)})
        return _together(data_set, cursor.fetchall())


def _together(data_set: str, sizes: Sequence[tuple[str, int]]) -> list[Part]:
    """Institutions in parts of about a chunk: one scan and one judgement serve many small ones."""
    found: list[Part] = []
    for org, rows in sizes:
        last = found[-1] if found else None
        if last and last.rows + rows <= CHUNK_ROWS:
            found[-1] = Part(data_set, (*last.org_codes, org), last.rows + rows)
        else:
            found.append(Part(data_set, (org,), rows))
    return found


def _loaded(data_set: str) -> str:
    return {"registration": "r.registered_at", "document": "r.authored_at"}.get(data_set, "r.loaded_at")


def frames(part: Part, reads: Iterable[str], *, whole: bool) -> Iterator[pl.DataFrame]:
    """The rows of a part with the columns asked for: at once, or a piece at a time so that memory stays flat."""
    if whole or part.rows <= CHUNK_ROWS:
        yield _frame(part, reads, "")
        return
    last = -1
    while True:
        frame = _frame(part, reads, f"and r.id > {last} order by r.id limit {CHUNK_ROWS}")
        if frame.is_empty():
            return
        yield frame
        last = frame.get_column("id").max()  # type: ignore[assignment]


def _frame(part: Part, reads: Iterable[str], tail: str) -> pl.DataFrame:
    about = quality.subject(part.data_set)
    wanted = sorted({*reads, *FIXED} - {"patient"})
    kinds = {name: "whole" if name in ("id", "batch_id") else about.kind(name) or "text" for name in wanted}
    if "patient" in reads:
        kinds["registration_id"] = "whole"
    columns = ", ".join(_written(part.data_set, name, kind) for name, kind in kinds.items())
    join = "left join empi_registration p on p.id = r.registration_id" if any("person." in n for n in wanted) else ""
    sql = f"select {columns} from {about.table} r {join} where r.org_code = any(%s) {tail}"
    return _copied(sql, [list(part.org_codes)], kinds)


def _written(data_set: str, name: str, kind: str) -> str:
    """A column as it is copied: moments as microseconds, flags as 0 and 1."""
    said = NAMED.get(data_set, {}).get(name) or quality.column_sql(name)
    if kind == "instant":
        said = f"(extract(epoch from {said}) * 1000000)::bigint"
    elif kind == "flag":
        said = f"{said}::int"
    return f'{said} as "{name}"'


_TYPES = {
    "text": pl.String, "number": pl.Float64, "date": pl.Date, "instant": pl.Int64, "time": pl.String,
    "flag": pl.Int8, "whole": pl.Int64,
}  # fmt: skip


def _copied(sql: str, params: Sequence[object], kinds: dict[str, str]) -> pl.DataFrame:
    buffer = io.BytesIO()
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy ({sql}) to stdout (format csv, header)", params) as rows,  # type: ignore[attr-defined]
    ):
        for block in rows:
            buffer.write(block)
    schema = {name: _TYPES[kind] for name, kind in kinds.items()}
    if not buffer.tell():
        return pl.DataFrame(schema=schema)
    buffer.seek(0)
    frame = pl.read_csv(buffer, schema=schema)
    return frame.with_columns(
        *(pl.col(n).cast(pl.Datetime("us", "UTC")) for n, k in kinds.items() if k == "instant"),
        *(pl.col(n).cast(pl.Boolean) for n, k in kinds.items() if k == "flag"),
    )


def copy_in(table: str, frame: pl.DataFrame) -> None:
    """All rows of a frame into one of this module's tables; columns bear the table's names."""
    if frame.is_empty():
        return
    ready = frame.with_columns(
        pl.col(n).dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%d %H:%M:%S%.6f+00")
        for n, kind in frame.schema.items()
        if kind == pl.Datetime
    )
    names = ", ".join(f'"{n}"' for n in ready.columns)
    text = ready.write_csv(include_header=False, null_value="", quote_style="necessary").replace("\0", "")
    with (
        connection.cursor() as cursor,
        cursor.copy(f'copy "{table}" ({names}) from stdin (format csv)') as target,  # type: ignore[attr-defined]
    ):
        target.write(text)
