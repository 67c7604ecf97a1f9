"""Operations: $validate, $match, $ihe-pix."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from yigong.kit.errors import Refused
from yigong.platform.empi import api as empi
from yigong.platform.fhir import acts, db, identifiers, patients, reading, validating
from yigong.platform.fhir.answers import JSON_TYPE, bundle, entry, is_lenient, issue, json_answer, outcome
from yigong.platform.fhir.bodies import JSON
from yigong.platform.fhir.callers import Caller, visible
from yigong.platform.fhir.search.asked import only
from yigong.platform.fhir.views import body_of, fhir, not_here, query_pairs
from yigong.security.api import audit

MATCH_GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
GRADES = {"auto": "certain", "review": "possible", "none": "certainly-not"}


def _parameters(request: HttpRequest) -> list[dict[str, Any]]:
    """The parameters of an operation: of a Parameters resource, or a bare resource as ``resource``."""
    body = body_of(request)
    if body["resourceType"] != "Parameters":
        return [{"name": "resource", "resource": body}]
    found = body.get("parameter", [])
    return [p for p in found if isinstance(p, dict)] if isinstance(found, list) else []


def _value(parameters: list[dict[str, Any]], name: str) -> Any:
    for one in parameters:
        if one.get("name") == name:
            return next((v for k, v in one.items() if k.startswith("value") or k == "resource"), None)
    return None


# ---- $validate ----


@fhir("fhir.read")
def validate(request: HttpRequest, caller: Caller, kind: str = "", fhir_id: str = "") -> HttpResponse:
    """Findings with place, rule and sentence; nothing is stored."""
    if kind:
        acts.kind_known(kind)
    given = only("$validate", query_pairs(request), ("profile", "mode"), lenient=is_lenient(request))
    parameters: list[dict[str, Any]] = []
    if request.method == "GET" and fhir_id:
        from yigong.platform.fhir.bodies import read

        caller.scopes.must(kind, "r")
        resource = read(reading.read_noted(caller, kind, fhir_id).body)
    elif request.method == "POST":
        parameters = _parameters(request)
        resource = _value(parameters, "resource")
    else:
        raise not_here(request, "GET, POST" if fhir_id else "POST")
    if (mode := _value(parameters, "mode") or given.get("mode", "")) not in ("", "create", "update"):
        raise Refused(
            "fhir.parameter_unserved", where="$validate", name=f"mode={str(mode)[:40]}", known=["create", "update"]
        )
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise Refused("fhir.operation_input", name="validate", parameter="resource")
    if kind and resource["resourceType"] != kind:
        raise Refused("fhir.type_differs", asked=kind, given=resource["resourceType"][:60])
    found = validating.all_findings(resource)
    asked = _profiles(parameters) or [v for k, v in query_pairs(request) if k == "profile" and v]
    profiled = validating.profiled(resource, asked)
    good = issue("information", "informational", "符合 FHIR R4", "conforms to FHIR R4")
    issues = [f.issue() for f in (*profiled, *found)]
    if not any(f.severity in ("error", "warning") for f in (*profiled, *found)):
        issues.append(good)
    return json_answer(outcome(issues))


def _profiles(parameters: list[dict[str, Any]]) -> list[str]:
    """The profiles that a body asks for."""
    return [str(v) for p in parameters if p.get("name") == "profile" and (v := _value([p], "profile"))]


def asked_of(request: HttpRequest) -> list[tuple[str, str]]:
    """The parameters of the address, and with POST those of the Parameters in the body."""
    pairs = query_pairs(request)
    if request.method == "POST" and request.body:
        pairs += [_pair(p) for p in _parameters(request)]
    elif request.method not in ("GET", "HEAD", "POST"):
        raise not_here(request, "GET, HEAD, POST")
    return pairs


def given_parameters(request: HttpRequest) -> list[tuple[str, Any]]:
    """The parameters of the address as text, and with POST those of the body as they are."""
    pairs: list[tuple[str, Any]] = list(query_pairs(request))
    if request.method == "POST" and request.body:
        body = _parameters(request)
        pairs += [(str(p.get("name")), _value([p], str(p.get("name")))) for p in body]
    elif request.method not in ("GET", "HEAD", "POST"):
        raise not_here(request, "GET, HEAD, POST")
    return pairs


def _pair(parameter: dict[str, Any]) -> tuple[str, str]:
    """A parameter of a body as it would stand in the address."""
    name = str(parameter.get("name"))
    value = _value([parameter], name)
    return name, str(value.get("reference", "") if isinstance(value, dict) else value)


# ---- $match ----


@fhir("fhir.search")
def match(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Patients that the given one may be, likeliest first, with the score of the index of persons."""
    if request.method != "POST":
        raise not_here(request, "POST")
    caller.scopes.must("Patient", "s")
    parameters = _parameters(request)
    asked = _value(parameters, "resource")
    if not isinstance(asked, dict) or asked.get("resourceType") != "Patient":
        raise Refused("fhir.operation_input", name="match", parameter="resource")
    validating.must_conform(asked)
    certain = _value(parameters, "onlyCertainMatches") is True
    count = _value(parameters, "count")
    found = empi.match(caller.ctx, _facts(asked), count=count if isinstance(count, int) and 0 < count <= 100 else 10,
                       least="auto" if certain else "review")  # fmt: skip
    stored = _patients(caller, [m.registration_id for m in found])
    entries = []
    for one in found:
        if patient := stored.get(one.registration_id):
            entries.append(_scored(caller, patient, one.probability, GRADES[one.band]))
            audit(caller.ctx, "fhir.search", "fhir", patient.place, registration_id=one.registration_id)
    return HttpResponse(bundle("searchset", entries, total=len(entries)), content_type=JSON_TYPE)


def _facts(patient: JSON) -> dict[str, Any]:
    facts = {k: v for k, v in patients.registration_facts(patient).items() if v is not None}
    if "born_on" in facts:
        facts["born_on"] = patients.day(facts["born_on"])
    return {k: v for k, v in facts.items() if v is not None}


def _patients(caller: Caller, registrations: list[int]) -> dict[int, reading.Stored]:
    scope = visible(caller, "r", "Patient")
    sql = f"""select {reading.COLUMNS} from fhir_resource r where r.type = 'Patient' and not r.deleted
        and r.registration_id = any(%(ids)s) and {scope.sql} order by r.origin <> 'fhir', r.id desc"""
    rows = db.rows(sql, {"ids": registrations, **scope.params}, raw_text=True)
    return {
        one.registration_id: one for row in reversed(rows) if (one := reading.stored(row)).registration_id is not None
    }


def _scored(caller: Caller, patient: reading.Stored, probability: float, grade: str) -> bytes:
    search = {"extension": [{"url": MATCH_GRADE, "valueCode": grade}], "mode": "match", "score": round(probability, 4)}
    text = entry(caller.base, patient, "match")
    return text[: text.rindex(b',"search":')] + b',"search":' + orjson.dumps(search) + b"}"


# ---- PIXm ----


@fhir("fhir.search")
def ihe_pix(request: HttpRequest, caller: Caller) -> HttpResponse:
    """ITI-83: the identifiers by which other systems know the same person."""
    caller.scopes.must("Patient", "s")
    pairs = [_pair(p) for p in _parameters(request)] if request.method == "POST" else query_pairs(request)
    given = dict(pairs)
    system, value = identifiers.split(given.get("sourceIdentifier", ""))
    found = identifiers.identities(caller, system, value)
    names = identifiers.named(caller, found)
    for registration in {i.registration_id for i in found}:
        audit(caller.ctx, "fhir.search", "fhir", "Patient/$ihe-pix", registration_id=registration)
    wanted = [v for k, v in pairs if k == "targetSystem"]
    return json_answer(identifiers.target_parameters(names, wanted, (system, value)))
