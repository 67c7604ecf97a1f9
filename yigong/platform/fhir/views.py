"""The RESTful addresses of FHIR R4: each method of each address is one interaction."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException
from django.utils.http import http_date
from django.views.decorators.csrf import csrf_exempt

from yigong.kit.errors import Refused
from yigong.platform.fhir import (
    access,
    acts,
    binaries,
    bundles,
    capability,
    library,
    negotiating,
    openapi,
    reading,
    xml,
)
from yigong.platform.fhir.answers import JSON_TYPE, json_answer, refused_answer, resource_answer, written_outcome
from yigong.platform.fhir.bodies import JSON, read, unpacked
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.projecting import projected
from yigong.platform.fhir.searching import history_answer, search_all_answer, search_answer
from yigong.platform.fhir.store import Draft
from yigong.security.api import audit

log = logging.getLogger("yigong.fhir")
View = Callable[..., HttpResponse]
_TYPES = {"application/fhir+json", "application/json", "text/json", ""}
_XML_TYPES = {"application/fhir+xml", "application/xml", "text/xml"}
#: what nearly every client accepts, understood without reading it as a list
_USUAL = {"*/*", "application/fhir+json", "application/json"}
PATCH_TYPE = "application/json-patch+json"


def fhir(action: str | None) -> Callable[[View], View]:
    """A view that speaks FHIR: the caller from the token, every trouble an OperationOutcome."""

    def wrap(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            as_xml = False
            try:
                as_xml = _wants_xml(request)
                caller = () if action is None else (access.caller_of(request),)
                answer = view(request, *caller, *args, **kwargs)
                return _in_xml(answer) if as_xml else _bare(answer)
            except Exception as error:
                answer = _troubled(request, error)
                return _in_xml(answer) if as_xml else answer

        guarded.action = action  # type: ignore[attr-defined]  # read by the test that walks all routes
        return guarded

    return wrap


def _troubled(request: HttpRequest, error: Exception) -> HttpResponse:
    """The answer to what went wrong; called while the error is being handled."""
    match error:
        case Refused():
            return refused_answer(error)
        case RequestDataTooBig():
            return refused_answer(Refused("fhir.too_large"))
        case DataError():  # the sign zero, a number beyond what a column holds
            return refused_answer(Refused("fhir.parameter_value", name="?", value=""))
    log.exception("fault at a FHIR address")
    return refused_answer(Refused("fhir.fault", request_id=getattr(request, "request_id", "")))


def _wants_xml(request: HttpRequest) -> bool:
    """Whether the client wants XML rather than JSON. Raises Refused fhir.format where neither will do; a Binary and the file of an export come in their own form."""
    if "/Binary/" in request.path or request.path.endswith(".ndjson"):
        return False
    wanted = request.GET.get("_format", "") if "_format" in request.META.get("QUERY_STRING", "") else ""
    if not wanted and request.META.get("HTTP_ACCEPT", "*/*") in _USUAL:
        return False
    if wanted:
        return negotiating.format_is_xml(wanted)
    return negotiating.accept_is_xml(request.META.get("HTTP_ACCEPT", "*/*") or "*/*")


def _in_xml(answer: HttpResponse) -> HttpResponse:
    """The same answer with its resource as XML."""
    if (
        answer.streaming
        or not answer.headers.get("Content-Type", "").startswith("application/fhir+json")
        or not answer.content
    ):
        return _bare(answer)
    answer.content = xml.to_xml(read(answer.content))
    answer["Content-Type"] = "application/fhir+xml; charset=utf-8"
    return answer


def _bare(answer: HttpResponse) -> HttpResponse:
    """An answer without a body says nothing of its form."""
    if not answer.streaming and not answer.content:
        answer.headers.pop("Content-Type", None)
    return answer


def body_of(request: HttpRequest) -> JSON:
    """The resource in the body. Raises Refused fhir.media, fhir.not_json, fhir.not_xml, fhir.no_type."""
    if request.content_type in _XML_TYPES:
        return xml.from_xml(raw_body(request))
    if request.content_type not in _TYPES:
        raise Refused("fhir.media", type=str(request.content_type)[:80])
    return read(raw_body(request))


def raw_body(request: HttpRequest) -> bytes:
    """The bytes of the body, unpacked where they came packed. Raises Refused fhir.media, fhir.too_large, fhir.not_json."""
    try:
        body = request.body
    except RawPostDataException as error:
        raise Refused("fhir.not_json", why="no body") from error
    packed = request.headers.get("Content-Encoding", "identity").strip().lower()
    if packed in ("", "identity"):
        return body
    if packed not in ("gzip", "x-gzip"):
        raise Refused("fhir.media", type=f"Content-Encoding: {packed[:40]}")
    return unpacked(body, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def query_pairs(request: HttpRequest) -> list[tuple[str, str]]:
    """The parameters of the address, in order."""
    text = (
        request.META.get("QUERY_STRING", "").encode("latin-1", "replace").decode("utf-8", "replace")
    )  # as WSGI has it
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=500)
    except ValueError as error:
        raise Refused("fhir.parameter_value", name="?", value=text[:60]) from error


def if_match(request: HttpRequest) -> int | None:
    """The version that the change was made to. Raises Refused fhir.parameter_value."""
    given = request.headers.get("If-Match", "")
    if not given or given == "*":
        return None
    return acts.version_of(given, "If-Match")


def not_here(request: HttpRequest, allowed: str) -> Refused:
    """The refusal of a method at an address that knows only those of *allowed*."""
    return Refused("fhir.method", method=request.method, allowed=allowed)


#: methods of the address of a type and of a resource
AT_TYPE, AT_INSTANCE = "GET, HEAD, POST, PUT, PATCH, DELETE", "GET, HEAD, PUT, PATCH, DELETE"


# ---- a type ----


@fhir("fhir.read")
def type_level(request: HttpRequest, caller: Caller, kind: str) -> HttpResponse:
    """``GET`` searches, ``POST`` creates, ``PUT``, ``PATCH`` and ``DELETE`` work on the single match of a condition."""
    acts.kind_known(kind)
    match request.method:
        case "GET" | "HEAD":
            return search_answer(request, caller, kind, query_pairs(request))
        case "POST":
            return _create(request, caller, kind)
        case "PUT":
            draft = acts.conditional_change(caller, kind, query_pairs(request), body_of(request), if_match(request))
            return done(request, caller, acts.commit(caller, [draft])[0])
        case "PATCH":
            operations = _patch_in(request)
            draft = acts.conditional_patch(caller, kind, query_pairs(request), operations, if_match(request))
            return done(request, caller, acts.commit(caller, [draft])[0])
        case "DELETE":
            removed = acts.conditional_removal(caller, kind, query_pairs(request))
            if removed is not None:
                acts.commit(caller, [removed])
            return HttpResponse(status=204)
    raise not_here(request, AT_TYPE)


def _create(request: HttpRequest, caller: Caller, kind: str) -> HttpResponse:
    given = request.headers.get("If-None-Exist")
    condition = parse_qsl(given.lstrip("?"), keep_blank_values=True) if given is not None else None
    resource = body_of(request)
    draft = acts.creation(caller, kind, resource, condition)
    if draft is None:
        present = reading.read(caller, kind, acts.one(caller, kind, condition or ()))
        answer = resource_answer(request, present)
        answer["Location"] = f"{caller.base}{present.place}/_history/{present.version}"
        return answer
    return done(request, caller, acts.commit(caller, [draft])[0])


def done(request: HttpRequest, caller: Caller, draft: Draft) -> HttpResponse:
    """The answer to a write, as much of it as the client prefers."""
    status = 201 if draft.outcome == "created" else 200
    prefer = request.headers.get("Prefer", "")
    place = f"{caller.base}{draft.kind}/{draft.fhir_id}"
    if "return=minimal" in prefer:
        response = HttpResponse(status=status)
    elif "return=OperationOutcome" in prefer:
        response = json_answer(written_outcome(draft.outcome, draft.remarks), status)
    elif draft.outcome == "unchanged":
        response = resource_answer(request, reading.read(caller, draft.kind, draft.fhir_id))
    else:
        response = HttpResponse(draft.body, status=status, content_type="application/fhir+json; charset=utf-8")
    response["ETag"] = draft.etag
    if draft.moment is not None and draft.outcome != "unchanged":
        response["Last-Modified"] = http_date(draft.moment.timestamp())
    response["Location"] = f"{place}/_history/{draft.version}"
    return response


@fhir("fhir.search")
def type_search(request: HttpRequest, caller: Caller, kind: str) -> HttpResponse:
    """``POST Type/_search`` with a form."""
    acts.kind_known(kind)
    if request.method != "POST":
        raise not_here(request, "POST")
    pairs = [*query_pairs(request), *_form(request)]
    return search_answer(request, caller, kind, pairs)


def _form(request: HttpRequest) -> list[tuple[str, str]]:
    """The parameters that a form brings. Raises Refused fhir.form_media, fhir.parameter_value."""
    if request.content_type not in ("application/x-www-form-urlencoded", "") and request.body:
        raise Refused("fhir.form_media", type=str(request.content_type)[:80])
    try:
        return parse_qsl(raw_body(request).decode("utf-8"), keep_blank_values=True, max_num_fields=500)
    except ValueError as error:
        raise Refused("fhir.parameter_value", name="_search", value="") from error


# ---- a resource ----


@fhir("fhir.read")
def instance(request: HttpRequest, caller: Caller, kind: str, fhir_id: str) -> HttpResponse:
    """``GET`` reads, ``PUT`` updates, ``PATCH`` patches, ``DELETE`` deletes."""
    acts.kind_known(kind)
    match request.method:
        case "GET" | "HEAD":
            return (
                binaries.answer(request, caller, fhir_id) if kind == "Binary" else _read(request, caller, kind, fhir_id)
            )
        case "PUT":
            draft = acts.change(caller, kind, fhir_id, body_of(request), if_match(request))
            draft.if_absent = request.headers.get("If-None-Match", "").strip() == "*"
            return done(request, caller, acts.commit(caller, [draft])[0])
        case "PATCH":
            draft = acts.patched(caller, kind, fhir_id, _patch_in(request), if_match(request))
            return done(request, caller, acts.commit(caller, [draft])[0])
        case "DELETE":
            acts.commit(caller, [acts.removal(caller, kind, fhir_id, if_match(request))])
            return HttpResponse(status=204)
    raise not_here(request, AT_INSTANCE)


def _patch_in(request: HttpRequest) -> Any:
    """A JSON Patch as a list, or the Parameters of a FHIRPath Patch. Raises Refused fhir.patch_media, fhir.patch."""
    if request.content_type == PATCH_TYPE:
        return patch_of(raw_body(request))
    try:
        return body_of(request)
    except Refused as refused:
        if refused.code not in ("fhir.media", "fhir.no_type"):
            raise
        raise Refused("fhir.patch_media", type=str(request.content_type)[:80] or "—") from refused


def patch_of(raw: bytes) -> Any:
    """The operations of a JSON Patch. Raises Refused fhir.patch."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Refused("fhir.patch", why=str(error)[:120]) from error
    if not isinstance(found, list) or not all(isinstance(op, dict) for op in found):
        raise Refused("fhir.patch", why="a list of operations is needed")
    return found


def _read(request: HttpRequest, caller: Caller, kind: str, fhir_id: str) -> HttpResponse:
    caller.scopes.must(kind, "r")
    found = reading.read_noted(caller, kind, fhir_id)
    asked = request.GET if request.META.get("QUERY_STRING") else {}
    summary, elements = asked.get("_summary", ""), asked.get("_elements", "")
    return resource_answer(
        request, found, projected(found.body, kind, summary, elements) if summary or elements else None
    )


@fhir("fhir.read")
def instance_history(request: HttpRequest, caller: Caller, kind: str, fhir_id: str) -> HttpResponse:
    """Versions of one resource."""
    acts.kind_known(kind)
    return history_answer(request, caller, kind, fhir_id)


@fhir("fhir.read")
def instance_version(request: HttpRequest, caller: Caller, kind: str, fhir_id: str, number: str) -> HttpResponse:
    """One version."""
    acts.kind_known(kind)
    caller.scopes.must(kind, "r")
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise Refused("fhir.not_found", type=kind, id=f"{fhir_id}/_history/{number[:40]}")
    found = reading.version(caller, kind, fhir_id, int(number))
    audit(caller.ctx, "fhir.read", "fhir", f"{found.place}/_history/{number}", registration_id=found.registration_id)
    return resource_answer(request, found)


@fhir("fhir.read")
def type_history(request: HttpRequest, caller: Caller, kind: str) -> HttpResponse:
    """Versions of a type."""
    acts.kind_known(kind)
    return history_answer(request, caller, kind)


@fhir("fhir.write")
def system_level(request: HttpRequest, caller: Caller) -> HttpResponse:
    """``POST`` of a transaction or a batch; ``GET`` searches all types."""
    if request.method in ("GET", "HEAD"):
        return search_all_answer(request, caller, query_pairs(request))
    if request.method != "POST":
        raise not_here(request, "GET, HEAD, POST")
    telling = "return=OperationOutcome" in request.headers.get("Prefer", "")
    return json_answer(bundles.run(caller, body_of(request), telling=telling))


@fhir("fhir.search")
def system_search(request: HttpRequest, caller: Caller) -> HttpResponse:
    """``POST _search`` with a form: all types."""
    if request.method != "POST":
        raise not_here(request, "POST")
    return search_all_answer(request, caller, [*query_pairs(request), *_form(request)])


@fhir(None)
def metadata(request: HttpRequest) -> HttpResponse:
    """The CapabilityStatement; whoever asks may know it."""
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        raise not_here(request, "GET, HEAD, OPTIONS")
    return HttpResponse(capability.statement(access.base_url(request), library.profiles()), content_type=JSON_TYPE)


@fhir(None)
def openapi_document(request: HttpRequest) -> HttpResponse:
    """The same surface as OpenAPI."""
    return HttpResponse(json.dumps(openapi.document(access.base_url(request))), content_type="application/json")


@fhir("fhir.read")
def system_history(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Versions of everything."""
    return history_answer(request, caller)


@fhir("fhir.search")
def compartment_search(request: HttpRequest, caller: Caller, fhir_id: str, kind: str) -> HttpResponse:
    """``Patient/id/Type`` and ``Patient/id/Type/_search``: what lies in a patient's compartment."""
    acts.kind_known(kind)
    by_form = request.path.endswith("/_search")
    if request.method != "POST" if by_form else request.method not in ("GET", "HEAD"):
        raise not_here(request, "POST" if by_form else "GET, HEAD")
    reading.read(caller, "Patient", acts.good_id(fhir_id))
    pairs = [*query_pairs(request), *(_form(request) if by_form else ())]
    return search_answer(request, caller, kind, pairs, patient=fhir_id)


@fhir(None)
def elsewhere(request: HttpRequest, place: str) -> HttpResponse:
    """Addresses that are none."""
    last = place.rstrip("/").rpartition("/")[2]
    if last.startswith("$"):
        raise Refused("fhir.operation_unknown", name=last[1:60])
    raise Refused("fhir.type_unknown", type=place[:60])
