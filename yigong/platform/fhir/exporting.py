"""Bulk Data export: asked for, written as NDJSON by the worker, fetched, deleted (HL7 Bulk Data Access 1.0 and 2.0)."""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.platform.fhir import access
from yigong.platform.fhir.bodies import instant
from yigong.platform.fhir.callers import Caller, visible
from yigong.platform.fhir.indexing.values import moments
from yigong.platform.fhir.models import Export, ExportState
from yigong.platform.fhir.official import definitions
from yigong.platform.fhir.search.compiling import Compiler
from yigong.security.api import audit

log = logging.getLogger("yigong.fhir")
KEPT_HOURS = 24
FORMATS = ("", "application/fhir+ndjson", "application/ndjson", "ndjson")
ROWS = 2000


def folder(key: str) -> Path:
    """Where the files of an export lie."""
    return Path(settings.LOCAL) / "fhir-exports" / key


def ask(caller: Caller, level: str, given: dict[str, str], url: str) -> Export:
    """Accept an export. Raises Refused fhir.operation_input, fhir.scope."""
    if given.get("_outputFormat", "") not in FORMATS:
        raise Refused("fhir.operation_input", name="export", parameter="_outputFormat")
    kinds = [k for k in given.get("_type", "").split(",") if k]
    for kind in kinds:
        if kind not in definitions().parameters:
            raise Refused("fhir.type_unknown", type=kind[:60])
        caller.scopes.must(kind, "r")
    if not kinds and not caller.scopes.kinds("r", definitions().resources):
        raise Refused("fhir.scope", act="r", type="*")
    export = Export.objects.create(
        key=secrets.token_urlsafe(18), application_id=caller.application_id, request_url=url, level=level, types=kinds,
        since=_since(given.get("_since", "")), scopes=str(caller.scopes), asked_at=now(),
    )  # fmt: skip
    audit(caller.ctx, "fhir.export", "fhir", export.key, after={"level": level, "types": kinds})
    return export


def _since(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromtimestamp(moments(text.replace(" ", "+"))[0] / 1e6, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Refused("fhir.operation_input", name="export", parameter="_since") from error


def mine(caller: Caller, key: str) -> Export:
    """An export of this application. Raises Refused fhir.export_kept."""
    found = Export.objects.filter(key=key, application_id=caller.application_id).first()
    if found is None or found.state == ExportState.CANCELLED:
        raise Refused("fhir.export_kept", key=key[:40])
    return found


def cancel(caller: Caller, key: str) -> None:
    """Forget an export and its files."""
    export = mine(caller, key)
    Export.objects.filter(pk=export.pk).update(state=ExportState.CANCELLED, ended_at=now())
    shutil.rmtree(folder(key), ignore_errors=True)


def manifest(export: Export, base: str) -> dict[str, Any]:
    """What a finished export offers."""
    return {
        "transactionTime": instant(export.asked_at),
        "request": export.request_url,
        "requiresAccessToken": True,
        "output": [{"type": f["type"], "url": f"{base}export/{export.key}/{f['type']}.ndjson", "count": f["count"]} for f in export.files],
        "error": [],
    }  # fmt: skip


def step() -> int:
    """Write one export that waits; 1 when there was one."""
    _expire()
    with transaction.atomic():
        export = (
            Export.objects.select_for_update(skip_locked=True).filter(state=ExportState.ACCEPTED).order_by("id").first()
        )
        if export is None:
            return 0
        Export.objects.filter(pk=export.pk).update(state=ExportState.RUNNING)
    try:
        files = _written(export)
    except Exception as error:
        log.exception("export %s failed", export.pk)
        Export.objects.filter(pk=export.pk).update(state=ExportState.FAILED, error=type(error).__name__, ended_at=now())
        return 1
    done = {"state": ExportState.DONE, "files": files, "ended_at": now(), "progress": ""}
    if not Export.objects.filter(pk=export.pk, state=ExportState.RUNNING).update(**done):
        shutil.rmtree(folder(export.key), ignore_errors=True)  # cancelled meanwhile
    return 1


def _expire() -> None:
    old = Export.objects.filter(ended_at__lt=now() - timedelta(hours=KEPT_HOURS)).exclude(state=ExportState.CANCELLED)
    for export in old:
        shutil.rmtree(folder(export.key), ignore_errors=True)
        Export.objects.filter(pk=export.pk).update(state=ExportState.CANCELLED)


def _written(export: Export) -> list[dict[str, Any]]:
    caller = access.caller(export.application, export.scopes)
    place = folder(export.key)
    place.mkdir(parents=True, exist_ok=True)
    allowed = caller.scopes.kinds("r", definitions().resources)
    kinds = [k for k in export.types or allowed if k in allowed]
    files = []
    for number, kind in enumerate(kinds, 1):
        Export.objects.filter(pk=export.pk).update(progress=f"{number}/{len(kinds)} {kind}")
        if count := _of_kind(caller, export, kind, place / f"{kind}.ndjson"):
            files.append({"type": kind, "count": count})
    return files


def _of_kind(caller: Caller, export: Export, kind: str, path: Path) -> int:
    """Stream a type to its file; how many lines."""
    compiler = Compiler(caller)
    scope = visible(caller, "r", kind)
    where = [f"r.type = {compiler.bind(kind)}", "not r.deleted", scope.sql]
    if export.since is not None:
        where.append(f"r.last_updated >= {compiler.bind(export.since)}")
    if export.level == "patient":
        where.append("r.registration_id is not null")
    where.append(compiler.narrowing(kind, "r"))
    sql = f"select r.body from fhir_resource r where {' and '.join(where)} order by r.id"
    return _stream(sql, {**compiler.params, **scope.params}, path)


def _stream(sql: str, params: dict[str, Any], path: Path) -> int:
    count = 0
    with transaction.atomic():
        connection.ensure_connection()
        with connection.connection.cursor(name="fhir_export") as rows, path.open("w", encoding="utf-8") as out:
            rows.itersize = ROWS
            rows.execute(sql, params)
            while part := rows.fetchmany(ROWS):
                out.write("".join(f"{body}\n" for (body,) in part))
                count += len(part)
    if not count:
        path.unlink()
    return count


def file_of(caller: Caller, key: str, kind: str) -> Path:
    """The file of a type. Raises Refused fhir.export_kept."""
    export = mine(caller, key)
    if kind not in {f["type"] for f in export.files}:
        raise Refused("fhir.export_kept", key=f"{key[:40]}/{kind[:40]}")
    return folder(key) / f"{kind}.ndjson"


def kinds_of(export: Export) -> Sequence[str]:
    """Types that an export holds."""
    return [f["type"] for f in export.files]
