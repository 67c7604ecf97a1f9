"""What a message says in the words of the standard: the person, the stay, rows. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from yigong.kit.clock import today
from yigong.kit.hl7v2.parse import NULL, Message, Segment
from yigong.kit.hl7v2.remarks import birth_of, sex_of
from yigong.kit.moments import NotAMoment, is_blank, moment

#: type of an identifier in PID-3 -> how well it serves as the institution's own patient number
LOCAL = {"PI": 0, "MR": 1, "MRN": 1, "PT": 2, "PN": 2, "EHRID": 3, "": 4, "VN": 5, "AN": 6}
IDENTITY = {"NI", "NNCHN", "NNCN", "ID", "SFZ", "IDCARD", "NN", "CZ"}
CARD = {"HC", "JKK", "JHN", "HCN"}
PATIENT_CLASS = {"O": "1", "E": "2", "I": "3", "R": "1", "P": "3", "B": "3"}
CHINESE = re.compile("[\u3400-\u9fff]")


@dataclass(slots=True)
class Person:
    """PID and NK1 under the names of a registration."""

    local_id: str = ""
    full_name: str = ""
    sex_code: str = ""
    born_on: date | None = None
    id_no: str = ""
    phone: str = ""
    address: str = ""
    health_card_no: str = ""
    contact_name: str = ""
    contact_phone: str = ""


@dataclass(slots=True)
class Visit:
    """PV1: where and when the person was seen."""

    kind: str = ""  # code of CV09.00.404
    number: str = ""
    department: str = ""
    ward: str = ""
    room: str = ""
    bed: str = ""
    physician: str = ""
    began_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(slots=True)
class Line:
    """One standard row made from a message."""

    data_set: str
    source_key: str
    group_key: str
    event_at: datetime | None
    values: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    ends: bool = False  # the row is taken back
    clears: tuple[str, ...] = ()  # columns that hold no longer
    guess: bool = False  # event_at is only when the message was sent
    system: str = ""  # that numbers the row, where it is not the sender
    said_at: datetime | None = None  # of a result: when it was sent; what was said later is not overruled
    corrects: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """A place in a message that is not as the standard has it."""

    rule: str
    place: str
    zh: str
    en: str


def at(text: str, place: str, troubles: list[Trouble]) -> datetime | None:
    """The point in time a field says; one that no calendar has is noted."""
    if is_blank(text) or text == NULL:
        return None
    try:
        return moment(text)
    except NotAMoment:
        zh, en = f"{place} 的日期“{text[:30]}”不存在", f"{place}: there is no such date as “{text[:30]}”"
        troubles.append(Trouble("date_impossible", place, zh, en))
        return None


def person_of(message: Message) -> Person | None:
    """The person of the first PID; None where the message names none. What is wrong with it is among the remarks."""
    pid = message.first("PID")
    if pid is None:
        return None
    ids = [pid.cut(raw) for raw in pid.repetitions(3)] + [pid.cut(raw) for raw in pid.repetitions(2)]
    typed = [(part(i, 5).upper(), _said(part(i, 1))) for i in ids if _said(part(i, 1))]
    own = [(LOCAL[kind], number) for kind, number in typed if kind in LOCAL]
    cards = [number for kind, number in typed if kind in CARD]
    person = Person(
        local_id=min(own, key=lambda known: known[0])[1] if own else next((n for _, n in typed), ""),
        full_name=name_of(pid, 5),
        sex_code=sex_of(pid.value(8))[0],
        born_on=birth_of(pid.value(7), today()),
        id_no=next((n for kind, n in typed if kind in IDENTITY), "") or _identity(_said(pid.value(19))),
        phone=_phone(pid, 13) or _phone(pid, 14),
        address=_address(pid, 11),
        health_card_no=cards[0] if cards else "",
    )
    if kin := message.first("NK1"):
        person.contact_name, person.contact_phone = name_of(kin, 2), _phone(kin, 5)
    return person


def _identity(number: str) -> str:
    """PID-19 holds the identity number in China; elsewhere something shorter, which is none."""
    return number if re.fullmatch(r"\d{17}[\dXx]|\d{15}", number) else ""


def part(parts: list[str], number: int) -> str:
    """A component, empty where there is none."""
    return parts[number - 1].strip() if number <= len(parts) else ""


def _said(text: str) -> str:
    """The text, empty for what deletes or says nothing."""
    return "" if text.strip() in (NULL, "-", "NULL") else text.strip()


def name_of(segment: Segment, number: int, family: int = 1) -> str:
    """A person's name as it is written: Chinese without a space, others family name first."""
    parts = segment.components(number)
    said = [_said(part(parts, family)), _said(part(parts, family + 1))]
    between = "" if any(CHINESE.search(part) for part in said) else " "
    return between.join(part for part in said if part)


def _phone(segment: Segment, number: int) -> str:
    for raw in segment.repetitions(number):
        parts = segment.cut(raw)
        whole = "".join(part(parts, n) for n in (6, 7))
        if text := _said(part(parts, 1)) or _said(part(parts, 12)) or _said(whole):
            return text
    return ""


def _address(segment: Segment, number: int) -> str:
    """From large to small, as addresses are written here."""
    parts = segment.components(number)
    said = [_said(part(parts, n)) for n in (4, 3, 9, 2, 1)]
    return ("" if any(CHINESE.search(part) for part in said) else " ").join(part for part in said if part)


def visit_of(message: Message, troubles: list[Trouble]) -> Visit:
    """The first PV1; empty where the message has none."""
    pv1 = message.first("PV1")
    if pv1 is None:
        return Visit()
    place = pv1.components(3)
    return Visit(
        kind=PATIENT_CLASS.get(pv1.value(2).upper(), ""),
        number=_said(pv1.value(19)),
        department=_said(pv1.value(10)) or _said(part(place, 1)),
        ward=_said(part(place, 1)),
        room=_said(part(place, 2)),
        bed=_said(part(place, 3)),
        physician=name_of(pv1, 7, family=2),
        began_at=at(pv1.value(44), "PV1-44", troubles),
        ended_at=at(pv1.value(45), "PV1-45", troubles),
    )


def named(segment: Segment, number: int) -> str:
    """The name of a code, else the code."""
    return segment.value(number, 2) or segment.value(number)


def person_in(segment: Segment, number: int) -> str:
    """A name inside a composite whose first component is itself a name with sub-components."""
    whole = [segment.value(number, 1, 1, sub) for sub in (2, 3)]
    joined = ("" if any(CHINESE.search(w) for w in whole) else " ").join(w for w in whole if w)
    return joined or name_of(segment, number, family=2)


def given(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts that say something."""
    return {name: value for name, value in facts.items() if value not in ("", None)}
