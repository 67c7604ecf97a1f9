"""FHIR resources made from what the platform has: the mappings read backwards. Pure but for the definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yigong.platform.fhir import saying
from yigong.platform.fhir.bodies import JSON, instant
from yigong.platform.fhir.mapping import Declaration, Field, Place, beside, get, put
from yigong.platform.fhir.official import definitions
from yigong.platform.fhir.patients import HEALTH_CARD, ID_CARD
from yigong.platform.fhir.validation.items import walk

GENDERS = {"1": "male", "2": "female", "9": "other", "0": "unknown"}
ORG_CODE = "urn:oid:2.16.156.10011.1.5"  # 组织机构代码
#: kinds of institutions -> words of Organization.type
UCUM = "http://unitsofmeasure.org"


def resource_of(mapping: Declaration, row: Mapping[str, Any], patient: str) -> JSON:
    """A resource from a standard row; *patient* is the logical id of its Patient."""
    made: JSON = {"resourceType": mapping.resource}
    for where, value in mapping.fixed:
        put(made, where, value, mapping.lists)
    made[_subject(mapping.resource)] = {"reference": f"Patient/{patient}"}
    if mapping.event_at and row.get("event_at"):
        put(made, mapping.event_at, saying.plain(row["event_at"]), mapping.lists)
    extra = row.get("extra") or {}
    for fields, said in ((mapping.fields, row), (mapping.extra, extra)):
        for field in fields:
            value = field.back(said.get(field.column))
            if _place(made, mapping, field.place, value) and not field.codes:
                _located(made, mapping, field, str(value), row)
    return pruned(made)


def _located(made: JSON, mapping: Declaration, field: Field, code: str, row: Mapping[str, Any]) -> None:
    """Say of what system a code is: without one it means nothing to who does not know the source."""
    *way, last = field.place.ways[0]
    if last.name != "code" or saying.kind_at(mapping.resource, field.place, above=1) != "Coding":
        return
    coding = get(made, Place((tuple(way),)))
    if isinstance(coding, dict) and "system" not in coding:
        source = str(row.get("org_code", "")), str(row.get("source_system", ""))
        coding["system"] = saying.code_system(mapping.data_set, field.column, code, *source)


def _subject(kind: str) -> str:
    return "patient" if "patient" in definitions().types[kind].elements else "subject"


def _place(made: JSON, mapping: Declaration, where: Place, value: Any) -> bool:
    """Whether a value was put: not where there is none, its place is taken, or another type of the same choice stands there."""
    if value in (None, "") or where.ways[0][0].code:
        return False
    first = where.ways[0][0].name
    if first not in made and _other_choice(made, mapping.resource, first):
        return False
    said = saying.said(saying.kind_at(mapping.resource, where), value)
    if said is None:  # an element that may be absent: what the column says stays in the record
        return False
    try:
        put(made, beside(where) if isinstance(said, dict) else where, said, mapping.lists)
    except (AttributeError, TypeError, IndexError):
        return False
    return True


def _other_choice(made: JSON, kind: str, name: str) -> bool:
    for element in definitions().types[kind].elements.values():
        if element.choice and name in element.json_names:
            return any(n in made for n in element.json_names if n != name)
    return False


ABSENT = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}


def completed(resource: JSON) -> JSON:
    """The resource, with what R4 demands and the source does not say marked as unknown (extension data-absent-reason)."""
    known = definitions()
    for value, kind, _, _ in list(walk(known, resource, str(resource["resourceType"]), "")):
        for element in known.types[kind].elements.values():
            if not element.least or any(n in value or f"_{n}" in value for n in element.json_names):
                continue
            name, code = next(iter(element.json_names.items()))
            plain_one = code in known.types and known.types[code].kind == "primitive"
            absent: Any = {"extension": [ABSENT]}
            value[f"_{name}" if plain_one else name] = [absent] if element.most != 1 else absent
    return resource


def pruned(value: Any) -> Any:
    """Without empty objects and lists."""
    if isinstance(value, dict):
        kept = {k: pruned(v) for k, v in value.items()}
        return {k: v for k, v in kept.items() if v not in (None, {}, [], "")}
    if isinstance(value, list):
        return [v for v in (pruned(v) for v in value) if v not in (None, {}, [], "")]
    return value


def patient(row: Mapping[str, Any], system: str) -> JSON:
    """A Patient from a registration."""
    identifiers = [{"use": "usual", "system": system, "value": row["local_id"]}]
    for name, of in (("id_no", ID_CARD), ("health_card_no", HEALTH_CARD)):
        if row.get(name):
            identifiers.append({"use": "official", "system": of, "value": row[name]})
    contact = {"name": _text(row.get("contact_name")), "telecom": [_phone(row.get("contact_phone"))]}
    return pruned({
        "resourceType": "Patient",
        "identifier": identifiers,
        "active": row["state"] == "active",
        "name": [{"use": "official", "text": row.get("full_name")}],
        "telecom": [_phone(row.get("phone"))],
        "gender": GENDERS.get(row.get("sex_code") or "", "unknown"),
        "birthDate": row["born_on"].isoformat() if row.get("born_on") else None,
        "deceasedBoolean": True if row["state"] == "deceased" else None,
        "address": [_text(row.get("address"))],
        "contact": [contact],
        "managingOrganization": {"reference": f"Organization/{row['org_code']}"},
    })  # fmt: skip


def _text(value: str | None) -> JSON:
    return {"text": value} if value else {}


def _phone(value: str | None) -> JSON:
    return {"system": "phone", "value": value} if value else {}


def organization(one: Any) -> JSON:
    """An Organization from a registered institution."""
    return pruned({
        "resourceType": "Organization",
        "identifier": [{"system": ORG_CODE, "value": one.code}],
        "active": one.state == "active",
        "type": [{"text": one.kind}],
        "name": one.name,
        "alias": [one.name_en] if one.name_en else [],
        "partOf": {"reference": f"Organization/{one.parent_code}"} if one.parent_code else None,
    })  # fmt: skip


def location(one: Any) -> JSON | None:
    """A Location from an institution whose place is known."""
    if one.longitude is None or one.latitude is None:
        return None
    return {
        "resourceType": "Location",
        "status": "active" if one.state == "active" else "suspended",
        "name": one.name,
        "position": {"longitude": one.longitude, "latitude": one.latitude},
        "managingOrganization": {"reference": f"Organization/{one.code}"},
    }


def document(row: Mapping[str, Any], fhir_id: str, patient_id: str) -> JSON:
    """A DocumentReference from a stored document (MHD); its attachment is fetched as Binary."""
    authored = row["authored_at"]
    attachment = {"contentType": row["media_type"] or "application/xml", "url": f"Binary/{fhir_id}", "size": row["size"],
                  "title": row["title"], "creation": saying.plain(authored) if authored else None}  # fmt: skip
    return pruned({
        "resourceType": "DocumentReference",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:yigong:document:{row['sha256']}"},
        "identifier": [{"system": "urn:yigong:document-set", "value": row["set_id"]}] if row["set_id"] else [],
        "status": "current",
        "type": {"coding": [{"system": "urn:yigong:document-code", "code": row["document_code"]}] if row["document_code"] else [],
                 "text": row["title"]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "date": instant(authored) if authored else None,
        "author": [{"display": row["author_name"]}] if row["author_name"] else [],
        "custodian": {"reference": f"Organization/{row['org_code']}"},
        "content": [{"attachment": attachment}],
    })  # fmt: skip
