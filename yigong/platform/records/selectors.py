"""Events, documents and rows of a person: one indexed query each, within the reach of the reader."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.records import matters
from yigong.platform.records.documents import place_of
from yigong.platform.records.facts import (
    DocumentRow,
    Event,
    Row,
)
from yigong.platform.records.reading import Params, fetch, json_of, reach
from yigong.platform.records.rendering import DocumentView, view
from yigong.platform.records.words import columns_of, row
from yigong.security.api import persons_in_reach
from yigong.standards.api import load as standards

EVENT_COLUMNS = """e.id, e.registration_id, e.org_code, e.kind, e.event_at, e.ended_at, e.title, e.summary, e.flag,
    e.data_set, e.group_key, e.encounter_key, e.document_id"""
DOCUMENT_COLUMNS = """d.id, d.registration_id, d.document_code, d.title, d.org_code, d.authored_at, d.author_name,
    d.set_id, d.version, d.media_type, d.size, d.sha256, d.encounter_key, d.findings"""


def timeline_query(
    ctx: Ctx,
    person_id: int,
    *,
    kinds: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 200,
    before: tuple[datetime, int] | None = None,
    orgs: Sequence[str] | None = None,
) -> tuple[str, Params]:
    """The statement behind ``timeline``: each registration's newest events by its index, then the newest of all."""
    head, params = reach(ctx, person_id)
    wanted = ["true"]
    if kinds is not None:
        wanted.append("i.kind = any(%(kinds)s)")
        params["kinds"] = list(kinds)
    if orgs is not None:
        wanted.append("i.org_code = any(%(orgs)s)")
        params["orgs"] = list(orgs)
    if start is not None:
        wanted.append("i.event_at >= %(start)s")
        params["start"] = start
    if end is not None:
        wanted.append("i.event_at < %(end)s")
        params["end"] = end
    if before is not None:
        wanted.append("i.event_at <= %(before)s and (i.event_at, i.id) < (%(before)s, %(before_id)s)")
        params |= {"before": before[0], "before_id": before[1]}
    sql = f"""{head} select {EVENT_COLUMNS} from reach cross join lateral (
            select * from records_event i where i.registration_id = reach.id and {" and ".join(wanted)}
            order by i.event_at desc, i.id desc limit %(limit)s) e
        order by e.event_at desc, e.id desc limit %(limit)s"""
    return sql, {**params, "limit": limit}


def timeline(ctx: Ctx, person_id: int, **wanted: Any) -> list[Event]:
    """Events of a person over all institutions, newest first; *before* continues after the last one shown."""
    sql, params = timeline_query(ctx, person_id, **wanted)
    return [_event(r) for r in fetch(sql, params)]


def _event(row: tuple[Any, ...]) -> Event:
    facts = list(row)
    facts[7] = json_of(facts[7]) or {}
    return Event(*facts)


def event(ctx: Ctx, person_id: int, event_id: int) -> Event | None:
    """One event of a person, or nothing when it is not theirs or out of reach."""
    head, params = reach(ctx, person_id)
    found = fetch(
        f"""{head} select {EVENT_COLUMNS} from records_event e
            where e.id = %(event_id)s and e.registration_id in (select id from reach)""",
        {**params, "event_id": event_id},
    )
    return _event(found[0]) if found else None


def counts(ctx: Ctx, person_id: int) -> tuple[dict[str, int], int, datetime | None, datetime | None]:
    """Events of a person by kind, their documents, and the span of time they cover."""
    head, params = reach(ctx, person_id)
    found = fetch(
        f"""{head} select e.kind, count(*), min(e.event_at), max(e.event_at) from records_event e
            where e.registration_id in (select id from reach) group by e.kind
            union all select '', count(*), null, null from records_document d
            where d.registration_id in (select id from reach)""",
        params,
    )
    kinds = {kind: n for kind, n, _, _ in found if kind}
    documents = sum(n for kind, n, _, _ in found if not kind)
    firsts, lasts = [r[2] for r in found if r[2]], [r[3] for r in found if r[3]]
    return kinds, documents, min(firsts, default=None), max(lasts, default=None)


def documents(
    ctx: Ctx, person_id: int, *, text: str = "", limit: int = 200, before: tuple[datetime, int] | None = None
) -> list[DocumentRow]:
    """Documents of a person, newest first; *text* keeps those that hold the words."""
    head, params = reach(ctx, person_id)
    words = "and (d.text ilike %(text)s or d.title ilike %(text)s)" if text else ""
    page = "and (d.authored_at, d.id) < (%(before)s, %(before_id)s)" if before else ""
    found = fetch(
        f"""{head} select {DOCUMENT_COLUMNS} from records_document d
            where d.registration_id in (select id from reach) {words} {page}
            order by d.authored_at desc nulls last, d.id desc limit %(limit)s""",
        {
            **params, "text": f"%{_like(text)}%", "limit": limit,
            "before": before and before[0], "before_id": before and before[1],
        },
    )  # fmt: skip
    return [_document(r) for r in found]


def document(ctx: Ctx, document_id: int) -> tuple[DocumentRow, str] | None:
    """A document with the path of its original, when its person is in the reader's reach."""
    scope = persons_in_reach(ctx, "r.person_id")
    found = fetch(
        f"""select {DOCUMENT_COLUMNS}, d.original_path from records_document d
            join empi_registration r on r.id = d.registration_id
            where d.id = %(document_id)s and {scope.sql}""",
        {"document_id": document_id, **scope.params},
    )
    return (_document(found[0][:-1]), found[0][-1]) if found else None


def original(ctx: Ctx, document_id: int) -> bytes:
    """The bytes of a document as they were received. Raises LookupError out of reach, FileNotFoundError when lost."""
    found = document(ctx, document_id)
    if found is None:
        raise LookupError(document_id)
    return place_of(found[0].sha256).read_bytes()


def document_view(ctx: Ctx, document_id: int) -> DocumentView | None:
    """A document as it is shown; nothing when its original is lost or of a kind that cannot be shown."""
    found = document(ctx, document_id)
    if found is None:
        return None
    try:
        content = place_of(found[0].sha256).read_bytes()
        return view(content, standards(), media_type=found[0].media_type)
    except (FileNotFoundError, Refused):
        return None


def versions(ctx: Ctx, person_id: int, org_code: str, set_id: str) -> list[DocumentRow]:
    """All versions of one document, newest first."""
    head, params = reach(ctx, person_id)
    found = fetch(
        f"""{head} select {DOCUMENT_COLUMNS} from records_document d
            where d.registration_id in (select id from reach) and d.org_code = %(org)s and d.set_id = %(set_id)s
            order by d.version desc, d.id desc""",
        {**params, "org": org_code, "set_id": set_id},
    )
    return [_document(r) for r in found] if set_id else []


def _document(row: Sequence[Any]) -> DocumentRow:
    facts: list[Any] = [value if value is not None else "" for value in row]
    facts[5], facts[13] = row[5], json_of(row[13])
    return DocumentRow(*facts)


def rows(ctx: Ctx, data_set: str, person_id: int, group_key: str, *, org_code: str = "") -> list[Row]:
    """Standard records of one event of a person, with labels and decoded codes; of an order or appointment the matter."""
    if data_set.startswith(matters.EVENT):
        return matters.rows_of(ctx, data_set, person_id, group_key, org_code)
    if data_set not in standards().data_sets:
        return []  # the event of a document, or of something kept elsewhere
    head, params = reach(ctx, person_id)
    names = ["id", "org_code", "source_system", "source_key", "event_at", "version", "extra", *columns_of(data_set)]
    listed = ", ".join(f't."{n}"' for n in names)
    found = fetch(
        f"""{head} select {listed} from records_{data_set} t
            where t.registration_id in (select id from reach) and t.group_key = %(group)s
                and (%(org)s = '' or t.org_code = %(org)s)
            order by t.id limit 500""",
        {**params, "group": group_key, "org": org_code},
    )
    return [row(data_set, _record(names, values)) for values in found]


def plain_rows(
    ctx: Ctx, data_set: str, person_id: int, *, org_code: str, group_key: str = "", encounter_key: str = ""
) -> list[dict[str, Any]]:
    """Standard records of one event, or of one encounter, of a person as they stand in the table, oldest first."""
    head, params = reach(ctx, person_id)
    names = ["id", "source_system", "event_at", "extra", *columns_of(data_set)]
    key = "group_key" if group_key else "encounter_key"
    found = fetch(
        f"""{head} select {", ".join(f't."{name}"' for name in names)} from records_{data_set} t
            where t.registration_id in (select id from reach) and t.org_code = %(org)s and t.{key} = %(key)s
            order by t.event_at, t.id limit 500""",
        {**params, "org": org_code, "key": group_key or encounter_key},
    )
    return [_record(names, values) for values in found]


def data_sets_of_encounter(ctx: Ctx, person_id: int, org_code: str, encounter_key: str) -> list[str]:
    """The data sets that have records of an encounter of a person."""
    head, params = reach(ctx, person_id)
    found = fetch(
        f"""{head} select distinct e.data_set from records_event e
            where e.registration_id in (select id from reach) and e.org_code = %(org)s and e.encounter_key = %(key)s""",
        {**params, "org": org_code, "key": encounter_key},
    )
    return sorted(name for (name,) in found if name) if encounter_key else []


def _record(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    record = dict(zip(names, values, strict=True))
    record["extra"] = json_of(record["extra"])
    return record


def last_seen(ctx: Ctx, person_ids: Sequence[int]) -> dict[int, tuple[datetime, str]]:
    """The newest event of each of several persons: when and where."""
    scope = persons_in_reach(ctx, "r.person_id")
    found = fetch(
        f"""select distinct on (r.person_id) r.person_id, e.event_at, e.org_code
            from empi_registration r cross join lateral (
                select i.event_at, i.org_code from records_event i where i.registration_id = r.id
                order by i.event_at desc limit 1) e
            where r.person_id = any(%(ids)s) and {scope.sql}
            order by r.person_id, e.event_at desc""",
        {"ids": list(person_ids), **scope.params},
    )
    return {person: (at, org) for person, at, org in found}


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
