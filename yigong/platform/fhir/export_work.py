"""Writes exports: every file of one from the same snapshot of the database, whose moment the client gets for the next time.

``transactionTime`` is the start of the eldest write that was under way: a version that is not in the files bears no
earlier moment. And since a version may be stamped long before it is committed (bulk import stamps whole chunks ahead),
``_since`` goes by the order of commits besides: with the moment of an earlier export, everything comes that its
snapshot did not see.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import psycopg
from django.db import connection
from django.db.models import Q

from yigong.kit.clock import now
from yigong.platform.fhir import access, exporting
from yigong.platform.fhir.anchors import in_compartments
from yigong.platform.fhir.answers import outcome
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.export_asked import wanted
from yigong.platform.fhir.exporting import GONE, PASSED, folder
from yigong.platform.fhir.models import Export, ExportState
from yigong.platform.fhir.official import definitions
from yigong.platform.fhir.projecting import projected
from yigong.platform.fhir.search.compiling import Compiler

log = logging.getLogger("yigong.fhir")
ROWS = 2000
LOCK = 0x66686972  # "fhir": exports that are being written, by their number
#: a second, for a write that has its moment but not yet its number of a transaction
_ELDEST = """select least(clock_timestamp(), min(xact_start)) - interval '1 second' from pg_stat_activity
    where datname = current_database() and backend_xid is not null and pid <> pg_backend_pid()"""


class View(NamedTuple):
    """One state of the database, as long as its connection is open."""

    rows: psycopg.Connection[Any]
    snapshot: str
    moment: datetime


class Stopped(Exception):  # noqa: N818
    """The export was cancelled while it was being written."""


def step() -> int:
    """Write one export that waits, or that a worker left when it died; 1 when there was one."""
    sweep()
    waiting = Export.objects.filter(state__in=(ExportState.ACCEPTED, ExportState.RUNNING)).order_by("id")
    for export in waiting.select_related("application")[:20]:
        with _view(export.pk) as view:
            if view is not None and _move(
                export, ExportState.RUNNING, snapshot=view.snapshot, transaction_time=view.moment
            ):
                _run(export, view)
                return 1
    return 0


def _move(export: Export, state: ExportState, **facts: Any) -> bool:
    """Whether the export still stood to be written."""
    living = Export.objects.filter(pk=export.pk, state__in=(ExportState.ACCEPTED, ExportState.RUNNING))
    return bool(living.update(state=state, **facts))


def _run(export: Export, view: View) -> None:
    try:
        files, gone = _written(export, view)
    except Stopped:
        shutil.rmtree(folder(export.key), ignore_errors=True)
    except Exception as error:
        log.exception("export %s failed", export.pk)
        shutil.rmtree(folder(export.key), ignore_errors=True)
        _move(export, ExportState.FAILED, error=type(error).__name__, ended_at=now())
    else:
        if not _move(export, ExportState.DONE, files=files, gone=gone, ended_at=now(), progress=""):
            shutil.rmtree(folder(export.key), ignore_errors=True)  # cancelled meanwhile


@contextmanager
def _view(number: int) -> Iterator[View | None]:
    """A snapshot on a connection of its own, held against other workers; None where another one writes this export."""
    other = connection.copy()
    other.ensure_connection()
    try:
        rows = other.connection
        if not rows.execute("select pg_try_advisory_lock(%s, %s)", (LOCK, number)).fetchone()[0]:
            yield None
            return
        try:
            moment = rows.execute(_ELDEST).fetchone()[0]
            rows.execute("begin isolation level repeatable read read only")
            yield View(rows, rows.execute("select pg_current_snapshot()::text").fetchone()[0], moment)
        finally:
            rows.execute("rollback")
            rows.execute("select pg_advisory_unlock(%s, %s)", (LOCK, number))
    finally:
        other.close()


def sweep() -> None:
    """Remove the files of exports that ended a day ago, were cancelled, or are known no more."""
    try:
        present = [place.name for place in exporting.root().iterdir()]
    except FileNotFoundError:
        return
    if present:
        fresh = Q(ended_at=None) | Q(ended_at__gt=now() - exporting.KEPT)
        known = Export.objects.filter(fresh, key__in=present).exclude(state=ExportState.CANCELLED)
        for key in set(present) - set(known.values_list("key", flat=True)):
            shutil.rmtree(folder(key), ignore_errors=True)


# ---- files ----


def _written(export: Export, view: View) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Files of resources and files of deletions."""
    caller = access.caller(export.application, export.scopes)
    place = folder(export.key)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    allowed = caller.scopes.kinds("r", definitions().resources)
    kinds = [k for k in export.types or allowed if k in allowed]
    if export.passed:
        (place / f"{PASSED}.ndjson").write_bytes(orjson.dumps(outcome(export.passed)) + b"\n")
    files, gone = [], []
    for number, kind in enumerate(kinds, 1):
        if not _move(export, ExportState.RUNNING, progress=f"{number}/{len(kinds)} {kind}"):
            raise Stopped
        if count := _of_kind(caller, export, view, kind, place / f"{kind}.ndjson"):
            files.append({"type": kind, "count": count})
        if export.since is not None and (count := _gone(caller, export, view, kind, place / f"{GONE}{kind}.ndjson")):
            gone.append({"type": kind, "count": count})
    return files, gone


def _of_kind(caller: Caller, export: Export, view: View, kind: str, path: Path) -> int:
    """Stream a type to its file; how many lines."""
    compiler = Compiler(caller)
    where = [*_conditions(compiler, export, view, kind), "not r.deleted", compiler.narrowing(kind, "r")]
    if queries := export.filters.get(kind):
        where.append(compiler.any_of(kind, queries))
    sql = f"select r.body from fhir_resource r where {' and '.join(where)} order by r.id"
    count, elements = 0, wanted(export.elements, kind)
    with path.open("w", encoding="utf-8") as out:
        for part in _parts(view, sql, compiler.params):
            out.write("".join(f"{_shown(body, kind, elements)}\n" for (body,) in part))
            count += len(part)
    return _kept(path, count)


def _shown(body: str, kind: str, elements: str) -> str:
    return projected(body.encode(), kind, elements=elements).decode() if elements else body


def _gone(caller: Caller, export: Export, view: View, kind: str, path: Path) -> int:
    """Stream the deletions of a type as Bundles; how many Bundles.

    A deleted resource is found by nothing that it said: for a type that a scope narrows, none is told.
    """
    if caller.scopes.queries(kind, "r"):
        return 0
    compiler = Compiler(caller)
    where = [*_conditions(compiler, export, view, kind), "r.deleted"]
    sql = f"select r.type || '/' || r.fhir_id from fhir_resource r where {' and '.join(where)} order by r.id"
    count = 0
    with path.open("wb") as out:
        for part in _parts(view, sql, compiler.params):
            entries = [{"request": {"method": "DELETE", "url": name}} for (name,) in part]
            out.write(orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}) + b"\n")
            count += 1
    return _kept(path, count)


def _kept(path: Path, count: int) -> int:
    """The count; a file without a line goes."""
    if not count:
        path.unlink()
    return count


def _parts(view: View, sql: str, params: dict[str, Any]) -> Iterator[list[tuple[Any, ...]]]:
    with view.rows.cursor(name="fhir_export") as rows:
        rows.itersize = ROWS
        rows.execute(sql, params)
        while part := rows.fetchmany(ROWS):
            yield part


def _conditions(compiler: Compiler, export: Export, view: View, kind: str) -> list[str]:
    """What a resource of a type must meet, deleted or not."""
    where = [f"r.type = {compiler.bind(kind)}", compiler.seen("r", kind)]
    if export.since is not None:
        where.append(_since(compiler, export, view))
    if export.registrations is not None:
        where.append(in_compartments(compiler.bind(export.registrations)))
    elif export.level != "system":
        where.append("r.registration_id is not null")
    return where


def _since(compiler: Compiler, export: Export, view: View) -> str:
    """True for what bears a later moment, and for what the first export from that moment on did not see."""
    later = f"r.last_updated >= {compiler.bind(export.since)}"
    before = Export.objects.filter(transaction_time__gte=export.since).exclude(pk=export.pk)
    seen = before.order_by("transaction_time", "id").values_list("snapshot", flat=True).first()
    if seen is None:
        return later
    first, last = int(seen.partition(":")[0]), int(view.snapshot.split(":")[1])
    # beyond the last there is nothing but rows of another cluster, put back from a dump
    return f"""({later} or (r.written >= {compiler.bind(first)} and r.written < {compiler.bind(last)}
        and not pg_visible_in_snapshot(r.written::text::xid8, {compiler.bind(seen)}::pg_snapshot)))"""
