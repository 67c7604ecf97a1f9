"""Keeps records_event in step with the standard rows."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from yigong.platform.records import tables
from yigong.platform.records.event_rules import GROUP, EventRule, event_frame

EVENT = "records_event"


def index_rows(data_set: str, by: EventRule, rows: pl.DataFrame) -> int:
    """Write the events of the groups that *rows* belong to; how many.

    A group that has no event yet has all its rows among *rows*, since rows and events are written in one transaction;
    of the others all rows are read back, so that an event always says what its rows say now.
    """
    if rows.is_empty():
        return 0
    keys = rows.select(GROUP).unique(maintain_order=True)
    known = _known(data_set, keys)
    if known.is_empty():
        events = event_frame(data_set, by, rows)
        _insert(events)
        return events.height
    events = event_frame(data_set, by, rows.join(known, on=GROUP, how="anti"))
    again = event_frame(data_set, by, _all_rows(data_set, known, rows))
    _insert(events)
    _update(data_set, again)
    return events.height + again.height


def _known(data_set: str, keys: pl.DataFrame) -> pl.DataFrame:
    """Those of the groups that have an event, with the registration it hangs on."""
    schema = {**dict.fromkeys(GROUP, pl.String), "registration_id": pl.Int64}
    parts = [pl.DataFrame(schema=schema)]
    for (org, system), part in keys.group_by("org_code", "source_system", maintain_order=True):
        groups = part.get_column("group_key").to_list()
        parts.append(
            tables.ask(
                f"""select org_code, source_system, group_key, registration_id from {EVENT}
                    where data_set = %s and org_code = %s and source_system = %s and group_key = any(%s)""",
                [data_set, org, system, groups],
                schema,
            )
        )
    return pl.concat(parts)


def _all_rows(data_set: str, known: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Every row of the known groups as it stands in its table, found by the registrations they hang on."""
    table = f"records_{data_set}"
    given = rows.select(*GROUP, "registration_id").join(known, on=GROUP, how="semi")
    groups = pl.concat([known, given.select(known.columns)]).unique()
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


def _insert(events: pl.DataFrame) -> None:
    known = tables.columns(EVENT)
    tables.copy(EVENT, events.select(c for c in events.columns if c in known).sort("registration_id", "event_at"))


def _update(data_set: str, events: pl.DataFrame) -> None:
    if events.is_empty():
        return
    tables.temporary("records_events_new", EVENT, events)
    sets = ", ".join(f'"{c}" = n."{c}"' for c in events.columns if c not in (*GROUP, "data_set"))
    on = " and ".join(f"e.{c} = n.{c}" for c in (*GROUP, "data_set"))
    tables.do(f"update {EVENT} e set {sets} from records_events_new n where {on}")


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
