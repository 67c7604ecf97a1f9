"""Orders of outpatients and appointments as resources, from the matters that messages told of. Pure but for the reading."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from yigong.platform.fhir import building, db, saying
from yigong.platform.fhir.bodies import JSON
from yigong.platform.fhir.store import Draft
from yigong.security.api import opaque_id

BATCH = 500
#: state of a matter -> status of the resource
ORDERS = {
    "placed": "active", "running": "active", "held": "on-hold", "done": "completed", "stopped": "revoked", "cancelled": "revoked",
    "refused": "revoked", "replaced": "revoked",
}  # fmt: skip
APPOINTMENTS = {"booked": "booked", "done": "fulfilled", "cancelled": "cancelled", "missed": "noshow"}
CATEGORIES = {"01": ("", "用药"), "02": ("363679005", "检查"), "03": ("108252007", "检验")}
SNOMED = "http://snomed.info/sct"
_SQL = """select m.id, m.kind, m.org_code, m.source_system, m.number, m.registration_id, m.state, m.title, m.placed_at,
        m.starts_at, m.facts::text, m.group_key
    from records_matter m where m.kind in ('order', 'appointment') and not m.facts ? 'fhir' and m.id > %(last)s and {where} order by m.id limit {limit}"""
_NAMES = ("id", "kind", "org_code", "source_system", "number", "registration_id", "state", "title", "placed_at", "starts_at",
          "facts", "group_key")  # fmt: skip


def drafts(patients: Any, ids: Sequence[int] | None = None) -> Iterator[Draft]:
    """A ServiceRequest for each order, an Appointment for each appointment; *patients* gives the Patient of registrations."""
    last = 0
    while True:
        where = "m.id = any(%(ids)s)" if ids is not None else "true"
        found = db.rows(_SQL.format(where=where, limit=BATCH), {"last": last, "ids": list(ids or ())})
        rows = [dict(zip(_NAMES, values, strict=True)) for values in found]
        known = patients(r["registration_id"] for r in rows)
        for row in rows:
            if patient := known.get(row["registration_id"]):
                yield _draft(row | {"facts": json.loads(row["facts"])}, patient)
        if len(rows) < BATCH:
            return
        last = rows[-1]["id"]


def _draft(row: dict[str, Any], patient: str) -> Draft:
    kind, made = (
        ("ServiceRequest", service_request(row, patient))
        if row["kind"] == "order"
        else ("Appointment", appointment(row, patient))
    )
    fhir_id = f"{row['kind']}-{opaque_id(row['id'])}"
    draft = Draft(
        kind, made, fhir_id, origin="records:matter", org_code=row["org_code"], source_system=row["source_system"]
    )
    draft.registration_id = row["registration_id"]
    return draft


def service_request(row: dict[str, Any], patient: str) -> JSON:
    """An order."""
    facts = row["facts"]
    items = facts.get("items") or []
    code, words = CATEGORIES.get(str(facts.get("category") or ""), ("", ""))
    return building.pruned({
        "resourceType": "ServiceRequest",
        "identifier": [{"system": f"urn:yigong:order:{row['org_code']}", "value": row["number"]}],
        "requisition": {"system": f"urn:yigong:order-group:{row['org_code']}", "value": row["group_key"]},
        "status": ORDERS.get(row["state"], "unknown"),
        "intent": "order",
        "category": [{"coding": [{"system": SNOMED, "code": code}] if code else [], "text": words}] if words else [],
        "code": {"text": row["title"] or row["number"], "coding": [{"code": i["code"]} for i in items[:1] if i.get("code")]},
        "subject": {"reference": f"Patient/{patient}"},
        "authoredOn": saying.plain(row["placed_at"]) if row["placed_at"] else None,
        "occurrenceDateTime": saying.plain(row["starts_at"]) if row["starts_at"] else None,
        "requester": _named(facts.get("requester")),
        "reasonCode": [{"text": facts["reason"]}] if facts.get("reason") else [],
        "note": [{"text": facts["remark"]}] if facts.get("remark") else [],
    })  # fmt: skip


def appointment(row: dict[str, Any], patient: str) -> JSON:
    """An appointment with whom and where."""
    facts = row["facts"]
    status = APPOINTMENTS.get(row["state"], "proposed")
    others = [facts.get("performer"), facts.get("place")]
    ends = facts.get("ends_at") if row["starts_at"] else None
    if row["starts_at"] and not ends and status in ("booked", "fulfilled", "noshow"):
        ends = saying.plain(row["starts_at"])  # the standard wants both ends of what was booked
    if not row["starts_at"] and status not in ("cancelled",):
        status = "proposed"
    return building.pruned({
        "resourceType": "Appointment",
        "identifier": [{"system": f"urn:yigong:appointment:{row['org_code']}", "value": row["number"]}],
        "status": status,
        "serviceType": [{"text": i.get("name") or i.get("code")} for i in facts.get("items") or []],
        "reasonCode": [{"text": facts["reason"]}] if facts.get("reason") else [],
        "description": row["title"],
        "start": saying.plain(row["starts_at"]) if row["starts_at"] else None,
        "end": ends,
        "minutesDuration": facts.get("minutes") or None,
        "comment": facts.get("remark"),
        "participant": [
            {"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"},
            *({"actor": {"display": o}, "status": "accepted"} for o in others if o),
        ],
    })  # fmt: skip


def _named(words: Any) -> JSON | None:
    return {"display": str(words)} if words else None
