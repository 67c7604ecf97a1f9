"""Identifiers of persons as FHIR calls them: identity card, health card, and each institution's own numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from yigong.kit.errors import Refused
from yigong.platform.empi import api as empi
from yigong.platform.empi.api import Identity
from yigong.platform.fhir import db
from yigong.platform.fhir.callers import Caller, visible
from yigong.platform.fhir.patients import HEALTH_CARD, ID_CARD

#: the numbers by which an institution's system knows persons: urn:yigong:patient:{organisation code}:{system}
OWN = "urn:yigong:patient:"


@dataclass(frozen=True, slots=True)
class Named:
    """An identity under its FHIR system and, where there is one, its Patient."""

    identity: Identity
    system: str
    patient: str = ""


def system_of(org_code: str, source_system: str) -> str:
    """The identifier system of an institution's own numbers."""
    return f"{OWN}{org_code}:{quote(source_system, safe='')}"


def parts_of(system: str) -> tuple[str, str] | None:
    """Institution and system behind an identifier system of ours."""
    if not system.startswith(OWN):
        return None
    org, _, name = system[len(OWN) :].partition(":")
    return (org, unquote(name)) if org and name else None


def split(text: str) -> tuple[str, str]:
    """``system|value``. Raises Refused fhir.operation_input."""
    system, bar, value = text.partition("|")
    if not bar or not value:
        raise Refused("fhir.operation_input", name="ihe-pix", parameter="sourceIdentifier")
    return system, value


def identities(caller: Caller, system: str, value: str) -> list[Identity]:
    """All identities of the person that bears an identifier. Raises Refused fhir.identifier_unknown."""
    own = parts_of(system) or _declared(caller, system)
    if own is not None:
        return list(empi.cross_references(caller.ctx, own[0], own[1], value))
    kind = {ID_CARD: "id_no", HEALTH_CARD: "health_card_no"}.get(system)
    found = empi.lookup(caller.ctx, kind, value) if kind else []
    if not found:
        raise Refused("fhir.identifier_unknown", system=system[:80], value=value[:40])
    persons = list(dict.fromkeys(i.person_id for i in found))
    return [i for p in persons for i in empi.lookup(caller.ctx, "person", p)]


def _declared(caller: Caller, system: str) -> tuple[str, str] | None:
    """The caller's own identifier system, as it was registered with the application."""
    if system and system == caller.identifier_system:
        return caller.ctx.org_code, caller.source_system
    return None


def named(caller: Caller, found: Sequence[Identity]) -> list[Named]:
    """Identities with their systems and Patients."""
    scope = visible(caller, "r", "Patient")
    sql = f"""select r.registration_id, r.fhir_id from fhir_resource r
        where r.type = 'Patient' and not r.deleted and r.registration_id = any(%(ids)s) and {scope.sql}
        order by r.origin = 'fhir', r.id"""
    rows = db.rows(sql, {"ids": [i.registration_id for i in found], **scope.params})
    patients = dict(rows)
    return [Named(i, system_of(i.org_code, i.source_system), patients.get(i.registration_id, "")) for i in found]


def target_parameters(names: Sequence[Named], wanted: Sequence[str], asked: tuple[str, str]) -> dict[str, Any]:
    """The answer of PIXm (ITI-83): identifiers and Patients of the same person, the one asked for left out."""
    out: list[dict[str, Any]] = []
    for one in names:
        identifier = {"system": one.system, "value": one.identity.local_id}
        if (wanted and one.system not in wanted) or (one.system, one.identity.local_id) == asked:
            continue
        out.append({"name": "targetIdentifier", "valueIdentifier": identifier})
        if one.patient:
            out.append({"name": "targetId", "valueReference": {"reference": f"Patient/{one.patient}"}})
    return {"resourceType": "Parameters", **({"parameter": out} if out else {})}
