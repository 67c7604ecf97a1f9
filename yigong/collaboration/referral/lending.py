"""Referrals as FHIR: a ServiceRequest for what is asked, a Task for where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from yigong.collaboration.referral.domain import State, Urgency
from yigong.collaboration.referral.models import Referral
from yigong.platform.fhir.api import PATIENT, Lent, lend
from yigong.security.api import opaque_id

NAME = "referral"
SNOMED = "http://snomed.info/sct"
#: state of a case -> status of the request, status of the task
STATUS = {
    State.SENT: ("active", "requested"), State.RETURNED: ("on-hold", "rejected"), State.ACCEPTED: ("active", "accepted"),
    State.ARRIVED: ("active", "in-progress"), State.CLOSED: ("completed", "completed"), State.REFUSED: ("revoked", "rejected"),
    State.NO_SHOW: ("revoked", "failed"), State.CANCELLED: ("revoked", "cancelled"),
}  # fmt: skip
PRIORITY = {Urgency.EMERGENCY: "stat", Urgency.URGENT: "urgent", Urgency.ORDINARY: "routine"}


def everything() -> Iterator[Lent]:
    """Both resources of every case that was ever sent."""
    for case in Referral.everything.exclude(state__in=[State.DRAFT, State.DISCARDED]).order_by("pk").iterator(500):
        yield from lent(case)


def on_moved(_event_id: int, facts: Mapping[str, Any]) -> None:
    """Handler of the events of a case: what was published follows."""
    case = Referral.everything.filter(pk=int(facts["referral_id"])).first()
    if case is not None:
        lend(NAME, lent(case))


def lent(case: Referral) -> Sequence[Lent]:
    """The two resources of a case; a case taken back before it was answered has none."""
    request, task = f"referral-{opaque_id(case.pk)}", f"referral-task-{opaque_id(case.pk)}"
    if State(case.state) not in STATUS:
        made: tuple[dict[str, Any] | None, dict[str, Any] | None] = (None, None)
    else:
        made = _request(case), _task(case, request)
    return [
        Lent("ServiceRequest", request, made[0], case.registration_id, case.from_org),
        Lent("Task", task, made[1], case.registration_id, case.from_org),
    ]


def _request(case: Referral) -> dict[str, Any]:
    reason: dict[str, Any] = {"text": case.diagnosis_name or case.reason}
    if case.diagnosis_code:
        reason["coding"] = [{"system": "http://hl7.org/fhir/sid/icd-10", "code": case.diagnosis_code}]
    made: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "identifier": [{"system": "urn:yigong:referral", "value": case.case_no}],
        "status": STATUS[State(case.state)][0],
        "intent": "order",
        "category": [
            {"coding": [{"system": SNOMED, "code": "3457005", "display": "Patient referral"}], "text": "转诊"}
        ],
        "priority": PRIORITY[Urgency(case.urgency)],
        "code": {"text": "转诊"},
        "subject": {"reference": PATIENT},
        "authoredOn": (case.sent_at or case.created_at).isoformat(),
        "requester": {"reference": f"Organization/{case.from_org}", "display": case.from_doctor_name},
        "performer": [{"reference": f"Organization/{case.to_org}"}],
        "reasonCode": [reason],
    }
    notes = [text for text in (case.reason, case.history, case.treatment, case.advice) if text]
    return made | ({"note": [{"text": text} for text in notes]} if notes else {})


def _task(case: Referral, request: str) -> dict[str, Any]:
    changed = max(m for m in (case.created_at, case.sent_at, case.replied_at, case.arrived_at, case.closed_at) if m)
    made: dict[str, Any] = {
        "resourceType": "Task",
        "identifier": [{"system": "urn:yigong:referral", "value": case.case_no}],
        "status": STATUS[State(case.state)][1],
        "businessStatus": {"text": str(case.state)},
        "intent": "order",
        "priority": PRIORITY[Urgency(case.urgency)],
        "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"}]},
        "focus": {"reference": f"ServiceRequest/{request}"},
        "for": {"reference": PATIENT},
        "authoredOn": (case.sent_at or case.created_at).isoformat(),
        "lastModified": changed.isoformat(),
        "requester": {"reference": f"Organization/{case.from_org}"},
        "owner": {"reference": f"Organization/{case.to_org}"},
    }
    if case.reply_due_at:
        made["restriction"] = {"period": {"end": case.reply_due_at.isoformat()}}
    if case.summary:
        made["output"] = [{"type": {"text": "反馈"}, "valueString": case.summary}]
    return made
