"""Orders, appointments and documents by the number under which later messages follow them up: told, and read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl
from django.db import connection, transaction

from yigong.kit.clock import COUNTY_ZONE, now
from yigong.kit.ctx import Ctx
from yigong.platform.records import domain
from yigong.platform.records.facts import Cell, Row
from yigong.platform.records.given import index_events
from yigong.platform.records.hashing import text_hash
from yigong.security.api import registrations_in_reach

Key = tuple[str, str, str, str]  # kind, org_code, source_system, number
#: columns in the order of the statements below
COLUMNS: dict[str, str] = {
    "kind": "text", "org_code": "text", "source_system": "text", "number": "text", "group_key": "text",
    "registration_id": "bigint", "encounter_key": "text", "state": "text", "title": "text", "placed_at": "timestamptz",
    "starts_at": "timestamptz", "facts": "jsonb", "moves": "jsonb", "said_at": "timestamptz", "changed_at": "timestamptz",
}  # fmt: skip
_KEY = ("kind", "org_code", "source_system", "number")
#: states that a title tells, since the matter did not come to what it says
ENDED = {"cancelled": "已取消", "stopped": "已停止", "missed": "未到", "refused": "未执行", "replaced": "已替换"}


@dataclass(frozen=True, slots=True)
class Told:
    """What one message says of a matter. An empty fact says nothing, None takes it away."""

    kind: str  # order appointment document
    org_code: str
    source_system: str
    number: str
    verb: str  # of the life cycle in ``domain``
    said_at: datetime
    control_id: str = ""  # of the message; one that comes again is told once
    group_key: str = ""
    registration_id: int = 0
    encounter_key: str = ""
    title: str = ""
    placed_at: datetime | None = None
    starts_at: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What it is known by."""
        return self.kind, self.org_code, self.source_system, self.number


@dataclass(slots=True)
class Matter:
    """A matter as it stands, with all that was said of it in ``moves``: verb, state, at, control_id, in_order, said (what the
    message told beside, so that the matter can be told again without another's word), withdrawn (its author took it back).
    """

    kind: str
    org_code: str
    source_system: str
    number: str
    group_key: str
    registration_id: int
    encounter_key: str
    state: str
    title: str
    placed_at: datetime | None
    starts_at: datetime | None
    facts: dict[str, Any]
    moves: list[dict[str, Any]]
    said_at: datetime
    changed_at: datetime
    id: int = 0


@transaction.atomic
def tell_matters(ctx: Ctx, told: Sequence[Told]) -> list[Matter]:
    """Bring matters up to date by what messages say, in their order; each message once. The matters that changed."""
    for org, system in sorted({(t.org_code, t.source_system) for t in told}):
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [text_hash(f"records.matter {org} {system}")])
    known = {m_key(m): m for m in _standing({t.key for t in told})}
    changed: dict[Key, Matter] = {}
    for one in told:
        matter = _followed(known.get(one.key), one)
        if matter is not None:
            known[one.key] = changed[one.key] = matter
    _write(list(changed.values()))
    index_events(ctx, _events(changed.values()))
    _unindex([m for m in changed.values() if m.kind == "document" and m.state == "cancelled"])
    return list(changed.values())


def m_key(m: Matter) -> Key:
    """What a matter is known by."""
    return m.kind, m.org_code, m.source_system, m.number


def _followed(known: Matter | None, told: Told) -> Matter | None:
    """The matter after a message; None when it was told before."""
    state = known.state if known else domain.State.NONE
    moves = list(known.moves) if known else []
    if told.control_id and any((m["control_id"], m["verb"]) == (told.control_id, told.verb) for m in _valid(moves)):
        return None
    late = known is not None and told.said_at < known.said_at
    after, in_order = (known.state, False) if known and late else domain.follow(told.kind, state, told.verb)
    said = {"verb": told.verb, "state": after, "at": told.said_at.isoformat(), "control_id": told.control_id}
    moves.append({**said, "in_order": in_order, "said": _said(told)})
    facts = dict(told.facts)
    if known is None:
        return Matter(
            *told.key, told.group_key or told.number, told.registration_id, told.encounter_key, after, told.title,
            told.placed_at, told.starts_at, domain.merged({}, facts), moves, told.said_at, now(),
        )  # fmt: skip
    whole = domain.merged(facts, known.facts) if late else domain.merged(known.facts, facts)
    first: Matter | Told = told if late else known
    then: Matter | Told = known if late else told
    latest = max(told.said_at, known.said_at)
    group, encounter = then.group_key or first.group_key, then.encounter_key or first.encounter_key
    placed, starts = first.placed_at or then.placed_at, then.starts_at or first.starts_at
    person, title = known.registration_id, then.title or first.title
    return Matter(*told.key, group, person, encounter, after, title, placed, starts, whole, moves, latest, now())


def _valid(moves: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The moves that their authors did not take back."""
    return [m for m in moves if not m.get("withdrawn")]


def _said(told: Told) -> dict[str, Any]:
    """What a message told of a matter beside its verb, as JSON."""
    texts = {"group_key": told.group_key, "encounter_key": told.encounter_key, "title": told.title}
    moments = {n: m.isoformat() for n, m in (("placed_at", told.placed_at), ("starts_at", told.starts_at)) if m}
    return {k: v for k, v in {**texts, **moments, "facts": dict(told.facts)}.items() if v}


def _retold(matter: Matter, begin: str) -> Matter | None:
    """A matter as the others tell it, without whose control ids begin so; None where it is not known what each of them said."""
    others = [m for m in _valid(matter.moves) if not str(m["control_id"]).startswith(begin)]
    if not all("said" in m for m in others):
        return None  # told before this was kept
    made: Matter | None = None
    for move in others:
        made = _followed(made, _told_again(matter, move)) or made
    if made is None:
        return None
    fresh = iter(made.moves)
    kept = {id(m) for m in others}
    made.moves = [next(fresh) if id(m) in kept else {**m, "withdrawn": True} for m in matter.moves]
    made.id = matter.id
    return made


def _told_again(matter: Matter, move: Mapping[str, Any]) -> Told:
    """What a move says, as the message said it."""
    said = move["said"]
    placed, starts = (datetime.fromisoformat(said[n]) if n in said else None for n in ("placed_at", "starts_at"))
    return Told(
        matter.kind, matter.org_code, matter.source_system, matter.number, move["verb"], datetime.fromisoformat(move["at"]), "",
        said.get("group_key", ""), matter.registration_id, said.get("encounter_key", ""), said.get("title", ""), placed, starts,
        said.get("facts", {}),
    )  # fmt: skip


def _standing(keys: Iterable[Key]) -> list[Matter]:
    columns = [list(column) for column in zip(*sorted(keys), strict=True)] or [[], [], [], []]
    on = " and ".join(f"m.{c} = k.{c}" for c in _KEY)
    return _read(
        f"""select {_listed()} from unnest(%s::text[], %s::text[], %s::text[], %s::text[]) k ({", ".join(_KEY)})
            join records_matter m on {on}""",
        columns,
    )


def _listed() -> str:
    return ", ".join(f"m.{c}" + ("::text" if kind == "jsonb" else "") for c, kind in COLUMNS.items()) + ", m.id"


def _read(sql: str, params: Sequence[Any] | Mapping[str, Any]) -> list[Matter]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows = cursor.fetchall()
    named = (dict(zip((*COLUMNS, "id"), row, strict=True)) for row in rows)
    return [Matter(**{**r, "facts": json.loads(r["facts"]), "moves": json.loads(r["moves"])}) for r in named]


def _write(matters: Sequence[Matter]) -> None:
    if not matters:
        return
    arrays = ", ".join(f"%s::{'text' if kind == 'jsonb' else kind}[]" for kind in COLUMNS.values())
    listed = ", ".join(f"u.{c}" + ("::jsonb" if kind == "jsonb" else "") for c, kind in COLUMNS.items())
    sets = ", ".join(f"{c} = excluded.{c}" for c in COLUMNS if c not in _KEY)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""insert into records_matter ({", ".join(COLUMNS)}) select {listed}
                from unnest({arrays}) u ({", ".join(COLUMNS)}) on conflict ({", ".join(_KEY)}) do update set {sets}
                returning {", ".join(_KEY)}, id""",
            [[_plain(getattr(m, c), kind) for m in matters] for c, kind in COLUMNS.items()],
        )
        ids = {row[:4]: row[4] for row in cursor.fetchall()}
    for m in matters:
        m.id = ids[m_key(m)]


def _plain(value: Any, kind: str) -> Any:
    return json.dumps(value, ensure_ascii=False) if kind == "jsonb" else value


def _events(matters: Iterable[Matter]) -> pl.DataFrame:
    """Orders and appointments as events; a document has the event of its content."""
    rows = [_event(m) for m in matters if m.kind != "document"]
    schema: dict[str, Any] = {"event_at": pl.Datetime("us", "UTC"), "registration_id": pl.Int64}
    return pl.DataFrame(rows, schema_overrides=schema) if rows else pl.DataFrame()


def _event(m: Matter) -> dict[str, Any]:
    note = ENDED.get(m.state, "")
    when = (m.starts_at if m.kind == "appointment" else m.placed_at) or m.said_at
    line = "；".join(str(i.get("name") or i.get("code") or "") for i in m.facts.get("items", ())[:4])
    summary = {
        "line": line, "count": max(1, len(m.facts.get("items", ()))), "department": m.facts.get("place", ""),
        "by": m.facts.get("performer") or m.facts.get("requester") or "", "state": m.state,
    }  # fmt: skip
    return {
        "registration_id": m.registration_id, "event_at": when, "kind": m.kind, "org_code": m.org_code,
        "source_system": m.source_system, "title": (m.title or m.number)[:180] + (f"（{note}）" if note else ""),
        "summary": json.dumps(summary, ensure_ascii=False), "flag": "", "data_set": f"matter_{m.kind}",
        "group_key": m.number, "encounter_key": m.encounter_key,
    }  # fmt: skip


def _unindex(documents: Sequence[Matter]) -> None:
    """The event of a document that its author took back leaves the timeline; the document itself stays."""
    for m in documents:
        with connection.cursor() as cursor:
            cursor.execute(
                "delete from records_event where data_set = 'document' and org_code = %s and group_key = any(%s)",
                [m.org_code, [str(m.facts.get("set_id") or m.number), m.number]],
            )


_WITHDRAW = """with m as (delete from records_matter where id = any(%s) returning *)
    insert into records_version (data_set, record_id, version, registration_id, org_code, source_system, source_key, row,
        known_from, known_until, withdrawn)
    select 'matter_' || m.kind, m.id, 1, m.registration_id, m.org_code, m.source_system, m.number, to_jsonb(m), m.changed_at, %s,
        true from m"""


@transaction.atomic
def withdraw_matters(ctx: Ctx, said: Mapping[Key, str]) -> list[Key]:
    """Take back matters that turned out to be none, and keep them among what was said before; those that were.

    *said* gives how the control ids of the one who told begin: a matter that others told of too stays, as they tell it.
    """
    standing = _standing(said) if said else []
    gone = [m for m in standing if all(str(x["control_id"]).startswith(said[m_key(m)]) for x in _valid(m.moves))]
    shared = [again for m in standing if m not in gone and (again := _retold(m, said[m_key(m)])) is not None]
    _write(shared)
    index_events(ctx, _events(shared))
    with connection.cursor() as cursor:
        cursor.execute(_WITHDRAW, [[m.id for m in gone], now()])
        for m in gone:
            cursor.execute(
                "delete from records_event where data_set = %s and org_code = %s and source_system = %s and group_key = %s",
                [f"matter_{m.kind}", m.org_code, m.source_system, m.number],
            )
    return [m_key(m) for m in gone]


# ---- reading ----


def matter(org_code: str, kind: str, number: str) -> Matter | None:
    """What is known of a matter of an institution, whatever system told of it; the newest word. For the readers of messages."""
    found = _read(
        f"""select {_listed()} from records_matter m where m.kind = %s and m.org_code = %s and m.number = %s
            order by m.said_at desc limit 1""",
        [kind, org_code, number],
    )
    return found[0] if found else None


def matters_of(ctx: Ctx, person_id: int, kind: str) -> list[Matter]:
    """The matters of a person within the reader's reach, newest first."""
    reach = registrations_in_reach(ctx, "m.registration_id")
    return _read(
        f"""select {_listed()} from records_matter m join empi_registration g on g.id = m.registration_id
            where g.person_id = %(person_id)s and m.kind = %(kind)s and {reach.sql}
            order by coalesce(m.starts_at, m.placed_at, m.said_at) desc""",
        {"person_id": person_id, "kind": kind, **reach.params},
    )


# ---- shown ----

#: facts of a matter that a reader sees, in order
LABELS = {
    "number": ("编号", "Number"), "state": ("状态", "State"), "items": ("项目", "Items"), "starts_at": ("时间", "Time"),
    "requester": ("申请者", "Requester"), "performer": ("医师", "Physician"), "place": ("地点", "Place"), "department": ("科室", "Department"),
    "specimen": ("标本", "Specimen"), "reason": ("原因", "Reason"), "remark": ("备注", "Remark"), "moves": ("经过", "History"),
}  # fmt: skip
STATES = {
    "placed": "已开立", "held": "暂停", "running": "执行中", "done": "已完成", "booked": "已预约", "draft": "草稿", "final": "已定稿", **ENDED,
}  # fmt: skip
EVENT = "matter_"  # how the data set of a matter's event begins


def rows_of(ctx: Ctx, data_set: str, person_id: int, number: str, org_code: str) -> list[Row]:
    """The matter of an event as a row to show, within the reader's reach."""
    kind = data_set.removeprefix(EVENT)
    found = [m for m in matters_of(ctx, person_id, kind) if m.number == number and org_code in ("", m.org_code)]
    return [_row(data_set, m) for m in found]


def _row(data_set: str, m: Matter) -> Row:
    items = "；".join(str(i.get("name") or i.get("code") or "") for i in m.facts.get("items", ()))
    history = "；".join(
        f"{_minute(datetime.fromisoformat(v['at']))} {STATES.get(v['state'], v['state'])}" for v in _valid(m.moves)
    )
    said = {
        **m.facts, "number": m.number, "state": STATES.get(m.state, m.state), "items": items, "moves": history,
        "starts_at": _minute(m.starts_at) if m.starts_at else "",
    }  # fmt: skip
    cells = tuple(Cell(name, *LABELS[name], str(said[name])) for name in LABELS if said.get(name))
    return Row(m.id, data_set, m.org_code, m.source_system, m.number, m.starts_at or m.placed_at, 1, cells, {})


def _minute(moment: datetime) -> str:
    return moment.astimezone(COUNTY_ZONE).strftime("%Y-%m-%d %H:%M")
