"""Institutions, departments and staff as resources, from the registers; kept up to date by their events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from yigong.platform.fhir import building
from yigong.platform.fhir.bodies import JSON
from yigong.platform.fhir.store import Draft
from yigong.platform.registry import api as registry
from yigong.security.api import opaque_id

ORIGIN = "registry"
#: rows of a register read at a time
CHUNK = 500


def institutions(codes: Iterable[str] | None = None) -> Iterator[Draft]:
    """An Organization for each institution, and a Location where its place is known."""
    wanted = set(codes) if codes is not None else None
    for one in registry.institutions():
        if wanted is not None and one.code not in wanted:
            continue
        yield Draft("Organization", building.organization(one), one.code, origin=ORIGIN, org_code=one.code)
        place = building.location(one)
        if place is not None:
            yield Draft("Location", place, f"place-{one.code}", origin=ORIGIN, org_code=one.code)


def departments(**key: Any) -> Iterator[Draft]:
    """A Location for each department, part of its institution's."""
    for one in registry.Department.objects.filter(**key).order_by("pk").iterator(CHUNK):
        yield Draft("Location", _department(one), f"dept-{opaque_id(one.pk)}", origin=ORIGIN, org_code=one.org_code)


def _department(one: Any) -> JSON:
    return building.pruned({
        "resourceType": "Location",
        "identifier": [{"system": f"urn:yigong:department:{one.org_code}", "value": one.code}],
        "status": _status(one),
        "name": one.name,
        "mode": "instance",
        "type": [{"text": one.kind_name}] if one.kind_name else [],
        "telecom": [{"system": "phone", "value": one.phone, "use": "work"}] if one.phone else [],
        "address": {"text": one.address} if one.address else None,
        "physicalType": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/location-physical-type", "code": "wa"}],
                         "text": "科室"},
        "managingOrganization": {"reference": f"Organization/{one.org_code}"},
    })  # fmt: skip


def staff(**key: Any) -> Iterator[Draft]:
    """A Practitioner and its PractitionerRoles. Identity number and telephone stay in the register: resources of nobody are read by all."""
    for one in registry.Staff.objects.filter(**key).order_by("pk").iterator(CHUNK):
        name = opaque_id(one.pk)
        yield Draft("Practitioner", _practitioner(one), f"staff-{name}", origin=ORIGIN, org_code=one.org_code)
        main = {"org_code": one.org_code, "department": one.department, "ends_on": one.ends_on}
        for nth, site in enumerate([main, *(s for s in one.sites if isinstance(s, dict) and s.get("org_code"))]):
            fhir_id = f"role-{name}" + (f"-{nth}" if nth else "")
            yield Draft(
                "PractitionerRole", _role(one, site, name), fhir_id, origin=ORIGIN, org_code=str(site["org_code"])
            )


def _practitioner(one: Any) -> JSON:
    numbers = [(f"urn:yigong:staff:{one.org_code}", one.staff_no), ("urn:yigong:physician-license", one.license_no)]
    ends = {"period": {"end": one.license_ends_on.isoformat()}} if one.license_ends_on else {}
    qualification = {"code": {"text": one.title or one.profession}, **ends} if one.title or one.profession else None
    return building.pruned({
        "resourceType": "Practitioner",
        "identifier": [{"system": system, "value": value} for system, value in numbers if value],
        "active": one.state == "active",
        "name": [{"use": "official", "text": one.full_name}],
        "gender": building.GENDERS.get(one.sex_code, "unknown"),
        "qualification": [qualification] if qualification else [],
    })  # fmt: skip


def _role(one: Any, site: Mapping[str, Any], name: str) -> JSON:
    begins, ends = one.starts_on, site.get("ends_on")
    period = {"start": begins.isoformat() if begins else None, "end": str(ends)[:10] if ends else None}
    return building.pruned({
        "resourceType": "PractitionerRole",
        "active": one.state == "active",
        "period": period,
        "practitioner": {"reference": f"Practitioner/staff-{name}", "display": one.full_name},
        "organization": {"reference": f"Organization/{site['org_code']}"},
        "code": [{"text": one.title or one.profession}] if one.title or one.profession else [],
        "specialty": [{"text": site["department"]}] if site.get("department") else [],
    })  # fmt: skip


def _status(one: Any) -> str:
    return "active" if one.state == "active" else "inactive"
