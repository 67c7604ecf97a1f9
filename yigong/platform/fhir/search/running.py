"""Runs a search: matches, their order over pages, what goes along."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
from django.db import OperationalError, transaction

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.platform.fhir import db
from yigong.platform.fhir.callers import Caller, visible
from yigong.platform.fhir.models import SearchPage
from yigong.platform.fhir.official import definitions, numbers, only, parameter, supported
from yigong.platform.fhir.reading import COLUMNS, Stored, stored
from yigong.platform.fhir.search.asked import Asked, Include, read, weight
from yigong.platform.fhir.search.compiling import Compiler

#: a search of more clauses than these is stopped when it takes too long
LIGHT, PATIENCE_SECONDS = 6, 20
#: a sorted search keeps the order of so many
LONGEST_ORDER = 10_000
KEPT_HOURS = 2
#: the most that goes along with one page
MOST_ALONG = 2000
#: kind of parameter -> what is compared when it sorts, upward and downward
SORTED = {
    "token": ("min(nullif(i.code, ''))", "max(nullif(i.code, ''))"), "string": ("min(i.value)", "max(i.value)"), "uri": ("min(i.uri)", "max(i.uri)"),
    "date": ("min(i.low)", "max(i.high)"), "quantity": ("min(i.low)", "max(i.high)"), "number": ("min(i.low)", "max(i.high)"),
    "reference": ("min(i.target)", "max(i.target)"),
}  # fmt: skip


@dataclass(slots=True)
class Found:
    """One page of an answer."""

    asked: Asked
    matches: list[Stored] = field(default_factory=list)
    along: list[Stored] = field(default_factory=list)
    total: int | None = None
    following: list[tuple[str, str]] = field(default_factory=list)  # parameters that the next page adds


def search(caller: Caller, asked: Asked) -> Found:
    """The page that was asked for. Raises Refused fhir.scope, fhir.page_gone, fhir.too_costly."""
    for kind in asked.kinds or (asked.kind,):
        caller.scopes.must(kind, "s")
    light = sum(weight(c) for c in asked.clauses) <= LIGHT and not asked.kinds
    if light and not asked.includes and not asked.revincludes:
        return _page(caller, asked)
    try:
        with transaction.atomic():
            db.do(f"set local statement_timeout = '{PATIENCE_SECONDS}s'", prepare=False)
            return _page(caller, asked)
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise Refused("fhir.too_costly", seconds=PATIENCE_SECONDS) from error
        raise


def _page(caller: Caller, asked: Asked) -> Found:
    found = Found(asked)
    if asked.page:
        _kept(caller, found)
    elif asked.summary == "count" or asked.count == 0:
        found.total = count(caller, asked)
        return found
    elif asked.sort:
        _sorted(caller, found)
    else:
        _plain(caller, found)
    if found.total is None and asked.total in ("accurate", "estimate"):
        found.total = count(caller, asked)
    _along(caller, found)
    return found


def conditions(caller: Caller, asked: Asked) -> tuple[str, Compiler]:
    """The condition of the whole search on ``r``, scope and narrowing scopes included."""
    compiler = Compiler(caller, asked.kinds)
    of_type = (
        f"r.type = any({compiler.bind(list(asked.kinds))})" if asked.kinds else f"r.type = {compiler.bind(asked.kind)}"
    )
    parts = [of_type, "not r.deleted", compiler.seen("r", asked.kind)]
    parts += [compiler.where(c) for c in asked.clauses]
    narrow = Compiler(caller)  # a scope speaks of one type, though several are searched
    narrow.params = compiler.params
    for kind in asked.kinds or (asked.kind,):
        if caller.scopes.queries(kind, "s"):
            held = narrow.narrowing(kind, "s")
            parts.append(f"(r.type <> {compiler.bind(kind)} or {held})" if asked.kinds else held)
    return " and ".join(parts), compiler


def matches(caller: Caller, kind: str, resource_id: int, queries: Sequence[Sequence[tuple[str, str]]]) -> bool:
    """Whether one resource is within narrowing queries."""
    compiler = Compiler(caller)
    sql = (
        f"select 1 from fhir_resource r where r.id = {compiler.bind(resource_id)} and {compiler.any_of(kind, queries)}"
    )
    return bool(db.rows(sql, compiler.params))


def count(caller: Caller, asked: Asked) -> int:
    """How many match."""
    where, compiler = conditions(caller, asked)
    return int(db.rows(f"select count(*) from fhir_resource r where {where}", compiler.params)[0][0])


def ids_of(caller: Caller, kind: str, pairs: Iterable[tuple[str, str]], limit: int = 2) -> list[tuple[int, str]]:
    """(id, logical id) of what matches, for conditional acts."""
    asked = read(kind, pairs)
    if not asked.clauses:
        raise Refused("fhir.condition_empty", type=kind)
    where, compiler = conditions(caller, asked)
    sql = f"select r.id, r.fhir_id from fhir_resource r where {where} order by r.id limit {int(limit)}"
    return [(row[0], row[1]) for row in db.rows(sql, compiler.params)]


def _plain(caller: Caller, found: Found) -> None:
    """By id upward; the next page goes on after the last one shown."""
    asked = found.asked
    where, compiler = conditions(caller, asked)
    after = f"and r.id > {compiler.bind(asked.after)}" if asked.after else ""
    sql = f"select {COLUMNS} from fhir_resource r where {where} {after} order by r.id limit {compiler.bind(asked.count + 1)}"
    got = [stored(row) for row in db.rows(sql, compiler.params, raw_text=True)]
    found.matches = got[: asked.count]
    if len(got) > asked.count:
        found.following = [("_after", str(found.matches[-1].id))]
    elif not asked.after:
        found.total = len(got)


def _sorted(caller: Caller, found: Found) -> None:
    """The order is worked out once and kept, if it is longer than a page."""
    asked = found.asked
    where, compiler = conditions(caller, asked)
    keys = [_sort_key(compiler, asked.kind, code, down) for code, down in asked.sort]
    sql = f"""select r.id from fhir_resource r where {where}
        order by {", ".join([*keys, "r.id"])} limit {LONGEST_ORDER + 1}"""
    ids = [row[0] for row in db.rows(sql, compiler.params)]
    if len(ids) <= LONGEST_ORDER:
        found.total = len(ids)
    found.matches = by_ids(caller, asked.kind, ids[: asked.count])
    if len(ids) > asked.count:
        key = _keep(caller, asked, ids[:LONGEST_ORDER])
        found.following = [("_page", key), ("_from", str(asked.count))]


def _sort_key(compiler: Compiler, kind: str, code: str, down: bool) -> str:
    way = "desc nulls last" if down else "asc nulls last"
    if code == "_lastUpdated":
        return f"r.last_updated {way}"
    if code == "_id":
        return f"r.fhir_id {way}"
    known = parameter(kind, code)
    assert known is not None  # was read before
    table = {"number": "quantity"}.get(known.type, known.type)
    value = SORTED[known.type][down]
    return f"(select {value} from fhir_{table} i where i.resource_id = r.id and {compiler.under('i', known, kind=kind)}) {way}"


def _keep(caller: Caller, asked: Asked, ids: list[int]) -> str:
    key = secrets.token_urlsafe(18)
    moment = now()
    SearchPage.objects.filter(expires_at__lt=moment).delete()
    query = [pair for pair in asked.used if not pair[0].startswith("_from")]
    SearchPage.objects.create(key=key, query=json.dumps(query), ids=ids, owner=_owner(caller),
                              expires_at=moment + timedelta(hours=KEPT_HOURS))  # fmt: skip
    return key


def _owner(caller: Caller) -> str:
    return f"{caller.application_id}:{caller.ctx.actor_id}"


def _kept(caller: Caller, found: Found) -> None:
    """A further page of an order that was kept; what was deleted or left the reach meanwhile is not shown."""
    asked = found.asked
    kept = SearchPage.objects.filter(key=asked.page, owner=_owner(caller), expires_at__gt=now()).first()
    if kept is None:
        raise Refused("fhir.page_gone")
    found.total = len(kept.ids)
    part = kept.ids[asked.start : asked.start + asked.count]
    found.matches = by_ids(caller, asked.kind, part)
    if asked.start + asked.count < len(kept.ids):
        found.following = [("_page", asked.page), ("_from", str(asked.start + asked.count))]


def by_ids(caller: Caller, kind: str, ids: Sequence[int]) -> list[Stored]:
    """Resources in the order of *ids*, as far as they may be seen."""
    if not ids:
        return []
    scope = visible(caller, "r", kind)
    sql = f"select {COLUMNS} from fhir_resource r where r.id = any(%(ids)s) and not r.deleted and {scope.sql}"
    got = {row[0]: stored(row) for row in db.rows(sql, {"ids": list(ids), **scope.params}, raw_text=True)}
    return [got[i] for i in ids if i in got]


# ---- what goes along ----


def _along(caller: Caller, found: Found) -> None:
    asked = found.asked
    if not (asked.includes or asked.revincludes) or not found.matches:
        return
    seen = {m.id for m in found.matches}
    front: list[Stored] = list(found.matches)
    for turn in range(5):
        wanted = [i for i in asked.includes if turn == 0 or i.iterate]
        back = [i for i in asked.revincludes if turn == 0 or i.iterate]
        new = [*_included(caller, front, wanted), *_reverse(caller, front, back)]
        front = []
        for one in new:
            if one.id not in seen and len(seen) < MOST_ALONG:
                seen.add(one.id)
                front.append(one)
        found.along += front
        if not front or not any(i.iterate for i in (*asked.includes, *asked.revincludes)):
            return


def _included(caller: Caller, front: Sequence[Stored], wanted: Sequence[Include]) -> list[Stored]:
    found: list[Stored] = []
    for include in wanted:
        ids = [s.id for s in front if s.type == include.kind]
        under = _numbers(include)
        if ids and under:
            scope = visible(caller, "r")
            target = include.target or _only(include)
            of_type = "and r.type = %(target)s" if target else ""
            sql = f"""select distinct on (r.id) {COLUMNS} from fhir_reference f
                join fhir_resource r on r.type = split_part(f.target, '/', 1) and r.fhir_id = split_part(f.target, '/', 2)
                where f.resource_id = any(%(ids)s) and f.param = any(%(numbers)s) and not r.deleted
                    and r.type = any(%(kinds)s) {of_type} and {scope.sql} limit {MOST_ALONG}"""
            params = {
                "ids": ids,
                "numbers": under,
                "target": target,
                "kinds": _readable(caller),
                **scope.params,
            }
            found += [stored(row) for row in db.rows(sql, params, raw_text=True)]
    return [f for f in found if _allowed(caller, f)]


def _reverse(caller: Caller, front: Sequence[Stored], wanted: Sequence[Include]) -> list[Stored]:
    found: list[Stored] = []
    for include in wanted:
        if not caller.scopes.of(include.kind, "s"):
            continue
        scope = visible(caller, "r", include.kind)
        sql = f"""select distinct on (r.id) {COLUMNS} from fhir_reference f join fhir_resource r on r.id = f.resource_id
            where f.target = any(%(places)s) and f.param = any(%(numbers)s) and not r.deleted and {scope.sql}
            limit {MOST_ALONG}"""
        places = [s.place for s in front if s.type == (_only(include) or s.type)]
        params = {"places": places, "numbers": _numbers(include), **scope.params}
        found += [stored(row) for row in db.rows(sql, params, raw_text=True)]
    return [f for f in found if _allowed(caller, f)]


def _allowed(caller: Caller, one: Stored) -> bool:
    """What goes along must be within a narrowing scope too."""
    queries = caller.scopes.queries(one.type, "r")
    return not queries or matches(caller, one.type, one.id, queries)


def _readable(caller: Caller) -> list[str]:
    return caller.scopes.kinds("r", definitions().resources)


def _numbers(include: Include) -> list[int]:
    codes = (
        [p.code for p in supported(include.kind) if p.type == "reference"] if include.code == "*" else [include.code]
    )
    return [n for code in codes for n in numbers(include.kind, code)]


def _only(include: Include) -> str:
    return "" if include.code == "*" else only(include.kind, include.code)
