"""Requests that belong to a stay: they are inpatient orders, for which the standard has a table (WS 445.14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yigong.platform.fhir import db, telling
from yigong.platform.fhir.bodies import JSON, read
from yigong.platform.fhir.mapping import get, place

STAY = "_stay"  # beside the members of a resource, for the mapping to read
#: class of an Encounter (v3 ActCode) in which the person is kept in hospital
CLASSES = {"IMP", "ACUTE", "NONAC", "OBSENC", "SS"}
MEDICINE = "01"  # of CV06.00.229
#: type -> statuses of what was really ordered
STATUSES = {
    "ServiceRequest": {"active", *telling.ORDERS},
    "MedicationRequest": {"active", "on-hold", "completed", "cancelled", "stopped", "entered-in-error"},
}
#: an Encounter counts only for requests of its own person
_ENCOUNTERS = """select r.id, e.body from fhir_resource r
    join unnest(%(requests)s::bigint[], %(encounters)s::text[]) as k (request, encounter) on k.request = r.id
    join fhir_resource e on e.type = 'Encounter' and e.fhir_id = k.encounter and not e.deleted
        and e.registration_id = r.registration_id"""


def stays(requests: Sequence[tuple[int, JSON]]) -> Mapping[int, JSON]:
    """Request id -> the Encounter of its stay, of those that have one."""
    named = [
        (one, str(get(resource, place("encounter.reference")) or ""))
        for one, resource in requests
        if resource.get("resourceType") in STATUSES
    ]
    asked = [(one, reference.removeprefix("Encounter/")) for one, reference in named if reference[:10] == "Encounter/"]
    if not asked:
        return {}
    given = {"requests": [one for one, _ in asked], "encounters": [encounter for _, encounter in asked]}
    found = {row[0]: read(row[1]) for row in db.rows(_ENCOUNTERS, given, raw_text=True)}
    return {one: e for one, e in found.items() if str(get(e, place("class.code")) or "") in CLASSES}


def is_ordered(resource: JSON) -> bool:
    """Whether it was ordered, and not only proposed or drafted."""
    return (
        resource.get("intent") in telling.ORDERED
        and resource.get("status") in STATUSES[str(resource.get("resourceType"))]
    )


def with_stay(resource: JSON, encounter: JSON) -> JSON:
    """The resource with what its mapping reads of the stay."""
    number = get(encounter, place("identifier[type/text=住院号].value | identifier.value"))
    stay: dict[str, Any] = {
        "kind": "inpatient", "key": telling.number_of(resource), "number": number or encounter.get("id"),
        "department": get(encounter, place("serviceType.text | serviceType.coding.display")),
        "ward": get(encounter, place("location.location.display")),
        "item": MEDICINE if resource.get("resourceType") == "MedicationRequest" else None,
    }  # fmt: skip
    return {**resource, STAY: {name: value for name, value in stay.items() if value}}
