"""Answers over HTTP: resources as they lie in the database, bundles put together from bytes, refusals as OperationOutcome."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.http import http_date, parse_http_date_safe

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.platform.fhir.bodies import instant, written
from yigong.platform.fhir.reading import Stored
from yigong.platform.fhir.sentences import SENTENCES
from yigong.web.http import sentences

JSON_TYPE = "application/fhir+json; charset=utf-8"
#: refusal -> (status, issue type of the value set issue-type)
STATUS = {
    "fhir.not_json": (400, "structure"),
    "fhir.not_xml": (400, "structure"),
    "fhir.no_type": (400, "structure"),
    "fhir.type_unknown": (404, "not-supported"),
    "fhir.type_differs": (400, "invalid"),
    "fhir.id_differs": (400, "invalid"),
    "fhir.id_malformed": (400, "value"),
    "fhir.not_found": (404, "not-found"),
    "fhir.gone": (410, "deleted"),
    "fhir.version_conflict": (412, "conflict"),
    "fhir.version_absent": (412, "conflict"),
    "fhir.there_already": (412, "conflict"),
    "fhir.header_value": (400, "value"),
    "fhir.patch_media": (415, "not-supported"),
    "fhir.parameter_unserved": (400, "not-supported"),
    "fhir.not_yours": (403, "forbidden"),
    "fhir.published": (403, "forbidden"),
    "fhir.unindexable": (422, "value"),
    "fhir.invalid": (422, "invalid"),
    "fhir.scope": (403, "forbidden"),
    "not_permitted": (403, "forbidden"),
    "fhir.no_token": (401, "login"),
    "fhir.condition_many": (412, "multiple-matches"),
    "fhir.page_gone": (410, "expired"),
    "fhir.patch": (422, "processing"),
    "fhir.patch_operation": (422, "processing"),
    "fhir.media": (415, "not-supported"),
    "fhir.form_media": (415, "not-supported"),
    "fhir.bundle_address": (400, "not-supported"),
    "fhir.format": (406, "not-supported"),
    "fhir.method": (405, "not-supported"),
    "fhir.operation_unknown": (404, "not-supported"),
    "fhir.modifier_unknown": (400, "not-supported"),
    "fhir.parameter_unknown": (400, "not-supported"),
    "fhir.reference_unresolved": (412, "not-found"),
    "fhir.export_kept": (404, "not-found"),
    "fhir.code_unknown": (404, "not-found"),
    "fhir.value_set": (422, "processing"),
    "fhir.value_set_costly": (422, "too-costly"),
    "fhir.definition_unknown": (422, "not-found"),
    "fhir.identifier_unknown": (404, "not-found"),
    "empi.no_such_registration": (404, "not-found"),
    "fhir.too_large": (413, "too-long"),
    "fhir.search_too_large": (403, "too-costly"),
    "fhir.too_costly": (403, "too-costly"),
    "fhir.over_quota": (429, "throttled"),
    "fhir.suspended": (403, "forbidden"),
    "fhir.fault": (500, "exception"),
}


def told(refused: Refused) -> tuple[str, str]:
    """The sentence of a refusal in Chinese and in English."""
    found: Any = SENTENCES.get(refused.code)
    if found is None:
        known = sentences().get(refused.code, [])
        found = next((s for s in known if isinstance(s, tuple)), (refused.code, str(refused)))
    facts = {k: "、".join(map(str, v)) if isinstance(v, list | tuple) else v for k, v in refused.facts.items()}
    try:
        return found[0].format_map(facts), found[1].format_map(facts)
    except KeyError:
        return refused.code, str(refused)


def issue(severity: str, code: str, zh: str, en: str, *, expression: str = "", rule: str = "") -> dict[str, Any]:
    """One issue of an OperationOutcome."""
    details: dict[str, Any] = {"text": zh}
    if rule:
        details["coding"] = [{"system": "urn:yigong:fhir:rule", "code": rule}]
    found = {"severity": severity, "code": code, "details": details, "diagnostics": en}
    return found | ({"expression": [expression]} if expression else {})


def outcome(issues: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


#: what came of a write, in words
_DONE = {"created": "已建立", "updated": "已更新", "unchanged": "内容相同，未产生新版本"}


def written_outcome(done: str, remarks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What came of a write, with what is remarked upon it."""
    return outcome([issue("information", "informational", _DONE[done], done), *remarks])


def refusal_outcome(refused: Refused) -> tuple[int, dict[str, Any]]:
    """Status and OperationOutcome of a refusal; findings of a validation become its issues."""
    status, code = STATUS.get(refused.code, (404 if ".no_such" in refused.code else 400, "processing"))
    entry = refused.facts.get("bundle_entry")
    if findings := refused.facts.get("findings"):
        return status, outcome([_of_entry(f, entry) for f in findings])  # type: ignore[attr-defined]
    zh, en = told(refused)
    found = issue("error", code, zh, en, rule=refused.code)
    if place := refused.facts.get("expression"):
        found["expression"] = [place]
    return status, outcome([_of_entry(found, entry)])


def _of_entry(found: Mapping[str, Any], entry: object) -> Mapping[str, Any]:
    """The issue with the entry of the Bundle that it is about: in its sentences and as the place (FHIRPath)."""
    if not isinstance(entry, int):
        return found
    inside = [str(place).partition(".")[2] for place in found.get("expression", [""])]
    places = [f"Bundle.entry[{entry}].resource.{i}" if i else f"Bundle.entry[{entry}]" for i in inside]
    details = {**found["details"], "text": f"Bundle 第 {entry + 1} 条：{found['details']['text']}"}
    said = f"Entry {entry + 1} of the Bundle: {found['diagnostics']}"
    return {**found, "details": details, "diagnostics": said, "expression": places}


def is_lenient(request: HttpRequest) -> bool:
    """Whether the client lets parameters be passed over that are not served."""
    return "handling=lenient" in request.headers.get("Prefer", "")


def json_answer(value: Any, status: int = 200) -> HttpResponse:
    """Any resource that was made here."""
    return HttpResponse(written(value), status=status, content_type=JSON_TYPE)


def refused_answer(refused: Refused) -> HttpResponse:
    """A refusal as an OperationOutcome."""
    status, body = refusal_outcome(refused)
    response = json_answer(body, status)
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="fhir"'
    if status == 429:
        response["Retry-After"] = str(refused.facts.get("seconds", 1))
    if status == 405 and (allowed := refused.facts.get("allowed")):
        response["Allow"] = str(allowed)
    return response


def resource_answer(request: HttpRequest, one: Stored, body: bytes | None = None) -> HttpResponse:
    """A stored resource with its version; 304 when the caller has it."""
    etag = f'W/"{one.version}"'
    if _has_it(request, one):
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(body if body is not None else one.body, content_type=JSON_TYPE)
    response["ETag"] = etag
    response["Last-Modified"] = http_date(one.last_updated.timestamp())
    return response


def _has_it(request: HttpRequest, one: Stored) -> bool:
    """Whether a reading client has this version: If-None-Match decides, else If-Modified-Since to the second (RFC 7232, section 6)."""
    if request.method not in ("GET", "HEAD"):
        return False
    if (given := request.headers.get("If-None-Match")) is not None:
        known = [tag.strip().removeprefix("W/").strip('"') for tag in given.split(",")]
        return "*" in known or str(one.version) in known
    since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
    return since is not None and int(one.last_updated.timestamp()) <= since


def entry(base: str, one: Stored, mode: str, body: bytes | None = None) -> bytes:
    """One entry of a searchset."""
    url = f"{base}{one.type}/{one.fhir_id}"
    return b"".join((
        b'{"fullUrl":', orjson.dumps(url), b',"resource":', body if body is not None else one.body,
        b',"search":{"mode":"', mode.encode(), b'"}}',
    ))  # fmt: skip


def bundle(
    kind: str, entries: Iterable[bytes], *, links: Sequence[tuple[str, str]] = (), total: int | None = None
) -> bytes:
    """A Bundle from entries that are text already."""
    head: dict[str, Any] = {
        "resourceType": "Bundle", "id": str(uuid.uuid4()), "meta": {"lastUpdated": instant(now())}, "type": kind,
    }  # fmt: skip
    if total is not None:
        head["total"] = total
    if links:
        head["link"] = [{"relation": r, "url": u} for r, u in links]
    inside = b",".join(entries)
    start = orjson.dumps(head)
    return start if not inside else start[:-1] + b',"entry":[' + inside + b"]}"


def history_entry(base: str, one: Stored) -> bytes:
    """One entry of a history."""
    method = "DELETE" if one.deleted else "POST" if one.version == 1 else "PUT"
    facts: dict[str, Any] = {
        "fullUrl": f"{base}{one.type}/{one.fhir_id}",
        "request": {"method": method, "url": one.type if method == "POST" else f"{one.type}/{one.fhir_id}"},
        "response": {"status": "201" if one.version == 1 else "204" if one.deleted else "200",
                     "etag": f'W/"{one.version}"', "lastModified": instant(one.last_updated)},
    }  # fmt: skip
    text = orjson.dumps(facts)
    return text if one.deleted else text[:-1] + b',"resource":' + one.body + b"}"
