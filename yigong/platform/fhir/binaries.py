"""Binary: the raw content for who asks for it, and the originals of published documents (MHD ITI-68)."""

from __future__ import annotations

import base64
import binascii

from django.http import HttpRequest, HttpResponse

from yigong.kit.errors import Refused
from yigong.platform.fhir import reading
from yigong.platform.fhir.answers import json_answer
from yigong.platform.fhir.bodies import read
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.publishing import DOCUMENT
from yigong.platform.records import api as records
from yigong.security.api import audit, revealed


def answer(request: HttpRequest, caller: Caller, fhir_id: str) -> HttpResponse:
    """A Binary as FHIR JSON when that is asked for, else its content as it is."""
    caller.scopes.must("Binary", "r")
    if fhir_id.startswith(DOCUMENT):
        kind, content = _original(caller, fhir_id)
    else:
        found = reading.read(caller, "Binary", fhir_id)
        audit(caller.ctx, "fhir.read", "fhir", found.place, registration_id=found.registration_id)
        kind, content = _content(found.body)
    accept = request.headers.get("Accept", "")
    if "fhir+json" in accept or "application/json" in accept:
        return json_answer(
            {"resourceType": "Binary", "id": fhir_id, "contentType": kind, "data": base64.b64encode(content).decode()}
        )
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = "attachment"  # never shown inside a page of this host
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _original(caller: Caller, fhir_id: str) -> tuple[str, bytes]:
    try:
        number = revealed(fhir_id.removeprefix(DOCUMENT))
        found = records.document(caller.ctx, number)
        if found is None:
            raise LookupError(number)
        content = records.original(caller.ctx, number)
    except (ValueError, LookupError, FileNotFoundError) as error:
        raise Refused("fhir.not_found", type="Binary", id=fhir_id[:64]) from error
    audit(caller.ctx, "fhir.read", "fhir", f"Binary/{fhir_id}", registration_id=found[0].registration_id)
    return found[0].media_type or "application/xml", content


def _content(body: bytes) -> tuple[str, bytes]:
    said = read(body)
    try:
        return str(said.get("contentType", "application/octet-stream")), base64.b64decode(str(said.get("data", "")))
    except binascii.Error:
        return "application/octet-stream", b""
