"""Events of things that are kept elsewhere, such as images in an archive: told by their own module, in no data set."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from django.db import transaction

from yigong.kit.ctx import Ctx
from yigong.platform.records import tables

#: what such an event is told with, and its type in the table
GIVEN = {
    "registration_id": "bigint", "event_at": "timestamptz", "kind": "text", "org_code": "text", "source_system": "text",
    "title": "text", "summary": "jsonb", "flag": "text", "data_set": "text", "group_key": "text", "encounter_key": "text",
}  # fmt: skip
_KEY = ("data_set", "org_code", "source_system", "group_key")


@transaction.atomic
def index_events(ctx: Ctx, events: pl.DataFrame) -> None:
    """Put events into the index, each once by its group key; one told again says what is new. Columns: GIVEN, summary as JSON text."""
    if events.is_empty():
        return
    arrays = ", ".join(f"%s::{kind if kind != 'jsonb' else 'text'}[]" for kind in GIVEN.values())
    listed = ", ".join(f"u.{c}" + ("::jsonb" if k == "jsonb" else "") for c, k in GIVEN.items())
    sets = ", ".join(f"{c} = excluded.{c}" for c in GIVEN if c not in _KEY)
    tables.do(
        f"""insert into records_event ({", ".join(GIVEN)}) select {listed} from unnest({arrays}) u ({", ".join(GIVEN)})
            on conflict ({", ".join(_KEY)}) do update set {sets}""",
        [events.get_column(c).to_list() for c in GIVEN],
    )


@transaction.atomic
def unindex_events(ctx: Ctx, data_set: str, group_keys: Sequence[str]) -> None:
    """Take events of things kept elsewhere out of the index."""
    tables.do("delete from records_event where data_set = %s and group_key = any(%s)", [data_set, list(group_keys)])
