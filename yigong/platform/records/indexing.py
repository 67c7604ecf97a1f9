"""Keeps records_event in step with the standard rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from yigong.platform.records import tables
from yigong.platform.records.event_rules import GROUP, EventRule, event_frame
from yigong.platform.records.hashing import text_hash
from yigong.platform.records.keeping import NO_GROUPS
from yigong.platform.records.loading import part_of, sources_of

EVENT = "records_event"
Alone = Callable[[], None]


def index_rows(
    data_set: str, by: EventRule, rows: pl.DataFrame, gone: pl.DataFrame = NO_GROUPS, alone: Alone | None = None
) -> int:  # fmt: skip
    """Write the events of the groups that *rows* belong to and of those in *gone*, which lost a row; how many.

    A group that has no event yet has all its rows among *rows*, since rows and events are written in one transaction;
    of the others all rows are read back, so that an event always says what its rows say now. A group without rows
    loses its event. *alone* is called before rows are read back, which two may not do at a time.
    """
    known = _known(data_set, _groups_of(rows, gone))
    if known.is_empty():
        return _add(data_set, by, rows)
    if alone:
        alone()
    _lock(data_set, known)
    added = _add(data_set, by, rows.join(known, on=GROUP, how="anti") if rows.height else rows)
    again = event_frame(data_set, by, _all_rows(data_set, known, rows, gone))
    _update(data_set, again)
    _remove(data_set, known.join(again, on=GROUP, how="anti"))
    return added + again.height


def _lock(data_set: str, groups: pl.DataFrame) -> None:
    """Who reads back the rows of a source sees all that others wrote before, and is seen by those who come after."""
    for org, system in sources_of(groups):
        tables.do("select pg_advisory_xact_lock(%s)", [text_hash(f"records.index {data_set} {org} {system}")])


def _groups_of(rows: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    parts = [part.select(GROUP).unique() for part in (rows, gone) if part.height]
    return pl.concat(parts).unique() if len(parts) > 1 else (parts or [NO_GROUPS.select(GROUP)])[0]


def _add(data_set: str, by: EventRule, rows: pl.DataFrame) -> int:
    if rows.is_empty():
        return 0
    events = event_frame(data_set, by, rows)
    known = tables.columns(EVENT)
    tables.copy(EVENT, events.select(c for c in events.columns if c in known).sort("registration_id", "event_at"))
    return events.height


def _known(data_set: str, keys: pl.DataFrame) -> pl.DataFrame:
    """Those of the groups that have an event, with the registration it hangs on."""
    schema = {**dict.fromkeys(GROUP, pl.String), "registration_id": pl.Int64}
    parts = [pl.DataFrame(schema=schema)]
    if keys.height:
        sources = sources_of(keys)
        for org, system in sources:
            groups = part_of(keys, org, system, whole=len(sources) == 1).get_column("group_key").drop_nulls()
            if groups.len() and _some(data_set, org, system, groups):
                parts.append(_known_of(data_set, org, system, groups, schema))
    return pl.concat(parts)


_AT = f"from {EVENT} where data_set = %s and org_code = %s and source_system = %s and group_key"


def _some(data_set: str, org: str, system: str, groups: pl.Series) -> bool:
    """Whether any group stands between the first and the last of them: of a new report none does."""
    between = [data_set, org, system, groups.min(), groups.max()]
    return not tables.ask(f"select 1 {_AT} between %s and %s limit 1", between, {"one": pl.Int64}).is_empty()


def _known_of(data_set: str, org: str, system: str, groups: pl.Series, schema: dict[str, Any]) -> pl.DataFrame:
    wanted = f"select org_code, source_system, group_key, registration_id {_AT} = any(%s)"
    return tables.ask(wanted, [data_set, org, system, groups.to_list()], schema)


def _all_rows(data_set: str, known: pl.DataFrame, rows: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """Every row of the known groups as it stands in its table, found by the registrations they hang on."""
    table = f"records_{data_set}"
    given = [part.select(known.columns).join(known, on=GROUP, how="semi") for part in (rows, gone) if part.height]
    groups = pl.concat([known, *given]).unique()
    types = tables.columns(table)
    tables.temporary("records_groups", table, groups)
    listed = ", ".join(
        f't."{c}"' + {"jsonb": "::text", "numeric": "::float8"}.get(k.type, "") for c, k in types.items()
    )
    on = " and ".join(f"t.{c} = g.{c}" for c in (*GROUP, "registration_id"))
    return tables.ask(
        f"select {listed} from {table} t join records_groups g on {on} order by t.id",
        [],
        {c: k.dtype for c, k in types.items()},
    )


def _update(data_set: str, events: pl.DataFrame) -> None:
    if events.is_empty():
        return
    tables.temporary("records_events_new", EVENT, events)
    sets = ", ".join(f'"{c}" = n."{c}"' for c in events.columns if c not in (*GROUP, "data_set"))
    on = " and ".join(f"e.{c} = n.{c}" for c in (*GROUP, "data_set"))
    tables.do(f"update {EVENT} e set {sets} from records_events_new n where {on}")


def _remove(data_set: str, groups: pl.DataFrame) -> None:
    if groups.is_empty():
        return
    tables.temporary("records_events_gone", EVENT, groups.select(GROUP))
    on = " and ".join(f"e.{c} = g.{c}" for c in GROUP)
    tables.do(f"delete from {EVENT} e using records_events_gone g where e.data_set = %s and {on}", [data_set])


def index_documents(ids: Sequence[int]) -> None:
    """Documents that bring no standard rows, as events of their own."""
    if ids:
        tables.do(
            f"""insert into {EVENT} (registration_id, event_at, kind, org_code, source_system, title, summary, flag,
                    data_set, group_key, encounter_key, document_id)
                select distinct on (org_code, coalesce(nullif(set_id, ''), sha256)) registration_id,
                    coalesce(authored_at, now()), 'document', org_code, '', title,
                    jsonb_build_object('by', author_name, 'count', 1), '', 'document',
                    coalesce(nullif(set_id, ''), sha256), encounter_key, id
                from records_document where id = any(%s)
                order by org_code, coalesce(nullif(set_id, ''), sha256), version desc, id desc
                on conflict (data_set, org_code, source_system, group_key) do update set
                    registration_id = excluded.registration_id, event_at = excluded.event_at, title = excluded.title,
                    document_id = excluded.document_id, summary = excluded.summary""",
            [list(ids)],
        )
