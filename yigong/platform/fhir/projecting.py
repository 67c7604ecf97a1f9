"""``_summary`` and ``_elements``: a part of a resource, marked as such. Pure but for the definitions."""

from __future__ import annotations

from typing import Any

from yigong.kit.errors import Refused
from yigong.platform.fhir.bodies import JSON, read, written
from yigong.platform.fhir.official import definitions

SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
#: members that stay whatever is asked
_ALWAYS = ("resourceType", "id", "meta")


def projected(body: bytes, kind: str, summary: str = "", elements: str = "") -> bytes:
    """The part of a resource that was asked for. Raises Refused fhir.parameter_value."""
    if summary == "false" or (not summary and not elements):
        return body
    resource = read(body)
    if elements:
        names = {e.strip().rpartition(".")[2] for e in elements.split(",")}
        kept = {k: v for k, v in resource.items() if k.lstrip("_") in names | _must(kind)}
    elif summary in ("true", "text", "data"):
        kept = _summary(resource, kind, summary)
    else:
        raise Refused("fhir.parameter_value", name="_summary", value=summary[:60])
    return written(_marked(resource, kept))


def _must(kind: str) -> set[str]:
    """Names of elements that a resource of this type cannot do without."""
    return {n for e in definitions().types[kind].elements.values() if e.least for n in e.json_names}


def _summary(resource: JSON, kind: str, summary: str) -> JSON:
    if summary == "data":
        return {k: v for k, v in resource.items() if k != "text"}
    elements = definitions().types[kind].elements.values()
    wanted = {n for e in elements if (e.summary if summary == "true" else e.name == "text") for n in e.json_names}
    return {k: v for k, v in resource.items() if k.lstrip("_") in wanted | _must(kind)}


def _marked(resource: JSON, kept: JSON) -> JSON:
    meta: dict[str, Any] = dict(resource.get("meta") or {})
    meta["tag"] = [*meta.get("tag", ()), SUBSETTED]
    head = {k: resource[k] for k in _ALWAYS if k in resource} | {"meta": meta}
    return head | {k: v for k, v in kept.items() if k not in _ALWAYS}
