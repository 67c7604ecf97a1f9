"""Appointments (SIU): booked, rescheduled, changed, cancelled, missed. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from yigong.kit.hl7v2.parse import Message, Segment
from yigong.platform.exchange.readers.hl7v2.facts import Trouble, at, name_of

#: trigger event -> verb of the life of an appointment; S23 and S24 block and free a resource and are about nobody
VERBS = {
    "S12": "book", "S13": "reschedule", "S14": "change", "S15": "cancel", "S16": "cancel", "S17": "cancel", "S18": "change",
    "S19": "change", "S20": "change", "S21": "change", "S22": "change", "S26": "miss",
}  # fmt: skip
KINDS = frozenset(f"SIU^{event}" for event in VERBS)
UNITS = {
    "S": 1 / 60,
    "SEC": 1 / 60,
    "M": 1,
    "MIN": 1,
    "MINUTE": 1,
    "MINUTES": 1,
    "H": 60,
    "HR": 60,
    "HOUR": 60,
    "HOURS": 60,
    "D": 1440,
}


def number_of(message: Message) -> str:
    """The filler's number of the appointment, else the placer's."""
    return message.get("SCH-2") or message.get("SCH-1")


def verb_of(message: Message) -> str:
    """The verb of the trigger event; a filler status that says more counts."""
    verb = VERBS[message.get("MSH-9.2")]
    status = (message.get("SCH-25") or message.get("SCH-25.2")).upper()
    if verb == "change" and status in ("COMPLETE", "STARTED", "ARRIVED"):
        return "arrive"
    return verb


def times_of(message: Message, troubles: list[Trouble]) -> tuple[datetime | None, datetime | None]:
    """Begin and end: TQ1, else SCH-11, else the first service; the end from the duration where it is not said."""
    starts = (
        at(message.get("TQ1-7"), "TQ1-7", troubles) or at(message.get("SCH-11.4"), "SCH-11", troubles)
        or at(message.get("AIS-4"), "AIS-4", troubles) or at(message.get("AIP-6"), "AIP-6", troubles)
    )  # fmt: skip
    ends = at(message.get("TQ1-8"), "TQ1-8", troubles) or at(message.get("SCH-11.5"), "SCH-11", troubles)
    minutes = minutes_of(message)
    if starts and not ends and minutes:
        ends = starts + timedelta(minutes=minutes)
    return starts, ends


def minutes_of(message: Message) -> int:
    """The duration in minutes; 0 where it is not said in a unit of time."""
    said, unit = message.get("SCH-9"), (message.get("SCH-10") or "MIN").upper()
    return round(int(said) * UNITS.get(unit, 0)) if said.isdigit() and len(said) < 6 else 0


def facts_of(message: Message, troubles: list[Trouble]) -> dict[str, Any]:
    """What was booked: services, places, persons, equipment, reasons and notes."""
    _, ends = times_of(message, troubles)
    services = [{"code": s.value(3), "name": s.value(3, 2) or s.value(3)} for s in message.segments("AIS")]
    people = [name for s in message.segments("AIP") if (name := name_of(s, 3, family=2) or s.value(3))]
    places = [place for s in message.segments("AIL") if (place := _place(s))]
    things = [thing for s in message.segments("AIG") if (thing := s.value(3, 2) or s.value(3))]
    notes = [text for s in message.segments("NTE") if (text := s.value(3).strip())]
    return {
        "items": services, "performer": "、".join(dict.fromkeys(people)), "place": "、".join(dict.fromkeys(places)),
        "equipment": "、".join(dict.fromkeys(things)), "remark": "；".join(notes), "ends_at": ends.isoformat() if ends else "",
        "minutes": minutes_of(message), "reason": _words(message, 7) or _words(message, 6), "type": _words(message, 8),
        "placer_no": message.get("SCH-1"), "filler_no": message.get("SCH-2"), "status": message.get("SCH-25"),
    }  # fmt: skip


def title_of(message: Message) -> str:
    """What is booked in one line."""
    services = [s.value(3, 2) or s.value(3) for s in message.segments("AIS")]
    return "、".join(dict.fromkeys(s for s in services if s)) or _words(message, 7) or _words(message, 8) or "预约"


def _words(message: Message, number: int) -> str:
    sch = message.first("SCH")
    return (sch.value(number, 2) or sch.value(number)) if sch else ""


def _place(ail: Segment) -> str:
    parts = [ail.value(3, 4), ail.value(3, 1), ail.value(3, 2), ail.value(3, 3)]
    return " ".join(dict.fromkeys(p for p in parts if p))
