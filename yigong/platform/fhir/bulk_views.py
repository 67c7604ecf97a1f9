"""Addresses of Bulk Data export."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.utils.http import http_date

from yigong.kit.errors import Refused
from yigong.platform.fhir import acts, export_asked, exporting
from yigong.platform.fhir.answers import is_lenient, issue, json_answer, outcome
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.models import ExportState
from yigong.platform.fhir.operations import asked_of
from yigong.platform.fhir.views import fhir
from yigong.security.api import audit

KNOWN = ("_type", "_typeFilter", "_elements", "_since", "_outputFormat")


@fhir("fhir.export")
def start(request: HttpRequest, caller: Caller, level: str = "system", fhir_id: str = "") -> HttpResponse:
    """``$export`` of everything, of persons or of a Group: accepted, with the address where its state is asked."""
    pairs = asked_of(request)
    if "respond-async" not in request.headers.get("Prefer", ""):
        raise Refused("fhir.operation_input", name="export", parameter="Prefer: respond-async")
    known = KNOWN if level == "system" else (*KNOWN, "patient")
    given: dict[str, list[str]] = defaultdict(list)
    for name, value in pairs:
        given[name].append(value)
    group = acts.good_id(fhir_id) if level == "group" else ""
    narrowed = export_asked.read(caller, given, known, lenient=is_lenient(request))
    export = exporting.ask(caller, level, given, narrowed, request.build_absolute_uri(), group)
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
        done = JsonResponse(exporting.manifest(export, caller.base))
        done["Expires"] = http_date(exporting.expires(export).timestamp())
        return done
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
