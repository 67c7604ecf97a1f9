"""Addresses of Bulk Data export."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse

from yigong.kit.errors import Refused
from yigong.platform.fhir import exporting
from yigong.platform.fhir.answers import is_lenient, issue, json_answer, outcome
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.models import ExportState
from yigong.platform.fhir.search.asked import only
from yigong.platform.fhir.views import fhir, query_pairs
from yigong.security.api import audit


@fhir("fhir.export")
def start(request: HttpRequest, caller: Caller, level: str = "system") -> HttpResponse:
    """``$export``: accepted, with the address where its state is asked."""
    if request.method != "GET":
        raise Refused("fhir.method", method=request.method)
    if "respond-async" not in request.headers.get("Prefer", ""):
        raise Refused("fhir.operation_input", name="export", parameter="Prefer: respond-async")
    given = only("$export", query_pairs(request), ("_type", "_since", "_outputFormat"), lenient=is_lenient(request))
    export = exporting.ask(caller, level, given, request.build_absolute_uri())
    response = HttpResponse(status=202)
    response["Content-Location"] = f"{caller.base}export/{export.key}"
    return response


@fhir("fhir.export")
def state(request: HttpRequest, caller: Caller, key: str) -> HttpResponse:
    """How far an export is; ``DELETE`` ends it."""
    if request.method == "DELETE":
        exporting.cancel(caller, key)
        return HttpResponse(status=202)
    export = exporting.mine(caller, key)
    if export.state == ExportState.DONE:
        return JsonResponse(exporting.manifest(export, caller.base))
    if export.state == ExportState.FAILED:
        return json_answer(
            outcome([issue("error", "exception", "导出失败", f"the export failed: {export.error}")]), 500
        )
    response = HttpResponse(status=202)
    response["X-Progress"] = export.progress or "waiting"
    response["Retry-After"] = "5"
    return response


@fhir("fhir.export")
def file(request: HttpRequest, caller: Caller, key: str, kind: str) -> Any:
    """One file of an export."""
    path = exporting.file_of(caller, key, kind)
    audit(caller.ctx, "fhir.export", "fhir", f"{key}/{kind}")
    return FileResponse(path.open("rb"), content_type="application/fhir+ndjson")
