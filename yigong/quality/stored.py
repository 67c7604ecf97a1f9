"""Stored rows as frames that the rules can judge: read by COPY, only the columns that rules ask for."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

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
    "document": {
        "source_key": "coalesce(nullif(r.set_id, ''), nullif(r.title, ''), r.id::text)", "event_at": "r.authored_at", "batch_id": "null::bigint",
    },
}  # fmt: skip
CHUNK_ROWS = 100_000
GROUP = "_group"  # number of a row's group while groups are read


@dataclass(frozen=True, slots=True)
class Part:
    """All rows of some institutions in one subject: many small institutions together, or one large one."""

    data_set: str
    org_codes: tuple[str, ...]
    rows: int


def parts(data_set: str, *, since: datetime | None, orgs: Sequence[str] = ()) -> list[Part]:
    """The institutions with rows in a subject, or with results of rows that are gone.

    With *since* only those with a row that came after it, or with fewer or more rows than were judged last.
    """
    table, loaded = quality.subject(data_set).table, _loaded(data_set)
    news = "n.last >= %(since)s or n.rows is distinct from k.rows" if since else "true"
    narrow = "where r.org_code = any(%(orgs)s)" if orgs else ""
    sql = f"""
        with n as (select r.org_code, count(*) as rows, max({loaded}) as last from {table} r {narrow} group by 1),
             k as (select org_code, max(rows) as rows from (
                       select r.org_code, r.rule, sum(r.rows)::bigint as rows from quality_result r
                       where r.data_set = %(data_set)s {narrow.replace("where", "and")} group by 1, 2) x group by 1)
        select org_code, coalesce(n.rows, 0) from n full join k using (org_code) where {news} order by 1"""
    with connection.cursor() as cursor:
        cursor.execute(sql, {"since": since, "orgs": list(orgs), "data_set": data_set})
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


def frames(part: Part, reads: Iterable[str]) -> Iterator[pl.DataFrame]:
    """The rows of a part with the columns asked for, a piece at a time so that memory stays flat."""
    kinds = _kinds(part, reads)
    if part.rows <= CHUNK_ROWS:
        yield _copied(_select(part, kinds), [list(part.org_codes)], kinds)
        return
    last = -1
    while True:
        tail = f"and r.id > {last} order by r.id limit {CHUNK_ROWS}"
        frame = _copied(f"{_select(part, kinds)} {tail}", [list(part.org_codes)], kinds)
        if frame.is_empty():
            return
        yield frame
        last = frame.get_column("id").max()  # type: ignore[assignment]


def frames_of_groups(part: Part, reads: Iterable[str], by: quality.Grouping) -> Iterator[pl.DataFrame]:
    """The rows of a part in frames of whole groups, about a chunk each: in the order of the keys, cut where a group ends.

    Memory grows with the largest group, not with the institution. Rows that no rule looks at come first and are cut anywhere.
    Until the last frame is taken the connection is busy.
    """
    kinds = _kinds(part, reads)
    if part.rows <= CHUNK_ROWS or by.keys is None:
        yield _copied(_select(part, kinds), [list(part.org_codes)], kinds)
        return
    keys = f"({by.looked}), {', '.join(by.keys)}"
    group = f"case when {by.looked} then dense_rank() over (order by {keys}) else 0 end"
    held = pl.DataFrame()
    for piece in _pieces(
        f"{_select(part, kinds, group)} order by {keys}", [list(part.org_codes)], kinds | {GROUP: "whole"}
    ):
        rows = pl.concat([held, piece]) if held.height else piece
        cut = _last_start(rows.get_column(GROUP))
        if cut:
            yield rows.head(cut).drop(GROUP)
        held = rows.slice(cut)
    if held.height:
        yield held.drop(GROUP)


def _last_start(groups: pl.Series) -> int:
    """Where the last group begins, which may go on in the next piece; group 0 is none."""
    last = groups[-1]
    return len(groups) if last == 0 else int(groups.search_sorted(last, side="left"))


def _kinds(part: Part, reads: Iterable[str]) -> dict[str, str]:
    """The columns to read, with their kinds."""
    about = quality.subject(part.data_set)
    wanted = sorted({*reads, *FIXED} - {"patient"})
    kinds = {name: "whole" if name in ("id", "batch_id") else about.kind(name) or "text" for name in wanted}
    if "patient" in reads:
        kinds["registration_id"] = "whole"
    return kinds


def _select(part: Part, kinds: Mapping[str, str], group: str = "") -> str:
    """The statement for the rows of a part; its first value is the list of institutions."""
    columns = ", ".join(_written(name, kind) for name, kind in kinds.items()) + (group and f', {group} as "{GROUP}"')
    named = NAMED.get(part.data_set)
    table = quality.subject(part.data_set).table
    if named:
        table = f"(select r.*, {', '.join(f'{said} as {name}' for name, said in named.items())} from {table} r)"
    join = "left join empi_registration p on p.id = r.registration_id" if any("person." in n for n in kinds) else ""
    return f"select {columns} from {table} r {join} where r.org_code = any(%s)"


def _written(name: str, kind: str) -> str:
    """A column as it is copied: moments as microseconds, flags as 0 and 1."""
    said = quality.column_sql(name)
    if kind == "instant":
        said = f"(extract(epoch from {said}) * 1000000)::bigint"
    elif kind == "flag":
        said = f"{said}::int"
    return f'{said} as "{name}"'


_TYPES = {
    "text": pl.String, "number": pl.Float64, "date": pl.Date, "instant": pl.Int64, "time": pl.String,
    "flag": pl.Int8, "whole": pl.Int64,
}  # fmt: skip


def _copied(sql: str, params: Sequence[object], kinds: Mapping[str, str]) -> pl.DataFrame:
    """The answer to a statement."""
    pieces = list(_pieces(sql, params, kinds))
    return pl.concat(pieces) if pieces else _frame(io.BytesIO(), kinds)


def _pieces(sql: str, params: Sequence[object], kinds: Mapping[str, str]) -> Iterator[pl.DataFrame]:
    """The answer to a statement, a chunk at a time; the server sends each row by itself."""
    with (
        connection.cursor() as cursor,
        cursor.cursor.copy(f"copy ({sql}) to stdout (format csv)", params) as rows,  # Django's own takes no values
    ):
        source = iter(rows)
        while True:
            buffer = io.BytesIO()
            buffer.writelines(islice(source, CHUNK_ROWS))
            if not buffer.tell():
                return
            yield _frame(buffer, kinds)


def _frame(buffer: io.BytesIO, kinds: Mapping[str, str]) -> pl.DataFrame:
    schema = {name: _TYPES[kind] for name, kind in kinds.items()}
    buffer.seek(0)
    frame = (
        pl.read_csv(buffer, schema=schema, has_header=False)
        if buffer.getbuffer().nbytes
        else pl.DataFrame(schema=schema)
    )
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
