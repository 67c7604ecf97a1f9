"""Reads resources: the stored bytes, one statement each, within the reach of the caller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from yigong.kit.errors import Refused
from yigong.platform.fhir import db
from yigong.platform.fhir.callers import Caller, visible
from yigong.security.api import WHO, audit, audit_sql, who

COLUMNS = "r.id, r.type, r.fhir_id, r.version, r.last_updated, r.deleted, r.registration_id, r.body"


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a resource as it is kept."""

    id: int
    type: str
    fhir_id: str
    version: int
    last_updated: datetime
    deleted: bool
    registration_id: int | None
    body: bytes

    @property
    def place(self) -> str:
        """``Type/id``."""
        return f"{self.type}/{self.fhir_id}"


def stored(row: Sequence[Any]) -> Stored:
    """A row of COLUMNS, text as bytes."""
    return Stored(row[0], row[1].decode(), row[2].decode(), row[3], row[4], row[5], row[6], row[7])


def read(caller: Caller, kind: str, fhir_id: str) -> Stored:
    """The present version. Raises Refused fhir.not_found or fhir.gone."""
    scope = visible(caller, "r", kind)
    sql = f"select {COLUMNS} from fhir_resource r where r.type = %(type)s and r.fhir_id = %(fhir_id)s and {scope.sql}"
    found = db.rows(sql, {"type": kind, "fhir_id": fhir_id, **scope.params}, raw_text=True)
    if not found or not _within_scope(caller, kind, found[0][0]):
        raise Refused("fhir.not_found", type=kind, id=fhir_id)
    one = stored(found[0])
    if one.deleted:
        raise Refused("fhir.gone", type=kind, id=fhir_id, version=one.version)
    return one


def read_noted(caller: Caller, kind: str, fhir_id: str) -> Stored:
    """The present version, with its line of audit written in the same statement. Raises Refused fhir.not_found or fhir.gone."""
    if caller.scopes.queries(kind, "r"):
        one = read(caller, kind, fhir_id)
        audit(caller.ctx, "fhir.read", "fhir", one.place, registration_id=one.registration_id)
        return one
    scope = visible(caller, "r", kind)
    params = {"type": kind, "fhir_id": fhir_id, **who(caller.ctx), **scope.params}
    found = db.rows(_noted(scope.sql), params, raw_text=True)
    if not found:
        raise Refused("fhir.not_found", type=kind, id=fhir_id)
    one = stored(found[0])
    if one.deleted:
        raise Refused("fhir.gone", type=kind, id=fhir_id, version=one.version)
    return one


@lru_cache(maxsize=64)
def _noted(scope: str) -> str:
    """The statement that reads within a scope and writes down what was read, unless it was deleted."""
    by = ", ".join(f"%({name})s::{'bigint' if name == 'actor_id' else 'text'} as {name}" for name in WHO)
    seen = f"""select {by}, 'fhir.read' as action, 'fhir' as subject_kind, left(f.type || '/' || f.fhir_id, 80) as subject_id,
        f.registration_id from found f where not f.deleted"""
    return f"""with found as materialized (
            select {COLUMNS} from fhir_resource r where r.type = %(type)s and r.fhir_id = %(fhir_id)s and {scope}),
        said as ({audit_sql(seen)})
        select * from found"""


def _within_scope(caller: Caller, kind: str, resource_id: int) -> bool:
    """Whether a scope that narrows by a query lets this resource be read."""
    queries = caller.scopes.queries(kind, "r")
    if not queries:
        return True
    from yigong.platform.fhir.search.running import matches

    return matches(caller, kind, resource_id, queries)


def version(caller: Caller, kind: str, fhir_id: str, number: int) -> Stored:
    """One version, present or replaced. Raises Refused fhir.not_found or fhir.gone."""
    for one in history(caller, kind, fhir_id, number=number):
        if one.deleted:
            raise Refused("fhir.gone", type=kind, id=fhir_id, version=one.version)
        return one
    raise Refused("fhir.not_found", type=kind, id=f"{fhir_id}/_history/{number}")


def history(
    caller: Caller,
    kind: str = "",
    fhir_id: str = "",
    *,
    number: int | None = None,
    since: datetime | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int = 100,
) -> list[Stored]:
    """Versions, newest first: of one resource, of a type, or of everything the caller may read."""
    scope = visible(caller, "r", kind)
    wanted, params = ["true"], dict(scope.params)
    if kind:
        wanted.append("r.type = %(type)s")
        params["type"] = kind
    if fhir_id:
        wanted.append("r.fhir_id = %(fhir_id)s")
        params["fhir_id"] = fhir_id
    of_version = ["true"]
    if number is not None:
        of_version.append("version = %(number)s")
        params["number"] = number
    if since is not None:
        of_version.append("last_updated >= %(since)s")
        params["since"] = since
    if before is not None:
        of_version.append("(last_updated, id) < (%(before)s, %(before_id)s)")
        params |= {"before": before[0], "before_id": before[1]}
    held = " and ".join(of_version)
    sql = f"""with h as (
            select {COLUMNS} from fhir_resource r where {" and ".join(wanted)} and {scope.sql}
            union all
            select r.id, r.type, r.fhir_id, v.version, v.last_updated, v.deleted, r.registration_id, v.body
            from fhir_version v join fhir_resource r on r.id = v.resource_id where {" and ".join(wanted)} and {scope.sql})
        select * from h where {held} order by last_updated desc, id desc, version desc limit %(limit)s"""
    found = [stored(row) for row in db.rows(sql, {**params, "limit": limit}, raw_text=True)]
    if fhir_id and not found and number is None and since is None and before is None:
        raise Refused("fhir.not_found", type=kind, id=fhir_id)
    allowed = {k for k in {f.type for f in found} if caller.scopes.of(k, "r") and not caller.scopes.queries(k, "r")}
    return [f for f in found if f.type in allowed or (f.type == kind and _within_scope(caller, kind, f.id))]
