"""Patients and the index of persons: a Patient is a registration of the application's institution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from yigong.platform.empi import api as empi
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.mapping import Declaration, mappings

ID_CARD = "urn:oid:2.16.156.10011.1.3"  # 居民身份证号
HEALTH_CARD = "urn:oid:2.16.156.10011.1.19"  # 居民健康卡号
_COLUMNS = ("full_name", "sex_code", "id_no", "health_card_no", "phone", "address", "contact_name", "contact_phone")


def local_id(patient: Mapping[str, Any], fhir_id: str, identifier_system: str) -> str:
    """The institution's own number of a patient: the identifier of the declared system, else the logical id."""
    if identifier_system:
        for one in patient.get("identifier", ()):
            if one.get("system") == identifier_system and one.get("value"):
                return str(one["value"])
    return fhir_id


#: signs of a fact that a registration takes over; the Patient itself is kept whole
LONGEST = 500


def register(caller: Caller, patients: Sequence[tuple[str, Mapping[str, Any]]]) -> list[int]:
    """The registration of each (id, Patient), made or brought up to date."""
    if not patients:
        return []
    frame = pl.DataFrame(
        [_row(caller, fhir_id, patient) for fhir_id, patient in patients],
        schema={**dict.fromkeys(("org_code", "source_system", "local_id", *_COLUMNS), pl.String), "born_on": pl.Date},
        orient="row",
    )
    return empi.register(caller.ctx, frame).get_column("registration_id").to_list()


def _row(caller: Caller, fhir_id: str, patient: Mapping[str, Any]) -> list[Any]:
    facts = registration_facts(patient)
    own = local_id(patient, fhir_id, caller.identifier_system)
    return [
        caller.ctx.org_code,
        caller.source_system,
        own[:LONGEST],
        *(text[:LONGEST] if isinstance(text := facts.get(c), str) else text for c in _COLUMNS),
        day(facts.get("born_on")),
    ]


def registration_facts(patient: Mapping[str, Any]) -> dict[str, Any]:
    """What a Patient says, under the names of a registration."""
    facts = {f.column: f.read(patient) for f in mapping().fields}
    facts["full_name"] = facts["full_name"] or _spelled(patient)
    facts["address"] = facts["address"] or _address(patient)
    return facts


def mapping() -> Declaration:
    """The declared mapping of Patient."""
    return next(m for m in mappings() if m.resource == "Patient")


def _spelled(patient: Mapping[str, Any]) -> str | None:
    """Family and given names in the order of their language."""
    names = [n for n in patient.get("name", ()) if isinstance(n, dict) and ("family" in n or "given" in n)]
    if not names:
        return None
    one = next((n for n in names if n.get("use") in ("official", "usual")), names[0])
    family, given = one.get("family", ""), [g for g in one.get("given", ()) if g]
    if (family + "".join(given)).isascii():
        return " ".join([*given, family]).strip() or None
    return family + "".join(given) or None


def _address(patient: Mapping[str, Any]) -> str | None:
    for one in patient.get("address", ()):
        parts = [one.get(k) for k in ("state", "city", "district")] + list(one.get("line", ()))
        return "".join(p for p in parts if p) or None
    return None


def day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text and len(text) == 10 else None
    except ValueError:
        return None
