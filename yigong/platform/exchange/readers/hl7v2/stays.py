"""ADT: visits and stays, transfers, and the numbers of persons that are one. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from yigong.kit.hl7v2.parse import NULL, Message
from yigong.platform.exchange.readers.hl7v2.facts import Line, Person, Trouble, Visit, at

STAY, TRANSFER = "health_event_summary", "department_transfer_record"
ADMITS = {"A01", "A02", "A03", "A04", "A06", "A07", "A08", "A12", "A13"}
WITHDRAWS = "A11"  # the admission, or the visit, that is cancelled
#: only the person counts: pre-admission, pending admission, addition and update of a person, and what undoes them
PERSONAL = {"A05", "A09", "A10", "A14", "A15", "A16", "A28", "A31"}
#: the identities of one institution that are one person from now on
MERGES = {"A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47"}
DISCHARGED = "discharged_at"


def moment_of(message: Message, troubles: list[Trouble]) -> datetime | None:
    """When it happened: EVN-6, else when it was recorded or sent."""
    places = ("EVN-6", "EVN-2", "MSH-7")
    return next((found for place in places if (found := at(message.get(place), place, troubles))), None)


def lines_of(message: Message, event: str, person: Person, visit: Visit, troubles: list[Trouble]) -> Iterator[Line]:
    """The stay, and the transfer that A02 tells. Nothing where the message names no visit."""
    when = moment_of(message, troubles)
    if not visit.number or when is None:
        return
    if event == WITHDRAWS:
        yield Line(STAY, visit.number, visit.number, visit.began_at or when, ends=True)
        return
    yield _stay(message, event, person, visit, when)
    if event == "A02":
        yield _transfer(message, person, visit, when)


def _stay(message: Message, event: str, person: Person, visit: Visit, when: datetime) -> Line:
    line = Line(STAY, visit.number, visit.number, visit.began_at or when, guess=visit.began_at is None)
    began = visit.began_at or (when if event in ("A01", "A04") else None)
    line.values = {
        "patient_type_code": visit.kind,
        "healthcare_organization_department_name": visit.department,
        "responsible_physician_name": visit.physician,
        "resident_health_card_no": person.health_card_no,
        "visit_reason": message.get("PV2-3.2") or message.get("PV2-3"),
    }
    if visit.kind:
        number, start = ("inpatient_no", "admitted_at") if visit.kind == "3" else ("outpatient_no", "visited_at")
        line.values |= {number: visit.number, start: began.isoformat() if began else ""}
        other = ("outpatient_no", "visited_at") if visit.kind == "3" else ("inpatient_no", "admitted_at")
        line.clears = other if event in ("A06", "A07") else ()
    ended = visit.ended_at or (when if event == "A03" else None)
    line.values[DISCHARGED] = ended.isoformat() if ended else ""
    pv1 = message.first("PV1")
    if event == "A13" or (pv1 is not None and pv1.raw(45) == NULL):
        line.values[DISCHARGED], line.clears = "", (*line.clears, DISCHARGED)
    line.extra = {"病区": visit.ward, "病房": visit.room, "床号": visit.bed}
    _diagnoses(message, line)
    return line


def _diagnoses(message: Message, line: Line) -> None:
    diagnoses = [(dg1.value(3), dg1.value(3, 2) or dg1.value(4)) for dg1 in message.segments("DG1")]
    columns = ("western_diagnosis_code", "other_western_medicine_diagnosis_code")
    for (code, name), column in zip(diagnoses, columns, strict=False):
        line.values[column] = code
        line.extra.setdefault("diagnosis_name", name)
    if len(diagnoses) > 2:
        line.extra["更多诊断"] = [f"{code} {name}".strip() for code, name in diagnoses[2:]]


def _transfer(message: Message, person: Person, visit: Visit, when: datetime) -> Line:
    key = transfer_key(visit, when)
    line = Line(TRANSFER, key, key, when)
    line.values = {
        "inpatient_no": visit.number,
        "department_name": visit.department,
        "ward_name": visit.ward,
        "room_no": visit.room,
        "bed_no": visit.bed,
        "patient_name": person.full_name,
        "sex_code": person.sex_code,
        "transfer_out_at": when.isoformat(),
        "transfer_out_department": message.get("PV1-6.1"),
        "transfer_in_at": when.isoformat(),
        "transfer_in_department": message.get("PV1-3.1"),
        "transfer_in_physician_signature": visit.physician,
    }
    return line


def transfer_key(visit: Visit, when: datetime) -> str:
    """A transfer is known by its stay and its moment."""
    return f"{visit.number}|{when:%Y%m%d%H%M%S}"


def merged_numbers(message: Message) -> list[str]:
    """The numbers that are given up (MRG-1), each once."""
    found = []
    for mrg in message.segments("MRG"):
        found += [mrg.cut(raw)[0].strip() for raw in mrg.repetitions(1)]
    return [number for number in dict.fromkeys(found) if number and number != NULL]
