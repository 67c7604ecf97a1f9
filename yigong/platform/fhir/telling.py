"""Orders and appointments that arrive as resources, told as matters beside those of HL7 v2 (ADR 18). Pure but for the states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yigong.platform.exchange.api import MatterFacts
from yigong.platform.fhir import db
from yigong.platform.fhir.bodies import JSON
from yigong.platform.records.api import Told

#: status of a resource -> verb of the life of an order; ``active`` depends on what stands
ORDERS = {
    "on-hold": "hold", "completed": "finish", "revoked": "cancel", "entered-in-error": "cancel",
}  # fmt: skip
APPOINTMENTS = {
    "arrived": "arrive", "checked-in": "arrive", "fulfilled": "arrive", "cancelled": "cancel", "entered-in-error": "cancel",
    "noshow": "miss",
}  # fmt: skip
#: intents of what was really ordered; the others propose
ORDERED = {"order", "original-order", "reflex-order", "filler-order", "instance-order"}
TYPES = {"ServiceRequest": "order", "Appointment": "appointment"}
PROPOSED = (
    "还只是建议或尚未约定，资源已完整保存，开立或约定后成为标准记录",
    "only proposed so far; the resource is kept whole and becomes a record once it is ordered or booked",
)
_STATES = """select m.kind, m.org_code, m.source_system, m.number, m.state from records_matter m
    join unnest(%(kinds)s::text[], %(orgs)s::text[], %(systems)s::text[], %(numbers)s::text[]) as k (kind, org, system, number)
    on (m.kind, m.org_code, m.source_system, m.number) = (k.kind, k.org, k.system, k.number)"""
Key = tuple[str, str, str, str]


def is_settled(resource: JSON) -> bool:
    """Whether a resource tells of something ordered or booked, or of its end, and not of a proposal."""
    status = resource.get("status")
    if resource.get("resourceType") == "ServiceRequest":
        return resource.get("intent") in ORDERED and status in ("active", *ORDERS)
    return status in ("booked", *APPOINTMENTS)


#: statuses by which a resource says that what it tells of is not so, or did not happen, beside that it was entered in error
NOT_SO = {
    "Observation": {"cancelled"}, "DiagnosticReport": {"cancelled"}, "Immunization": {"not-done"}, "Procedure": {"not-done"},
}  # fmt: skip
ERROR = "entered-in-error"


def is_denied(resource: JSON) -> bool:
    """Whether a resource says of itself that it was entered in error, or that what it tells of did not happen."""
    codings = (resource.get("verificationStatus") or {}).get("coding") or ()
    denied = NOT_SO.get(str(resource.get("resourceType")), set()) | {ERROR}
    return resource.get("status") in denied or any(isinstance(c, dict) and c.get("code") == ERROR for c in codings)


def number_of(resource: JSON) -> str:
    """The number that its sender follows it up by, else the resource's id."""
    named = [i["value"] for i in resource.get("identifier") or () if isinstance(i, dict) and i.get("value")]
    return str(named[0] if named else resource.get("id", ""))[:100]


def states(keys: Sequence[Key]) -> Mapping[Key, str]:
    """How the matters stand that are known already."""
    kinds, orgs, systems, numbers = ([k[n] for k in keys] for n in range(4))
    given = {"kinds": kinds, "orgs": orgs, "systems": systems, "numbers": numbers}
    return {row[:4]: row[4] for row in db.rows(_STATES, given)} if keys else {}


def verb_of(resource: JSON, state: str) -> str:
    """The verb that a resource's status means for a matter in this state (empty: none was told of it before)."""
    status = str(resource.get("status"))
    if resource.get("resourceType") == "ServiceRequest":
        return ORDERS.get(status) or {"": "place", "held": "release"}.get(state, "change")
    return APPOINTMENTS.get(status) or {"": "book", "missed": "reschedule"}.get(state, "change")


def key_of(one: Any, resource: JSON) -> Key:
    """What the matter of a resource is known by."""
    return TYPES[one.type], one.org_code, one.source_system, number_of(resource)


def matter_of(one: Any, resource: JSON, state: str, person_system: str, local_id: str, moment: Any) -> MatterFacts:
    """The matter that a resource tells; *moment* reads its times."""
    said = _order(resource) if one.type == "ServiceRequest" else _appointment(resource)
    placed = moment(resource.get("authoredOn") or resource.get("created"))
    changed = moment((resource.get("meta") or {}).get("lastUpdated"))
    starts = moment(resource.get("start") or resource.get("occurrenceDateTime") or _period(resource).get("start"))
    told = Told(
        *key_of(one, resource), verb_of(resource, state), changed or placed or starts, f"fhir {one.type}/{one.fhir_id} {one.version}"[:100],
        group_key=_value(resource.get("requisition"), "value"), title=str(said.pop("title"))[:200], placed_at=placed, starts_at=starts,
        encounter_key=_value(resource.get("encounter"), "reference")[:80], facts={**said, "fhir": f"{one.type}/{one.fhir_id}"},
    )  # fmt: skip
    return MatterFacts(told, local_id, person_system, {"path": one.path, "text": one.body.decode()})


def _order(resource: JSON) -> dict[str, Any]:
    item = _item(resource.get("code"))
    reasons = "；".join(_words(r) for r in resource.get("reasonCode") or () if _words(r))
    return {
        "title": item["name"] or item["code"] or "申请", "items": [item] if item["code"] or item["name"] else [],
        "requester": _value(resource.get("requester"), "display"), "reason": reasons, "priority": str(resource.get("priority") or ""),
        "remark": _notes(resource), "status": str(resource.get("status") or ""),
    }  # fmt: skip


def _appointment(resource: JSON) -> dict[str, Any]:
    items = [_item(s) for s in resource.get("serviceType") or ()]
    actors = [
        _value(p.get("actor"), "display") for p in resource.get("participant") or () if _reference(p)[:8] != "Patient/"
    ]
    named = "、".join(i["name"] for i in items if i["name"])
    return {
        "title": str(resource.get("description") or named or "预约"), "items": items, "performer": "、".join(filter(None, actors)),
        "ends_at": str(resource.get("end") or ""), "minutes": resource.get("minutesDuration") or "",
        "reason": "；".join(_words(r) for r in resource.get("reasonCode") or () if _words(r)), "remark": str(resource.get("comment") or ""),
        "status": str(resource.get("status") or ""),
    }  # fmt: skip


def _reference(participant: JSON) -> str:
    return _value(participant.get("actor"), "reference")


def _item(concept: Any) -> dict[str, str]:
    codings = (concept or {}).get("coding") or [{}]
    return {"code": str(codings[0].get("code") or ""), "name": _words(concept)}


def _words(concept: Any) -> str:
    codings = (concept or {}).get("coding") or [{}]
    return str((concept or {}).get("text") or codings[0].get("display") or "")


def _value(part: Any, name: str) -> str:
    return str((part or {}).get(name) or "") if isinstance(part, dict) else ""


def _period(resource: JSON) -> JSON:
    found = resource.get("occurrencePeriod")
    return found if isinstance(found, dict) else {}


def _notes(resource: JSON) -> str:
    return "；".join(str(n.get("text")) for n in resource.get("note") or () if n.get("text"))
