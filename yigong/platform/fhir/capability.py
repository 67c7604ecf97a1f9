"""The CapabilityStatement, made from the same declarations that the server works by."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from yigong.platform.fhir.bodies import written
from yigong.platform.fhir.official import definitions, supported

INTERACTIONS = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
#: operations by level: (name, definition)
SYSTEM_OPERATIONS = (("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"),)
OPERATIONS = {
    "*": (("validate", "http://hl7.org/fhir/OperationDefinition/Resource-validate"),),
    "Patient": (
        ("everything", "http://hl7.org/fhir/OperationDefinition/Patient-everything"),
        ("match", "http://hl7.org/fhir/OperationDefinition/Patient-match"),
        ("ihe-pix", "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix"),
        ("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export"),
    ),
    "ValueSet": (
        ("expand", "http://hl7.org/fhir/OperationDefinition/ValueSet-expand"),
        ("validate-code", "http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code"),
    ),
    "CodeSystem": (
        ("lookup", "http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup"),
        ("subsumes", "http://hl7.org/fhir/OperationDefinition/CodeSystem-subsumes"),
        ("validate-code", "http://hl7.org/fhir/OperationDefinition/CodeSystem-validate-code"),
    ),
    "Group": (("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export"),),
}


#: profiles as (type, address)
Profiles = tuple[tuple[str, str], ...]


@lru_cache(maxsize=8)
def statement(base: str, profiles: Profiles = ()) -> bytes:
    """The statement as text, with the profiles that were brought."""
    return written(capability(base, profiles))


def capability(base: str, profiles: Profiles = ()) -> dict[str, Any]:
    """What this server does."""
    of: dict[str, list[str]] = {}
    for kind, url in profiles:
        of.setdefault(kind, []).append(url)
    # where tokens are given is told in .well-known/smart-configuration: the older extension demands a page to authorize at,
    # which programs that speak for an institution have no use for
    security = {
        "cors": False,
        "service": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                                 "code": "SMART-on-FHIR"}], "text": "OAuth2 client credentials"}],
    }  # fmt: skip
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-26",
        "publisher": "Yigong 医共",
        "kind": "instance",
        "software": {"name": "Yigong 医共"},
        "implementation": {"description": "县域医共体信息平台 FHIR R4 资源服务", "url": base.rstrip("/")},
        "fhirVersion": definitions().version,
        "format": ["application/fhir+json", "json", "application/fhir+xml", "xml"],
        "patchFormat": ["application/json-patch+json", "application/fhir+json", "application/fhir+xml"],
        "rest": [
            {
                "mode": "server",
                "security": security,
                "resource": [
                    _resource(kind, of.get(kind, []))
                    for kind in definitions().resources
                    if kind in definitions().parameters
                ],
                "interaction": [{"code": c} for c in ("transaction", "batch", "history-system", "search-system")],
                "searchParam": [_parameter(p) for p in _common()],
                "operation": [{"name": n, "definition": d} for n, d in SYSTEM_OPERATIONS],
            }
        ],
    }


#: kind of parameter -> what this server does that not every one does
_MORE = {
    "token": "(:in and :not-in by the canonical address of a value set, at most 10,000 codes.)",
    "quantity": "(With system http://unitsofmeasure.org, amounts in other units of the same dimension are found too, for the units of the laboratory "
    "that are declared: mass, amount, catalytic, arbitrary and number concentration, fraction, mass, length, pressure, temperature, time, rate, osmolality.)",
}  # fmt: skip


def _common() -> list[Any]:
    """The parameters that every type answers, and so a search of all of them."""
    every = [
        {(p.code, p.type): p for p in supported(k)} for k in definitions().resources if k in definitions().parameters
    ]
    return [p for key, p in every[0].items() if all(key in one for one in every)]


def _resource(kind: str, profiles: list[str]) -> dict[str, Any]:
    known = supported(kind)
    references = [f"{kind}:{p.code}" for p in known if p.type == "reference"]
    return {
        "type": kind,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{kind}",
        **({"supportedProfile": profiles} if profiles else {}),
        "interaction": [{"code": c} for c in INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "logical", "local"],
        **({"searchInclude": ["*", *references]} if references else {}),
        "searchParam": [_parameter(p) for p in known],
        "operation": [{"name": n, "definition": d} for n, d in (*OPERATIONS["*"], *OPERATIONS.get(kind, ()))],
    }


def _parameter(p: Any) -> dict[str, Any]:
    found = {"name": p.code, "type": p.type}
    said = " ".join(filter(None, (p.description, _MORE.get(p.type, ""))))
    return found | ({"definition": p.url} if p.url else {}) | ({"documentation": said} if said else {})
